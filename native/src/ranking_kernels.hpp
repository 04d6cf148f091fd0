/// The RankingKernels of one instruction set. The same operations as src/reference/ranking.ts.
#pragma once

#include "ranking.hpp"
#include "reduce.hpp"

namespace intermodel {
namespace {
namespace market {

/// VECTORS vectors of columns run down the rows together, so that each row gives a contiguous read.
template <int VECTORS>
INTERMODEL_INLINE void columnChains(const double* matrix, const double* stake, size_t rows, size_t n, F64* sum) {
  for (int v = 0; v < VECTORS; v++) sum[v] = zero();
  for (size_t i = 0; i < rows; i++, matrix += n) {
    const F64 factor = broadcast(stake == nullptr ? 1.0 : stake[i]);
    for (int v = 0; v < VECTORS; v++) sum[v] = fma(factor, load(matrix + v * kLanes), sum[v]);
  }
}

static void columnMeans(const double* matrix, const double* stake, size_t rows, size_t n, double divisor, size_t begin,
                        size_t end, double* out) {
  constexpr int kTogether = 8;
  const F64 count = broadcast(divisor);
  size_t j = begin;
  for (; j + kTogether * kLanes <= end; j += kTogether * kLanes) {
    F64 sum[kTogether];
    columnChains<kTogether>(matrix + j, stake, rows, n, sum);
    for (int v = 0; v < kTogether; v++) store(out + j + v * kLanes, sum[v] / count);
  }
  for (; j + kLanes <= end; j += kLanes) {
    F64 sum[1];
    columnChains<1>(matrix + j, stake, rows, n, sum);
    store(out + j, sum[0] / count);
  }
  if (j < end) {
    F64 sum = zero();
    for (size_t i = 0; i < rows; i++)
      sum = fma(broadcast(stake == nullptr ? 1.0 : stake[i]), loadPartial(matrix + i * n + j, end - j), sum);
    storePartial(out + j, sum / count, end - j);
  }
}

static void interRankingRow(const double* scores, double* out, size_t n) {
  const double most = maximumOf(scores, n);
  const double largest = most > 0.0 ? most : 0.0;
  for (size_t j = 0; j < n; j++) out[j] = largest > 0.0 ? scores[j] / largest : 1.0;
  const double sum = treeSum(out, n);
  for (size_t j = 0; j < n; j++) out[j] = out[j] / sum;
}

static double emissionNorm(const double* ranking, EmissionNorm norm, size_t n) {
  if (norm == EmissionNorm::kNone) return 1.0;
  return norm == EmissionNorm::kL1 ? treeSum(ranking, n) : __builtin_sqrt(treeDot(ranking, ranking, n));
}

static double inflate(const double* stake, const double* ranking, double tau, EmissionNorm norm, double* out,
                      size_t n) {
  const double size = emissionNorm(ranking, norm, n);
  for (size_t j = 0; j < n; j++) out[j] = size > 0.0 ? (tau * ranking[j]) / size : 0.0;
  const double minted = treeSum(out, n);
  for (size_t j = 0; j < n; j++) out[j] = stake[j] + out[j];
  return minted;
}

static void rankGradientRow(const double* ranking, double stake, EmissionNorm norm, size_t i, double* out, size_t n) {
  const double size = emissionNorm(ranking, norm, n);
  const double scale = size > 0.0 ? stake / static_cast<double>(n) / size : 0.0;
  const double share = size > 0.0 ? ranking[i] / size : 0.0;
  for (size_t j = 0; j < n; j++) {
    const double slope = norm == EmissionNorm::kNone ? 0.0
                         : norm == EmissionNorm::kL1 ? 1.0
                                                     : (size > 0.0 ? ranking[j] / size : 0.0);
    out[j] = ((i == j ? 1.0 : 0.0) - share * slope) * scale;
  }
}

constexpr RankingKernels rankingKernels() {
  return {
      .columnMeans = columnMeans,
      .interRankingRow = interRankingRow,
      .inflate = inflate,
      .rankGradientRow = rankGradientRow,
  };
}

}  // namespace market
}  // namespace
}  // namespace intermodel
