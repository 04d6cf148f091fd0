/// An epoch in floating point, many rows in one pass: what every instruction set offers.
#pragma once

#include <stddef.h>

namespace intermodel {

/// How a step of many rows ended: the first thing that was wrong, in no order of rows.
enum class StepOutcome { kMoved, kNotWeights, kNotFinite };

/// What all rows of a step share; rows, steps and out are [any, n].
struct StepRows {
  const double* rows;
  const double* steps;
  double* out;
  size_t n;
  double epsilon;
  double tolerance;     ///< of the sums of `rows`
  const double* stake;  ///< [any], null where nothing is ranked
  double* sums;         ///< [n], addRows of what is written; null where nothing is ranked
  bool pastCache;       ///< whether the result is too large to be met in cache again
};

struct EpochKernels {
  /// ProjectionKernels::boundedStepRow of rows begin .. end - 1, each checked to lie on the simplex and each step to be
  /// finite: where one does not, the rest is left as it was. scratch [4 n], best
  /// aligned to cache lines.
  StepOutcome (*stepRows)(const StepRows& step, size_t begin, size_t end, double* scratch);
  /// sums[j] = fma(stake[i], matrix[i, j], sums[j]) for rows i = 0 .. rows - 1 in turn, columns begin .. end - 1.
  void (*addRows)(const double* matrix, const double* stake, size_t rows, size_t n, size_t begin, size_t end,
                  double* sums);
};

}  // namespace intermodel
