/// Losses and residuals of linear heads, sample by sample; the products around them are gemm's (stacking_batch.cpp).
#pragma once

#include "curvature_kernels.hpp"
#include "each_vector.hpp"
#include "stacking.hpp"

namespace intermodel {
namespace {
namespace stacking {

/// One sample of one problem: its weighted loss; z becomes the weighted residual where that is wanted.
static inline double residualOf(const Compared& compared, size_t sample, double weight, double* z, size_t n,
                                double* scratch, bool lossOnly) {
  double* const predicted = scratch;
  double* const terms = scratch + n;
  const int32_t label = compared.labels == nullptr ? 0 : compared.labels[sample];
  const double* targets = compared.targets == nullptr ? nullptr : compared.targets + sample * n;
  const double loss = weight * curvature::lossValue(compared.loss, z, label, targets, n, terms);
  if (lossOnly) return loss;
  curvature::predict(compared.loss, z, predicted, terms, n);
  if (targets != nullptr)
    curvature::subtractTargets(compared.loss, z, targets, predicted, n);
  else
    subtractOneHot(predicted, static_cast<size_t>(label), n);
  const F64 factor = broadcast(weight);
  eachVector(n, [=](size_t c, size_t count) { storeSome(z + c, factor * loadSome(predicted + c, count), count); });
  return loss;
}

static void residuals(const StackingProblems& all, size_t first, size_t count, double* z, double* scratch) {
  const size_t n = all.outputs;
  const bool lossOnly = all.gradient == nullptr;
  for (size_t s = first; s < first + count; s++) {
    for (size_t k = 0; k < all.problems; k++, z += n) {
      const size_t at = all.which[k] * all.samples + s;
      const double weight = all.weights[at];
      all.losses[at] = 0.0;
      if (weight == 0.0)
        __builtin_memset(z, 0, n * sizeof(double));
      else
        all.losses[at] = residualOf(all.compared, s, weight, z, n, scratch, lossOnly);
    }
  }
}

static void addRows(double* sums, const double* rows, size_t count, size_t columns) {
  eachVector(columns, [=](size_t c, size_t some) {
    F64 sum = loadSome(sums + c, some);
    for (size_t r = 0; r < count; r++) sum = sum + loadSome(rows + r * columns + c, some);
    storeSome(sums + c, sum, some);
  });
}

constexpr StackingKernels stackingKernels() { return {.residuals = residuals, .addRows = addRows}; }

}  // namespace stacking
}  // namespace
}  // namespace intermodel
