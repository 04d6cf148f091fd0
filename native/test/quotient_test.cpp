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

/// a / by as near to the middle between two doubles as quotients come: by and m are odd integers of 53 and 54 bits with
/// by m = 1 or -1 modulo 2^54, so that a / by = (m -+ 1 / by) / 2^54. Where the inverse is too short, any numerator.
double nearMiddle(uint64_t by, bool below) {
  constexpr uint64_t kModulus = uint64_t{1} << 54;
  uint64_t inverse = by;  // right to 3 bits; each step doubles them
  for (int step = 0; step < 5; step++) inverse *= 2 - by * inverse;
  inverse %= kModulus;
  const uint64_t m = below ? inverse : kModulus - inverse;
  if (m < kModulus / 2) return static_cast<double>(by / 3);
  const unsigned __int128 product = static_cast<unsigned __int128>(by) * m;
  return static_cast<double>(static_cast<uint64_t>((below ? product - 1 : product + 1) >> 54));
}

}  // namespace

int main() {
  if (!isRunnable()) return 77;
  RandomStream random(31, nullptr, 0);
  for (int round = 0; round < 4000; round++) {
    const double by = std::ldexp(1.0 + random.uniform(), static_cast<int>(800 * random.uniform()) - 400);
    std::vector<double> a(64);
    for (double& x : a) x = by * (2.0 * random.uniform() - 1.0);
    compare(a, by);
    const double odd = 1.0 + 2.0 * std::floor(0x1p51 * (1.0 + random.uniform()));
    for (size_t i = 0; i < a.size(); i++) a[i] = nearMiddle(static_cast<uint64_t>(odd), i % 2 == 0);
    compare(a, odd);
    for (double& x : a) x = by * std::ldexp(random.uniform(), -static_cast<int>(900 * random.uniform()));
    a[3] = -0.0, a[9] = 0.0, a[17] = by, a[25] = -by, a[33] = 5e-324;
    compare(a, by);
  }
  for (int round = 0; round < 500; round++) {  // of a subnormal reciprocal there is no second part
    const double by = std::ldexp(1.0 + random.uniform(), 1000 + round % 24);
    std::vector<double> a(64);
    for (double& x : a) x = by * (2.0 * random.uniform() - 1.0);
    compare(a, by);
  }
  for (const double by : {1.0, 2.0, 3.0, 1.0 + 0x1p-52, 2.0 - 0x1p-52, 0x1p-1022, 0x1p1023, 5e-324, 1e308}) {
    std::vector<double> a(64);
    for (double& x : a) x = by * (2.0 * random.uniform() - 1.0);
    compare(a, by);
  }
  return check::finish();
}
