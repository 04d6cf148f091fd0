/** The arithmetic contract on arrays, one output at a time. */
import {
  exp,
  expm1,
  log,
  log1p,
  logSumExp,
  matMul,
  matVec,
  sigmoid,
  sigmoidDerivative,
  softmax,
  tanh,
  treeDot,
  treeSum,
} from '../core/arithmetic/index.js';

type Elementwise = (out: Float64Array, x: Float64Array) => void;

const elementwise =
  (f: (x: number) => number): Elementwise =>
  (out, x) => {
    for (let k = 0; k < x.length; k++) out[k] = f(x[k]);
  };

const orNone = (init: Float64Array): Float64Array | undefined => (init.length === 0 ? undefined : init);

export const arithmeticReference = {
  exp: elementwise(exp),
  expm1: elementwise(expm1),
  log: elementwise(log),
  log1p: elementwise(log1p),
  sigmoid: elementwise(sigmoid),
  sigmoidDerivative: elementwise(sigmoidDerivative),
  tanh: elementwise(tanh),
  /** out, z [rows, columns]. */
  softmax(out: Float64Array, z: Float64Array, rows: number, columns: number): void {
    for (let row = 0; row < rows; row++) out.set(softmax(z, row * columns, columns), row * columns);
  },
  /** out [rows], z [rows, columns]. */
  logSumExp(out: Float64Array, z: Float64Array, rows: number, columns: number): void {
    for (let row = 0; row < rows; row++) out[row] = logSumExp(z, row * columns, columns);
  },
  treeSum: (x: Float64Array): number => treeSum(x),
  treeDot: (a: Float64Array, b: Float64Array): number => treeDot(a, b),
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
  ): void {
    const start = orNone(init);
    out.set(matMul(a, b, m, k, n, start === undefined ? { transposeA, transposeB } : { transposeA, transposeB, init: start }));
  },
  /** out [m] = init + A x; a [m, k], x [k], init [m] or empty. */
  matVec(out: Float64Array, a: Float64Array, x: Float64Array, init: Float64Array, m: number, k: number): void {
    out.set(matVec(a, x, m, k, orNone(init)));
  },
};
