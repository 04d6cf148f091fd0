/// Projections and residuals: every support tried in turn for the simplex, a grid of the simplex for bounded steps.
#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "check.hpp"
#include "intermodel/dispatch.hpp"
#include "kernel_table.hpp"
#include "random.hpp"

using namespace intermodel;

namespace {

using Numbers = std::vector<double>;

double distance(const Numbers& a, const Numbers& b) {
  double sum = 0.0;
  for (size_t j = 0; j < a.size(); j++) sum += (a[j] - b[j]) * (a[j] - b[j]);
  return std::sqrt(sum);
}

/// The nearest of the feasible points that have one set of entries at the floor and the others moved by one number.
Numbers bySupports(const Numbers& v, double floor) {
  const size_t n = v.size();
  Numbers best;
  for (size_t support = 1; support < size_t{1} << n; support++) {
    double sum = 0.0, count = 0.0;
    for (size_t j = 0; j < n; j++)
      if ((support >> j & 1) != 0) sum += v[j], count += 1.0;
    const double move = (1.0 - floor * (static_cast<double>(n) - count) - sum) / count;
    Numbers w(n, floor);
    bool feasible = true;
    for (size_t j = 0; j < n; j++) {
      if ((support >> j & 1) != 0) w[j] = v[j] + move;
      feasible = feasible && w[j] >= floor - 1e-12;
    }
    if (feasible && (best.empty() || distance(w, v) < distance(best, v))) best = w;
  }
  return best;
}

Numbers pointOn(RandomStream& random, size_t n) {
  Numbers w(n);
  double sum = 0.0;
  for (double& v : w) sum += v = random.uniform();
  for (double& v : w) v /= sum;
  return w;
}

void simplex(const ProjectionKernels& kernels, RandomStream& random, size_t n) {
  for (int k = 0; k < 40; k++) {
    Numbers v(n), out(n);
    for (double& x : v) x = random.normal() * (k % 2 == 0 ? 0.3 : 5.0);
    const double floor = k % 3 == 0 ? 0.4 / static_cast<double>(n) : 0.0;
    kernels.projectRow(v.data(), floor, out.data(), n);
    const Numbers wanted = bySupports(v, floor);
    for (size_t j = 0; j < n; j++) CHECK(std::fabs(out[j] - wanted[j]) < 1e-13);
    kernels.projectRow(v.data(), floor, v.data(), n);
    CHECK(v == out);  // in place
  }
}

/// All points (a, b, 1 - a - b) of a grid of the simplex over three.
template <class Body>
void overGrid(Body body) {
  constexpr int kCells = 150;
  for (int a = 0; a <= kCells; a++)
    for (int b = 0; a + b <= kCells; b++)
      body(Numbers{a / double{kCells}, b / double{kCells}, (kCells - a - b) / double{kCells}});
}

void boundedSteps(const ProjectionKernels& kernels, RandomStream& random) {
  for (int k = 0; k < 12; k++) {
    const Numbers c = pointOn(random, 3);
    const double epsilon = 0.05 + 0.4 * random.uniform();
    Numbers d(3), target(3), out(3), scratch(9);
    for (size_t j = 0; j < 3; j++) target[j] = c[j] + (d[j] = random.normal());
    kernels.boundedStepRow(c.data(), d.data(), epsilon, out.data(), scratch.data(), 3);
    CHECK(distance(out, c) <= epsilon * (1.0 + 1e-12));
    CHECK(std::fabs(out[0] + out[1] + out[2] - 1.0) < 1e-12 && *std::min_element(out.begin(), out.end()) >= 0.0);
    double nearest = std::numeric_limits<double>::infinity(), most = 0.0;
    Numbers g = d, gap(3);
    const RowResiduals found = kernels.residualsRow(c.data(), g.data(), epsilon, scratch.data(), 3);
    overGrid([&](const Numbers& w) {
      if (distance(w, c) > epsilon) return;
      nearest = std::min(nearest, distance(w, target));
      double gain = 0.0;
      for (size_t j = 0; j < 3; j++) gain += g[j] * (w[j] - c[j]);
      most = std::max(most, gain);
    });
    // a grid point lies within 0.01 of every point of the simplex, and no further from the best one
    CHECK(distance(out, target) <= nearest + 1e-12 && distance(out, target) >= nearest - 0.02);
    const double size = std::sqrt(g[0] * g[0] + g[1] * g[1] + g[2] * g[2]);
    CHECK(found.regret >= most - 1e-12 && found.regret <= most + 0.02 * size);
  }
}

void residuals(const ProjectionKernels& kernels, RandomStream& random, size_t n) {
  for (int k = 0; k < 10; k++) {
    const Numbers w = pointOn(random, n);
    Numbers g(n), moved(n), scratch(3 * n);
    double along = 0.0, largest = -std::numeric_limits<double>::infinity();
    for (size_t j = 0; j < n; j++) {
      g[j] = random.normal();
      moved[j] = w[j] + g[j];
      along += g[j] * w[j];
      largest = std::max(largest, g[j]);
    }
    const RowResiduals found = kernels.residualsRow(w.data(), g.data(), 10.0, scratch.data(), n);
    CHECK(std::fabs(found.gap - (largest - along)) < 1e-13);
    CHECK(std::fabs(found.natural - distance(bySupports(moved, 0.0), w)) < 1e-13);
    CHECK(std::fabs(found.regret - found.gap) < 1e-12);  // a bound beyond the simplex bounds nothing
  }
}

}  // namespace

int main() {
  for (const IsaChoice& isa : listIsas()) {
    if (isa.kernels == nullptr) continue;
    RandomStream random(10, nullptr, 0);
    for (const size_t n : {1, 2, 3, 8, 9}) {
      simplex(isa.kernels->projection, random, n);
      residuals(isa.kernels->projection, random, n);
    }
    boundedSteps(isa.kernels->projection, random);
  }
  return check::finish();
}
