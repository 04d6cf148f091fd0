/** The few distributions that intervals and tests need, from the package's own exp and log. */
import { exp, log } from '../core/arithmetic/index.js';

/**
 * P(Z > z) of a standard normal: a continued fraction in the tail, a series around 0.
 * @numerics about 1e-13 relative
 */
export function normalTail(z: number): number {
  if (z < 0) return 1 - normalTail(-z);
  const density = exp(-0.5 * z * z) * 0.3989422804014327;
  if (z < 3) {
    let term = z;
    let sum = z;
    for (let k = 1; Math.abs(term) > 1e-17 * sum; k++) {
      term *= (z * z) / (2 * k + 1);
      sum += term;
    }
    return 0.5 - density * sum;
  }
  let fraction = z;
  for (let k = 80; k >= 1; k--) fraction = z + k / fraction;
  return density / fraction;
}

/** Holm's step-down correction: adjusted p-values in the order given. */
export function holm(pValues: readonly number[]): number[] {
  const order = pValues.map((_, k) => k).sort((a, b) => pValues[a] - pValues[b] || a - b);
  const adjusted = new Array<number>(pValues.length);
  let highest = 0;
  order.forEach((index, place) => {
    highest = Math.max(highest, Math.min(1, (pValues.length - place) * pValues[index]));
    adjusted[index] = highest;
  });
  return adjusted;
}

/** The exact interval of Clopper and Pearson for a share of `successes` in `trials`. */
export function clopperPearson(successes: number, trials: number, level: number): { low: number; high: number } {
  const tail = (1 - level) / 2;
  const low = successes === 0 ? 0 : solve((p) => betaShare(p, successes, trials - successes + 1) - tail);
  const high = successes === trials ? 1 : solve((p) => betaShare(p, successes + 1, trials - successes) - (1 - tail));
  return { low, high };
}

/** The root in (0, 1) of an increasing function, by halving. */
function solve(f: (p: number) => number): number {
  let low = 0;
  let high = 1;
  for (let step = 0; step < 200 && high - low > 1e-16 * high; step++) {
    const middle = (low + high) / 2;
    if (f(middle) < 0) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/** The regularised incomplete beta function I_x(a, b), by Lentz's continued fraction. */
export function betaShare(x: number, a: number, b: number): number {
  if (x <= 0) return 0;
  if (x >= 1) return 1;
  if (x > (a + 1) / (a + b + 2)) return 1 - betaShare(1 - x, b, a);
  const front = exp(a * log(x) + b * log(1 - x) - logBeta(a, b)) / a;
  const tiny = 1e-300;
  let c = 1;
  let d = 1 / (1 - ((a + b) * x) / (a + 1) || tiny);
  let fraction = d;
  for (let m = 1; m <= 10000; m++) {
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m));
    d = 1 / (1 + even * d || tiny);
    c = 1 + even / c || tiny;
    fraction *= d * c;
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1));
    d = 1 / (1 + odd * d || tiny);
    c = 1 + odd / c || tiny;
    const change = d * c;
    fraction *= change;
    if (Math.abs(change - 1) < 1e-15) break;
  }
  return front * fraction;
}

function logBeta(a: number, b: number): number {
  return logGamma(a) + logGamma(b) - logGamma(a + b);
}

/** Stirling's series, after moving the argument up to where it is exact. */
export function logGamma(x: number): number {
  let shift = 0;
  let at = x;
  while (at < 15) {
    shift += log(at);
    at += 1;
  }
  const square = 1 / (at * at);
  const series = (((-1 / 1680) * square + 1 / 1260) * square - 1 / 360) * square + 1 / 12;
  return (at - 0.5) * log(at) - at + 0.9189385332046727 + series / at - shift;
}
