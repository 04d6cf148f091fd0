/** Replays blocks against the rules and finds the first thing that is wrong. */
import { checkInteger } from '../core/validate.js';
import { type Block, decodeBlock, firstDifference, sealBlock } from './block.js';
import { checkHex, checkObject, checkStore } from './check.js';
import { decodeTransaction } from './encoding.js';
import { chainOf, decodeGenesis, genesisState } from './genesis.js';
import { type Processor, referenceProcessor } from './processor.js';
import { stateRoot } from './root.js';
import { type Settlement, settle } from './settle.js';
import { decodeSnapshot } from './snapshot.js';
import type { State } from './state.js';
import type { Store, StoredBlock } from './store/store.js';
import { closeBlock, transition } from './transition.js';

export interface Replayed {
  readonly state: State;
  readonly settlement: Settlement;
}

/** The state after a block, or what is wrong with it. */
export function replayBlock(base: State, previous: string, block: Block, processor: Processor = referenceProcessor): Replayed | string {
  if (block.height !== base.height + 1) return `height ${block.height} follows ${base.height}`;
  if (block.previous !== previous) return `previous hash is ${block.previous}, the chain has ${previous}`;
  const { state: opened, settlement } = settle(base, processor);
  let state = opened;
  for (let index = 0; index < block.transactions.length; index++) {
    const tx = decodeTransaction(block.transactions[index]);
    if (tx === undefined) return `transaction ${index} is malformed`;
    const outcome = transition(state, tx, block.height);
    if (outcome.code !== 'ok') return `transaction ${index} is refused: ${outcome.code}`;
    state = outcome.state;
  }
  state = closeBlock(state);
  const { transactions } = block;
  const content = { chain: base.chain, height: state.height, previous, transactions, stateRoot: stateRoot(state) };
  const own = sealBlock({ ...content, minted: settlement.minted, supply: state.supply });
  const at = firstDifference(own.bytes, block.bytes);
  if (at !== -1) return `byte ${at} differs from what the rules give (state root ${own.stateRoot}, recorded ${block.stateRoot})`;
  return { state, settlement };
}

/** What a verification found; `from` is 0, or the height of the snapshot it had to start at. */
export type Verification =
  | { readonly ok: true; readonly from: number; readonly height: number; readonly head: string; readonly stateRoot: string }
  | { readonly ok: false; readonly height: number; readonly problem: string };

export interface VerifyOptions {
  readonly processor?: Processor;
  /** Hash of a block that was seen before: the ledger must contain it, or it is an older copy or another history. */
  readonly contains?: string;
  /** The ledger must have at least this many blocks. */
  readonly minHeight?: number;
  readonly onProgress?: (height: number, of: number) => void;
}

/** Where a replay starts: the genesis, or the snapshot that stands in for blocks that were pruned. */
export interface Origin {
  readonly state: State;
  /** Hash of the block (or genesis) that this state belongs to. */
  readonly hash: string;
}

/** The state of the genesis, or what is wrong with it. */
export function genesisOrigin(bytes: Uint8Array): Origin | string {
  try {
    const hash = chainOf(bytes);
    return { state: genesisState(decodeGenesis(bytes), hash), hash };
  } catch (error) {
    return `the genesis does not decode: ${(error as Error).message}`;
  }
}

/** The state of the store's snapshot, checked against the root in its block; undefined without a snapshot. */
export async function snapshotOrigin(store: Store, chain: string): Promise<Origin | string | undefined> {
  const stored = await store.snapshot();
  if (stored === undefined) return undefined;
  const found = await store.read(stored.height);
  const block = found === undefined ? 'its block is missing' : decodeBlock(found.bytes);
  if (typeof block === 'string') return `the snapshot cannot be checked: ${block}`;
  const state = decodeSnapshot(stored.bytes);
  if (typeof state === 'string') return `the snapshot is damaged: ${state}`;
  if (state.chain !== chain || state.height !== stored.height) return 'the snapshot is of another chain or height';
  if (stateRoot(state) !== block.stateRoot)
    return `the snapshot has root ${stateRoot(state)}, block ${stored.height} records ${block.stateRoot}`;
  return { state, hash: block.hash };
}

/**
 * Replays a whole store: every signature, rule, hash and byte, from its genesis, or from its snapshot where older blocks were pruned. Reports
 * the first block that is wrong, and where in it.
 *
 * @param store any store; nothing is written to it
 * @param options `contains` and `minHeight` find an older copy that was put back, which is valid in itself
 * @returns `ok` with the head, or the height and the problem
 * @throws InputError BTM_TYPE, BTM_DOMAIN for options that are not a hash or a height
 * @throws EnvironmentError BTM_IO when the store cannot be read
 * @cost as much as making the blocks, without their syncs
 * @example
 * ```ts
 * import { createKey, memoryStore, openLedger, TOKEN, verifyStore } from 'intermodel/ledger';
 *
 * const key = createKey(new Uint8Array(32).fill(7));
 * const store = memoryStore();
 * const ledger = await openLedger({ store, genesis: { participants: [{ key: key.publicKey, stake: 5n * TOKEN }] } });
 * await ledger.closeBlock();
 * console.log((await verifyStore(store, { contains: ledger.head, minHeight: 1 })).ok); // true
 * ```
 */
export async function verifyStore(store: Store, options: VerifyOptions = {}): Promise<Verification> {
  checkStore(store);
  checkOptions(checkObject('options', options));
  const bytes = await store.genesis();
  if (bytes === undefined) return { ok: false, height: 0, problem: 'the store has no genesis' };
  let origin = genesisOrigin(bytes);
  if (typeof origin === 'string') return { ok: false, height: 0, problem: origin };
  const { chain } = origin.state;
  const head = await store.head();
  const kept = await snapshotOrigin(store, chain);
  if (typeof kept === 'string') return { ok: false, height: head.height, problem: kept };
  if (kept !== undefined && (await store.read(1)) === undefined) origin = kept;
  const { contains, minHeight = 0 } = options;
  if (head.height < minHeight)
    return { ok: false, height: head.height, problem: `the ledger ends here; at least ${minHeight} blocks were expected` };
  const from = origin.state.height;
  let { state, hash: previous } = origin;
  let seen = contains === undefined || contains === previous;
  for (let height = from + 1; height <= head.height; height++) {
    const stored = await store.read(height);
    if (stored === undefined) return { ok: false, height, problem: 'the block is missing' };
    const block = readStored(stored);
    if (typeof block === 'string') return { ok: false, height, problem: block };
    const result = replayBlock(state, previous, block, options.processor);
    if (typeof result === 'string') return { ok: false, height, problem: result };
    state = result.state;
    previous = block.hash;
    seen ||= previous === contains;
    options.onProgress?.(height, head.height);
  }
  if (!seen) return { ok: false, height: head.height, problem: absent(contains as string, from) };
  if (head.hash !== previous)
    return { ok: false, height: head.height, problem: `the head says ${head.hash}, the last block is ${previous}` };
  return { ok: true, from, height: state.height, head: previous, stateRoot: stateRoot(state) };
}

function checkOptions({ contains, minHeight }: VerifyOptions): void {
  if (contains !== undefined) checkHex('options.contains', contains, 64);
  if (minHeight !== undefined) checkInteger('options.minHeight', minHeight, 0);
}

function absent(hash: string, from: number): string {
  const where = from === 0 ? 'the ledger' : `what is left of the ledger after block ${from - 1}`;
  return `${where} does not contain block ${hash}, which was seen before: it is an older copy or another history`;
}

/** A block as read from a store, or what is wrong with it: its encoding, its hash, its place. */
export function readStored(stored: StoredBlock): Block | string {
  const block = decodeBlock(stored.bytes);
  if (typeof block === 'string') return block;
  if (block.hash !== stored.hash) return `the store files it under ${stored.hash}, its hash is ${block.hash}`;
  if (block.height !== stored.height) return `the store files it at ${stored.height}, its height is ${block.height}`;
  return block;
}
