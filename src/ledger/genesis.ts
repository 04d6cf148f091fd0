/** How a ledger begins: accounts, first participants, rules. Its hash names the chain. */

import { encode } from 'cborg';
import { decodeCbor } from '../core/cbor.js';
import { InputError } from '../core/errors.js';
import { describe } from '../core/validate.js';
import { sha256Hex } from './canonical.js';
import { checkBytes } from './check.js';
import { bytesToWords, fromHex, packParameters, toHex, unpackParameters, wordsToBytes } from './encoding.js';
import { EMPTY_INDEX, indexOf } from './key-index.js';
import {
  type AccountPage,
  emptyAccountPage,
  emptyParticipantPage,
  emptyStandingPage,
  type ParticipantPage,
  rowPage,
  type StandingPage,
} from './pages.js';
import { DEFAULT_PARAMETERS, malformedParameters, type Parameters, parametersOutOfRange, withoutOff } from './parameters.js';
import { type Row, rowSum, vertexRow } from './rows.js';
import type { State } from './state.js';
import { ENDPOINT_BYTES_MAX, type PublicKey } from './transaction.js';
import { MAXIMUM_SUPPLY, NONE, PAGE, ROW_PARTS } from './units.js';

/** A participant present from the start. Amounts in base units (10^9 to a token). */
export interface GenesisParticipant {
  readonly key: PublicKey;
  readonly stake: bigint;
  readonly balance?: bigint;
  readonly endpoint?: string;
  /** First row: positions in the list of participants, ascending, and parts per billion. Wholly on itself when left out. */
  readonly row?: Row;
}

export interface Genesis {
  readonly parameters?: Partial<Parameters>;
  readonly participants?: readonly GenesisParticipant[];
  /** Further accounts that only hold a balance. */
  readonly accounts?: readonly { readonly key: PublicKey; readonly balance: bigint }[];
  /** Free text that sets two otherwise equal ledgers apart. */
  readonly note?: string;
}

const FORMAT = 1;

/** The bytes of a genesis. @throws InputError naming the first thing wrong with it */
export function encodeGenesis(genesis: Genesis): Uint8Array {
  checkGenesis(genesis);
  return encode({
    format: FORMAT,
    note: genesis.note ?? '',
    parameters: packParameters(withoutOff({ ...DEFAULT_PARAMETERS, ...genesis.parameters })),
    accounts: (genesis.accounts ?? []).map(({ key, balance }) => [fromHex(key), balance]),
    participants: (genesis.participants ?? []).map((p, slot) => {
      const row = p.row ?? vertexRow(slot);
      return [fromHex(p.key), p.stake, p.balance ?? 0n, p.endpoint ?? '', wordsToBytes(row.targets), wordsToBytes(row.weights)];
    }),
  });
}

type PackedParticipant = [Uint8Array, number | bigint, number | bigint, string, Uint8Array, Uint8Array];

/** The genesis in these bytes. @throws InputError BTM_TYPE, BTM_DOMAIN for bytes that are none */
export function decodeGenesis(bytes: Uint8Array): Genesis {
  checkBytes('bytes', bytes);
  try {
    return unpackGenesis(decodeCbor(bytes) as Record<string, unknown>);
  } catch (error) {
    if (error instanceof InputError) throw error;
    throw new InputError('BTM_TYPE', `is not a genesis: ${(error as Error).message}`, { argument: 'bytes' });
  }
}

function unpackGenesis(packed: Record<string, unknown>): Genesis {
  if (packed['format'] !== FORMAT) {
    throw new InputError('BTM_DOMAIN', `has format ${String(packed['format'])}; this version reads ${FORMAT}`, {
      argument: 'genesis',
      remedy: 'Use the version of the package that wrote it, or a newer one.',
    });
  }
  return {
    note: packed['note'] as string,
    parameters: unpackParameters(packed['parameters'] as Record<string, unknown>),
    accounts: (packed['accounts'] as [Uint8Array, number | bigint][]).map(([key, balance]) => ({
      key: toHex(key),
      balance: BigInt(balance),
    })),
    participants: (packed['participants'] as PackedParticipant[]).map(([key, stake, balance, endpoint, targets, weights]) => ({
      key: toHex(key),
      stake: BigInt(stake),
      balance: BigInt(balance),
      endpoint,
      row: { targets: bytesToWords(targets), weights: bytesToWords(weights) },
    })),
  };
}

export const chainOf = (genesisBytes: Uint8Array): string => sha256Hex(Buffer.from('intermodel ledger genesis 1\0'), genesisBytes);

function refuse(argument: string, problem: string, index?: number): never {
  throw new InputError('BTM_DOMAIN', problem, index === undefined ? { argument } : { argument, index });
}

/** The list itself, every entry of it an object; a hole is refused at once. */
function checkList<T extends object>(argument: string, list: readonly T[]): readonly T[] {
  if (!Array.isArray(list)) throw new InputError('BTM_TYPE', `must be an array, got ${describe(list)}`, { argument });
  for (let index = 0; index < list.length; index++) {
    const entry: unknown = list[index];
    if (typeof entry !== 'object' || entry === null) {
      throw new InputError('BTM_TYPE', `must be an object, got ${describe(entry)}`, { argument, index });
    }
  }
  return list;
}

/** Throws an InputError that names the first thing wrong with a genesis. */
export function checkGenesis(genesis: Genesis): void {
  if (typeof genesis !== 'object' || genesis === null) {
    throw new InputError('BTM_TYPE', `must be an object, got ${describe(genesis)}`, { argument: 'genesis' });
  }
  const wrong = malformedParameters(genesis.parameters ?? {}) ?? parametersOutOfRange({ ...DEFAULT_PARAMETERS, ...genesis.parameters });
  if (wrong !== undefined) refuse('genesis.parameters', `is wrong: ${wrong}`);
  const participants = checkList('genesis.participants', genesis.participants ?? []);
  const keys = new Set<string>();
  let supply = 0n;
  const account = (argument: string, index: number, key: string, amounts: readonly bigint[]): void => {
    if (typeof key !== 'string' || !/^[0-9a-f]{64}$/.test(key)) refuse(argument, 'has a key that is not 64 hexadecimal digits', index);
    if (keys.has(key)) refuse(argument, `repeats the key ${key}`, index);
    keys.add(key);
    for (const amount of amounts) {
      if (typeof amount !== 'bigint' || amount < 0n) refuse(argument, 'has an amount that is not a bigint of at least 0', index);
      supply += amount;
    }
  };
  participants.forEach((p, index) => {
    account('genesis.participants', index, p.key, [p.stake, p.balance ?? 0n]);
    if (p.endpoint !== undefined && typeof p.endpoint !== 'string')
      refuse('genesis.participants', 'has an endpoint that is not a string', index);
    if (Buffer.byteLength(p.endpoint ?? '') > ENDPOINT_BYTES_MAX) refuse('genesis.participants', 'has too long an endpoint', index);
    if (p.row !== undefined) checkRow(p.row, participants.length, index);
  });
  checkList('genesis.accounts', genesis.accounts ?? []).forEach((a, index) => {
    account('genesis.accounts', index, a.key, [a.balance]);
  });
  if (typeof (genesis.note ?? '') !== 'string') refuse('genesis.note', 'is not text');
  if (supply > MAXIMUM_SUPPLY) refuse('genesis', `has a supply of ${supply} base units; the most is ${MAXIMUM_SUPPLY}`);
}

function checkRow(row: Row, participants: number, index: number): void {
  row.targets.forEach((target, k) => {
    if (target >= participants || (k > 0 && target <= row.targets[k - 1])) {
      refuse('genesis.participants', 'has a row whose targets are not ascending positions of participants', index);
    }
    if (row.weights[k] < 1) refuse('genesis.participants', 'has a row with a weight below 1', index);
  });
  if (row.weights.length !== row.targets.length || rowSum(row) !== ROW_PARTS) {
    throw new InputError('BTM_ROWSUM', `has a row that sums to ${rowSum(row)}, not ${ROW_PARTS}`, {
      argument: 'genesis.participants',
      index,
    });
  }
}

/** The state before the first block. */
export function genesisState(genesis: Genesis, chain: string): State {
  checkGenesis(genesis);
  const participants = genesis.participants ?? [];
  const holders = [...participants.map((p) => ({ key: p.key, balance: p.balance ?? 0n })), ...(genesis.accounts ?? [])];
  const slots = participants.length;
  let supply = 0n;
  for (const holder of holders) supply += holder.balance;
  for (const p of participants) supply += p.stake;
  const parameters = { ...DEFAULT_PARAMETERS, ...genesis.parameters };
  const pages = Math.ceil(slots / PAGE);
  return {
    chain,
    height: 0,
    parameters,
    tau: parameters.tau,
    supply,
    minted: 0n,
    participants: slots,
    members: 0,
    accounts: holders.length,
    slots,
    freeSlot: NONE,
    departed: [],
    index: holders.length === 0 ? EMPTY_INDEX : indexOf(holders.map((holder) => holder.key)),
    accountPages: accountPages(holders, slots),
    participantPages: Array.from({ length: pages }, (_, number) => participantPage(participants, number)),
    standingPages: Array.from({ length: pages }, (_, number) => standingPage(participants, number)),
    rowPages: Array.from({ length: pages }, (_, number) =>
      rowPage(participants.slice(number * PAGE, (number + 1) * PAGE).map((p, at) => p.row ?? vertexRow(number * PAGE + at))),
    ),
  };
}

function accountPages(holders: readonly { key: string; balance: bigint }[], slots: number): AccountPage[] {
  return Array.from({ length: Math.ceil(holders.length / PAGE) }, (_, number) => {
    const page = emptyAccountPage();
    const keys = page.keys.slice();
    for (let at = 0; at < PAGE && number * PAGE + at < holders.length; at++) {
      const account = number * PAGE + at;
      keys[at] = holders[account].key;
      page.balances[at] = holders[account].balance;
      page.slots[at] = account < slots ? account : NONE;
    }
    return { ...page, keys };
  });
}

function participantPage(participants: readonly GenesisParticipant[], number: number): ParticipantPage {
  const page = emptyParticipantPage();
  const endpoints = page.endpoints.slice();
  for (let at = 0; at < PAGE && number * PAGE + at < participants.length; at++) {
    page.accounts[at] = number * PAGE + at;
    endpoints[at] = participants[number * PAGE + at].endpoint ?? '';
  }
  return { ...page, endpoints };
}

function standingPage(participants: readonly GenesisParticipant[], number: number): StandingPage {
  const page = emptyStandingPage();
  for (let at = 0; at < PAGE && number * PAGE + at < participants.length; at++) page.words[at] = participants[number * PAGE + at].stake;
  return page;
}
