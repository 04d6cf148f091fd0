/** Replays blocks against the rules and finds the first thing that is wrong. */
import { type Block, decodeBlock, firstDifference, sealBlock } from './block.js';
import { decodeTransaction } from './encoding.js';
import { chainOf, decodeGenesis, genesisState } from './genesis.js';
import { type Processor, referenceProcessor } from './processor.js';
import { stateRoot } from './root.js';
import { type Settlement, settle } from './settle.js';
import type { State } from './state.js';
import type { Store } from './store/store.js';
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

/** What a verification found. */
export type Verification =
  | { readonly ok: true; readonly height: number; readonly head: string; readonly stateRoot: string }
  | { readonly ok: false; readonly height: number; readonly problem: string };

export interface VerifyOptions {
  readonly processor?: Processor;
  readonly onProgress?: (height: number, of: number) => void;
}

/** Replays a whole store from its genesis: every signature, rule, hash and byte. Reports the first block that is wrong, and where in it. */
export async function verifyStore(store: Store, options: VerifyOptions = {}): Promise<Verification> {
  const bytes = await store.genesis();
  if (bytes === undefined) return { ok: false, height: 0, problem: 'the store has no genesis' };
  let state: State;
  let previous: string;
  try {
    previous = chainOf(bytes);
    state = genesisState(decodeGenesis(bytes), previous);
  } catch (error) {
    return { ok: false, height: 0, problem: `the genesis does not decode: ${(error as Error).message}` };
  }
  const head = await store.head();
  for (let height = 1; height <= head.height; height++) {
    const stored = await store.read(height);
    if (stored === undefined) return { ok: false, height, problem: 'the block is missing' };
    const block = decodeBlock(stored.bytes);
    if (typeof block === 'string') return { ok: false, height, problem: block };
    if (block.hash !== stored.hash)
      return { ok: false, height, problem: `the store files it under ${stored.hash}, its hash is ${block.hash}` };
    const result = replayBlock(state, previous, block, options.processor);
    if (typeof result === 'string') return { ok: false, height, problem: result };
    state = result.state;
    previous = block.hash;
    options.onProgress?.(height, head.height);
  }
  if (head.hash !== previous)
    return { ok: false, height: head.height, problem: `the head says ${head.hash}, the last block is ${previous}` };
  return { ok: true, height: state.height, head: previous, stateRoot: stateRoot(state) };
}
