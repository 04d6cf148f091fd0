/** Who takes part in a run, and who waits for whom: barriers that open when all members have arrived, and applicants that are admitted with a block. */
import { type Clock, type PeerKey, Supervisor, systemClock } from '../network/index.js';
import { type Barrier, barrierName } from './protocol.js';

/** How membership is decided. */
export interface MembershipOptions {
  /** All that are expected. */
  readonly members: Iterable<PeerKey>;
  /** A barrier waits this long for members that have not arrived. */
  readonly patience_ms: number;
  /** The same for barriers before the first has opened, while participants are still being started. */
  readonly joinPatience_ms: number;
  /** From the first that returns to a ledger that was taken up again, the others have this long. Default: joinPatience_ms. */
  readonly returnPatience_ms?: number;
  /** Whether all may leave before any has finished, and return later. Default false: then the run is over. */
  readonly resumes?: boolean;
  /** Closes a block after this round; applicants are admitted when it has. False when it cannot be closed: then the run stops there. */
  readonly closeBlock: (round: number) => Promise<boolean>;
  /** Something that is called while a block closes has failed: the run stops there. */
  readonly onFailure?: (error: unknown) => void;
  /** A participant is no longer waited for, or is again. */
  readonly onMember?: (peer: PeerKey, event: 'out' | 'in') => void;
  /** A participant arrived late, or returned, and waits to be admitted. */
  readonly onApplicant?: (peer: PeerKey) => void;
  /** Default: the machine's. */
  readonly clock?: Clock;
}

/** A barrier and who has arrived at it. */
export interface Gathering {
  readonly barrier: Barrier;
  readonly arrived: Set<PeerKey>;
  /** Resolves when it opens, or when those that have arrived are out. */
  readonly opened: Promise<void>;
  readonly open: () => void;
  /** Stops waiting for those that have not arrived. */
  readonly cancel: () => void;
  /** All have arrived; if the barrier closes a block, that is under way. */
  passed: boolean;
  done: boolean;
}

/** Barriers that have opened and are remembered for members that ask late. */
const REMEMBERED = 256;

/**
 * Decides who is waited for. All times are those of its clock, so that a simulation can move it; nothing here reads the machine's time or talks to a network.
 *
 * A member that misses a barrier is out after `patience_ms`; it applies, and is admitted with the next block. Where fewer than half have arrived it is they who are out of step.
 */
export class Membership {
  readonly #options: MembershipOptions;
  readonly #clock: Clock;
  readonly #members: Set<PeerKey>;
  readonly #gone = new Set<PeerKey>();
  readonly #finished = new Set<PeerKey>();
  readonly #gatherings = new Map<string, Gathering>();
  /** Owner of blocks that are being closed. What fails there stops the run where it is. */
  readonly #tasks: Supervisor;
  readonly #places = new Map<PeerKey, Gathering>();
  readonly #applicants = new Map<PeerKey, number>();
  readonly #admitted = new Map<PeerKey, number>();
  #waiting: (() => void)[] = [];
  #cancelReturn: () => void = () => undefined;
  #running = false;
  #ended = false;

  constructor(options: MembershipOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#tasks = new Supervisor(({ message }) => options.onFailure?.(new Error(message)));
    this.#members = new Set(options.members);
  }

  /** Whether a participant is waited for. */
  has(key: PeerKey): boolean {
    return this.#members.has(key);
  }

  /** Those that are waited for. */
  get members(): readonly PeerKey[] {
    return [...this.#members];
  }

  /** Whether training is under way. */
  get running(): boolean {
    return this.#running;
  }

  /** All that trained have left. */
  get over(): boolean {
    return this.#running && this.#members.size === 0;
  }

  /** A member has arrived at a barrier. It leaves any other: a member waits in one place. */
  arrive(key: PeerKey, barrier: Barrier): Gathering {
    const gathering = this.#gatherings.get(barrierName(barrier)) ?? this.#gather(barrier);
    const before = this.#places.get(key);
    if (before !== undefined && before !== gathering && !before.passed) {
      before.arrived.delete(key);
      if (before.arrived.size === 0) this.#drop(before);
    }
    this.#places.set(key, gathering);
    gathering.arrived.add(key);
    this.#check(gathering);
    return gathering;
  }

  /** It has left: the others no longer wait for it, until it applies again. */
  leave(key: PeerKey): void {
    if (!this.#members.delete(key)) return;
    if (!this.#finished.has(key)) {
      this.#gone.add(key);
      this.#options.onMember?.(key, 'out');
    }
    if (this.over && this.#options.resumes === true && this.#finished.size === 0) this.#beginAgain();
    for (const gathering of [...this.#gatherings.values()]) this.#check(gathering);
    this.#checkFresh();
    if (this.over) this.#wake();
  }

  /** It has done all its work. */
  finish(key: PeerKey): void {
    this.#finished.add(key);
    this.leave(key);
  }

  /** A participant that is late, or back, with so many rounds done. It is admitted with the next block. */
  apply(key: PeerKey, round: number): void {
    if (this.#admitted.has(key)) return;
    if (this.#running || this.#othersWait(key)) this.leave(key); // restarted before it was missed: the others must not wait where it was
    if (!this.#running && this.#applicants.size === 0) this.#awaitReturn();
    if (!this.#applicants.has(key)) this.#options.onApplicant?.(key);
    this.#applicants.set(key, round);
    this.#checkFresh();
  }

  /** Resolves when applicants were admitted, or the run is over. */
  change(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** The round after which all continue, told once, if this applicant was admitted. */
  takeAdmission(key: PeerKey): number | undefined {
    const round = this.#admitted.get(key);
    this.#admitted.delete(key);
    return round;
  }

  /** Stops all waiting: from here on no member is put out. */
  end(): void {
    this.#ended = true;
    this.#cancelReturn();
    for (const { cancel } of this.#gatherings.values()) cancel();
  }

  #othersWait(key: PeerKey): boolean {
    return [...this.#gatherings.values()].some(({ arrived }) => [...arrived].some((other) => other !== key));
  }

  /** Those that stay away are out after a while, so that those that returned need not wait for ever. */
  #awaitReturn(): void {
    const { joinPatience_ms, returnPatience_ms = joinPatience_ms } = this.#options;
    this.#cancelReturn();
    this.#cancelReturn = this.#clock.after(returnPatience_ms, () => {
      if (this.#running || this.#ended) return;
      for (const key of [...this.#members]) if (!this.#applicants.has(key)) this.leave(key);
    });
  }

  /** All have left: as if the ledger were taken up again. */
  #beginAgain(): void {
    this.#running = false;
    for (const gathering of [...this.#gatherings.values()]) this.#drop(gathering); // rounds that had begun are repeated
    this.#places.clear();
    for (const key of this.#options.members) this.#members.add(key);
    if (this.#applicants.size > 0) this.#awaitReturn();
  }

  /** A ledger that was taken up again, before training: all continue together from the furthest round. */
  #checkFresh(): void {
    const complete = [...this.#members].every((key) => this.#applicants.has(key));
    if (this.#running || this.#members.size === 0 || !complete) return;
    this.#running = true;
    const round = Math.max(...this.#applicants.values());
    const applicants = [...this.#applicants.keys()];
    this.#tasks.run('closing a block', async () => {
      if (await this.#options.closeBlock(round)) this.#admit(round, applicants);
    });
  }

  #admit(round: number, applicants: readonly PeerKey[]): void {
    for (const key of applicants) {
      if (!this.#applicants.delete(key)) continue;
      this.#admitted.set(key, round);
      this.#members.add(key);
      if (this.#gone.delete(key)) this.#options.onMember?.(key, 'in');
    }
    this.#wake();
  }

  #wake(): void {
    for (const wake of this.#waiting) wake();
    this.#waiting = [];
  }

  #gather(barrier: Barrier): Gathering {
    let open!: () => void;
    const opened = new Promise<void>((resolve) => {
      open = resolve;
    });
    const { patience_ms, joinPatience_ms } = this.#options;
    const cancel = this.#clock.after(this.#running ? patience_ms : joinPatience_ms, () => this.#giveUp(gathering));
    const gathering: Gathering = { barrier, arrived: new Set(), opened, open, cancel, passed: false, done: false };
    this.#gatherings.set(barrierName(barrier), gathering);
    return gathering;
  }

  #drop(gathering: Gathering): void {
    gathering.cancel();
    this.#gatherings.delete(barrierName(gathering.barrier));
  }

  /** Members that have not arrived are out; where that would be most of them, the few that have arrived are out of step and leave instead. */
  #giveUp(gathering: Gathering): void {
    if (gathering.passed || this.#ended || gathering.arrived.size === 0) return;
    const came = [...this.#members].filter((key) => gathering.arrived.has(key));
    const few = 2 * came.length < this.#members.size;
    for (const key of few ? came : [...this.#members].filter((key) => !gathering.arrived.has(key))) this.leave(key);
    if (!few) return;
    this.#drop(gathering);
    gathering.open();
  }

  #check(gathering: Gathering): void {
    if (gathering.passed || this.#members.size === 0) return;
    for (const key of this.#members) if (!gathering.arrived.has(key)) return;
    gathering.passed = true;
    gathering.cancel();
    this.#running = true;
    if (gathering.barrier.kind === 'block') this.#tasks.run('closing a block', () => this.#closeBlock(gathering));
    else this.#open(gathering);
  }

  /** Closes the block, admits those whose address is in it, and lets all continue. One that applies while the block is being closed waits for the next. */
  async #closeBlock(gathering: Gathering): Promise<void> {
    const { round } = gathering.barrier;
    const applicants = [...this.#applicants.keys()];
    if (!(await this.#options.closeBlock(round))) return;
    this.#admit(round, applicants);
    this.#open(gathering);
  }

  #open(gathering: Gathering): void {
    gathering.done = true;
    gathering.open();
    const done = [...this.#gatherings.values()].filter((one) => one.done);
    for (const one of done.slice(0, Math.max(0, done.length - REMEMBERED))) this.#drop(one);
  }
}
