/** Means over trials with bootstrap intervals, seeded. */
import { RandomStream } from '../core/random.js';

/** A mean over trials, with a 95 % percentile bootstrap interval of the mean. */
export interface Estimate {
  readonly mean: number;
  readonly low: number;
  readonly high: number;
}

const RESAMPLES = 1000;

/** The index sets of bootstrap resamples of `trials` trials; the same seed gives the same sets. */
export function resamples(trials: number, seed: number): readonly Int32Array[] {
  const random = new RandomStream(seed, trials);
  return Array.from({ length: RESAMPLES }, () => Int32Array.from({ length: trials }, () => random.integer(trials)));
}

export function estimate(values: Float64Array, sets: readonly Int32Array[]): Estimate {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const means = Float64Array.from(sets, (set) => set.reduce((sum, k) => sum + values[k]!, 0) / set.length).sort();
  return { mean, low: quantile(means, 0.025), high: quantile(means, 0.975) };
}

/** The sum of parts over the sum of wholes: what all trials together bring. A mean of ratios would follow the trials with the least income. */
export function ratioEstimate(parts: Float64Array, wholes: Float64Array, sets: readonly Int32Array[]): Estimate {
  const ratios = Float64Array.from(sets, (set) => ratioOver(parts, wholes, set)).sort();
  return { mean: ratioOver(parts, wholes), low: quantile(ratios, 0.025), high: quantile(ratios, 0.975) };
}

/** Sum of parts over sum of wholes, over all trials or a resample of them; 0 where the wholes are nothing. */
export function ratioOver(parts: Float64Array, wholes: Float64Array, set?: Int32Array): number {
  let part = 0;
  let whole = 0;
  const count = set?.length ?? parts.length;
  for (let k = 0; k < count; k++) {
    const trial = set?.[k] ?? k;
    part += parts[trial]!;
    whole += wholes[trial]!;
  }
  return whole > 0 ? part / whole : 0;
}

/** The quantile of sorted values, between neighbours. */
export function quantile(sorted: Float64Array, part: number): number {
  const place = part * (sorted.length - 1);
  const below = Math.floor(place);
  const above = Math.min(below + 1, sorted.length - 1);
  return sorted[below]! + (place - below) * (sorted[above]! - sorted[below]!);
}
