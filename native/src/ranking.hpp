/// Rankings and stake, equations (2) to (6): what every instruction set offers.
#pragma once

#include <stddef.h>

namespace intermodel {

/// How an emission is normalised; the position in NORMS of src/reference/ranking.ts.
enum class EmissionNorm { kL2, kL1, kNone };

struct RankingKernels {
  /// out[j] = (sum over i of stake[i] matrix[i, j]) / divisor for columns begin .. end - 1 of matrix [rows, n]; each an
  /// ascending chain of fused multiply-adds. A null stake counts one each.
  void (*columnMeans)(const double* matrix, const double* stake, size_t rows, size_t n, double divisor, size_t begin,
                      size_t end, double* out);
  /// Whether a row holds finite numbers of at least 0 that sum to 1 within `tolerance`.
  bool (*isWeightRow)(const double* row, double tolerance, size_t n);
  /// One row of (3): scores over their sum; a row of zeros becomes 1/n.
  void (*interRankingRow)(const double* scores, double* out, size_t n);
  /// (6): out = stake + tau ranking / |ranking|; returns what was added in all. out must not overlap the inputs.
  double (*inflate)(const double* stake, const double* ranking, double tau, EmissionNorm norm, double* out, size_t n);
  /// Row i of the gradient of the own emission, from the ranking of (5).
  void (*rankGradientRow)(const double* ranking, double stake, EmissionNorm norm, size_t i, double* out, size_t n);
};

}  // namespace intermodel
