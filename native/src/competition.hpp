/// Competition for connectivity, equations (7) and (8): what every instruction set offers.
#pragma once

#include <stddef.h>

namespace intermodel {

/// No open entry in a row of the mask.
inline constexpr size_t kNoOpenEntry = static_cast<size_t>(-1);

struct MaskRow {
  const double* weights;  ///< w_i [n]
  const double* shift;    ///< mu [n]
  double stake;           ///< s_i
  double inverse;         ///< 1 / T
  double slope;           ///< s_i (1 - 1/n) / T, or s_i / T where the shift's gradient is stopped
  size_t open;            ///< the entry left open, or kNoOpenEntry
};

struct CompetitionKernels {
  /// mask_j = sigma((s w_j - mu_j) / T), derivative_j = sigma' slope; returns the number of dead gradients.
  size_t (*maskRow)(const MaskRow& row, double* mask, double* derivative, size_t n);
  /// out[j, :] = mask[j] responses[j, :] for one sample.
  void (*maskSample)(const double* mask, const double* responses, double* out, size_t n, size_t width);
};

}  // namespace intermodel
