/**
 * The logistic function, its derivative and tanh, from e^-|x| kept as a fraction of two numbers with twice the digits of a
 * double, so that one rounding is left at the end. native/src/math.hpp does the same operations in the same order.
 */
import { expPolynomial } from './exp.js';
import { fma } from './fma.js';
import { INVERSE_LN2, LN2_HIGH, LN2_LOW, NAN, powerOfTwo, roundToInteger } from './scale.js';

/** high + low, unevaluated: low is of the size of the rounding error of high. */
interface Pair {
  readonly high: number;
  readonly low: number;
}

const LOWEST_POWER = -900; // so far from the subnormal numbers that products with the power are exact

/** e = e^-m as a fraction: e = 2^exponent upper / lower and 1 + e = sum / lower. */
interface Logistic {
  readonly upper: Pair;
  readonly sum: Pair;
  readonly lower: number;
  /** What rounding took from lower. */
  readonly lost: number;
  /** 1 / sum.high. */
  readonly inverse: number;
  /** An integer, at most 0. */
  readonly exponent: number;
  /** 2^exponent, or 2^-900 where that is larger. */
  readonly power: number;
  /** -m - exponent log(2): exactly -m where the exponent is 0. */
  readonly remainder: number;
}

/**
 * The quotient that exp takes, e^r = (2 - c + 2 r) / (2 - c), before it is taken: no exponential is rounded on the way.
 * upper / lower is e^r to about 2^-55, and to about 2^-57 when `lost` is added to both. For x = -m <= 0.
 */
function logistic(minusM: number): Logistic {
  const x = Math.max(-746, minusM);
  const k = roundToInteger(x * INVERSE_LN2);
  const high = x - k * LN2_HIGH;
  const low = k * LN2_LOW;
  const r = high - low;
  const rLow = high - r - low;
  const t = r * r;
  const product = t * expPolynomial(t);
  const c = r - product;
  const lower = 2 - c;
  const lost = 2 - lower - c - (r - c - product + rLow);
  const upper = lower + 2 * r;
  const upperLow = lower - upper + 2 * r + 2 * rLow;
  const power = powerOfTwo(Math.max(k, LOWEST_POWER));
  const sum = lower + upper * power;
  const sumLow = lower - sum + upper * power + upperLow * power;
  return {
    upper: { high: upper, low: upperLow },
    sum: { high: sum, low: sumLow },
    lower,
    lost,
    inverse: 1 / sum,
    exponent: k,
    power,
    remainder: r,
  };
}

/** 2^exponent y with one rounding. */
function scaleBy({ exponent, power }: Logistic, y: number): number {
  return y * power * powerOfTwo(Math.min(exponent - LOWEST_POWER, 0));
}

/** (a + aLow) / sum: a quotient, and what its residual adds to it. */
function overSum(a: number, aLow: number, sum: Pair, inverse: number): Pair {
  const high = a * inverse;
  const residual = fma(-high, sum.high, a) + fma(-high, sum.low, aLow);
  return { high, low: residual * inverse };
}

/**
 * 1 / (1 + e^-x): 1 / (1 + e) above 0, e / (1 + e) below, with e = e^-|x|.
 * @numerics same bits as the native kernels; error below 1 ULP
 * @example sigmoid(0) // returns 0.5
 */
export function sigmoid(x: number): number {
  if (Number.isNaN(x)) return NAN;
  const e = logistic(-Math.abs(x));
  const q = x < 0 ? overSum(e.upper.high, e.upper.low, e.sum, e.inverse) : overSum(e.lower, 0, e.sum, e.inverse);
  const y = q.high + q.low;
  return x < 0 ? scaleBy(e, y) : y;
}

/**
 * The derivative of {@link sigmoid}: e^-|x| / (1 + e^-|x|)^2, above zero until e^-|x| itself underflows.
 * @numerics same bits as the native kernels; error below 1 ULP
 * @example sigmoidDerivative(0) // returns 0.25
 */
export function sigmoidDerivative(x: number): number {
  if (Number.isNaN(x)) return NAN;
  const e = logistic(-Math.abs(x));
  const p = overSum(e.lower, 0, e.sum, e.inverse);
  const q = overSum(e.upper.high, e.upper.low, e.sum, e.inverse);
  const product = p.high * q.high;
  const lost = fma(p.low, q.high, fma(p.high, q.low, fma(p.high, q.high, -product)));
  return scaleBy(e, product + lost);
}

/**
 * The hyperbolic tangent: (1 - e) / (1 + e) with e = e^-2|x|, its numerator taken from x itself where that is small.
 * @numerics same bits as the native kernels; error below 1 ULP
 * @example tanh(1) // returns 0.7615941559557649
 */
export function tanh(x: number): number {
  if (Number.isNaN(x)) return NAN;
  const e = logistic(-2 * Math.abs(x));
  const { upper, lower, lost, power } = e;
  const sum = { high: e.sum.high, low: e.sum.low + (lost + lost * power) };
  const high = lower - upper.high * power;
  const low = lower - high - upper.high * power - upper.low * power + (lost - lost * power);
  const q = e.exponent === 0 ? overSum(-2 * e.remainder, 0, sum, e.inverse) : overSum(high, low, sum, e.inverse);
  const y = q.high + q.low;
  return x < 0 || Object.is(x, -0) ? -y : y;
}
