/**
 * Proofs that a light client checks with nothing but the hash of a block it trusts: the account of a key (balance, nonce), and the stake and last
 * ranking or the row of its participant.
 */
import { decodeCbor } from '../core/cbor.js';
import { headerHash } from './block.js';
import { bytesToWords, fromHex, toHex } from './encoding.js';
import { merklePath, rootOfPath } from './merkle.js';
import { accountLeaf, headerRoot, leafHash, littleEndian, pageHashes, rowHash, rowLeaf, stateHeader, type TreeName } from './root.js';
import { accountOf, rowOf, type State, slotOf } from './state.js';
import type { PublicKey } from './transaction.js';
import { NONE, PAGE } from './units.js';

/** One page of a tree with its way to the root; bytes as hexadecimal, so that a proof is plain JSON. */
export interface PageProof {
  readonly page: number;
  readonly pages: number;
  readonly leaf: string;
  readonly path: readonly string[];
}

/** Everything a light verifier needs beside a trusted block hash. */
export interface Proof {
  readonly format: 1;
  readonly key: PublicKey;
  readonly blockHeader: string;
  readonly stateHeader: string;
  readonly account: PageProof;
  /** Stake and ranking; absent when the key is not a participant. */
  readonly standing?: PageProof;
  /** The row: its page of hashes, and the row itself. */
  readonly rows?: PageProof;
  readonly row?: { readonly targets: string; readonly weights: string };
}

/** What a proof establishes. */
export interface Proven {
  readonly height: number;
  readonly key: PublicKey;
  readonly balance: bigint;
  readonly nonce: number;
  /** Slot of the participant, or null. */
  readonly slot: number | null;
  readonly stake: bigint | null;
  /** Sum of s_i w_ij at the block's settlement, base units times parts per billion. */
  readonly ranking: bigint | null;
  /** Targets are slots; whose they are, the targets' own proofs tell. */
  readonly row: { readonly targets: Uint32Array; readonly weights: Uint32Array } | null;
}

function provePage(state: State, tree: TreeName, page: number, leaf: Uint8Array): PageProof {
  const hashes = pageHashes(state, tree);
  return { page, pages: hashes.length, leaf: toHex(leaf), path: merklePath(hashes, page).map(toHex) };
}

/** Proof of everything the state says about a key, or undefined if it has no account. */
export function proveKey(state: State, blockHeader: Uint8Array, key: PublicKey): Proof | undefined {
  const account = accountOf(state, key);
  if (account === undefined) return undefined;
  const accountPage = Math.floor(account / PAGE);
  const proof: Proof = {
    format: 1,
    key,
    blockHeader: toHex(blockHeader),
    stateHeader: toHex(stateHeader(state)),
    account: provePage(state, 'accounts', accountPage, accountLeaf(state.accountPages[accountPage])),
  };
  const slot = slotOf(state, account);
  if (slot === NONE) return proof;
  const page = Math.floor(slot / PAGE);
  const row = rowOf(state, slot);
  return {
    ...proof,
    standing: provePage(state, 'standing', page, littleEndian(state.standingPages[page].words)),
    rows: provePage(state, 'rows', page, rowLeaf(state.rowPages[page])),
    row: { targets: toHex(littleEndian(row.targets)), weights: toHex(littleEndian(row.weights)) },
  };
}

const word = (bytes: Uint8Array, at: number): bigint => new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(at, true);

/** The page's bytes if the path leads to the root. */
function leafOf(proof: PageProof, tree: TreeName, root: Uint8Array): Uint8Array | undefined {
  const leaf = fromHex(proof.leaf);
  const reached = rootOfPath(leafHash(tree, leaf), proof.page, proof.pages, proof.path.map(fromHex));
  return reached !== undefined && toHex(reached) === toHex(root) ? leaf : undefined;
}

/**
 * Checks a proof against the hash of a block the caller trusts. Needs no ledger, no store and no other state.
 *
 * @param proof as `ledger.prove` or `intermodel ledger prove` gave it; a damaged one is refused, never thrown on
 * @param blockHash hash of the block, from a source the caller trusts
 * @returns what is proven, or the reason why nothing is
 * @cost about 20 hashes
 */
export function verifyProof(proof: Proof, blockHash: string): Proven | string {
  try {
    return check(proof, blockHash);
  } catch (error) {
    return `the proof does not decode: ${(error as Error).message}`;
  }
}

function check(proof: Proof, blockHash: string): Proven | string {
  const blockHeader = fromHex(proof.blockHeader);
  if (headerHash(blockHeader) !== blockHash) return 'the block header does not have the trusted hash';
  const block = decodeCbor(blockHeader) as { stateRoot: Uint8Array; height: number };
  const header = fromHex(proof.stateHeader);
  if (headerRoot(header) !== toHex(block.stateRoot)) return 'the state header does not have the root in the block';
  const { roots } = decodeCbor(header) as { roots: Record<TreeName, Uint8Array> };
  const accounts = leafOf(proof.account, 'accounts', roots.accounts);
  if (accounts === undefined) return 'the account page does not lead to its root';
  const at = indexOfKey(accounts, proof.key);
  if (at === -1) return 'the key is not in the account page';
  const slotWord = new DataView(accounts.buffer, accounts.byteOffset).getUint32(44 * PAGE + 4 * at, true);
  const known = { height: block.height, key: proof.key, balance: word(accounts, 32 * PAGE + 8 * at), nonce: nonceAt(accounts, at) };
  if (slotWord === NONE) return { ...known, slot: null, stake: null, ranking: null, row: null };
  return checkParticipant(proof, roots, slotWord, known);
}

function nonceAt(accounts: Uint8Array, at: number): number {
  return new DataView(accounts.buffer, accounts.byteOffset).getUint32(40 * PAGE + 4 * at, true);
}

function indexOfKey(accounts: Uint8Array, key: string): number {
  for (let at = 0; at < PAGE; at++) if (toHex(accounts.subarray(32 * at, 32 * (at + 1))) === key) return at;
  return -1;
}

type Known = Pick<Proven, 'height' | 'key' | 'balance' | 'nonce'>;

function checkParticipant(proof: Proof, roots: Record<TreeName, Uint8Array>, slot: number, known: Known): Proven | string {
  const { standing, rows, row } = proof;
  if (standing === undefined || rows === undefined || row === undefined)
    return 'the key is a participant, but its stake or row is left out';
  const page = Math.floor(slot / PAGE);
  if (standing.page !== page || rows.page !== page) return 'the stake or row is of another page';
  const stakes = leafOf(standing, 'standing', roots.standing);
  if (stakes === undefined) return 'the stake page does not lead to its root';
  const hashes = leafOf(rows, 'rows', roots.rows);
  if (hashes === undefined) return 'the row page does not lead to its root';
  const at = slot % PAGE;
  const targets = bytesToWords(fromHex(row.targets));
  const weights = bytesToWords(fromHex(row.weights));
  if (toHex(rowHash({ targets, weights })) !== toHex(hashes.subarray(32 * at, 32 * (at + 1)))) return 'the row does not have its hash';
  const ranking = word(stakes, 8 * (PAGE + at)) + (word(stakes, 8 * (2 * PAGE + at)) << 64n);
  return { ...known, slot, stake: word(stakes, 8 * at), ranking, row: { targets, weights } };
}
