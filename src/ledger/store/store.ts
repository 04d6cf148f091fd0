/** What a ledger asks of the place that keeps its blocks. Every implementation passes test/ledger/store-conformance.ts. */

/** A block as a store sees it. */
export interface StoredBlock {
  readonly height: number;
  readonly hash: string;
  readonly bytes: Uint8Array;
}

export interface Head {
  /** Height of the last block; 0 when there is only the genesis. */
  readonly height: number;
  readonly hash: string;
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
  /** Compare and swap: appends only while the head is at `expectedHeight`. Resolves after the block is durable. */
  append(expectedHeight: number, block: StoredBlock): Promise<Appended>;
  /** The bytes at a height, or undefined if there is none (any more). */
  read(height: number): Promise<StoredBlock | undefined>;
  close(): Promise<void>;
}
