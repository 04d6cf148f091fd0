/// Steps of many rows: equal to the bit to one row at a time without vectors, whichever way a row takes.
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "check.hpp"
#include "intermodel/dispatch.hpp"
#include "kernel_table.hpp"
#include "random.hpp"

using namespace intermodel;

namespace {

using Numbers = std::vector<double>;

struct Case {
  size_t n;
  double scale;  // of the steps
  double epsilon;
  double zeros;  // share of weights and of steps that are 0
};

bool same(const double* a, const double* b, size_t count) { return std::memcmp(a, b, count * sizeof(double)) == 0; }

void compare(const KernelTable& kernels, const KernelTable& plain, RandomStream& random, const Case& c) {
  constexpr size_t kRows = 7;
  const size_t n = c.n;
  Numbers rows(kRows * n), steps(kRows * n), stake(kRows), wanted(kRows * n), scratch(4 * n + 8), sums(n), chains(n);
  for (size_t i = 0; i < kRows; i++) {
    double sum = 0.0;
    for (size_t j = 0; j < n; j++) {
      rows[i * n + j] = random.uniform() < c.zeros && j > 0 ? 0.0 : 0.5 + random.uniform();
      sum += rows[i * n + j];
      steps[i * n + j] = random.uniform() < c.zeros ? -0.0 : c.scale * random.normal();
    }
    for (size_t j = 0; j < n; j++) rows[i * n + j] /= sum;
    stake[i] = 1.0 + random.uniform();
    plain.projection.boundedStepRow(rows.data() + i * n, steps.data() + i * n, c.epsilon, wanted.data() + i * n,
                                    scratch.data(), n);
  }
  for (size_t i = 0; i < kRows; i++)
    for (size_t j = 0; j < n; j++) chains[j] = std::fma(stake[i], wanted[i * n + j], chains[j]);
  for (const bool pastCache : {false, true})
    for (size_t shift = 0; shift < 9; shift += pastCache ? 1 : 8) {
      Numbers out(kRows * n + 9, -7.0);
      std::fill(sums.begin(), sums.end(), 0.0);
      const StepRows step{rows.data(), steps.data(), out.data() + shift, n,        c.epsilon,
                          1e-9,        stake.data(), sums.data(),        pastCache};
      CHECK(kernels.epoch.stepRows(step, 0, 3, scratch.data()) == StepOutcome::kMoved);
      CHECK(kernels.epoch.stepRows(step, 3, kRows, scratch.data()) == StepOutcome::kMoved);
      CHECK(same(out.data() + shift, wanted.data(), kRows * n));
      CHECK(out[kRows * n + shift] == -7.0 && (shift == 0 || out[shift - 1] == -7.0));
      CHECK(same(sums.data(), chains.data(), n));
    }
  std::fill(sums.begin(), sums.end(), 0.0);
  kernels.epoch.addRows(wanted.data(), stake.data(), kRows, n, 0, n / 3, sums.data());
  kernels.epoch.addRows(wanted.data(), stake.data(), kRows, n, n / 3, n, sums.data());
  CHECK(same(sums.data(), chains.data(), n));
}

/// One wrong number, anywhere, and what is said of it.
void refusals(const KernelTable& kernels) {
  const double nan = std::numeric_limits<double>::quiet_NaN(), infinite = std::numeric_limits<double>::infinity();
  for (const size_t n : {1, 7, 8, 17, 300})
    for (size_t at = 0; at < n; at++) {
      const auto outcome = [&](double weight, double change, double tolerance) {
        Numbers rows(n, 1.0 / static_cast<double>(n)), steps(n, 0.1), out(n), scratch(4 * n);
        rows[at] += weight;
        steps[at] += change;
        const StepRows step{rows.data(), steps.data(), out.data(), n, 0.1, tolerance, nullptr, nullptr, false};
        return kernels.epoch.stepRows(step, 0, 1, scratch.data());
      };
      CHECK(outcome(0.0, 0.0, 1e-9) == StepOutcome::kMoved);
      CHECK(outcome(1e-6, 0.0, 1e-9) == StepOutcome::kNotWeights && outcome(1e-6, 0.0, 1e-5) == StepOutcome::kMoved);
      CHECK(outcome(-2.0, 0.0, 10.0) == StepOutcome::kNotWeights &&
            outcome(nan, 0.0, infinite) == StepOutcome::kNotWeights);
      for (const double wrong : {nan, infinite, -infinite}) CHECK(outcome(0.0, wrong, 1e-9) == StepOutcome::kNotFinite);
      CHECK(outcome(0.0, 1e200, 1e-9) == StepOutcome::kMoved);  // its square is not finite, but it is
    }
}

}  // namespace

int main() {
  const KernelTable& plain = *findIsa("scalar").kernels;
  for (const IsaChoice& isa : listIsas()) {
    if (isa.kernels == nullptr) continue;
    RandomStream random(12, nullptr, 0);
    for (const size_t n : {1, 2, 3, 7, 8, 9, 16, 17, 100, 255, 256, 257, 1024, 1027, 1300})
      for (const double zeros : {0.0, 0.4})
        for (const double scale : {1e-3, 1.0, 1e5, 1e150, 1e-150, 0.0})
          for (const double epsilon : {1e-4, 0.02, 0.5, 3.0})
            compare(*isa.kernels, plain, random, {n, scale / static_cast<double>(n), epsilon, zeros});
    refusals(*isa.kernels);
  }
  return check::finish();
}
