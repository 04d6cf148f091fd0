/** Who is served next: the caller with the most stake; among equals, the one that waited longest. */

/** Stake as the ledger counts it: an integer, in the smallest unit. */
export type Stake = bigint;

interface Waiting {
  readonly caller: Caller;
  readonly start: () => void;
  readonly evict: () => void;
}

/** Who asks for a turn. */
export interface Caller {
  readonly key: string;
  readonly stake: Stake;
  /** Whether it holds as much stake as this peer asks for. */
  readonly member: boolean;
}

/** How much a peer takes on at once. */
export interface AdmissionOptions {
  /** Requests that run at the same time. */
  readonly concurrency: number;
  /** Requests that wait for their turn. */
  readonly queue: number;
  /** Requests of one caller, running and waiting: a single one cannot take every turn. */
  readonly perCaller: number;
  /** Requests of all callers without stake, running and waiting: the other places are the members'. */
  readonly strangers: number;
}

/** Two at a time, 64 waiting; 32 of one caller, 16 of all strangers. */
export const DEFAULT_ADMISSION: AdmissionOptions = { concurrency: 2, queue: 64, perCaller: 32, strangers: 16 };

/** A bounded queue ordered by stake. A full queue gives up its poorest entry for a richer caller, and for no other. */
export class Admission {
  readonly #options: AdmissionOptions;
  readonly #waiting: Waiting[] = []; // sorted: next to run first
  readonly #held = new Map<string, number>();
  #strangers = 0;
  #running = 0;

  constructor(options: AdmissionOptions) {
    this.#options = options;
  }

  /**
   * Asks for a turn.
   *
   * @param caller who asks, and with what stake.
   * @param start called when the turn comes, perhaps at once; {@link release} must follow.
   * @param evict called instead when a richer caller takes the place.
   * @returns a function that gives up the place in the queue, or null when there is no room.
   */
  enter(caller: Caller, start: () => void, evict: () => void): (() => void) | null {
    const { concurrency, queue, perCaller, strangers } = this.#options;
    if ((this.#held.get(caller.key) ?? 0) >= perCaller) return null;
    if (!caller.member && this.#strangers >= strangers) return null;
    if (this.#running < concurrency) {
      this.#running++;
      this.#count(caller, 1);
      start();
      return () => {};
    }
    if (this.#waiting.length >= queue) {
      const poorest = this.#waiting.at(-1);
      if (poorest === undefined || poorest.caller.stake >= caller.stake) return null;
      this.#leave(poorest);
      poorest.evict();
    }
    const entry: Waiting = { caller, start, evict };
    this.#count(caller, 1);
    this.#insert(entry);
    return () => this.#leave(entry);
  }

  /** The turn of this caller ended. */
  release(caller: Caller): void {
    this.#count(caller, -1);
    const next = this.#waiting.shift();
    if (next === undefined) this.#running--;
    else next.start();
  }

  #count({ key, member }: Caller, by: 1 | -1): void {
    const held = (this.#held.get(key) ?? 0) + by;
    if (held === 0) this.#held.delete(key);
    else this.#held.set(key, held);
    if (!member) this.#strangers += by;
  }

  #insert(entry: Waiting): void {
    let low = 0;
    let high = this.#waiting.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#waiting[middle].caller.stake >= entry.caller.stake) low = middle + 1;
      else high = middle;
    }
    this.#waiting.splice(low, 0, entry);
  }

  #leave(entry: Waiting): void {
    const index = this.#waiting.indexOf(entry);
    if (index < 0) return;
    this.#waiting.splice(index, 1);
    this.#count(entry.caller, -1);
  }
}
