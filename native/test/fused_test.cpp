/// The portable fused multiply-add against the C library's, which glibc takes from the processor or computes exactly.
#define INTERMODEL_ISA_SCALAR
#include <cmath>
#include <limits>

#include "check.hpp"
#include "simd.hpp"

using namespace intermodel;

namespace {

uint64_t state = 0x9e3779b97f4a7c15ULL;

uint64_t nextWord() {  // xorshift64*: any bits will do here
  state ^= state >> 12;
  state ^= state << 25;
  state ^= state >> 27;
  return state * 0x2545f4914f6cdd1dULL;
}

/// Any bit pattern, or one whose exponent lies within `span` of `centre`.
double numberNear(int centre, int span) {
  const uint64_t exponent =
      static_cast<uint64_t>(1023 + centre - span) + nextWord() % static_cast<uint64_t>(2 * span + 1);
  // Mantissas with few bits make ties; a full one makes everything else.
  const uint64_t mantissa = (nextWord() & (nextWord() % 3 == 0 ? 0xfffff00000000ULL : 0xfffffffffffffULL));
  return doubleFromBits((nextWord() & 1ULL) << 63 | (exponent & 0x7ff) << 52 | mantissa);
}

void compare(double a, double b, double c) { CHECK(check::sameBits(portableFma(a, b, c), std::fma(a, b, c))); }

}  // namespace

int main() {
  constexpr double kTiny = 0x1p-1074, kLeast = 0x1p-1022, kMost = 0x1.fffffffffffffp1023;
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const double edges[] = {0.0,
                          -0.0,
                          1.0,
                          -1.0,
                          0x1.0000000000001p0,
                          0x1.fffffffffffffp-1,
                          kTiny,
                          -kTiny,
                          3 * kTiny,
                          kLeast,
                          -kLeast,
                          kLeast - kTiny,
                          kMost,
                          -kMost,
                          0x1p-537,
                          0x1p-511,
                          0x1p53,
                          -0x1p-53,
                          kInfinity,
                          -kInfinity,
                          std::numeric_limits<double>::quiet_NaN()};
  for (const double a : edges)
    for (const double b : edges)
      for (const double c : edges) compare(a, b, c);
  for (int round = 0; round < 400'000; round++) {
    compare(doubleFromBits(nextWord()), doubleFromBits(nextWord()), doubleFromBits(nextWord()));
    compare(numberNear(0, 2), numberNear(0, 2), numberNear(0, 60));
    compare(numberNear(-511, 3), numberNear(-511, 3), numberNear(-1021, 1));  // around the least normal number
    compare(numberNear(-537, 20), numberNear(-520, 20), numberNear(-1010, 12));
    compare(numberNear(511, 2), numberNear(511, 2), numberNear(1022, 1));
    const double a = numberNear(0, 3), b = numberNear(0, 3);
    compare(a, b, -a * b);  // what rounding the product loses
    compare(a, b, -a * b * (1.0 + static_cast<double>(nextWord() % 4096) * 0x1p-52));  // and a little more
  }
  return check::finish();
}
