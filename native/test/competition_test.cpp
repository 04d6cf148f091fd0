/// The competition mask (7), (8): the logistic function by std::exp, its derivative, dead gradients and the open entry.
#include <cmath>
#include <vector>

#include "check.hpp"
#include "intermodel/dispatch.hpp"
#include "kernel_table.hpp"
#include "random.hpp"

using namespace intermodel;

namespace {

void rows(const CompetitionKernels& kernels, RandomStream& random, size_t n, size_t open) {
  std::vector<double> weights(n), shift(n), mask(n), derivative(n);
  for (size_t j = 0; j < n; j++) {
    weights[j] = random.uniform();
    shift[j] = 3.0 * random.normal();
  }
  const MaskRow row{weights.data(), shift.data(), 2.5, 1.0 / 0.8, 1.9, open};
  CHECK(kernels.maskRow(row, mask.data(), derivative.data(), n) == 0);
  for (size_t j = 0; j < n; j++) {
    const double x = (2.5 * weights[j] - shift[j]) / 0.8, sigma = 1.0 / (1.0 + std::exp(-x));
    CHECK(j == open ? mask[j] == 1.0 : std::fabs(mask[j] - sigma) < 1e-15);
    CHECK(j == open ? derivative[j] == 0.0 : std::fabs(derivative[j] - 1.9 * sigma * (1.0 - sigma)) < 4e-15);
  }
}

/// A gradient is dead where sigma' < 2^-53: at |x| = 36.8 just so, at 36.7 not yet.
void deadGradients(const CompetitionKernels& kernels) {
  for (const double sign : {1.0, -1.0}) {
    const double weights[] = {0.0, 0.0, 0.0, 0.0}, shift[] = {sign * 36.7, sign * 36.8, sign * 700.0, 0.0};
    double mask[4], derivative[4];
    const MaskRow row{weights, shift, 1.0, 1.0, 1.0, kNoOpenEntry};
    CHECK(kernels.maskRow(row, mask, derivative, 4) == 2);
    const MaskRow opened{weights, shift, 1.0, 1.0, 1.0, 2};
    CHECK(kernels.maskRow(opened, mask, derivative, 4) == 1);
  }
}

void samples(const CompetitionKernels& kernels, RandomStream& random, size_t n, size_t width) {
  std::vector<double> mask(n), responses(n * width), out(n * width);
  for (double& v : mask) v = random.uniform();
  for (double& v : responses) v = random.normal();
  kernels.maskSample(mask.data(), responses.data(), out.data(), n, width);
  for (size_t at = 0; at < n * width; at++) CHECK(out[at] == mask[at / width] * responses[at]);
}

}  // namespace

int main() {
  for (const IsaChoice& isa : listIsas()) {
    if (isa.kernels == nullptr) continue;
    RandomStream random(7, nullptr, 0);
    for (const size_t n : {1, 2, 7, 8, 9, 33}) {
      for (const size_t open : {kNoOpenEntry, size_t{0}, n - 1}) rows(isa.kernels->competition, random, n, open);
      for (const size_t width : {1, 3, 8, 11}) samples(isa.kernels->competition, random, n, width);
    }
    deadGradients(isa.kernels->competition);
  }
  return check::finish();
}
