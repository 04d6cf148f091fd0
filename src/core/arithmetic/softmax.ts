/** Softmax and log-sum-exp of one row, shifted by its largest entry. */
import { exp } from './exp.js';
import { log } from './log.js';
import { treeSum } from './sums.js';

function largestOf(z: ArrayLike<number>, offset: number, n: number): number {
  let largest = Number.NEGATIVE_INFINITY;
  for (let r = 0; r < n; r++) if (z[offset + r] > largest) largest = z[offset + r];
  return largest;
}

/**
 * e^(z - max) / sum, the sum in the fixed tree.
 * @returns a new array of `n`; NaN throughout when the largest entry is infinite or an entry is NaN
 * @numerics same bits as the native kernels
 * @example softmax([0, 0]) // returns Float64Array [0.5, 0.5]
 */
export function softmax(z: ArrayLike<number>, offset = 0, n = z.length - offset): Float64Array {
  const largest = largestOf(z, offset, n);
  const out = new Float64Array(n);
  for (let r = 0; r < n; r++) out[r] = exp(z[offset + r] - largest);
  const sum = treeSum(out);
  for (let r = 0; r < n; r++) out[r] /= sum;
  return out;
}

/**
 * max + log(sum of e^(z - max)), the sum in the fixed tree.
 * @returns the largest entry itself when it is infinite (-inf for no entries); NaN when an entry is NaN
 * @numerics same bits as the native kernels
 * @example logSumExp([0, 0]) // returns 0.6931471805599453
 */
export function logSumExp(z: ArrayLike<number>, offset = 0, n = z.length - offset): number {
  const largest = largestOf(z, offset, n);
  if (!Number.isFinite(largest)) {
    for (let r = 0; r < n; r++) if (Number.isNaN(z[offset + r])) return Number.NaN;
    return largest;
  }
  const terms = new Float64Array(n);
  for (let r = 0; r < n; r++) terms[r] = exp(z[offset + r] - largest);
  return largest + log(treeSum(terms));
}
