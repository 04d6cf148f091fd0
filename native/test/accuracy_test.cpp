/// Largest error of each elementwise function, in units in the last place, against libquadmath's 113-bit functions.
#include <quadmath.h>

#include <cmath>

#include "check.hpp"
#include "functions.hpp"
#include "intermodel/dispatch.hpp"
#include "kernel_table.hpp"
#include "points.hpp"

namespace {

using Quad = __float128;

constexpr size_t kPoints = 1000000;  // per function

Quad exactSigmoid(Quad x) { return x < 0 ? expq(x) / (1 + expq(x)) : 1 / (1 + expq(-x)); }
Quad exactDerivative(Quad x) {
  const Quad e = expq(-fabsq(x));
  return e / ((1 + e) * (1 + e));
}

struct Oracle {
  Quad (*function)(Quad);
  double low, high;  ///< where the function is not trivial
  double allowed;    ///< units in the last place
};

/// In the order of kFunctions.
const Oracle kOracles[] = {
    {expq, -745.2, 709.79, 0.9}, {expm1q, -40.0, 709.79, 0.9},      {logq, 0.0, 1e308, 0.9},
    {log1pq, -1.0, 1e308, 0.9},  {exactSigmoid, -745.2, 40.0, 0.9}, {exactDerivative, -745.2, 745.2, 0.9},
    {tanhq, -20.0, 20.0, 0.6},
};

double errorInUnits(double found, Quad truth) {
  if (truth == 0) return found == 0 ? 0.0 : 1e300;
  if (static_cast<double>(truth) == found) return 0.0;  // the same infinity, or the nearest double itself: below 1/2
  int exponent;
  frexpq(truth, &exponent);
  const int last = exponent - 53 < -1074 ? -1074 : exponent - 53;
  return static_cast<double>(fabsq(ldexpq(static_cast<Quad>(found) - truth, -last)));
}

/// The common points where the function is not trivial, then as many again where errors are largest: in [low, high)
/// near 0 and 1, on scales from 1e-3 to 1e2.
std::vector<double> pointsFor(const Oracle& oracle, uint64_t which) {
  std::vector<double> x;
  for (uint32_t i = 0; i < 600000; i++) {
    const double candidate = points::point(i);
    if (candidate > oracle.low && candidate < oracle.high) x.push_back(candidate);
  }
  intermodel::RandomStream random(11, &which, 1);
  while (x.size() < kPoints) {
    const double scale = std::pow(10.0, 5.0 * random.uniform() - 3.0);
    const double candidate = (2.0 * random.uniform() - 1.0) * scale + (random.integer(2) == 0 ? 0.0 : 1.0);
    if (candidate > oracle.low && candidate < oracle.high) x.push_back(candidate);
  }
  return x;
}

}  // namespace

int main() {
  for (size_t which = 0; which < sizeof kFunctions / sizeof kFunctions[0]; which++) {
    const NamedFunction& f = kFunctions[which];
    const Oracle& oracle = kOracles[which];
    const std::vector<double> x = pointsFor(oracle, which);
    std::vector<double> y(x.size());
    (intermodel::bestIsa().kernels->arithmetic.*f.member)(x.data(), y.data(), x.size());
    double largest = 0.0, at = 0.0;
    for (size_t i = 0; i < x.size(); i++) {
      const double error = errorInUnits(y[i], oracle.function(x[i]));
      if (error > largest) largest = error, at = x[i];
    }
    std::printf("%-18s largest error %.4f ULP at %.17g (%zu points, allowed %.2f)\n", f.name, largest, at, x.size(),
                oracle.allowed);
    CHECK(largest <= oracle.allowed);
  }
  return check::finish();
}
