/** What a ledger answers to a transaction. */
import type { Code } from './codes.js';

/** The answer to one transaction. */
export interface Receipt {
  readonly code: Code;
  /** What the code means. */
  readonly reason: string;
  /** SHA-256 of the transaction; empty when it was malformed. */
  readonly hash: string;
  /** The block it is in, or would have been in. */
  readonly height: number;
}

/** The answer to a transaction whose block was closed: with code `ok`, `height` and `blockHash` are those of the block that contains it. */
export interface Settled extends Receipt {
  /** Hash of the block; null when the transaction was refused. */
  readonly blockHash: string | null;
}
