/**
 * Members tell one another which head the coordinator has signed for them. A coordinator that shows two of them different chains has then signed
 * the proof of it, and both refuse its ledger.
 */
import { encode } from 'cborg';
import { EnvironmentError } from '../core/errors.js';
import type { SignedHead } from '../ledger/index.js';
import type { Handlers, Network, PeerKey } from '../network/index.js';
import type { HeadWatch } from './head-watch.js';
import type { RecentBlocks } from './replica.js';
import { MessageError, readValue } from './value.js';

/** The call of a member that tells its head and is told another. */
export const HEAD_METHOD = 'run/head';

/** A signed head has some 350 bytes. */
const MOST_BYTES = 512;

/** Nothing waits for an answer but the end of a run. */
const DEADLINE_MS = 10_000;

/** What the exchange knows of the ledger. */
export interface HeadExchangeOptions {
  readonly watch: HeadWatch;
  readonly recent: RecentBlocks;
  /** Share of the stake that these participants hold together. */
  readonly shareOf: (keys: readonly PeerKey[]) => number;
}

/** One participant's part of it. Kept is one head for each member, of at most half a kilobyte. */
export class HeadExchange {
  readonly #heard = new Map<PeerKey, Uint8Array>();
  /** Members that hold a head of another ledger, signed by the same coordinator. */
  readonly #elsewhere = new Set<PeerKey>();

  constructor(private readonly options: HeadExchangeOptions) {}

  /** The last head that the coordinator signed; undefined where it need not. */
  get own(): SignedHead | undefined {
    return this.options.watch.seen;
  }

  /** The call that other members make. */
  calls(): NonNullable<Handlers['calls']> {
    return {
      [HEAD_METHOD]: (bytes, { from }) => {
        this.#hear(from, bytes);
        return this.#message();
      },
    };
  }

  /** Tells these members the own head, and hears theirs. Resolves when all have answered or failed to; nothing needs to wait for it. */
  async tell(network: Network, members: readonly PeerKey[]): Promise<void> {
    if (this.own === undefined) return;
    const message = this.#message();
    const others = members.filter((key) => key !== network.self);
    await Promise.all(
      others.map(async (key) => {
        const answer = await network.call(key, HEAD_METHOD, message, { deadline_ms: DEADLINE_MS });
        if (answer.ok) this.#hear(key, answer.value);
      }),
    );
  }

  /**
   * Compares what was heard with the own ledger.
   *
   * @param onForged a member told a head that the coordinator did not sign
   * @throws ForkError when the coordinator signed two chains, EnvironmentError when it shows another ledger to more than a third of the stake
   */
  compare(onForged: (from: PeerKey) => void): void {
    const { watch, recent, shareOf } = this.options;
    for (const [from, bytes] of this.#heard) {
      const meeting = watch.meet(headIn(bytes), recent);
      if (meeting === 'later') continue;
      this.#heard.delete(from);
      if (meeting === 'forged') onForged(from);
      if (meeting === 'elsewhere') this.#elsewhere.add(from);
      else this.#elsewhere.delete(from);
    }
    // No proof for others, as ledgers may have one coordinator; and not the word of one member.
    if (this.#elsewhere.size === 0 || shareOf([...this.#elsewhere]) <= 1 / 3) return;
    const attempts = [...this.#elsewhere].map((key) => ({ what: key, reason: 'holds a signed head of another ledger' }));
    const problem = 'the coordinator shows other participants another ledger, from its first block on';
    throw new EnvironmentError('BTM_IO', problem, attempts, ['Agree on another coordinator.']);
  }

  #message(): Uint8Array {
    return this.own === undefined ? new Uint8Array(0) : encode(this.own);
  }

  #hear(from: PeerKey, bytes: Uint8Array): void {
    if (bytes.length > 0) this.#heard.set(from, bytes.slice(0, MOST_BYTES));
  }
}

/** The head in a message; a text where it is none, so that it counts as forged. */
function headIn(bytes: Uint8Array): unknown {
  try {
    return readValue(bytes);
  } catch (error) {
    if (error instanceof MessageError) return error.message;
    throw error;
  }
}
