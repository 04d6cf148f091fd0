/** Time as an argument: the network reads no other clock, so a simulation can replay it from a seed. */

/** Wall time and timers. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Calls `action` once after `delay_ms`; the returned function cancels it. */
  after(delay_ms: number, action: () => void): () => void;
}

const origin_ms = Date.now() - performance.now();

/** The machine's clock: monotonic within the process, so a clock that is set back cannot shorten or lengthen a deadline. */
export const systemClock: Clock = {
  now: () => origin_ms + performance.now(),
  after(delay_ms, action) {
    const timer = setTimeout(action, delay_ms);
    return () => clearTimeout(timer);
  },
};
