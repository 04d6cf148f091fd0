/**
 * The state root: one hash over the whole state, built so that one page of balances, one page of stakes and rankings or one row can be proved
 * alone. Four Merkle trees (accounts, participants, standing, rows) over pages of 64 slots, and a header that binds them to the totals.
 */
import { encode } from 'cborg';
import { fromHex, parametersBytes, sha256, toHex } from './encoding.js';
import { merkleRoot } from './merkle.js';
import { type AccountPage, type ParticipantPage, type RowPage, rowAt } from './pages.js';
import type { Row } from './rows.js';
import type { State } from './state.js';
import { PAGE } from './units.js';

const LITTLE = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;

/** The integers as little-endian bytes; a view where the machine is little-endian itself. */
export function littleEndian(words: Uint32Array | BigUint64Array): Uint8Array {
  if (LITTLE) return new Uint8Array(words.buffer, words.byteOffset, words.byteLength);
  const bytes = new Uint8Array(words.buffer.slice(words.byteOffset, words.byteOffset + words.byteLength));
  const size = words.BYTES_PER_ELEMENT;
  for (let at = 0; at < bytes.length; at += size) bytes.subarray(at, at + size).reverse();
  return bytes;
}

/** Leaves of different kinds never share a preimage. */
const TAGS = { accounts: Uint8Array.of(0x10), participants: Uint8Array.of(0x11), standing: Uint8Array.of(0x12), rows: Uint8Array.of(0x13) };
const ROW_TAG = Uint8Array.of(0x20);
const STATE_TAG = Buffer.from('intermodel ledger state 1\0');

export type TreeName = keyof typeof TAGS;

const KEY_BYTES = new WeakMap<readonly string[], Uint8Array>();

/** The keys of a page as bytes. The list is shared by all versions of the page that only moved balances or nonces. */
function keyBytes(keys: readonly string[]): Uint8Array {
  let bytes = KEY_BYTES.get(keys);
  if (bytes === undefined) {
    bytes = Buffer.from(keys.map((key) => key.padEnd(64, '0')).join(''), 'hex');
    KEY_BYTES.set(keys, bytes);
  }
  return bytes;
}

/** The bytes that stand for a page in its tree. */
export function accountLeaf(page: AccountPage): Uint8Array {
  return Buffer.concat([keyBytes(page.keys), littleEndian(page.balances), littleEndian(page.nonces), littleEndian(page.slots)]);
}

function participantLeaf(page: ParticipantPage): Uint8Array {
  return encode([
    littleEndian(page.accounts),
    littleEndian(page.nextFree),
    littleEndian(page.registeredAt),
    littleEndian(page.lastSet),
    page.endpoints.slice(),
    page.commitments.map((commitment) => (commitment === null ? null : [fromHex(commitment.hash), commitment.height])),
  ]);
}

/** Hash of one row: what a proof of a row begins with. */
export function rowHash(row: Row): Uint8Array {
  return sha256(ROW_TAG, littleEndian(row.targets), littleEndian(row.weights));
}

/** The 64 row hashes of a page, one behind the other. */
export function rowLeaf(page: RowPage): Uint8Array {
  page.hashes ??= new Array<Uint8Array | undefined>(PAGE).fill(undefined);
  for (let at = 0; at < PAGE; at++) page.hashes[at] ??= rowHash(rowAt(page, at));
  return Buffer.concat(page.hashes as Uint8Array[]);
}

/** Hash of a leaf's bytes in the named tree. */
export function leafHash(tree: TreeName, leaf: Uint8Array): Uint8Array {
  return sha256(TAGS[tree], leaf);
}

function hashed<P extends { hash?: Uint8Array }>(tree: TreeName, pages: readonly P[], leaf: (page: P) => Uint8Array): Uint8Array[] {
  return pages.map((page) => {
    page.hash ??= leafHash(tree, leaf(page));
    return page.hash;
  });
}

/** Hashes of all pages of one tree. */
export function pageHashes(state: State, tree: TreeName): Uint8Array[] {
  switch (tree) {
    case 'accounts':
      return hashed(tree, state.accountPages, accountLeaf);
    case 'participants':
      return hashed(tree, state.participantPages, participantLeaf);
    case 'standing':
      return hashed(tree, state.standingPages, (page) => littleEndian(page.words));
    default:
      return hashed(tree, state.rowPages, rowLeaf);
  }
}

const ROOTS = new WeakMap<object, Uint8Array>();

function treeRoot(state: State, tree: TreeName): Uint8Array {
  const pages = { accounts: state.accountPages, participants: state.participantPages, standing: state.standingPages, rows: state.rowPages }[
    tree
  ];
  const known = ROOTS.get(pages);
  if (known !== undefined) return known;
  const root = merkleRoot(pageHashes(state, tree));
  ROOTS.set(pages, root);
  return root;
}

/** What the root hashes: totals, rules and the four tree roots. */
export function stateHeader(state: State): Uint8Array {
  return encode({
    chain: fromHex(state.chain),
    height: state.height,
    parameters: parametersBytes(state.parameters),
    tau: state.tau,
    supply: state.supply,
    minted: state.minted,
    participants: state.participants,
    members: state.members,
    accounts: state.accounts,
    slots: state.slots,
    freeSlot: state.freeSlot,
    roots: {
      accounts: treeRoot(state, 'accounts'),
      participants: treeRoot(state, 'participants'),
      standing: treeRoot(state, 'standing'),
      rows: treeRoot(state, 'rows'),
    },
  });
}

export const headerRoot = (header: Uint8Array): string => toHex(sha256(STATE_TAG, header));

/** The root of a state between blocks. */
export function stateRoot(state: State): string {
  return headerRoot(stateHeader(state));
}
