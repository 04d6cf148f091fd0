/** A whole state as bytes, and back. Reading one proves nothing by itself: its root must equal the one in its block. */

import { encode } from 'cborg';
import { decodeCbor } from '../core/cbor.js';
import { bytesToWords, fromHex, packParameters, toHex, unpackParameters } from './encoding.js';
import { indexOf } from './key-index.js';
import { type AccountPage, type Commitment, type ParticipantPage, type RowPage, rowAt, rowPage, type StandingPage } from './pages.js';
import { withOff, withoutOff } from './parameters.js';
import { littleEndian } from './root.js';
import type { State } from './state.js';
import { PAGE } from './units.js';

const FORMAT = 1;

/** 64-bit integers from little-endian bytes, whatever the machine. */
function bytesToLongs(bytes: Uint8Array): BigUint64Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const longs = new BigUint64Array(bytes.length >> 3);
  for (let index = 0; index < longs.length; index++) longs[index] = view.getBigUint64(8 * index, true);
  return longs;
}

export function encodeSnapshot(state: State): Uint8Array {
  return encode({
    format: FORMAT,
    chain: fromHex(state.chain),
    height: state.height,
    parameters: packParameters(withoutOff(state.parameters)),
    tau: state.tau,
    supply: state.supply,
    minted: state.minted,
    participants: state.participants,
    members: state.members,
    accounts: state.accounts,
    slots: state.slots,
    freeSlot: state.freeSlot,
    accountPages: state.accountPages.map(packAccounts),
    participantPages: state.participantPages.map(packParticipants),
    standingPages: state.standingPages.map((page) => littleEndian(page.words)),
    rowPages: state.rowPages.map(packRows),
  });
}

/** The state in these bytes, or what is wrong with them. */
export function decodeSnapshot(bytes: Uint8Array): State | string {
  try {
    const packed = decodeCbor(bytes, { strict: true, rejectDuplicateMapKeys: true }) as Record<string, unknown>;
    if (packed['format'] !== FORMAT) return `snapshot format ${String(packed['format'])}; this version reads ${FORMAT}`;
    return unpack(packed);
  } catch (error) {
    return `not a snapshot: ${(error as Error).message}`;
  }
}

function unpack(packed: Record<string, unknown>): State {
  const number = (name: string): number => packed[name] as number;
  const amount = (name: string): bigint => BigInt(packed[name] as number | bigint);
  const accountPages = (packed['accountPages'] as Uint8Array[][]).map(unpackAccounts);
  const accounts = number('accounts');
  const keys = accountPages.flatMap((page) => page.keys).slice(0, accounts);
  const sound = keys.length === accounts && keys.every((key) => /^[0-9a-f]{64}$/.test(key)) && new Set(keys).size === keys.length;
  if (!sound) throw new Error('the keys of its accounts do not add up'); // the index of keys would search for ever
  return {
    chain: toHex(packed['chain'] as Uint8Array),
    height: number('height'),
    parameters: withOff(unpackParameters(packed['parameters'] as Record<string, unknown>)),
    tau: amount('tau'),
    supply: amount('supply'),
    minted: amount('minted'),
    participants: number('participants'),
    members: number('members'),
    accounts,
    slots: number('slots'),
    freeSlot: number('freeSlot'),
    departed: [],
    index: indexOf(keys),
    accountPages,
    participantPages: (packed['participantPages'] as PackedParticipants[]).map(unpackParticipants),
    standingPages: (packed['standingPages'] as Uint8Array[]).map((words): StandingPage => ({ words: bytesToLongs(words) })),
    rowPages: (packed['rowPages'] as PackedRows[]).map(unpackRows),
  };
}

function packAccounts(page: AccountPage): Uint8Array[] {
  return [fromHex(page.keys.join('')), littleEndian(page.balances), littleEndian(page.nonces), littleEndian(page.slots)];
}

function unpackAccounts([keyBytes, balances, nonces, slots]: Uint8Array[]): AccountPage {
  const text = toHex(keyBytes);
  const keys = Array.from({ length: PAGE }, (_, at) => text.slice(64 * at, 64 * (at + 1)));
  return { keys, balances: bytesToLongs(balances), nonces: bytesToWords(nonces), slots: bytesToWords(slots) };
}

type PackedParticipants = [Uint8Array, Uint8Array, Uint8Array, Uint8Array, string[], ([Uint8Array, number] | null)[]];

function packParticipants(page: ParticipantPage): PackedParticipants {
  return [
    littleEndian(page.accounts),
    littleEndian(page.nextFree),
    littleEndian(page.registeredAt),
    littleEndian(page.lastSet),
    page.endpoints.slice(),
    page.commitments.map((commitment) => (commitment === null ? null : [fromHex(commitment.hash), commitment.height])),
  ];
}

function unpackParticipants([accounts, nextFree, registeredAt, lastSet, endpoints, commitments]: PackedParticipants): ParticipantPage {
  return {
    accounts: bytesToWords(accounts),
    nextFree: bytesToWords(nextFree),
    registeredAt: bytesToWords(registeredAt),
    lastSet: bytesToWords(lastSet),
    endpoints,
    commitments: commitments.map((entry): Commitment | null => (entry === null ? null : { hash: toHex(entry[0]), height: entry[1] })),
  };
}

type PackedRows = [counts: Uint8Array, targets: Uint8Array, weights: Uint8Array];

function packRows(page: RowPage): PackedRows {
  const rows = Array.from({ length: PAGE }, (_, at) => rowAt(page, at));
  const join = (lists: readonly Uint32Array[]): Uint8Array => Buffer.concat(lists.map(littleEndian));
  return [
    littleEndian(Uint32Array.from(rows, (row) => row.targets.length)),
    join(rows.map((row) => row.targets)),
    join(rows.map((row) => row.weights)),
  ];
}

function unpackRows([counts, targetBytes, weightBytes]: PackedRows): RowPage {
  const targets = bytesToWords(targetBytes);
  const weights = bytesToWords(weightBytes);
  let at = 0;
  const lengths = bytesToWords(counts);
  const entries = lengths.reduce((sum, length) => sum + length, 0);
  if (lengths.length !== PAGE || entries !== targets.length || entries !== weights.length)
    throw new Error('a page of rows does not add up');
  return rowPage(
    Array.from(lengths, (count) => {
      const row = { targets: targets.subarray(at, at + count), weights: weights.subarray(at, at + count) };
      at += count;
      return row;
    }),
  );
}
