/**
 * The state root: one hash over the whole state, built so that one page of balances, one page of stakes and rankings or one row can be proved
 * alone. Four Merkle trees (accounts, participants, standing, rows) over pages of 64 slots, and a header that binds them to the totals.
 */
import { encode } from 'cborg';
import { type CanonicalWriter, canonical, canonicalHash, canonicalHexHash, fieldName, sha256, sha256Hex } from './canonical.js';
import { fromHex, parametersBytes } from './encoding.js';
import { merkleRoot } from './merkle.js';
import { type AccountPage, type Commitment, type ParticipantPage, type RowPage, rowAt } from './pages.js';
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
const HASH_BYTES = 32;
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

type WritePage<P> = (writer: CanonicalWriter, page: P) => void;

const writeAccounts: WritePage<AccountPage> = (writer, page) => {
  writer.raw(keyBytes(page.keys)).raw(littleEndian(page.balances)).raw(littleEndian(page.nonces)).raw(littleEndian(page.slots));
};

/** The bytes that stand for a page of accounts in its tree. */
export function accountLeaf(page: AccountPage): Uint8Array {
  return canonical((writer) => writeAccounts(writer, page));
}

const LIST_BYTES = new WeakMap<readonly unknown[], Uint8Array>();

/** A list of a page as cborg writes it. Lists are shared by all versions of the page that leave them alone. */
function listBytes<T>(list: readonly T[], plain: (item: T) => unknown): Uint8Array {
  let bytes = LIST_BYTES.get(list);
  if (bytes === undefined) {
    bytes = encode(list.map(plain));
    LIST_BYTES.set(list, bytes);
  }
  return bytes;
}

const plainCommitment = (commitment: Commitment | null): unknown =>
  commitment === null ? null : [fromHex(commitment.hash), commitment.height];

const writeParticipants: WritePage<ParticipantPage> = (writer, page) => {
  writer.list(6);
  for (const column of [page.accounts, page.nextFree, page.registeredAt, page.lastSet]) writer.bytes(littleEndian(column));
  writer.raw(listBytes(page.endpoints, (endpoint) => endpoint));
  writer.raw(listBytes(page.commitments, plainCommitment));
};

/** Hash of one row: what a proof of a row begins with. */
export function rowHash(row: Row): Uint8Array {
  return sha256(ROW_TAG, littleEndian(row.targets), littleEndian(row.weights));
}

const ALL: readonly number[] = Array.from({ length: PAGE }, (_, at) => at);

/** The 64 row hashes of a page, one behind the other. Hashes only the rows that changed since the page it came from was hashed. */
export function rowLeaf(page: RowPage): Uint8Array {
  const known = page.hashes ?? { bytes: new Uint8Array(HASH_BYTES * PAGE), stale: ALL };
  if (known.stale.length === 0) return known.bytes;
  const bytes = known.bytes.slice();
  for (const at of known.stale) bytes.set(rowHash(rowAt(page, at)), HASH_BYTES * at);
  page.hashes = { bytes, stale: [] };
  return bytes;
}

/** Hash of a leaf's bytes in the named tree. */
export function leafHash(tree: TreeName, leaf: Uint8Array): Uint8Array {
  return sha256(TAGS[tree], leaf);
}

function hashed<P extends { hash?: Uint8Array }>(tree: TreeName, pages: readonly P[], write: WritePage<P>): Uint8Array[] {
  return pages.map((page) => {
    page.hash ??= canonicalHash((writer) => write(writer.raw(TAGS[tree]), page));
    return page.hash;
  });
}

/** Hashes of all pages of one tree. */
export function pageHashes(state: State, tree: TreeName): Uint8Array[] {
  switch (tree) {
    case 'accounts':
      return hashed(tree, state.accountPages, writeAccounts);
    case 'participants':
      return hashed(tree, state.participantPages, writeParticipants);
    case 'standing':
      return hashed(tree, state.standingPages, (writer, page) => writer.raw(littleEndian(page.words)));
    default:
      return hashed(tree, state.rowPages, (writer, page) => writer.raw(rowLeaf(page)));
  }
}

const ROOTS = new WeakMap<object, Uint8Array>();

function treeRoot(state: State, tree: TreeName): Uint8Array {
  const pages = { accounts: state.accountPages, participants: state.participantPages, standing: state.standingPages, rows: state.rowPages }[
    tree
  ];
  // One page is its own tree: nothing to keep.
  if (pages.length === 1) return pageHashes(state, tree)[0];
  const known = ROOTS.get(pages);
  if (known !== undefined) return known;
  const root = merkleRoot(pageHashes(state, tree));
  ROOTS.set(pages, root);
  return root;
}

const FIELD = {
  tau: fieldName('tau'),
  chain: fieldName('chain'),
  roots: fieldName('roots'),
  slots: fieldName('slots'),
  height: fieldName('height'),
  minted: fieldName('minted'),
  supply: fieldName('supply'),
  members: fieldName('members'),
  accounts: fieldName('accounts'),
  freeSlot: fieldName('freeSlot'),
  parameters: fieldName('parameters'),
  participants: fieldName('participants'),
};

/** Trees in the canonical order of their names. */
const TREES = (['rows', 'accounts', 'standing', 'participants'] as const).map((tree) => ({ tree, name: fieldName(tree) }));

function writeHeader(writer: CanonicalWriter, state: State): void {
  writer.map(12);
  writer.raw(FIELD.tau).integer(state.tau);
  writer.raw(FIELD.chain).hex(state.chain);
  writer.raw(FIELD.roots).map(TREES.length);
  for (const { tree, name } of TREES) writer.raw(name).bytes(treeRoot(state, tree));
  writer.raw(FIELD.slots).integer(state.slots);
  writer.raw(FIELD.height).integer(state.height);
  writer.raw(FIELD.minted).integer(state.minted);
  writer.raw(FIELD.supply).integer(state.supply);
  writer.raw(FIELD.members).integer(state.members);
  writer.raw(FIELD.accounts).integer(state.accounts);
  writer.raw(FIELD.freeSlot).integer(state.freeSlot);
  writer.raw(FIELD.parameters).bytes(parametersBytes(state.parameters));
  writer.raw(FIELD.participants).integer(state.participants);
}

/** What the root hashes: totals, rules and the four tree roots, in their canonical order. */
export function stateHeader(state: State): Uint8Array {
  return canonical((writer) => writeHeader(writer, state));
}

export const headerRoot = (header: Uint8Array): string => sha256Hex(STATE_TAG, header);

/** The root of a state between blocks: {@link headerRoot} of its header. */
export function stateRoot(state: State): string {
  return canonicalHexHash((writer) => writeHeader(writer.raw(STATE_TAG), state));
}
