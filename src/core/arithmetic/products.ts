/**
 * Matrix products: each output is one chain of fused multiply-adds over the reduction index, in ascending order,
 * from its starting value (+0 unless given). Matrices are row-major.
 */
import { fma } from './fma.js';

/**
 * A x, plus `init` where given.
 * @shape a [m, k], x [k], init [m]
 * @numerics same bits as the native kernels
 * @example matVec([1, 2, 3, 4], [1, 1], 2, 2) // returns Float64Array [3, 7]
 */
export function matVec(a: ArrayLike<number>, x: ArrayLike<number>, m: number, k: number, init?: ArrayLike<number>): Float64Array {
  const y = new Float64Array(m);
  for (let i = 0; i < m; i++) {
    let sum = init === undefined ? 0 : init[i];
    for (let p = 0; p < k; p++) sum = fma(a[i * k + p], x[p], sum);
    y[i] = sum;
  }
  return y;
}

/** Which operands of {@link matMul} are stored transposed, and where its chains start. */
export interface MatMulOptions {
  /** `a` is stored [k, m]. */
  readonly transposeA?: boolean;
  /** `b` is stored [n, k]. */
  readonly transposeB?: boolean;
  /** Starting value of every chain, [m, n], or one row [n] for all. */
  readonly init?: ArrayLike<number>;
}

/**
 * A B, plus `init` where given.
 * @shape a [m, k] or [k, m], b [k, n] or [n, k], init [m, n] or [n]
 * @numerics same bits as the native kernels
 * @example matMul([1, 2], [3, 4], 1, 2, 1) // returns Float64Array [11]
 */
export function matMul(
  a: ArrayLike<number>,
  b: ArrayLike<number>,
  m: number,
  k: number,
  n: number,
  options: MatMulOptions = {},
): Float64Array {
  const { transposeA = false, transposeB = false, init } = options;
  const initRow = init === undefined || init.length === n ? 0 : n;
  const c = new Float64Array(m * n);
  for (let i = 0; i < m; i++) {
    for (let j = 0; j < n; j++) {
      let sum = init === undefined ? 0 : init[i * initRow + j];
      for (let p = 0; p < k; p++) sum = fma(transposeA ? a[p * m + i] : a[i * k + p], transposeB ? b[j * k + p] : b[p * n + j], sum);
      c[i * n + j] = sum;
    }
  }
  return c;
}
