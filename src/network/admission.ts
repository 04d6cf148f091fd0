/** Who is served next: the caller with the most stake; among equals, the one that waited longest. */

/** Stake as the ledger counts it: an integer, in the smallest unit. */
export type Stake = bigint;

interface Waiting {
  readonly stake: Stake;
  readonly start: () => void;
  readonly evict: () => void;
}

/** How much a peer takes on at once. */
export interface AdmissionOptions {
  /** Requests that run at the same time. */
  readonly concurrency: number;
  /** Requests that wait for their turn. */
  readonly queue: number;
}

/** Two at a time, 64 waiting. */
export const DEFAULT_ADMISSION: AdmissionOptions = { concurrency: 2, queue: 64 };

/** A bounded queue ordered by stake. A full queue gives up its poorest entry for a richer caller, and for nobody else. */
export class Admission {
  readonly #options: AdmissionOptions;
  readonly #waiting: Waiting[] = []; // sorted: next to run first
  #running = 0;

  constructor(options: AdmissionOptions) {
    this.#options = options;
  }

  /**
   * Asks for a turn.
   *
   * @param stake the caller's stake.
   * @param start called when the turn comes, perhaps at once; {@link release} must follow.
   * @param evict called instead when a richer caller takes the place.
   * @returns a function that gives up the place in the queue, or null when there is no room.
   */
  enter(stake: Stake, start: () => void, evict: () => void): (() => void) | null {
    if (this.#running < this.#options.concurrency) {
      this.#running++;
      start();
      return () => {};
    }
    if (this.#waiting.length >= this.#options.queue) {
      const poorest = this.#waiting.at(-1);
      if (poorest === undefined || poorest.stake >= stake) return null;
      this.#waiting.pop();
      poorest.evict();
    }
    const entry: Waiting = { stake, start, evict };
    this.#insert(entry);
    return () => this.#leave(entry);
  }

  /** A turn ended. */
  release(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#running--;
    else next.start();
  }

  #insert(entry: Waiting): void {
    let low = 0;
    let high = this.#waiting.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#waiting[middle].stake >= entry.stake) low = middle + 1;
      else high = middle;
    }
    this.#waiting.splice(low, 0, entry);
  }

  #leave(entry: Waiting): void {
    const index = this.#waiting.indexOf(entry);
    if (index >= 0) this.#waiting.splice(index, 1);
  }
}
