/** The arithmetic contract (docs/concepts/arithmetic.md) on arrays, for checks, benchmarks and plain products across backends. */
export interface ArithmeticKernels {
  exp(out: Float64Array, x: Float64Array): void;
  expm1(out: Float64Array, x: Float64Array): void;
  log(out: Float64Array, x: Float64Array): void;
  log1p(out: Float64Array, x: Float64Array): void;
  sigmoid(out: Float64Array, x: Float64Array): void;
  sigmoidDerivative(out: Float64Array, x: Float64Array): void;
  tanh(out: Float64Array, x: Float64Array): void;
  /** out, z [rows, columns]. */
  softmax(out: Float64Array, z: Float64Array, rows: number, columns: number): void;
  /** out [rows], z [rows, columns]. */
  logSumExp(out: Float64Array, z: Float64Array, rows: number, columns: number): void;
  treeSum(x: Float64Array): number;
  treeDot(a: Float64Array, b: Float64Array): number;
  /** out [m, n] = init + A B; a [m, k] or, transposed, [k, m]; b [k, n] or [n, k]; init [m, n], [n] or empty. */
  matMul(
    out: Float64Array,
    a: Float64Array,
    b: Float64Array,
    init: Float64Array,
    m: number,
    k: number,
    n: number,
    transposeA: boolean,
    transposeB: boolean,
  ): void;
  /** out [m] = init + A x; a [m, k], x [k], init [m] or empty. */
  matVec(out: Float64Array, a: Float64Array, x: Float64Array, init: Float64Array, m: number, k: number): void;
}
