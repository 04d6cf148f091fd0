/// When a search ends: the rules that the two ways of advancing one game share.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>

#include "equilibrium.hpp"

namespace intermodel {

/// Whether the residual is looked at before this step.
inline bool isCheckDue(double step, const SearchSettings& settings) {
  const auto every = static_cast<std::uint64_t>(settings.checkEvery);
  return static_cast<std::uint64_t>(step) % every == 0 || step >= settings.maxSteps;
}

/// Writes the residual and what follows from it down; true where the search has ended.
inline bool endsAt(double residual, const SearchSettings& settings, double* scalars) {
  SearchOutcome outcome = SearchOutcome::kRunning;
  if (residual <= settings.tolerance)
    outcome = SearchOutcome::kConverged;
  else if (!(residual < std::numeric_limits<double>::infinity()))
    outcome = SearchOutcome::kDiverged;
  else if (scalars[kStep] >= settings.maxSteps)
    outcome = SearchOutcome::kStepLimit;
  scalars[kResidual] = residual;
  scalars[kOutcome] = static_cast<double>(outcome);
  return outcome != SearchOutcome::kRunning;
}

/// Whether the weights have come back to the last snapshot, which is renewed whenever the steps have doubled since.
/// `snapshot()` takes one, `distance()` measures how far the weights are from it.
template <typename Snapshot, typename Distance>
bool endsInCycle(const SearchSettings& settings, double* scalars, Snapshot snapshot, Distance distance) {
  const double step = scalars[kStep];
  if (step >= 2.0 * scalars[kSnapshotStep]) {
    snapshot();
    scalars[kSnapshotStep] = step;
    scalars[kFarthest] = 0.0;
    return false;
  }
  const double away = distance();
  if (scalars[kFarthest] > kLeastExcursion && away <= kReturnShare * scalars[kFarthest]) {
    if (scalars[kPeriod] == 0.0) scalars[kPeriod] = step - scalars[kSnapshotStep];
    if (settings.stopOnCycle) scalars[kOutcome] = static_cast<double>(SearchOutcome::kCycling);
    return settings.stopOnCycle;
  }
  scalars[kFarthest] = std::max(scalars[kFarthest], away);
  return false;
}

}  // namespace intermodel
