/** The inverse of a symmetric positive definite matrix, for preconditioning: a Cholesky factor of small blocks, products for the rest. */
import type { Kernels } from '../backend/index.js';

/** Matrices up to this size are inverted by plain loops. */
const BLOCK = 96;

/**
 * (A + ridge I)^-1. The ridge starts at 0 and grows tenfold while a pivot is not positive.
 *
 * @shape a [n, n], symmetric; result [n, n], symmetric to the bit
 */
export function invertSymmetric(kernels: Kernels, a: Float64Array, n: number): Float64Array {
  let largest = 0;
  for (let i = 0; i < n; i++) largest = Math.max(largest, a[i * n + i]);
  for (let ridge = 0; ; ridge = ridge === 0 ? 1e-14 * (largest || 1) : 10 * ridge) {
    const inverse = invert(kernels, a, n, ridge);
    if (inverse !== null) return inverse;
  }
}

/** Null when a pivot is not positive. */
function invert(kernels: Kernels, a: Float64Array, n: number, ridge: number): Float64Array | null {
  if (n > BLOCK) return invertHalves(kernels, a, n, ridge);
  const factor = cholesky(a, n, ridge);
  return factor === null ? null : inverseOf(factor, n);
}

/**
 * From the inverses of two halves: with X = A11^-1, Y = X A12 and T = (A22 - A12^T Y)^-1, the inverse is
 * [X + Y T Y^T, -Y T; -T Y^T, T].
 */
function invertHalves(kernels: Kernels, a: Float64Array, n: number, ridge: number): Float64Array | null {
  const p = n >> 1;
  const q = n - p;
  const x = invert(kernels, part(a, n, 0, p, 0, p), p, ridge);
  if (x === null) return null;
  const cross = part(a, n, 0, p, p, n);
  const none = new Float64Array(0);
  const y = new Float64Array(p * q);
  kernels.matMul(y, x, cross, none, p, p, q, false, false);
  const schur = new Float64Array(q * q);
  kernels.matMul(schur, cross, y, none, q, p, q, true, false);
  for (let i = 0; i < q; i++) for (let j = 0; j < q; j++) schur[i * q + j] = a[(p + i) * n + p + j] - schur[i * q + j];
  const t = invert(kernels, schur, q, ridge);
  if (t === null) return null;
  const yt = new Float64Array(p * q);
  kernels.matMul(yt, y, t, none, p, q, q, false, false);
  const top = new Float64Array(p * p);
  kernels.matMul(top, yt, y, none, p, q, p, false, true);
  const out = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      const value = i < p ? x[i * p + j] + top[i * p + j] : j < p ? -yt[j * q + i - p] : t[(i - p) * q + j - p];
      out[i * n + j] = value;
      out[j * n + i] = value;
    }
  }
  return out;
}

/** Rows [top, bottom) and columns [left, right) of a square matrix. */
function part(a: Float64Array, n: number, top: number, bottom: number, left: number, right: number): Float64Array {
  const out = new Float64Array((bottom - top) * (right - left));
  for (let i = top; i < bottom; i++) out.set(a.subarray(i * n + left, i * n + right), (i - top) * (right - left));
  return out;
}

/** Lower triangular L with L L^T = A + ridge I, or null when a pivot is not positive. */
function cholesky(a: Float64Array, n: number, ridge: number): Float64Array | null {
  const l = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = a[i * n + j] + (i === j ? ridge : 0);
      for (let k = 0; k < j; k++) sum -= l[i * n + k] * l[j * n + k];
      if (i > j) {
        l[i * n + j] = sum / l[j * n + j];
        continue;
      }
      const scale = Math.abs(a[i * n + i]) + ridge;
      if (!(sum > 1e-15 * scale)) return null;
      l[i * n + i] = Math.sqrt(sum);
    }
  }
  return l;
}

/** (L L^T)^-1 = L^-T L^-1. The inverse factor is kept transposed, so that every inner loop runs along rows. */
function inverseOf(l: Float64Array, n: number): Float64Array {
  const columns = new Float64Array(n * n); // row j holds column j of L^-1, from place j on
  for (let j = 0; j < n; j++) {
    columns[j * n + j] = 1 / l[j * n + j];
    for (let i = j + 1; i < n; i++) {
      let sum = 0;
      for (let k = j; k < i; k++) sum += l[i * n + k] * columns[j * n + k];
      columns[j * n + i] = -sum / l[i * n + i];
    }
  }
  const out = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = 0;
      for (let k = i; k < n; k++) sum += columns[i * n + k] * columns[j * n + k];
      out[i * n + j] = sum;
      out[j * n + i] = sum;
    }
  }
  return out;
}
