/** Medians and what is made of them. */

/** Of several rounds, in seconds. */
export interface Spread {
  readonly median: number;
  readonly low: number;
  readonly high: number;
  readonly quartiles: readonly [number, number];
  readonly rounds: number;
}

/** The value below which a share of the sorted values lies, between neighbours by proportion. */
function quantile(sorted: readonly number[], share: number): number {
  const at = share * (sorted.length - 1);
  const below = Math.floor(at);
  const above = Math.min(below + 1, sorted.length - 1);
  return sorted[below] + (at - below) * (sorted[above] - sorted[below]);
}

export function spreadOf(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  return {
    median: quantile(sorted, 0.5),
    low: sorted[0],
    high: sorted[sorted.length - 1],
    quartiles: [quantile(sorted, 0.25), quantile(sorted, 0.75)],
    rounds: sorted.length,
  };
}

/** Two sets of times: how the second relates to the first, and whether that is more than noise. */
export interface Change {
  readonly ratio: number;
  readonly verdict: 'faster' | 'slower' | 'noise';
}

/** Differences of medians below this share are noise, however narrow the quartiles. */
const LEAST_CHANGE = 0.03;

/** Faster or slower where the quartiles lie apart and the medians differ by more than 3 %. */
export function changeOf(before: Spread, after: Spread): Change {
  const ratio = before.median / after.median;
  const apart = after.quartiles[1] < before.quartiles[0] || after.quartiles[0] > before.quartiles[1];
  if (!apart || Math.abs(ratio - 1) < LEAST_CHANGE) return { ratio, verdict: 'noise' };
  return { ratio, verdict: ratio > 1 ? 'faster' : 'slower' };
}

/** Exponent of the power law through (size, time), by least squares of the logarithms. */
export function exponentOf(points: readonly { readonly size: number; readonly time: number }[]): number {
  const x = points.map(({ size }) => Math.log(size));
  const y = points.map(({ time }) => Math.log(time));
  const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;
  const [mx, my] = [mean(x), mean(y)];
  const slope = x.reduce((sum, value, k) => sum + (value - mx) * (y[k] - my), 0);
  return slope / x.reduce((sum, value) => sum + (value - mx) ** 2, 0);
}
