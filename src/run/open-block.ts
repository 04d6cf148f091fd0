/** The block that is open: what participants submit to it, what waits until it closes, and what was refused. */
import { decodeTransaction, type Ledger, type Transaction } from '../ledger/index.js';
import type { PeerKey } from '../network/index.js';

/** A transaction that the ledger refused. */
export interface Refusal {
  readonly key: PeerKey;
  readonly code: string;
}

/** Transactions that change who is on the list of participants, or under which key. */
const CHANGES_MEMBERS: ReadonlySet<string> = new Set(['register', 'unregister', 'rotateKey']);

/** Refused transactions told of one block; a sender can make any number. */
const MOST_REFUSED = 1024;

/** Takes transactions for the next block of a ledger, and closes it. */
export class OpenBlock {
  #refused: Refusal[] = [];
  /** Changes of the list of participants, until the block closes. By sender: the latest. */
  readonly #deferred = new Map<PeerKey, Transaction>();
  /** Senders of what was taken, by hash. */
  readonly #taken = new Map<string, PeerKey>();

  constructor(private readonly ledger: Ledger) {}

  /**
   * Changes of the list of participants wait until the block closes, behind all rows: a row is made for the participants that its block begins with, and no
   * participant can make the rows of others invalid by coming, leaving or changing its key.
   *
   * @returns `ok` when it is in the open block, `deferred`, or why it is refused. What it became is in the block that closes.
   */
  submit(bytes: Uint8Array, from: PeerKey): string {
    const tx = decodeTransaction(bytes);
    if (tx === undefined) return this.#counted('malformed', from);
    if (CHANGES_MEMBERS.has(tx.kind)) {
      if (tx.from !== from) return this.#counted('bad_signature', from);
      this.#deferred.set(from, tx);
      return 'deferred';
    }
    return this.#take(tx, from);
  }

  /**
   * Closes the block. Another writer of the same store may close one first: what was taken goes into the block after it, and what no longer fits there
   * is among the refused.
   *
   * @returns what was refused since the last block closed
   * @throws EnvironmentError when the store fails
   */
  async close(): Promise<readonly Refusal[]> {
    for (const [from, tx] of this.#deferred) this.#take(tx, from);
    this.#deferred.clear();
    const stop = this.ledger.onEvent((event) => {
      const from = event.type === 'rejected' ? this.#taken.get(event.hash) : undefined;
      if (event.type === 'rejected' && from !== undefined) this.#counted(event.code, from);
    });
    try {
      await this.ledger.closeBlock();
    } finally {
      stop();
    }
    this.#taken.clear();
    const refused = this.#refused;
    this.#refused = [];
    return refused;
  }

  #take(tx: Transaction, from: PeerKey): string {
    const { code, hash } = this.ledger.submit(tx);
    if (code === 'ok') this.#taken.set(hash, from);
    return this.#counted(code, from);
  }

  #counted(code: string, from: PeerKey): string {
    if (code !== 'ok' && this.#refused.length < MOST_REFUSED) this.#refused.push({ key: from, code });
    return code;
  }
}
