/** How long to wait for a peer: what it usually takes, plus what it usually varies by, within bounds. */
import { InputError } from '../core/errors.js';
import { checkInteger, checkPositive } from '../core/validate.js';

/** Bounds and shape of the adaptive deadline. */
export interface DeadlineOptions {
  /** Never wait less than this. */
  readonly floor_ms: number;
  /** Never wait longer than this. */
  readonly ceiling_ms: number;
  /** Wait this long for a peer that has not answered yet. */
  readonly initial_ms: number;
  /** Deviations above the median. */
  readonly deviations: number;
  /** Answers remembered. */
  readonly window: number;
}

/** 100 ms to 10 s, 2 s at first, 6 deviations over the last 32 answers. */
export const DEFAULT_DEADLINE: DeadlineOptions = { floor_ms: 100, ceiling_ms: 10_000, initial_ms: 2_000, deviations: 6, window: 32 };

/** Scale from the median absolute deviation to a standard deviation, for normal noise. */
const MAD_TO_SIGMA = 1.4826;

/**
 * One peer's deadline: clamp(median + deviations * 1.4826 * MAD) of its recent answers, doubled for every timeout since
 * the last answer. Without the doubling a peer that became slower than its own history would never be heard again.
 */
export class AdaptiveDeadline {
  readonly #options: DeadlineOptions;
  readonly #recent: number[] = [];
  #next = 0;
  #timeouts = 0;

  constructor(options: DeadlineOptions) {
    this.#options = options;
  }

  /** The deadline for the next call. */
  current_ms(): number {
    const { floor_ms, ceiling_ms, initial_ms, deviations } = this.#options;
    let base = initial_ms;
    if (this.#recent.length > 0) {
      const middle = median(this.#recent);
      const spread = median(this.#recent.map((elapsed) => Math.abs(elapsed - middle)));
      base = middle + deviations * MAD_TO_SIGMA * spread;
    }
    return Math.min(ceiling_ms, Math.max(floor_ms, base) * 2 ** Math.min(this.#timeouts, 30));
  }

  /** The peer answered after this long. */
  answered(elapsed_ms: number): void {
    this.#timeouts = 0;
    if (this.#recent.length < this.#options.window) this.#recent.push(elapsed_ms);
    else this.#recent[this.#next] = elapsed_ms;
    this.#next = (this.#next + 1) % this.#options.window;
  }

  /** The peer did not answer in time. */
  timedOut(): void {
    this.#timeouts++;
  }
}

/** The middle value (mean of the middle two for an even count); the input is left as it is. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}

/** Fills in defaults and refuses bounds that contradict each other. */
export function checkDeadlineOptions(options: Partial<DeadlineOptions> | undefined): DeadlineOptions {
  const full = { ...DEFAULT_DEADLINE, ...options };
  checkPositive('deadline.floor_ms', full.floor_ms);
  checkPositive('deadline.ceiling_ms', full.ceiling_ms);
  checkPositive('deadline.initial_ms', full.initial_ms);
  checkPositive('deadline.deviations', full.deviations);
  checkInteger('deadline.window', full.window, 1, 4096);
  if (full.floor_ms > full.ceiling_ms) {
    throw new InputError('BTM_DOMAIN', `(${full.floor_ms}) must not exceed deadline.ceiling_ms (${full.ceiling_ms})`, {
      argument: 'deadline.floor_ms',
      value: full.floor_ms,
    });
  }
  return full;
}
