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

/** `appended`: this block is durable. `exists`: the very same block was there already. `conflict`: another block has this height, or the head is elsewhere. */
export type Appended = 'appended' | 'exists' | 'conflict';

export interface Store {
  readonly name: string;
  /** Bytes of the genesis, or undefined in a store that is still empty. */
  genesis(): Promise<Uint8Array | undefined>;
  /** Puts the genesis into an empty store; `exists` if the same is there, `conflict` if another is. */
  begin(genesis: Uint8Array, hash: string): Promise<Appended>;
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
