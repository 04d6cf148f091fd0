/** The elementwise functions over arrays, one element at a time. */
import { exp, expm1, log, log1p, sigmoid, sigmoidDerivative } from '../core/arithmetic/index.js';

type Elementwise = (out: Float64Array, x: Float64Array) => void;

const elementwise =
  (f: (x: number) => number): Elementwise =>
  (out, x) => {
    for (let k = 0; k < x.length; k++) out[k] = f(x[k]);
  };

export const arithmeticReference = {
  exp: elementwise(exp),
  expm1: elementwise(expm1),
  log: elementwise(log),
  log1p: elementwise(log1p),
  sigmoid: elementwise(sigmoid),
  sigmoidDerivative: elementwise(sigmoidDerivative),
};
