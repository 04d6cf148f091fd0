/// Exact projections onto the simplex and the residuals of an equilibrium: what every instruction set offers.
#pragma once

#include <stddef.h>

namespace intermodel {

/// The residuals of one row against the payoff's gradient.
struct RowResiduals {
  double gap, natural, regret;
};

struct ProjectionKernels {
  /// The nearest point of {w >= floor, sum w = 1}; out may be row.
  void (*projectRow)(const double* row, double floor, double* out, size_t n);
  /// The nearest point of {w >= 0, sum w = 1, |w - c| <= epsilon} to c + d; scratch [2 n].
  void (*boundedStepRow)(const double* c, const double* d, double epsilon, double* out, double* scratch, size_t n);
  /// Whether all entries are finite.
  bool (*isFiniteRow)(const double* row, size_t n);
  /// Frank-Wolfe gap, natural residual, local regret; scratch [3 n].
  RowResiduals (*residualsRow)(const double* w, const double* g, double epsilon, double* scratch, size_t n);
};

}  // namespace intermodel
