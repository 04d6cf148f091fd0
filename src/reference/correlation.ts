/** Agreement of two rankings: Pearson, Spearman and Kendall, null with a reason where they are undefined. */
import { treeDot, treeSum } from '../core/arithmetic/index.js';
import { InputError } from '../core/errors.js';
import { checkVector, type NumericArray } from '../core/validate.js';
import { largestSize, safeScale } from './safe-scale.js';

/** A coefficient in [-1, 1], or null and why it is undefined. */
export interface Association {
  readonly value: number | null;
  /** Present where value is null. */
  readonly reason?: string;
}

/** The three coefficients of two vectors. */
export interface Correlations {
  readonly pearson: Association;
  readonly spearman: Association;
  readonly kendall: Association;
}

/** A mean that is left after centring by more than this share of the largest entry is taken off once more. */
const UNCENTRED = 2 ** -28;

/**
 * Pearson, Spearman and Kendall's tau-b of two vectors.
 *
 * @shape a [n], b [n]
 * @returns each coefficient, or null with a reason: fewer than two entries, or a constant vector (at W = I every competitive rank is 1/n).
 * A vector counts as constant, for the rank statistics too, when its entries differ by no more than the rounding of a mean of n numbers:
 * 2 sqrt(n) 2^-52 of the largest.
 * @throws InputError BTM_SHAPE, BTM_NONFINITE, BTM_TYPE
 * @numerics f64, scaled into range and centred before multiplying; ties share their mean rank
 * @cost n^2 comparisons
 * @paper Figure 4, R-26
 * @example
 * ```ts
 * import { correlations } from 'intermodel';
 * console.log(correlations([1, 2, 3], [1, 4, 9]).spearman.value); // about 1
 * ```
 */
export function correlations(a: NumericArray, b: NumericArray): Correlations {
  return { pearson: pearson(a, b), spearman: spearman(a, b), kendall: kendall(a, b) };
}

/** Pearson's coefficient of two vectors. */
export function pearson(a: NumericArray, b: NumericArray): Association {
  const { x, y, reason } = checkPair(a, b);
  return reason === undefined ? { value: centredCosine(x, y) } : { value: null, reason };
}

/** Spearman's coefficient: Pearson's of the ranks, ties sharing their mean rank. */
export function spearman(a: NumericArray, b: NumericArray): Association {
  const { x, y, reason } = checkPair(a, b);
  return reason === undefined ? { value: centredCosine(ranksOf(x), ranksOf(y)) } : { value: null, reason };
}

/** Kendall's tau-b of two vectors. */
export function kendall(a: NumericArray, b: NumericArray): Association {
  const { x, y, reason } = checkPair(a, b);
  if (reason !== undefined) return { value: null, reason };
  let agreement = 0;
  let pairsX = 0;
  let pairsY = 0;
  for (let i = 0; i < x.length; i++) {
    for (let j = i + 1; j < x.length; j++) {
      const u = Math.sign(x[i] - x[j]);
      const v = Math.sign(y[i] - y[j]);
      agreement += u * v;
      pairsX += u * u;
      pairsY += v * v;
    }
  }
  return { value: agreement / (Math.sqrt(pairsX) * Math.sqrt(pairsY)) };
}

function checkPair(a: NumericArray, b: NumericArray): { x: Float64Array; y: Float64Array; reason?: string } {
  if (a?.length === undefined) throw new InputError('BTM_TYPE', 'must be a vector', { argument: 'a', value: a });
  const x = scaled(checkVector('a', a, a.length));
  const y = scaled(checkVector('b', b, a.length));
  if (x.length < 2) return { x, y, reason: 'fewer than two entries' };
  if (isConstant(x)) return { x, y, reason: 'the first vector is constant' };
  if (isConstant(y)) return { x, y, reason: 'the second vector is constant' };
  return { x, y };
}

/** The vector times a power of two that keeps sums and squares in range: no coefficient depends on it. */
function scaled(x: Float64Array): Float64Array {
  const factor = safeScale(largestSize(x));
  return factor === 1 ? x : x.map((entry) => entry * factor);
}

/** Whether the entries differ by no more than rounding leaves in a mean of as many numbers. */
function isConstant(x: Float64Array): boolean {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (const entry of x) {
    low = Math.min(low, entry);
    high = Math.max(high, entry);
  }
  return high - low <= 2 * Math.sqrt(x.length) * Number.EPSILON * Math.max(Math.abs(low), Math.abs(high));
}

function centredCosine(x: Float64Array, y: Float64Array): number {
  const u = unit(x);
  const v = unit(y);
  return Math.max(-1, Math.min(1, treeDot(u, v)));
}

/** Centred, then of length one. */
function unit(x: Float64Array): Float64Array {
  const centred = centre(x);
  const largest = largestSize(centred);
  const shares = centred.map((entry) => entry / largest);
  const length = Math.sqrt(treeDot(shares, shares));
  return shares.map((entry) => entry / length);
}

/** Less the mean; twice where the mean is so much larger than the spread that its rounding is left over. */
function centre(x: Float64Array): Float64Array {
  const mean = treeSum(x) / x.length;
  const centred = x.map((entry) => entry - mean);
  const left = treeSum(centred) / x.length;
  return Math.abs(left) > UNCENTRED * largestSize(centred) ? centred.map((entry) => entry - left) : centred;
}

/** Ranks 1 .. n, ties sharing their mean. */
function ranksOf(x: Float64Array): Float64Array {
  const order = Array.from(x.keys()).sort((i, j) => x[i] - x[j] || i - j);
  const ranks = new Float64Array(x.length);
  for (let start = 0; start < order.length; ) {
    let end = start;
    while (end < order.length && x[order[end]] === x[order[start]]) end += 1;
    for (let at = start; at < end; at++) ranks[order[at]] = (start + end + 1) / 2;
    start = end;
  }
  return ranks;
}
