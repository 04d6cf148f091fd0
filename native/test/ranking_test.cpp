/// Rankings and stake, (2) to (6): sums written out, norms beyond the range of a square, and finite differences.
#include <cmath>
#include <limits>
#include <vector>

#include "check.hpp"
#include "intermodel/dispatch.hpp"
#include "kernel_table.hpp"
#include "random.hpp"

using namespace intermodel;

namespace {

bool near(double a, double b, double tolerance) { return std::fabs(a - b) <= tolerance * (1.0 + std::fabs(b)); }

std::vector<double> uniforms(RandomStream& random, size_t count) {
  std::vector<double> x(count);
  for (double& v : x) v = random.uniform();
  return x;
}

double normOf(const std::vector<double>& r, EmissionNorm norm) {
  double sum = 0.0;
  for (const double v : r) sum += norm == EmissionNorm::kL2 ? v * v : v;
  return norm == EmissionNorm::kNone ? 1.0 : norm == EmissionNorm::kL2 ? std::sqrt(sum) : sum;
}

void meansAndRows(const RankingKernels& kernels, RandomStream& random, size_t rows, size_t n) {
  const std::vector<double> matrix = uniforms(random, rows * n), stake = uniforms(random, rows);
  std::vector<double> found(n);
  for (const double* weights : {stake.data(), static_cast<const double*>(nullptr)}) {
    for (size_t split = 0; split <= n; split += n / 2 + 1) {
      kernels.columnMeans(matrix.data(), weights, rows, n, 3.0, 0, split, found.data());
      kernels.columnMeans(matrix.data(), weights, rows, n, 3.0, split, n, found.data());
    }
    for (size_t j = 0; j < n; j++) {
      double sum = 0.0;
      for (size_t i = 0; i < rows; i++) sum += (weights == nullptr ? 1.0 : weights[i]) * matrix[i * n + j];
      CHECK(near(found[j], sum / 3.0, 1e-14));
    }
  }
  double total = 0.0;
  for (size_t j = 0; j < n; j++) total += matrix[j];
  kernels.interRankingRow(matrix.data(), found.data(), n);
  for (size_t j = 0; j < n; j++) CHECK(near(found[j], matrix[j] / total, 1e-14));
  CHECK(kernels.isWeightRow(found.data(), 1e-12, n));
  found[n - 1] += 1e-6;
  CHECK(!kernels.isWeightRow(found.data(), 1e-12, n));
  found[n - 1] -= 1e-6;
  for (const double wrong : {-1e-3, std::numeric_limits<double>::quiet_NaN()}) {
    std::vector<double> row = found;
    row[n / 2] = wrong;
    CHECK(!kernels.isWeightRow(row.data(), 1.0, n));
  }
  const std::vector<double> zeros(n, 0.0);
  kernels.interRankingRow(zeros.data(), found.data(), n);
  for (const double v : found) CHECK(v == 1.0 / static_cast<double>(n));
}

void emissions(const RankingKernels& kernels, RandomStream& random, size_t n) {
  const std::vector<double> stake = uniforms(random, n), ranking = uniforms(random, n);
  std::vector<double> out(n), row(n);
  for (const EmissionNorm norm : {EmissionNorm::kL2, EmissionNorm::kL1, EmissionNorm::kNone}) {
    const double size = normOf(ranking, norm);
    double minted = 0.0;
    const double said = kernels.inflate(stake.data(), ranking.data(), 0.7, norm, out.data(), n);
    for (size_t j = 0; j < n; j++) {
      minted += 0.7 * ranking[j] / size;
      CHECK(near(out[j], stake[j] + 0.7 * ranking[j] / size, 1e-14));
    }
    CHECK(near(said, minted, 1e-13));
    // the own emission R_i / |R| after w_ij moved, which moves R_j by s_i / n
    const size_t i = n / 2;
    const double mine = 1.7, h = 1e-6;
    kernels.rankGradientRow(ranking.data(), mine, norm, i, row.data(), n);
    for (size_t j = 0; j < n; j++) {
      const auto emission = [&](double step) {
        std::vector<double> moved = ranking;
        moved[j] += step * mine / static_cast<double>(n);
        return moved[i] / normOf(moved, norm);
      };
      CHECK(std::fabs(row[j] - (emission(h) - emission(-h)) / (2.0 * h)) < 1e-8);
    }
  }
}

/// Right values of squares and sums that leave the range of doubles.
void extremes(const RankingKernels& kernels) {
  const double stake[] = {1.0, 2.0};
  double out[2];
  for (const double size : {1e200, 1e-200}) {
    const double ranking[] = {size, size};
    CHECK(near(kernels.inflate(stake, ranking, 10.0, EmissionNorm::kL2, out, 2), 14.142135623730951, 1e-15));
    CHECK(near(out[0], 8.0710678118654755, 1e-15) && near(out[1], 9.0710678118654755, 1e-15));
  }
  const double largest[] = {1e308, 1e308}, zeros[] = {0.0, 0.0};
  CHECK(near(kernels.inflate(stake, largest, 10.0, EmissionNorm::kL1, out, 2), 10.0, 1e-15));
  CHECK(near(out[0], 6.0, 1e-15) && near(out[1], 7.0, 1e-15));
  CHECK(kernels.inflate(stake, zeros, 10.0, EmissionNorm::kL2, out, 2) == 0.0 && out[0] == 1.0 && out[1] == 2.0);
}

}  // namespace

int main() {
  for (const IsaChoice& isa : listIsas()) {
    if (isa.kernels == nullptr) continue;
    RandomStream random(6, nullptr, 0);
    for (const size_t n : {1, 2, 3, 7, 8, 9, 17, 64, 67}) {
      for (const size_t rows : {1, 5}) meansAndRows(isa.kernels->ranking, random, rows, n);
      emissions(isa.kernels->ranking, random, n);
    }
    extremes(isa.kernels->ranking);
  }
  return check::finish();
}
