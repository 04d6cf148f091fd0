#pragma once
// Include simd.hpp, not this file. One number's fused multiply-add, exact on every platform. With the instruction, and
// with glibc's function, the compiler's own is used. Elsewhere on x86-64 the function that a toolchain brings along
// cannot be relied on: two of those tried round twice in about one case in 100,000. There the method is that of musl's
// fma.c (MIT licence, (c) Rich Felker and others): the product in 128 bits, the sum with a sticky last bit, one
// rounding.
#include <stdint.h>

namespace intermodel {
namespace {

#if defined(__x86_64__) && !defined(__FMA__) && (defined(__clang__) || !defined(__GLIBC__))
#define INTERMODEL_PORTABLE_FMA 1
#else
#define INTERMODEL_PORTABLE_FMA 0
#endif

/// x = mantissa * 2^exponent; the exponent says so where x is not a finite number other than zero.
struct Parts {
  uint64_t mantissa;
  int exponent;
  bool negative;
};

constexpr int kSpecial = 0x7ff - 0x3ff - 52 - 1;  // infinity or NaN; zero is above it

INTERMODEL_INLINE Parts partsOf(double x) {
  uint64_t bits;
  __builtin_memcpy(&bits, &x, sizeof bits);
  int exponent = static_cast<int>(bits >> 52) & 0x7ff;
  const bool negative = bits >> 63 != 0;
  if (exponent == 0) {  // subnormal or zero
    const double scaled = x * 0x1p63;
    __builtin_memcpy(&bits, &scaled, sizeof bits);
    exponent = static_cast<int>(bits >> 52) & 0x7ff;
    exponent = exponent != 0 ? exponent - 63 : 0x800;
  }
  return {((bits & ((1ULL << 52) - 1)) | (1ULL << 52)) << 1, exponent - 0x3ff - 52 - 1, negative};
}

/// 1 where any bit that a shift would lose is set.
INTERMODEL_INLINE uint64_t sticky(uint64_t lost) { return lost != 0 ? 1 : 0; }

INTERMODEL_INLINE double signedNumber(uint64_t magnitude, bool negative) {
  const auto value = static_cast<int64_t>(magnitude);
  return static_cast<double>(negative ? -value : value);
}

/// top * 2^exponent rounded once; top lies in [2^62, 2^63) and its last bit is sticky.
inline double roundOnce(uint64_t top, int exponent, bool negative) {
  double rounded = signedNumber(top, negative);
  if (exponent == -1022 - 63) {
    const double limit = negative ? -0x1p63 : 0x1p63;
    // One bit is lost when it is scaled: with another bit on top the conversion rounds where the result will end.
    if (rounded != limit && top << 53 != 0)
      rounded = 2.0 * signedNumber(top >> 1 | (top & 1) | 1ULL << 62, negative) - limit;
  } else if (exponent < -1022 - 63) {
    rounded = signedNumber((top >> 10 | sticky(top << 54)) << 10, negative);  // exact here, rounded when scaled
  }
  return __builtin_ldexp(rounded, exponent);
}

/// A call: written out at each of the thousands of places that need it, it makes a library of two megabytes.
__attribute__((noinline)) inline double portableFma(double a, double b, double c) {
  const Parts x = partsOf(a), y = partsOf(b), z = partsOf(c);
  if (x.exponent >= kSpecial || y.exponent >= kSpecial) return a * b + c;
  if (z.exponent > kSpecial) return a * b;  // c is zero and the product is not: adding it could only cost the sign
  if (z.exponent == kSpecial) return c;
  __extension__ using Wide = unsigned __int128;
  const Wide product = static_cast<Wide>(x.mantissa) * y.mantissa;
  auto high = static_cast<uint64_t>(product >> 64), low = static_cast<uint64_t>(product);
  uint64_t zHigh = 0, zLow = 0;
  int exponent = x.exponent + y.exponent;
  int shift = z.exponent - exponent;
  if (shift >= 64) {
    zHigh = z.mantissa;
    exponent = z.exponent - 64;
    shift -= 64;
    if (shift >= 64) {
      low = 1;
      high = 0;
    } else if (shift > 0) {
      low = high << (64 - shift) | low >> shift | sticky(low << (64 - shift));
      high >>= shift;
    }
  } else if (shift > 0) {
    zLow = z.mantissa << shift;
    zHigh = z.mantissa >> (64 - shift);
  } else if (shift == 0) {
    zLow = z.mantissa;
  } else {
    zLow = shift > -64 ? z.mantissa >> -shift | sticky(z.mantissa << (64 + shift)) : 1;
  }
  bool negative = x.negative != y.negative;
  bool wide = true;
  if (negative == z.negative) {
    low += zLow;
    high += zHigh + (low < zLow ? 1 : 0);
  } else {
    const uint64_t before = low;
    low -= zLow;
    high = high - zHigh - (before < low ? 1 : 0);
    if (high >> 63 != 0) {
      low = 0 - low;
      high = 0 - high - sticky(low);
      negative = !negative;
    }
    wide = high != 0;
  }
  if (wide) {
    const int lead = __builtin_clzll(high) - 1;  // at least 8: neither term fills the upper word
    return roundOnce(high << lead | low >> (64 - lead) | sticky(low << lead), exponent + 64 - lead, negative);
  }
  if (low == 0) return a * b + c;  // an exact zero, with the sign that IEEE gives it
  const int lead = __builtin_clzll(low) - 1;
  return roundOnce(lead < 0 ? low >> 1 | (low & 1) : low << lead, exponent - lead, negative);
}

/// a * b + c, rounded once.
INTERMODEL_INLINE double fused(double a, double b, double c) {
#if INTERMODEL_PORTABLE_FMA
  return portableFma(a, b, c);
#else
  return __builtin_fma(a, b, c);
#endif
}

}  // namespace
}  // namespace intermodel
