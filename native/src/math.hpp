/// Elementary functions on one vector: exp, expm1, log, log1p, sigmoid, sigmoidDerivative, tanh.
///
/// The same additions, multiplications, divisions and bit operations, in the same order, as src/core/arithmetic/*.ts,
/// so both give the same bits. A fused multiply-add only where the rounding error of a quotient or a product is wanted:
/// TypeScript has none in hardware. The reductions and polynomials are those of fdlibm (Sun Microsystems, 1993),
/// without branches.
/// Every NaN returned is 0x7ff8000000000000. Contract and measured errors: docs/concepts/arithmetic.md.
#pragma once

#include "simd.hpp"

namespace intermodel {
namespace {

constexpr double kLn2High = 6.93147180369123816490e-01;  // 32 significant bits, so k * kLn2High is exact
constexpr double kLn2Low = 1.90821492927058770002e-10;
constexpr double kInverseLn2 = 1.44269504088896338700e+00;
constexpr double kRoundMagic = 6755399441055744.0;  // 1.5 * 2^52: adding it rounds to the nearest even integer

INTERMODEL_INLINE F64 roundToInteger(F64 x) { return (x + broadcast(kRoundMagic)) - broadcast(kRoundMagic); }

/// 2^k for an integer k in [-1022, 1023], held as a double.
INTERMODEL_INLINE F64 powerOfTwo(F64 k) { return shiftLeft<52>(k + broadcast(kRoundMagic + 1023.0)); }

/// y * 2^k with one rounding, for |k| <= 2044 and y in (1/4, 4) in every lane whose result is used.
INTERMODEL_INLINE F64 scaleByPowerOfTwo(F64 y, F64 k) {
  if (all(lessEqual(absolute(k), broadcast(1000.0)))) return bitAdd(y, shiftLeft<52>(k + broadcast(kRoundMagic)));
  const F64 half = roundToInteger(k * broadcast(0.5));
  return (y * powerOfTwo(half)) * powerOfTwo(k - half);
}

/// p with e^r = 1 + 2 r / (2 - c) and c = r - t p, where t = r^2 and |r| <= log(2) / 2.
INTERMODEL_INLINE F64 expPolynomial(F64 t) {
  F64 p = t * broadcast(4.13813679705723846039e-08) + broadcast(-1.65339022054652515390e-06);
  p = t * p + broadcast(6.61375632143793436117e-05);
  p = t * p + broadcast(-2.77777777770155933842e-03);
  return t * p + broadcast(1.66666666666666019037e-01);
}

/// e^x.
INTERMODEL_INLINE F64 exp(F64 x) {
  const F64 bounded = maximum(minimum(x, broadcast(710.0)), broadcast(-746.0));
  const F64 k = roundToInteger(bounded * broadcast(kInverseLn2));
  const F64 high = bounded - k * broadcast(kLn2High);
  const F64 low = k * broadcast(kLn2Low);
  const F64 r = high - low;
  const F64 t = r * r;
  const F64 c = r - t * expPolynomial(t);
  const F64 y = broadcast(1.0) - ((low - (r * c) / (broadcast(2.0) - c)) - high);
  return select(isNan(x), canonicalNan(), scaleByPowerOfTwo(y, k));
}

/// e^x - 1.
INTERMODEL_INLINE F64 expm1(F64 x) {
  const F64 one = broadcast(1.0), half = broadcast(0.5);
  const F64 bounded = maximum(minimum(x, broadcast(710.0)), broadcast(-50.0));
  const F64 k = roundToInteger(bounded * broadcast(kInverseLn2));
  const F64 high = bounded - k * broadcast(kLn2High);
  const F64 low = k * broadcast(kLn2Low);
  const F64 r = high - low;
  const F64 c = (high - r) - low;
  const F64 halfR = half * r;
  const F64 s = r * halfR;
  F64 p = s * broadcast(-2.01099218183624371326e-07) + broadcast(4.00821782732936239552e-06);
  p = s * p + broadcast(-7.93650757867487942473e-05);
  p = s * p + broadcast(1.58730158725481460165e-03);
  p = s * p + broadcast(-3.33333333333331316428e-02);
  p = s * p + one;
  const F64 t = broadcast(3.0) - p * halfR;
  const F64 quotient = s * ((p - t) / (broadcast(6.0) - r * t));
  const F64 e = (r * (quotient - c) - c) - s;

  const F64 whole = one - (e - r);
  const F64 inverse = powerOfTwo(-k);  // read only where 2 <= k <= 56
  const Mask subtractLast = lessEqual(k, broadcast(-2.0)) | greater(k, broadcast(56.0));
  F64 scaled = select(less(k, broadcast(20.0)), (one - inverse) - (e - r), (r - (e + inverse)) + one);
  scaled = scaleByPowerOfTwo(select(subtractLast, whole, scaled), k);
  F64 y = select(subtractLast, scaled - one, scaled);
  const F64 oneBelow = broadcast(-2.0) * (e - (r + half));
  const F64 oneAbove = one + broadcast(2.0) * (r - e);
  y = select(equal(k, one), select(less(r, broadcast(-0.25)), oneBelow, oneAbove), y);
  y = select(equal(k, broadcast(-1.0)), half * (r - e) - half, y);
  y = select(equal(k, zero()), r - (r * quotient - s), y);  // c = 0 here
  y = select(less(absolute(x), broadcast(0x1p-54)), x, y);
  return select(isNan(x), canonicalNan(), y);
}

/// A number split as m * 2^k with m in about [sqrt(1/2), sqrt(2)).
struct Split {
  F64 mantissa, exponent;
};

/// Splits a positive normal number.
INTERMODEL_INLINE Split splitExponent(F64 x) {
  const F64 shifted = bitAdd(x, fromBits(uint64_t{0x3ff00000 - 0x3fe6a09e} << 32));
  const F64 exponent = bitOr(shiftRight<52>(shifted), broadcast(0x1p52)) - broadcast(0x1p52 + 1023.0);
  const F64 fraction = bitAnd(shifted, fromBits(0x000fffffffffffffull));
  return {bitAdd(fraction, fromBits(uint64_t{0x3fe6a09e} << 32)), exponent};
}

/// log(1 + f) + k log 2 + correction, for 1 + f in [sqrt(1/2), sqrt(2)].
INTERMODEL_INLINE F64 logPolynomial(F64 f, F64 k, F64 correction) {
  const F64 halfSquare = (broadcast(0.5) * f) * f;
  const F64 s = f / (broadcast(2.0) + f);
  const F64 z = s * s;
  const F64 w = z * z;
  F64 even = w * broadcast(1.531383769920937332e-01) + broadcast(2.222219843214978396e-01);
  even = w * even + broadcast(3.999999999940941908e-01);
  F64 odd = w * broadcast(1.479819860511658591e-01) + broadcast(1.818357216161805012e-01);
  odd = w * odd + broadcast(2.857142874366239149e-01);
  odd = w * odd + broadcast(6.666666666666735130e-01);
  const F64 r = z * odd + w * even;
  return (((s * (halfSquare + r) + (k * broadcast(kLn2Low) + correction)) - halfSquare) + f) + k * broadcast(kLn2High);
}

/// Natural logarithm; -inf at either zero, NaN below.
INTERMODEL_INLINE F64 log(F64 x) {
  const F64 infinity = fromBits(0x7ff0000000000000ull);
  const Mask subnormal = less(x, broadcast(0x1p-1022));
  const F64 scaled = select(subnormal, x * broadcast(0x1p54), x);
  const Split part = splitExponent(scaled);
  const F64 k = part.exponent - select(subnormal, broadcast(54.0), zero());
  F64 y = logPolynomial(part.mantissa - broadcast(1.0), k, zero());
  y = select(equal(x, infinity), infinity, y);
  y = select(equal(x, zero()), -infinity, y);
  return select(less(x, zero()) | isNan(x), canonicalNan(), y);
}

/// log(1 + x); -inf at -1, NaN below.
INTERMODEL_INLINE F64 log1p(F64 x) {
  const F64 one = broadcast(1.0), infinity = fromBits(0x7ff0000000000000ull);
  const F64 u = one + x;
  const Split part = splitExponent(u);
  const F64 lost = select(greaterEqual(part.exponent, broadcast(2.0)), one - (u - x), x - (u - one));
  const Mask small = greater(x, broadcast(-0.2928)) & less(x, broadcast(0.4142));
  const F64 f = select(small, x, part.mantissa - one);
  const F64 k = select(small, zero(), part.exponent);
  F64 y = logPolynomial(f, k, select(small, zero(), lost / u));
  y = select(less(absolute(x), broadcast(0x1p-53)), x, y);
  y = select(equal(x, infinity), infinity, y);
  y = select(equal(x, broadcast(-1.0)), -infinity, y);
  return select(less(x, broadcast(-1.0)) | isNan(x), canonicalNan(), y);
}

/// high + low, unevaluated: low is of the size of the rounding error of high.
struct Pair {
  F64 high, low;
};

constexpr double kLowestPower = -900.0;  // so far from the subnormal numbers that products with the power are exact

/// e = e^-m as a fraction: e = 2^exponent upper / lower and 1 + e = sum / lower.
struct Logistic {
  Pair upper, sum;
  F64 lower;
  F64 lost;       ///< what rounding took from lower
  F64 inverse;    ///< 1 / sum.high
  F64 exponent;   ///< an integer, at most 0
  F64 power;      ///< 2^exponent, or 2^-900 where that is larger
  F64 remainder;  ///< -m - exponent log(2): exactly -m where the exponent is 0
};

/// The quotient that exp takes, e^r = (2 - c + 2 r) / (2 - c), before it is taken: no exponential is rounded on the
/// way, and one division serves everything made from e. upper / lower is e^r to about 2^-55, and to about 2^-57 when
/// `lost` is added to both. For x = -m <= 0.
INTERMODEL_INLINE Logistic logistic(F64 minusM) {
  const F64 two = broadcast(2.0);
  const F64 x = maximum(broadcast(-746.0), minusM);  // in this order a NaN passes
  const F64 k = roundToInteger(x * broadcast(kInverseLn2));
  const F64 high = fmaExact(-k, broadcast(kLn2High), x);
  const F64 low = k * broadcast(kLn2Low);
  const F64 r = high - low;
  const F64 rLow = (high - r) - low;
  const F64 t = r * r;
  const F64 product = t * expPolynomial(t);
  const F64 c = r - product;
  const F64 lower = two - c;
  const F64 lost = ((two - lower) - c) - (((r - c) - product) + rLow);
  const F64 upper = fmaExact(two, r, lower);
  const F64 upperLow = fmaExact(two, rLow, fmaExact(two, r, lower - upper));
  const F64 power = powerOfTwo(maximum(k, broadcast(kLowestPower)));
  const F64 sum = fmaExact(upper, power, lower);
  const F64 sumLow = fmaExact(upperLow, power, fmaExact(upper, power, lower - sum));
  return {{upper, upperLow}, {sum, sumLow}, lower, lost, broadcast(1.0) / sum, k, power, r};
}

/// 2^exponent y with one rounding.
INTERMODEL_INLINE F64 scaleBy(const Logistic& e, F64 y) {
  const F64 near = y * e.power, lowest = broadcast(kLowestPower);
  return any(less(e.exponent, lowest)) ? near * powerOfTwo(minimum(e.exponent - lowest, zero())) : near;
}

/// (a + aLow) / sum: a quotient, and what its residual adds to it.
INTERMODEL_INLINE Pair overSum(F64 a, F64 aLow, const Logistic& e) {
  const F64 q = a * e.inverse;
  const F64 residual = fma(-q, e.sum.high, a) + fma(-q, e.sum.low, aLow);
  return {q, residual * e.inverse};
}

/// e / (1 + e)^2 from p = 1 / (1 + e) and q = 2^-exponent e / (1 + e): their product with its rounding error put back.
INTERMODEL_INLINE F64 logisticSlope(Pair p, Pair q, const Logistic& e) {
  const F64 product = p.high * q.high;
  const F64 lost = fma(p.low, q.high, fma(p.high, q.low, fma(p.high, q.high, -product)));
  return scaleBy(e, product + lost);
}

/// -|x|
INTERMODEL_INLINE F64 minusAbsolute(F64 x) { return bitOr(x, broadcast(-0.0)); }

/// 1 / (1 + e^-x), from e = e^-|x| so that neither tail loses digits: 1 / (1 + e) above 0, e / (1 + e) below.
INTERMODEL_INLINE F64 sigmoid(F64 x) {
  const Logistic e = logistic(minusAbsolute(x));
  const Mask below = less(x, zero());
  const Pair q = overSum(select(below, e.upper.high, e.lower), select(below, e.upper.low, zero()), e);
  const F64 y = q.high + q.low;
  return select(isNan(x), canonicalNan(), select(below, scaleBy(e, y), y));
}

/// sigmoid and its derivative at one point, any NaN as it comes.
struct SigmoidPoint {
  F64 value, slope;
};

/// The same bits as the two functions, for the price of one.
INTERMODEL_INLINE SigmoidPoint sigmoidPoint(F64 x) {
  const Logistic e = logistic(minusAbsolute(x));
  const Pair p = overSum(e.lower, zero(), e), q = overSum(e.upper.high, e.upper.low, e);
  const F64 below = scaleBy(e, q.high + q.low);
  return {select(less(x, zero()), below, p.high + p.low), logisticSlope(p, q, e)};
}

/// e^-|x| / (1 + e^-|x|)^2, which stays above zero until e^-|x| itself underflows.
INTERMODEL_INLINE F64 sigmoidDerivative(F64 x) { return select(isNan(x), canonicalNan(), sigmoidPoint(x).slope); }

/// tanh |x| = (1 - e) / (1 + e) with e = e^-2|x|; where the exponent is 0 the numerator is twice the remainder,
/// exactly.
INTERMODEL_INLINE F64 tanh(F64 x) {
  Logistic e = logistic(broadcast(2.0) * minusAbsolute(x));
  e.sum.low = e.sum.low + fmaExact(e.lost, e.power, e.lost);
  const F64 high = fmaExact(-e.upper.high, e.power, e.lower);
  const F64 low = fmaExact(-e.upper.low, e.power, fmaExact(-e.upper.high, e.power, e.lower - high));
  const Mask small = equal(e.exponent, zero());
  const Pair q = overSum(select(small, broadcast(-2.0) * e.remainder, high),
                         select(small, zero(), low + fmaExact(-e.lost, e.power, e.lost)), e);
  const F64 signedY = bitOr(q.high + q.low, bitAnd(x, broadcast(-0.0)));
  return select(isNan(x), canonicalNan(), signedY);
}

}  // namespace
}  // namespace intermodel
