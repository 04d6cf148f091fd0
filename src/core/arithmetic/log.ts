/**
 * Natural logarithms from additions, multiplications and divisions: the split at sqrt(2) and the polynomial of fdlibm
 * (Sun Microsystems, 1993). native/src/math.hpp does the same operations in the same order.
 */
import { exponentOf, LN2_HIGH, LN2_LOW, mantissaOf, NAN } from './scale.js';

const SMALLEST_NORMAL = 2.2250738585072014e-308;
const SUBNORMAL_SCALE = 2 ** 54;
const TINY = 2 ** -53; // below it log(1 + x) rounds to x

/** log(1 + f) + k log 2 + correction, for 1 + f in [sqrt(1/2), sqrt(2)]. */
function logPolynomial(f: number, k: number, correction: number): number {
  const halfSquare = 0.5 * f * f;
  const s = f / (2 + f);
  const z = s * s;
  const w = z * z;
  let even = w * 0.15313837699209373 + 0.22222198432149784;
  even = w * even + 0.3999999999940942;
  let odd = w * 0.14798198605106586 + 0.1818357216161805;
  odd = w * odd + 0.2857142874366239;
  odd = w * odd + 0.6666666666666735;
  const r = z * odd + w * even;
  return s * (halfSquare + r) + (k * LN2_LOW + correction) - halfSquare + f + k * LN2_HIGH;
}

/**
 * The natural logarithm: -inf at either zero, NaN below.
 * @numerics same bits as the native kernels; error below 1 ULP
 * @example log(10) // returns 2.302585092994046
 */
export function log(x: number): number {
  if (x < 0 || Number.isNaN(x)) return NAN;
  if (x === 0) return Number.NEGATIVE_INFINITY;
  if (x === Number.POSITIVE_INFINITY) return x;
  const subnormal = x < SMALLEST_NORMAL;
  const scaled = subnormal ? x * SUBNORMAL_SCALE : x;
  const k = exponentOf(scaled);
  return logPolynomial(mantissaOf(scaled, k) - 1, subnormal ? k - 54 : k, 0);
}

/**
 * log(1 + x), exact to the last digits near 0: -inf at -1, NaN below.
 * @numerics same bits as the native kernels; error below 1 ULP
 * @example log1p(1e-10) // returns 9.999999999500001e-11
 */
export function log1p(x: number): number {
  if (x < -1 || Number.isNaN(x)) return NAN;
  if (x === -1) return Number.NEGATIVE_INFINITY;
  if (x === Number.POSITIVE_INFINITY || Math.abs(x) < TINY) return x;
  if (x > -0.2928 && x < 0.4142) return logPolynomial(x, 0, 0);
  const u = 1 + x;
  const k = exponentOf(u);
  const lost = k >= 2 ? 1 - (u - x) : x - (u - 1);
  return logPolynomial(mantissaOf(u, k) - 1, k, lost / u);
}
