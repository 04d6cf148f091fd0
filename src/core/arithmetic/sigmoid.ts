/** The logistic function, its derivative and tanh, each from e^-|x| or expm1 so that no tail loses digits. */
import { exp, expm1 } from './exp.js';

/**
 * 1 / (1 + e^-x).
 * @numerics same bits as the native kernels
 * @example sigmoid(0) // returns 0.5
 */
export function sigmoid(x: number): number {
  const e = exp(-Math.abs(x));
  return (x < 0 ? e : 1) / (1 + e);
}

/**
 * The derivative of {@link sigmoid}: e^-|x| / (1 + e^-|x|)^2, above zero until e^-|x| itself underflows.
 * @numerics same bits as the native kernels
 * @example sigmoidDerivative(0) // returns 0.25
 */
export function sigmoidDerivative(x: number): number {
  const e = exp(-Math.abs(x));
  const d = 1 + e;
  return e / (d * d);
}

/**
 * The hyperbolic tangent.
 * @numerics same bits as the native kernels
 * @example tanh(1) // returns 0.7615941559557649
 */
export function tanh(x: number): number {
  const magnitude = Math.abs(x);
  let y: number;
  if (magnitude < 0.5) {
    const t = expm1(-(2 * magnitude));
    y = -t / (t + 2);
  } else {
    y = 1 - 2 / (expm1(2 * magnitude) + 2);
  }
  return x < 0 || Object.is(x, -0) ? -y : y;
}
