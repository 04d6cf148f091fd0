/**
 * e^x and e^x - 1 from additions, multiplications, one division and a power of two: the reductions and
 * polynomials of fdlibm (Sun Microsystems, 1993). native/src/math.hpp does the same operations in the same order.
 */
import { INVERSE_LN2, LN2_HIGH, LN2_LOW, NAN, powerOfTwo, roundToInteger, scaleByPowerOfTwo } from './scale.js';

const TINY = 2 ** -54; // below it e^x - 1 rounds to x

/** p with e^r = 1 + 2 r / (2 - c) and c = r - t p, where t = r^2 and |r| <= log(2) / 2. */
export function expPolynomial(t: number): number {
  let p = t * 4.1381367970572385e-8 + -1.6533902205465252e-6;
  p = t * p + 6.613756321437934e-5;
  p = t * p + -0.0027777777777015593;
  return t * p + 0.16666666666666602;
}

/**
 * e^x.
 * @numerics same bits as the native kernels; error below 1 ULP (docs/concepts/arithmetic.md)
 * @example exp(1) // returns 2.7182818284590455
 */
export function exp(x: number): number {
  if (Number.isNaN(x)) return NAN;
  if (x > 710) return Number.POSITIVE_INFINITY;
  if (x < -746) return 0;
  const k = roundToInteger(x * INVERSE_LN2);
  const high = x - k * LN2_HIGH;
  const low = k * LN2_LOW;
  const r = high - low;
  const t = r * r;
  const c = r - t * expPolynomial(t);
  const y = 1 - (low - (r * c) / (2 - c) - high);
  return scaleByPowerOfTwo(y, k);
}

/**
 * e^x - 1, exact to the last digits near 0.
 * @numerics same bits as the native kernels; error below 1 ULP
 * @example expm1(1e-10) // returns 1.00000000005e-10
 */
export function expm1(x: number): number {
  if (Number.isNaN(x)) return NAN;
  if (Math.abs(x) < TINY) return x;
  if (x > 710) return Number.POSITIVE_INFINITY;
  if (x < -50) return -1;
  const k = roundToInteger(x * INVERSE_LN2);
  const high = x - k * LN2_HIGH;
  const low = k * LN2_LOW;
  const r = high - low;
  const c = high - r - low;
  const halfR = 0.5 * r;
  const s = r * halfR;
  let p = s * -2.0109921818362437e-7 + 4.008217827329362e-6;
  p = s * p + -7.93650757867488e-5;
  p = s * p + 0.0015873015872548146;
  p = s * p + -0.03333333333333313;
  p = s * p + 1;
  const t = 3 - p * halfR;
  const quotient = s * ((p - t) / (6 - r * t));
  if (k === 0) return r - (r * quotient - s);
  const e = r * (quotient - c) - c - s;
  if (k === -1) return 0.5 * (r - e) - 0.5;
  if (k === 1) return r < -0.25 ? -2 * (e - (r + 0.5)) : 1 + 2 * (r - e);
  if (k <= -2 || k > 56) return scaleByPowerOfTwo(1 - (e - r), k) - 1;
  const inverse = powerOfTwo(-k);
  return scaleByPowerOfTwo(k < 20 ? 1 - inverse - (e - r) : r - (e + inverse) + 1, k);
}
