/** Bits of a double, and powers of two. */

/** The one NaN that these functions return: 0x7ff8000000000000. */
export const NAN = Number.NaN;

const double = new Float64Array(1);
const words = new Uint32Array(double.buffer);
const LITTLE_ENDIAN = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1;
const HIGH = LITTLE_ENDIAN ? 1 : 0;

/** Adding and subtracting it rounds to the nearest even integer: 1.5 * 2^52. */
const ROUND_MAGIC = 6755399441055744;

export const LN2_HIGH = 0.6931471803691238; // 32 significant bits, so k * LN2_HIGH is exact
export const LN2_LOW = 1.9082149292705877e-10;
export const INVERSE_LN2 = Math.LOG2E;

/** The nearest integer, ties to even, for |x| < 2^51. */
export function roundToInteger(x: number): number {
  return x + ROUND_MAGIC - ROUND_MAGIC;
}

const LOWEST_POWER = -1100;
const POWERS = new Float64Array(2200);
for (let k = -1022; k <= 1023; k++) {
  words[HIGH] = (k + 1023) << 20;
  words[1 - HIGH] = 0;
  POWERS[k - LOWEST_POWER] = double[0];
}
for (let k = -1023; k >= -1074; k--) POWERS[k - LOWEST_POWER] = POWERS[k + 1 - LOWEST_POWER] / 2;

/** 2^k for an integer k in [-1074, 1023]. */
export function powerOfTwo(k: number): number {
  return POWERS[k - LOWEST_POWER];
}

/** y * 2^k with one rounding, for an integer |k| <= 2044. */
export function scaleByPowerOfTwo(y: number, k: number): number {
  const half = roundToInteger(k * 0.5);
  return y * POWERS[half - LOWEST_POWER] * POWERS[k - half - LOWEST_POWER];
}

/** High word of 1 minus that of sqrt(1/2): moves the cut between exponents from 1 to sqrt(2). */
const CUT = 0x3ff00000 - 0x3fe6a09e;

/** k with x = m * 2^k and m in about [sqrt(1/2), sqrt(2)), for a positive normal x. */
export function exponentOf(x: number): number {
  double[0] = x;
  return ((words[HIGH] + CUT) >>> 20) - 1023;
}

/** m of the same split, given k. */
export function mantissaOf(x: number, k: number): number {
  return x * POWERS[-k - LOWEST_POWER];
}
