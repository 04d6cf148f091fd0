/** Keeps the ledger of a run: takes transactions, closes a block when everybody is ready, serves the chain to replicas, and lets late ones in. */
import { decode, encode } from 'cborg';
import { decodeTransaction, type Genesis, type Ledger, openLedger, type Store } from '../ledger/index.js';
import { type Clock, type HandlerContext, Network, type PeerKey, type Transport } from '../network/index.js';
import { Membership, type MembershipOptions } from './membership.js';
import { type Barrier, type BarrierAnswer, CALL, type PeerProgress, type RejoinAnswer, type RejoinRequest } from './protocol.js';

/** How a coordinator starts. */
export interface CoordinatorOptions {
  readonly transport: Transport;
  readonly store: Store;
  /** Left out: the store has one. */
  readonly genesis?: Genesis;
  /** Barriers wait this long for those that have not come; whoever misses one is out until it rejoins. Default 2 minutes. */
  readonly patience_ms?: number;
  /** The same for the first barrier, while participants are still being started. Default: patience_ms. */
  readonly joinPatience_ms?: number;
  /** Whether all may go before anybody has finished, and come back later. Default false: then it is over. */
  readonly resumes?: boolean;
  /** A block could not be closed, for instance because the disk is full: nobody can go on. */
  readonly onFailure: (error: unknown) => void;
  /** A block was closed. The run waits at this block for as long as the promise does. */
  readonly onBlock?: (round: number, refused: readonly Refusal[]) => unknown;
  readonly onProgress?: (peer: PeerKey, progress: PeerProgress) => void;
  readonly onResult?: (peer: PeerKey, result: unknown) => void;
  /** Somebody is no longer waited for, or is again. */
  readonly onMember?: (peer: PeerKey, event: 'out' | 'in') => void;
  /** Somebody came late, or back, and waits to be let in. */
  readonly onApplicant?: (peer: PeerKey) => void;
  /** Default: the machine's. */
  readonly clock?: Clock;
}

/** A transaction that the ledger refused. */
export interface Refusal {
  readonly key: PeerKey;
  readonly code: string;
}

/** One long poll lasts at most this long; the caller then asks again. */
const POLL_MS = 10_000;

export class Coordinator {
  readonly ledger: Ledger;
  readonly network: Network;
  readonly #options: CoordinatorOptions;
  readonly #membership: Membership;
  #refused: Refusal[] = [];

  private constructor(options: CoordinatorOptions, ledger: Ledger) {
    this.#options = options;
    this.ledger = ledger;
    this.#membership = new Membership(this.#membershipOptions());
    this.network = new Network({
      transport: options.transport,
      ...(options.clock === undefined ? {} : { clock: options.clock }),
      service: {
        stakeOf: (key) => this.ledger.state().stake(key),
        openCalls: [CALL.genesis, CALL.head, CALL.block],
        admission: { concurrency: 4096, queue: 1024 }, // waiting at a barrier takes a turn but no work
        handlers: { calls: this.#calls() },
      },
    });
  }

  /** Opens the ledger and serves it. */
  static async start(options: CoordinatorOptions): Promise<Coordinator> {
    const { store, genesis } = options;
    return new Coordinator(options, await openLedger({ store, ...(genesis === undefined ? {} : { genesis }) }));
  }

  /** A participant is gone: nobody waits for it any more, until it rejoins. */
  leave(key: PeerKey): void {
    this.#membership.leave(key);
  }

  /** Those who are waited for. */
  get members(): readonly PeerKey[] {
    return this.#membership.members;
  }

  /** Whether rounds go on: everybody that is waited for has been there. */
  get training(): boolean {
    return this.#membership.running;
  }

  async close(): Promise<void> {
    this.#membership.end();
    await this.network.close();
    await this.ledger.close();
  }

  #membershipOptions(): MembershipOptions {
    const { patience_ms = 120_000, joinPatience_ms = patience_ms, resumes = false, onMember, onApplicant, clock } = this.#options;
    const state = this.ledger.state();
    return {
      members: state.participants().map(({ key }) => key),
      patience_ms,
      joinPatience_ms: state.height > 0 ? patience_ms : joinPatience_ms, // they have come before
      returnPatience_ms: joinPatience_ms,
      resumes,
      closeBlock: (round) => this.#close(round),
      ...(onMember === undefined ? {} : { onMember }),
      ...(onApplicant === undefined ? {} : { onApplicant }),
      ...(clock === undefined ? {} : { clock }),
    };
  }

  #calls(): Record<string, (bytes: Uint8Array, context: HandlerContext) => Promise<Uint8Array>> {
    const { store, onProgress, onResult } = this.#options;
    return {
      [CALL.genesis]: async () => encode(await store.genesis()),
      [CALL.head]: async () => encode(await store.head()),
      [CALL.block]: async (bytes) => encode((await store.read(decode(bytes) as number)) ?? null),
      [CALL.submit]: async (bytes, { from }) => encode(this.#submit(decode(bytes) as Uint8Array, from)),
      [CALL.barrier]: async (bytes, context) => encode(await this.#wait(decode(bytes) as Barrier, context)),
      [CALL.rejoin]: async (bytes, context) => encode(await this.#rejoin(decode(bytes) as RejoinRequest, context)),
      [CALL.progress]: async (bytes, { from }) => {
        onProgress?.(from, decode(bytes) as PeerProgress);
        return encode(null);
      },
      [CALL.result]: async (bytes, { from }) => {
        this.#membership.finish(from);
        onResult?.(from, decode(bytes));
        return encode(null);
      },
    };
  }

  #submit(bytes: Uint8Array, from: PeerKey): string {
    const tx = decodeTransaction(bytes);
    const code = tx === undefined ? 'malformed' : this.ledger.submit(tx).code;
    if (code !== 'ok') this.#refused.push({ key: from, code });
    return code;
  }

  async #wait(barrier: Barrier, { from, signal }: HandlerContext): Promise<BarrierAnswer> {
    let done = false;
    if (this.#membership.has(from)) {
      const gathering = this.#membership.arrive(from, barrier);
      await this.#atMost(POLL_MS, gathering.opened, signal);
      done = gathering.done;
    }
    const out = !done && !this.#membership.has(from);
    return { done: done || out, out, height: this.ledger.height };
  }

  /** Waits for the next block while others train; it is let in as that block closes, so that all go on together. */
  async #rejoin({ round }: RejoinRequest, { from, signal }: HandlerContext): Promise<RejoinAnswer> {
    if (this.ledger.state().participant(from) === undefined) throw new Error('not a participant');
    this.#membership.apply(from, round);
    let admitted = this.#membership.takeAdmission(from);
    if (admitted === undefined && !this.#membership.over) {
      await this.#atMost(POLL_MS, this.#membership.change(), signal);
      admitted = this.#membership.takeAdmission(from);
    }
    return { round: admitted ?? null, over: admitted === undefined && this.#membership.over };
  }

  /** Waits for an event, for so long, or until the caller no longer waits for the answer. */
  async #atMost(limit_ms: number, event: Promise<void>, signal: AbortSignal): Promise<void> {
    let cancel = (): void => undefined;
    const patience = new Promise<void>((resolve) => {
      cancel = this.network.clock.after(limit_ms, resolve);
      signal.addEventListener('abort', () => resolve(), { once: true });
    });
    await Promise.race([event, patience]);
    cancel();
  }

  async #close(round: number): Promise<boolean> {
    try {
      await this.ledger.closeBlock();
    } catch (error) {
      this.#options.onFailure(error);
      return false;
    }
    const refused = this.#refused;
    this.#refused = [];
    await this.#options.onBlock?.(round, refused);
    return true;
  }
}
