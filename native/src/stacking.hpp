/// What every instruction set offers for heads fitted over saved answers. The oracle is src/reference/stacking.ts.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "curvature.hpp"

namespace intermodel {

/// Linear heads that share their features: `problems` of them, each with `outputs` outputs and weights of its own.
struct StackingProblems {
  size_t samples, width, problems, outputs;
  const double* features;    ///< [samples, width]
  const double* parameters;  ///< [width + 1, problems * outputs], the last row the biases
  Compared compared;
  const double* weights;  ///< [problems, samples]
  double* losses;         ///< [problems, samples]
  double* gradient;       ///< [width + 1, problems * outputs], or null
  /// [problems]: rows of weights and losses, where parameters and gradient hold only some of the problems.
  const size_t* which;
};

struct StackingKernels {
  /// Rows of scratch, of `outputs` doubles each, that `residuals` needs.
  static constexpr size_t kScratchRows = 2;

  /// z [count, problems * outputs] holds the logits of samples first .. first + count - 1 and receives the weighted
  /// residuals dL/dz, unless no gradient is asked for; the losses of those samples are written.
  void (*residuals)(const StackingProblems& all, size_t first, size_t count, double* z, double* scratch);

  /// sums[c] = (sums[c] + rows[0, c]) + rows[1, c] ..., columns [from, to) of `columns`.
  void (*addRows)(double* sums, const double* rows, size_t count, size_t columns);
};

}  // namespace intermodel
