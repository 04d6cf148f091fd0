/// Loss and gradient of linear heads over a whole batch, on every thread; the number of threads changes no bit.
#pragma once

#include "curvature_batch.hpp"
#include "stacking.hpp"

namespace intermodel {

/// Fills losses and, where it is not null, gradient. Throws std::bad_alloc.
void stackingGradient(const Runner& runner, const StackingProblems& all);

}  // namespace intermodel
