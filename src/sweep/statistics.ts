/** Running means with intervals. Everything is updated one value at a time, so memory does not grow with the number of trials. */
import { exp, log } from '../core/arithmetic/index.js';

/** A mean with its 95 % interval; the interval is null with fewer than two values. */
export interface MeanSummary {
  readonly count: number;
  readonly mean: number | null;
  readonly low: number | null;
  readonly high: number | null;
  readonly min: number | null;
  readonly max: number | null;
}

/** A share with its 95 % Wilson interval. */
export interface ShareSummary {
  readonly count: number;
  readonly of: number;
  readonly share: number;
  readonly low: number;
  readonly high: number;
}

/** Mean and spread of a sequence of numbers (Welford). */
export class RunningMean {
  #count = 0;
  #mean = 0;
  #squares = 0;
  #min = Number.POSITIVE_INFINITY;
  #max = Number.NEGATIVE_INFINITY;

  add(value: number): void {
    this.#count += 1;
    const before = value - this.#mean;
    this.#mean += before / this.#count;
    this.#squares += before * (value - this.#mean);
    this.#min = Math.min(this.#min, value);
    this.#max = Math.max(this.#max, value);
  }

  summary(): MeanSummary {
    const count = this.#count;
    if (count === 0) return { count, mean: null, low: null, high: null, min: null, max: null };
    const ends = { count, mean: this.#mean, min: this.#min, max: this.#max };
    if (count === 1) return { ...ends, low: null, high: null };
    const half = studentQuantile(count - 1) * Math.sqrt(this.#squares / (count - 1) / count);
    return { ...ends, low: this.#mean - half, high: this.#mean + half };
  }
}

/** How often something happened, with Wilson's interval, which stays inside [0, 1] and is right near its ends. */
export function shareSummary(count: number, of: number): ShareSummary {
  const share = count / of;
  const z = NORMAL_975;
  const scale = 1 + (z * z) / of;
  const centre = (share + (z * z) / (2 * of)) / scale;
  const half = (z / scale) * Math.sqrt((share * (1 - share)) / of + (z * z) / (4 * of * of));
  return { count, of, share, low: Math.max(0, centre - half), high: Math.min(1, centre + half) };
}

/** 97.5 % quantile of the normal law. */
const NORMAL_975 = 1.959963984540054;

/** 97.5 % quantile of Student's t law, by bisection on its distribution function; accurate to about 1e-12. */
export function studentQuantile(freedom: number): number {
  let low = 0;
  let high = 16;
  for (let step = 0; step < 64; step++) {
    const middle = (low + high) / 2;
    if (studentTail(middle, freedom) > 0.025) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/** P(T > t) = I_x(freedom / 2, 1 / 2) / 2 with x = freedom / (freedom + t^2). */
function studentTail(t: number, freedom: number): number {
  return incompleteBeta(freedom / (freedom + t * t), freedom / 2, 0.5) / 2;
}

/** Regularised incomplete beta function, by its continued fraction (Lentz). */
function incompleteBeta(x: number, a: number, b: number): number {
  if (x <= 0 || x >= 1) return x <= 0 ? 0 : 1;
  const front = exp(logGamma(a + b) - logGamma(a) - logGamma(b) + a * log(x) + b * log(1 - x));
  return x < (a + 1) / (a + b + 2) ? (front * betaFraction(x, a, b)) / a : 1 - (front * betaFraction(1 - x, b, a)) / b;
}

function betaFraction(x: number, a: number, b: number): number {
  let c = 1;
  let d = 1 / (1 - ((a + b) * x) / (a + 1));
  let value = d;
  for (let m = 1; m <= 300; m++) {
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m));
    d = 1 / (1 + even * d);
    c = 1 + even / c;
    value *= c * d;
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1));
    d = 1 / (1 + odd * d);
    c = 1 + odd / c;
    value *= c * d;
    if (Math.abs(c * d - 1) < 1e-15) break;
  }
  return value;
}

const STIRLING = [1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188] as const;

/** log Gamma(x) for x > 0: shifted above 15, then Stirling's series. */
function logGamma(x: number): number {
  let shift = 0;
  let y = x;
  for (; y < 15; y++) shift += log(y);
  const inverse = 1 / (y * y);
  const series = STIRLING.reduceRight((sum, coefficient) => sum * inverse + coefficient, 0) / y;
  return (y - 0.5) * log(y) - y + 0.5 * log(2 * Math.PI) + series - shift;
}
