/** Who takes part in a run, and who waits for whom: barriers that open when all have come, and late ones that are let in with a block. */
import type { PeerKey } from '../network/index.js';
import type { BarrierRequest } from './protocol.js';

/** How a roll is kept. */
export interface MembershipOptions {
  /** Everybody that is expected. */
  readonly members: Iterable<PeerKey>;
  /** A barrier waits this long for those that have not come. */
  readonly patience_ms: number;
  /** The same for barriers before the first has opened, while participants are still being started. */
  readonly joinPatience_ms: number;
  /** From the first that comes back to a ledger that was taken up again, the others have this long. Default: joinPatience_ms. */
  readonly returnPatience_ms?: number;
  /** Whether all may go before anybody has finished, and come back later. Default false: then it is over. */
  readonly resumes?: boolean;
  /** Closes a block after this round; late ones come in when it has. False when it cannot be closed: then nobody goes on. */
  readonly closeBlock: (round: number) => Promise<boolean>;
  /** Somebody is no longer waited for, or is again. */
  readonly onMember?: (peer: PeerKey, event: 'out' | 'in') => void;
  /** Somebody came late, or back, and waits to be let in. */
  readonly onApplicant?: (peer: PeerKey) => void;
}

/** A place where everybody waits for everybody. */
export interface Barrier {
  readonly request: BarrierRequest;
  readonly arrived: Set<PeerKey>;
  /** Resolves when it opens, or when those that have come are out. */
  readonly opened: Promise<void>;
  readonly open: () => void;
  /** All have come; if it closes a block, that is under way. */
  passed: boolean;
  done: boolean;
}

/** Barriers that have opened and are remembered for those that hear of it late. */
const REMEMBERED = 256;

export class Membership {
  readonly #options: MembershipOptions;
  readonly #live: Set<PeerKey>;
  readonly #gone = new Set<PeerKey>();
  readonly #finished = new Set<PeerKey>();
  readonly #barriers = new Map<string, Barrier>();
  readonly #places = new Map<PeerKey, Barrier>();
  readonly #applicants = new Map<PeerKey, number>();
  readonly #admitted = new Map<PeerKey, number>();
  #waiting: (() => void)[] = [];
  #running = false;
  #ended = false;

  constructor(options: MembershipOptions) {
    this.#options = options;
    this.#live = new Set(options.members);
  }

  /** Whether somebody is waited for. */
  has(key: PeerKey): boolean {
    return this.#live.has(key);
  }

  /** Those who are waited for. */
  get members(): readonly PeerKey[] {
    return [...this.#live];
  }

  /** Somebody trains. */
  get running(): boolean {
    return this.#running;
  }

  /** All that trained have left. */
  get over(): boolean {
    return this.#running && this.#live.size === 0;
  }

  /** One that is in has come to a barrier. It leaves any other: nobody waits in two places. */
  arrive(key: PeerKey, request: BarrierRequest): Barrier {
    const barrier = this.#barriers.get(request.name) ?? this.#erect(request);
    const before = this.#places.get(key);
    if (before !== undefined && before !== barrier && !before.passed) {
      before.arrived.delete(key);
      if (before.arrived.size === 0) this.#barriers.delete(before.request.name);
    }
    this.#places.set(key, barrier);
    barrier.arrived.add(key);
    this.#check(barrier);
    return barrier;
  }

  /** Gone: nobody waits for it any more, until it applies again. */
  leave(key: PeerKey): void {
    if (!this.#live.delete(key)) return;
    if (!this.#finished.has(key)) {
      this.#gone.add(key);
      this.#options.onMember?.(key, 'out');
    }
    if (this.over && this.#options.resumes === true && this.#finished.size === 0) this.#beginAgain();
    for (const barrier of [...this.#barriers.values()]) this.#check(barrier);
    this.#checkFresh();
    if (this.over) this.#wake();
  }

  /** It has done all it came for. */
  finish(key: PeerKey): void {
    this.#finished.add(key);
    this.leave(key);
  }

  /** One that is late, or back, with so many rounds behind it. It comes in with the next block. */
  apply(key: PeerKey, round: number): void {
    if (this.#admitted.has(key)) return;
    if (this.#running || this.#othersWait(key)) this.leave(key); // started again before it was missed: nobody waits for where it was
    if (!this.#running && this.#applicants.size === 0) this.#awaitReturn();
    if (!this.#applicants.has(key)) this.#options.onApplicant?.(key);
    this.#applicants.set(key, round);
    this.#checkFresh();
  }

  /** Resolves when somebody was let in, or the run is over. */
  change(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** The round after which all go on, once, if this one was let in. */
  takeAdmission(key: PeerKey): number | undefined {
    const round = this.#admitted.get(key);
    this.#admitted.delete(key);
    return round;
  }

  /** Nobody is put out any more. */
  end(): void {
    this.#ended = true;
  }

  #othersWait(key: PeerKey): boolean {
    return [...this.#barriers.values()].some(({ arrived }) => [...arrived].some((other) => other !== key));
  }

  /** Those that stay away are out, so that those that came back need not wait for ever. */
  #awaitReturn(): void {
    const { joinPatience_ms, returnPatience_ms = joinPatience_ms } = this.#options;
    const giveUp = (): void => {
      if (this.#running || this.#ended) return;
      for (const key of [...this.#live]) if (!this.#applicants.has(key)) this.leave(key);
    };
    setTimeout(giveUp, returnPatience_ms).unref();
  }

  /** Everybody has gone: as if the ledger were taken up again. */
  #beginAgain(): void {
    this.#running = false;
    this.#barriers.clear(); // rounds that they had begun come again
    this.#places.clear();
    for (const key of this.#options.members) this.#live.add(key);
    if (this.#applicants.size > 0) this.#awaitReturn();
  }

  /** A ledger that was taken up again, with nobody training yet: all go on together from where the furthest was. */
  #checkFresh(): void {
    const everybody = [...this.#live].every((key) => this.#applicants.has(key));
    if (this.#running || this.#live.size === 0 || !everybody) return;
    this.#running = true;
    const round = Math.max(...this.#applicants.values());
    this.#options.closeBlock(round).then((closed) => closed && this.#admit(round));
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

  #erect(request: BarrierRequest): Barrier {
    let open!: () => void;
    const opened = new Promise<void>((resolve) => {
      open = resolve;
    });
    const barrier: Barrier = { arrived: new Set(), opened, open, request, passed: false, done: false };
    this.#barriers.set(request.name, barrier);
    const { patience_ms, joinPatience_ms } = this.#options;
    setTimeout(() => this.#giveUp(barrier), this.#running ? patience_ms : joinPatience_ms).unref();
    return barrier;
  }

  /** Those that have not come are out; where that would be most, it is the few that have come who are out of step. */
  #giveUp(barrier: Barrier): void {
    const forgotten = this.#barriers.get(barrier.request.name) !== barrier;
    if (barrier.passed || this.#ended || forgotten || barrier.arrived.size === 0) return;
    const came = [...this.#live].filter((key) => barrier.arrived.has(key));
    const few = 2 * came.length < this.#live.size;
    for (const key of few ? came : [...this.#live].filter((key) => !barrier.arrived.has(key))) this.leave(key);
    if (!few) return;
    this.#barriers.delete(barrier.request.name);
    barrier.open();
  }

  #check(barrier: Barrier): void {
    if (barrier.passed || this.#live.size === 0) return;
    for (const key of this.#live) if (!barrier.arrived.has(key)) return;
    barrier.passed = true;
    this.#running = true;
    const { close, round } = barrier.request;
    if (close) this.#options.closeBlock(round).then((closed) => closed && this.#pass(barrier));
    else this.#open(barrier);
  }

  /** The block is closed: late ones come in, then all go on. */
  #pass(barrier: Barrier): void {
    this.#admit(barrier.request.round);
    this.#open(barrier);
  }

  #open(barrier: Barrier): void {
    barrier.done = true;
    barrier.open();
    this.#forget();
  }

  #forget(): void {
    const done = [...this.#barriers].filter(([, barrier]) => barrier.done);
    for (const [name] of done.slice(0, Math.max(0, done.length - REMEMBERED))) this.#barriers.delete(name);
  }
}
