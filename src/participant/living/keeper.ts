/** Keeps the ledger of a run: takes transactions, closes a block when everybody is ready, serves the chain to replicas, and lets late ones in. */
import { decode, encode } from 'cborg';
import { InternalError } from '../../core/errors.js';
import { decodeTransaction, type Genesis, type Ledger, openLedger, type Store } from '../../ledger/index.js';
import { type HandlerContext, Network, type PeerKey, type Transport } from '../../network/index.js';
import { type BarrierAnswer, type BarrierRequest, CALL, type PeerProgress, type RejoinAnswer, type RejoinRequest } from './messages.js';

/** How a keeper starts. */
export interface KeeperOptions {
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
  readonly onBlock?: (round: number, refused: readonly Refusal[]) => void;
  readonly onProgress?: (peer: PeerKey, progress: PeerProgress) => void;
  readonly onResult?: (peer: PeerKey, result: unknown) => void;
  /** Somebody is no longer waited for, or is again. */
  readonly onMember?: (peer: PeerKey, event: 'out' | 'in') => void;
  /** Somebody came late, or back, and waits to be let in. */
  readonly onApplicant?: (peer: PeerKey) => void;
}

/** A transaction that the ledger refused. */
export interface Refusal {
  readonly key: PeerKey;
  readonly code: string;
}

interface Barrier {
  readonly arrived: Set<PeerKey>;
  readonly opened: Promise<void>;
  readonly open: () => void;
  readonly request: BarrierRequest;
  passed: boolean;
  done: boolean;
}

/** One long poll lasts at most this long; the caller then asks again. */
const POLL_MS = 10_000;

/** Passed barriers that are remembered for those that come late. */
const REMEMBERED = 256;

export class Keeper {
  readonly ledger: Ledger;
  readonly network: Network;
  readonly #options: KeeperOptions;
  readonly #live = new Set<PeerKey>();
  readonly #gone = new Set<PeerKey>();
  readonly #finished = new Set<PeerKey>();
  readonly #barriers = new Map<string, Barrier>();
  readonly #applicants = new Map<PeerKey, number>();
  readonly #admitted = new Map<PeerKey, number>();
  #waiting: (() => void)[] = [];
  #refused: Refusal[] = [];
  #running = false;
  #closed = false;

  private constructor(options: KeeperOptions, ledger: Ledger) {
    this.#options = options;
    this.ledger = ledger;
    this.#expectAll();
    this.network = new Network({
      transport: options.transport,
      service: {
        stakeOf: (key) => this.ledger.state().stake(key),
        openCalls: [CALL.genesis, CALL.head, CALL.block],
        admission: { concurrency: 4096, queue: 1024 }, // waiting at a barrier takes a turn but no work
        handlers: { calls: this.#calls() },
      },
    });
  }

  /** Opens the ledger and serves it. */
  static async start(options: KeeperOptions): Promise<Keeper> {
    const { store, genesis } = options;
    return new Keeper(options, await openLedger({ store, ...(genesis === undefined ? {} : { genesis }) }));
  }

  /** A participant is gone: nobody waits for it any more, until it rejoins. */
  leave(key: PeerKey): void {
    if (!this.#live.delete(key)) return;
    if (!this.#finished.has(key)) {
      this.#gone.add(key);
      this.#options.onMember?.(key, 'out');
    }
    if (this.#over && this.#options.resumes === true && this.#finished.size === 0) this.#beginAgain();
    for (const barrier of this.#barriers.values()) this.#check(barrier);
    this.#checkFresh();
    if (this.#over) this.#wake();
  }

  /** Those who are waited for. */
  get members(): readonly PeerKey[] {
    return [...this.#live];
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.network.close();
    await this.ledger.close();
  }

  #calls(): Record<string, (bytes: Uint8Array, context: HandlerContext) => Promise<Uint8Array>> {
    const { store, onProgress, onResult } = this.#options;
    return {
      [CALL.genesis]: async () => encode(await store.genesis()),
      [CALL.head]: async () => encode(await store.head()),
      [CALL.block]: async (bytes) => encode((await store.read(decode(bytes) as number)) ?? null),
      [CALL.submit]: async (bytes, { from }) => encode(this.#submit(decode(bytes) as Uint8Array, from)),
      [CALL.barrier]: async (bytes, context) => encode(await this.#wait(decode(bytes) as BarrierRequest, context)),
      [CALL.rejoin]: async (bytes, context) => encode(await this.#rejoin(decode(bytes) as RejoinRequest, context)),
      [CALL.progress]: async (bytes, { from }) => {
        onProgress?.(from, decode(bytes) as PeerProgress);
        return encode(null);
      },
      [CALL.result]: async (bytes, { from }) => {
        this.#finished.add(from);
        this.leave(from); // it asks for nothing more
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

  async #wait(request: BarrierRequest, { from, signal }: HandlerContext): Promise<BarrierAnswer> {
    const barrier = this.#barriers.get(request.name) ?? this.#erect(request);
    const out = !this.#live.has(from);
    if (!out) {
      barrier.arrived.add(from);
      this.#check(barrier);
      await atMost(POLL_MS, barrier.opened, signal);
    }
    return { done: out || barrier.done, out, height: this.ledger.height };
  }

  /** Waits for the next block while others train; it is let in as that block closes, so that all go on together. */
  async #rejoin({ round }: RejoinRequest, { from, signal }: HandlerContext): Promise<RejoinAnswer> {
    if (this.ledger.state().participant(from) === undefined) throw new Error('not a participant');
    if (!this.#admitted.has(from)) this.#apply(from, round);
    if (!this.#admitted.has(from) && !this.#over)
      await atMost(POLL_MS, new Promise<void>((resolve) => this.#waiting.push(resolve)), signal);
    const admitted = this.#admitted.get(from);
    this.#admitted.delete(from);
    return { round: admitted ?? null, over: admitted === undefined && this.#over };
  }

  #apply(from: PeerKey, round: number): void {
    if (this.#running) this.leave(from); // it was started again before it was missed: nobody waits for where it was
    if (!this.#running && this.#applicants.size === 0) this.#awaitReturn();
    if (!this.#applicants.has(from)) this.#options.onApplicant?.(from);
    this.#applicants.set(from, round);
    this.#checkFresh();
  }

  /** From the first that comes back on, the others have so long to do the same. */
  #awaitReturn(): void {
    const giveUp = (): void => {
      if (this.#running || this.#closed) return;
      for (const key of [...this.#live]) if (!this.#applicants.has(key)) this.leave(key);
    };
    setTimeout(giveUp, this.#joinPatience_ms).unref();
  }

  #expectAll(): void {
    for (const { key } of this.ledger.state().participants()) this.#live.add(key);
  }

  /** Everybody has gone: as if the ledger were taken up again. */
  #beginAgain(): void {
    this.#running = false;
    this.#barriers.clear(); // rounds that they had begun come again
    this.#expectAll();
    if (this.#applicants.size > 0) this.#awaitReturn();
  }

  /** All that trained have left. */
  get #over(): boolean {
    return this.#running && this.#live.size === 0;
  }

  /** A ledger that was taken up again, with nobody training yet: all go on together from where the furthest was. */
  #checkFresh(): void {
    const everybody = [...this.#live].every((key) => this.#applicants.has(key));
    if (this.#running || this.#live.size === 0 || !everybody) return;
    this.#running = true;
    const round = Math.max(...this.#applicants.values());
    this.#close(round).then(() => this.#admit(round));
  }

  #admit(round: number): void {
    for (const key of this.#applicants.keys()) {
      this.#admitted.set(key, round);
      this.#live.add(key);
      if (this.#gone.delete(key)) this.#options.onMember?.(key, 'in');
    }
    this.#applicants.clear();
    this.#wake();
  }

  #wake(): void {
    for (const wake of this.#waiting) wake();
    this.#waiting = [];
  }

  get #patience_ms(): number {
    return this.#options.patience_ms ?? 120_000;
  }

  get #joinPatience_ms(): number {
    return this.#options.joinPatience_ms ?? this.#patience_ms;
  }

  #erect(request: BarrierRequest): Barrier {
    let open!: () => void;
    const opened = new Promise<void>((resolve) => {
      open = resolve;
    });
    const barrier: Barrier = { arrived: new Set(), opened, open, request, passed: false, done: false };
    this.#barriers.set(request.name, barrier);
    if (this.#barriers.size > REMEMBERED) this.#barriers.delete(this.#barriers.keys().next().value as string);
    setTimeout(() => this.#giveUp(barrier), this.#running ? this.#patience_ms : this.#joinPatience_ms).unref();
    return barrier;
  }

  /** Whoever has not come by now is out. */
  #giveUp(barrier: Barrier): void {
    if (barrier.passed || this.#closed || this.#barriers.get(barrier.request.name) !== barrier) return;
    for (const key of [...this.#live]) if (!barrier.arrived.has(key)) this.leave(key);
  }

  #check(barrier: Barrier): void {
    if (barrier.passed || this.#live.size === 0) return;
    for (const key of this.#live) if (!barrier.arrived.has(key)) return;
    barrier.passed = true;
    this.#running = true;
    const { close, round } = barrier.request;
    if (!close) return this.#open(barrier);
    this.#close(round).then(() => {
      this.#admit(round);
      this.#open(barrier);
    });
  }

  #open(barrier: Barrier): void {
    barrier.done = true;
    barrier.open();
  }

  async #close(round: number): Promise<void> {
    try {
      await this.ledger.closeBlock();
    } catch (error) {
      throw new InternalError(`closing a block failed: ${String(error)}`);
    }
    const refused = this.#refused;
    this.#refused = [];
    this.#options.onBlock?.(round, refused);
  }
}

/** Waits for something, for so long, or until nobody waits for the answer any more. */
async function atMost(limit_ms: number, event: Promise<void>, signal: AbortSignal): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const patience = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, limit_ms);
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
  await Promise.race([event, patience]);
  clearTimeout(timer);
}
