/** What a ledger asks of the place that keeps its blocks. Every implementation passes test/ledger/store-conformance.ts. */

/** A block as a store sees it. */
export interface StoredBlock {
  readonly height: number;
  readonly hash: string;
  readonly bytes: Uint8Array;
}

/** A block on its way in, with the hash of the one it follows. */
export interface NewBlock extends StoredBlock {
  readonly previous: string;
}

export interface Head {
  /** Height of the last block; 0 when there is only the genesis. */
  readonly height: number;
  readonly hash: string;
}

/** A state written down, so that opening need not replay from the genesis. It proves itself against the state root of its block. */
export interface StoredSnapshot {
  readonly height: number;
  readonly bytes: Uint8Array;
}

/**
 * `appended`: this call made the block durable, also where it had to ask again because an answer was lost. `exists`: the very same block was there
 * before this call, put by another writer or an earlier call. `conflict`: another block has this height, or the head is elsewhere.
 */
export type Appended = 'appended' | 'exists' | 'conflict';

/** `conflict`: the store has a ledger already. */
export type Loaded = 'loaded' | 'conflict';

export interface Store {
  readonly name: string;
  /** Bytes of the genesis, or undefined in a store that is still empty. */
  genesis(): Promise<Uint8Array | undefined>;
  /** Puts the genesis into an empty store; `exists` if the same is there, `conflict` if another is. */
  begin(genesis: Uint8Array, hash: string): Promise<Appended>;
  /**
   * Puts a whole chain, genesis and blocks in their order, into an empty store: all or nothing, durable when it resolves. Throws what `blocks`
   * throws, and then keeps nothing. A store that cannot do so leaves it out.
   */
  load?(genesis: Uint8Array, hash: string, blocks: AsyncIterable<NewBlock>): Promise<Loaded>;
  head(): Promise<Head>;
  /** Compare and swap: appends only while the head is at `expectedHeight` and is the block's `previous`. Resolves after the block is durable. */
  append(expectedHeight: number, block: NewBlock): Promise<Appended>;
  /** The block at a height, or undefined if there is none (any more). */
  read(height: number): Promise<StoredBlock | undefined>;
  /** The latest snapshot, or undefined. */
  snapshot(): Promise<StoredSnapshot | undefined>;
  /** Keeps a snapshot in place of an older one; with `prune`, forgets the blocks below its height. */
  putSnapshot(snapshot: StoredSnapshot, prune: boolean): Promise<void>;
  close(): Promise<void>;
}

/**
 * Puts a whole chain into an empty store. Where the store cannot do it at once it goes block by block; repeating a call that was cut off continues
 * it, since what is there already is met as `exists`.
 */
export async function loadChain(store: Store, genesis: Uint8Array, hash: string, blocks: AsyncIterable<NewBlock>): Promise<Loaded> {
  if (store.load !== undefined) return store.load(genesis, hash, blocks);
  if ((await store.begin(genesis, hash)) === 'conflict') return 'conflict';
  for await (const block of blocks) if ((await store.append(block.height - 1, block)) === 'conflict') return 'conflict';
  return 'loaded';
}
