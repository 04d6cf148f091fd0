/// The RankingKernels of one instruction set. The same operations as src/reference/ranking.ts.
#pragma once

#include "each_vector.hpp"
#include "ranking.hpp"
#include "safe_scale.hpp"
#include "tree_fold.hpp"

namespace intermodel {
namespace {
namespace ranking {

/// VECTORS vectors of columns run down the rows together, so that each row gives a contiguous read.
template <int VECTORS>
INTERMODEL_INLINE void columnChains(const double* matrix, const double* stake, size_t rows, size_t n, F64* sum) {
  for (int v = 0; v < VECTORS; v++) sum[v] = zero();
  for (size_t i = 0; i < rows; i++, matrix += n) {
    const F64 factor = broadcast(stake == nullptr ? 1.0 : stake[i]);
    for (int v = 0; v < VECTORS; v++) sum[v] = fma(factor, load(matrix + v * kLanes), sum[v]);
  }
}

/// The same chains with their sums in `out`: rows are read from end to end, four at a time.
static void columnMeansByRows(const double* matrix, const double* stake, size_t rows, size_t n, double divisor,
                              size_t begin, size_t end, double* out) {
  const auto factorOf = [stake](size_t i) { return broadcast(stake == nullptr ? 1.0 : stake[i]); };
  for (size_t j = begin; j < end; j++) out[j] = 0.0;
  for (size_t i = 0; i < rows;) {
    const double* row = matrix + i * n;
    if (i + 4 <= rows) {
      const F64 a = factorOf(i), b = factorOf(i + 1), c = factorOf(i + 2), d = factorOf(i + 3);
      eachVector(end - begin, [&](size_t r, size_t count) {
        const double* at = row + begin + r;
        F64 sum = fma(a, loadSome(at, count), loadSome(out + begin + r, count));
        sum = fma(b, loadSome(at + n, count), sum);
        sum = fma(c, loadSome(at + 2 * n, count), sum);
        storeSome(out + begin + r, fma(d, loadSome(at + 3 * n, count), sum), count);
      });
      i += 4;
    } else {
      const F64 a = factorOf(i);
      eachVector(end - begin, [&](size_t r, size_t count) {
        storeSome(out + begin + r, fma(a, loadSome(row + begin + r, count), loadSome(out + begin + r, count)), count);
      });
      i++;
    }
  }
  const F64 by = broadcast(divisor);
  eachVector(end - begin,
             [&](size_t r, size_t count) { storeSome(out + begin + r, loadSome(out + begin + r, count) / by, count); });
}

constexpr size_t kWideRows = 512;  // columns from which on columns in registers would read memory in short pieces

static void columnMeans(const double* matrix, const double* stake, size_t rows, size_t n, double divisor, size_t begin,
                        size_t end, double* out) {
  if (end - begin >= kWideRows) return columnMeansByRows(matrix, stake, rows, n, divisor, begin, end, out);
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

static bool isWeightRow(const double* row, double tolerance, size_t n) {
  F64 least[2] = {zero(), zero()}, sum[2] = {zero(), zero()};
  size_t j = 0;
  for (; j + 2 * kLanes <= n; j += 2 * kLanes)
    for (size_t v = 0; v < 2; v++) {
      const F64 entry = load(row + j + v * kLanes);
      least[v] = minimum(entry, least[v]);
      sum[v] = sum[v] + entry;
    }
  double lane[kLanes], total = 0.0, lowest = 0.0;
  store(lane, sum[0] + sum[1]);
  for (int r = 0; r < kLanes; r++) total += lane[r];
  store(lane, minimum(least[0], least[1]));
  for (int r = 0; r < kLanes; r++) lowest = lane[r] < lowest ? lane[r] : lowest;
  for (; j < n; j++) {
    total += row[j];
    lowest = row[j] < lowest ? row[j] : lowest;
  }
  return lowest == 0.0 && __builtin_fabs(total - 1.0) <= tolerance;  // a NaN or an infinity fails the sum
}

static void interRankingRow(const double* scores, double* out, size_t n) {
  const double most = maximumOf(scores, n);
  const double largest = most > 0.0 ? most : 0.0;
  for (size_t j = 0; j < n; j++) out[j] = largest > 0.0 ? scores[j] / largest : 1.0;
  const double sum = treeSum(out, n);
  for (size_t j = 0; j < n; j++) out[j] = out[j] / sum;
}

/// |R| of a ranking multiplied by `scale`.
static double emissionNorm(const double* ranking, double scale, EmissionNorm norm, size_t n) {
  if (norm == EmissionNorm::kNone) return 1.0;
  const F64 factor = broadcast(scale);
  const auto scaled = [ranking, factor](size_t r, size_t count) {
    return (count == kLanes ? load(ranking + r) : loadPartial(ranking + r, count)) * factor;
  };
  return norm == EmissionNorm::kL1 ? treeSumOf(n, scaled) : __builtin_sqrt(treeFold<AddSquare>(n, scaled));
}

static double emissionScale(const double* ranking, EmissionNorm norm, size_t n) {
  return norm == EmissionNorm::kNone ? 1.0 : safeScale(maximumOf(ranking, n));
}

static double inflate(const double* stake, const double* ranking, double tau, EmissionNorm norm, double* out,
                      size_t n) {
  const double scale = emissionScale(ranking, norm, n), size = emissionNorm(ranking, scale, norm, n);
  const double tauScale = safeScale(tau), back = 1.0 / tauScale, rate = tau * tauScale;
  eachVector(n, [&](size_t r, size_t count) {
    const F64 share = broadcast(rate) * (loadSome(ranking + r, count) * broadcast(scale));
    storeSome(out + r, size > 0.0 ? share / broadcast(size) * broadcast(back) : zero(), count);
  });
  const double minted = treeSum(out, n);
  eachVector(n, [&](size_t r, size_t count) {
    storeSome(out + r, loadSome(stake + r, count) + loadSome(out + r, count), count);
  });
  return minted;
}

static void rankGradientRow(const double* ranking, double stake, EmissionNorm norm, size_t i, double* out, size_t n) {
  const double factor = emissionScale(ranking, norm, n), size = emissionNorm(ranking, factor, norm, n);
  const double scale = size > 0.0 ? stake * factor / static_cast<double>(n) / size : 0.0;
  const double share = size > 0.0 ? ranking[i] * factor / size : 0.0;
  for (size_t j = 0; j < n; j++) {
    const double slope = norm == EmissionNorm::kNone ? 0.0
                         : norm == EmissionNorm::kL1 ? 1.0
                                                     : (size > 0.0 ? ranking[j] * factor / size : 0.0);
    out[j] = ((i == j ? 1.0 : 0.0) - share * slope) * scale;
  }
}

constexpr RankingKernels rankingKernels() {
  return {
      .columnMeans = columnMeans,
      .isWeightRow = isWeightRow,
      .interRankingRow = interRankingRow,
      .inflate = inflate,
      .rankGradientRow = rankGradientRow,
  };
}

}  // namespace ranking
}  // namespace
}  // namespace intermodel
