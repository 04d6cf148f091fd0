/// What every instruction set offers for distillation.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace intermodel {

/// forwardKl, reverseKl, jsd, mse, in the numbering of src/reference/distillation.ts.
enum DistillationKind { kForwardKl = 0, kReverseKl = 1, kJensenShannon = 2, kMeanSquare = 3 };

struct DistillationArguments {
  double* losses;         ///< [batch]
  double* gradients;      ///< [batch, outputs], with respect to the student's logits
  const double* teacher;  ///< [batch, outputs]
  const double* student;  ///< [batch, outputs]
  const int32_t* labels;  ///< [batch] in [0, outputs), or null when there is no hard-label term
  double temperature;     ///< > 0
  double scale;           ///< factor of the divergence: T^2 or 1
  double alpha;           ///< weight of the divergence when there are labels
  DistillationKind kind;
  size_t outputs;
};

struct DistillationKernels {
  /// Doubles of scratch per call of `rows`: kScratchRows times outputs.
  static constexpr size_t kScratchRows = 6;
  /// Samples [begin, end); results do not depend on how the batch is split.
  void (*rows)(const DistillationArguments& arguments, size_t begin, size_t end, double* scratch);
};

}  // namespace intermodel
