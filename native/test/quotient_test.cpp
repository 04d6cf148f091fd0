/// Quotients by a reciprocal against the division: any numbers, those next to a rounding boundary, zeros and extremes.
/// Compiled once for AVX2 and once for AVX-512; on a processor without them it ends with 77, which ctest calls skipped.
#include <cmath>
#include <cstring>
#include <vector>

#if defined(__AVX512F__)
#define INTERMODEL_ISA_AVX512
#else
#define INTERMODEL_ISA_AVX2
#endif
#include "quotient.hpp"

#include "check.hpp"
#include "random.hpp"

using namespace intermodel;

namespace {

bool isRunnable() {
#if defined(INTERMODEL_ISA_AVX512)
  return __builtin_cpu_supports("avx512f");
#else
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#endif
}

void compare(const std::vector<double>& a, double by) {
  const Divisor divisor = divisorOf(by);
  for (size_t r = 0; r + kLanes <= a.size(); r += kLanes) {
    double found[kLanes], wanted[kLanes];
    store(found, quotient(load(a.data() + r), divisor));
    for (int i = 0; i < kLanes; i++) wanted[i] = a[r + static_cast<size_t>(i)] / by;
    CHECK(std::memcmp(found, wanted, sizeof found) == 0);
  }
}

/// Numerators whose quotient lies as near as they come to the middle between two doubles.
double nearBoundary(RandomStream& random, double by) {
  const double q = (0.5 + 0.5 * random.uniform()) * (random.uniform() < 0.5 ? -1.0 : 1.0);
  const double half = 0.5 * (std::nextafter(q, 2.0) - q);
  return std::fma(q, by, half * by);
}

}  // namespace

int main() {
  if (!isRunnable()) return 77;
  RandomStream random(31, nullptr, 0);
  for (int round = 0; round < 4000; round++) {
    const double by = std::ldexp(1.0 + random.uniform(), static_cast<int>(800 * random.uniform()) - 400);
    std::vector<double> a(64);
    for (size_t i = 0; i < a.size(); i++)
      a[i] = i % 2 == 0 ? nearBoundary(random, by) : by * (2.0 * random.uniform() - 1.0);
    compare(a, by);
    for (double& x : a) x = by * std::ldexp(random.uniform(), -static_cast<int>(900 * random.uniform()));
    a[3] = -0.0, a[9] = 0.0, a[17] = by, a[25] = -by, a[33] = 5e-324;
    compare(a, by);
  }
  for (const double by : {1.0, 2.0, 3.0, 1.0 + 0x1p-52, 2.0 - 0x1p-52, 0x1p-1022, 0x1p1023, 5e-324, 1e308}) {
    std::vector<double> a(64);
    for (double& x : a) x = by * (2.0 * random.uniform() - 1.0);
    compare(a, by);
  }
  return check::finish();
}
