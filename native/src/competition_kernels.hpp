/// The CompetitionKernels of one instruction set. The same operations as src/reference/competition.ts.
#pragma once

#include "competition.hpp"
#include "math.hpp"

namespace intermodel {
namespace {
namespace competition {

constexpr double kDeadGradient = 0x1p-53;  // below it the mask does not move in its last place

INTERMODEL_INLINE SigmoidPoint maskEntry(const MaskRow& row, F64 weight, F64 shift) {
  return sigmoidPoint(fma(broadcast(row.stake), weight, -shift) * broadcast(row.inverse));
}

static size_t maskRow(const MaskRow& row, double* mask, double* derivative, size_t n) {
  const F64 one = broadcast(1.0), dead = broadcast(kDeadGradient), slope = broadcast(row.slope);
  F64 count = zero();
  size_t j = 0;
  for (; j + kLanes <= n; j += kLanes) {
    const SigmoidPoint at = maskEntry(row, load(row.weights + j), load(row.shift + j));
    store(mask + j, at.value);
    store(derivative + j, at.slope * slope);
    count = count + select(less(at.slope, dead), one, zero());
  }
  if (j < n) {  // the lanes past the end are at x = 0, where nothing is dead
    const SigmoidPoint at = maskEntry(row, loadPartial(row.weights + j, n - j), loadPartial(row.shift + j, n - j));
    storePartial(mask + j, at.value, n - j);
    storePartial(derivative + j, at.slope * slope, n - j);
    count = count + select(less(at.slope, dead), one, zero());
  }
  double lane[kLanes], total = 0.0;
  store(lane, count);
  for (int r = 0; r < kLanes; r++) total += lane[r];
  if (row.open < n) {
    const SigmoidPoint at = maskEntry(row, broadcast(row.weights[row.open]), broadcast(row.shift[row.open]));
    store(lane, at.slope);
    if (lane[0] < kDeadGradient) total -= 1.0;
    mask[row.open] = 1.0;
    derivative[row.open] = 0.0;
  }
  return static_cast<size_t>(total);
}

static void maskSample(const double* mask, const double* responses, double* out, size_t n, size_t width) {
  for (size_t j = 0; j < n; j++, responses += width, out += width) {
    const F64 factor = broadcast(mask[j]);
    size_t d = 0;
    for (; d + kLanes <= width; d += kLanes) store(out + d, factor * load(responses + d));
    if (d < width) storePartial(out + d, factor * loadPartial(responses + d, width - d), width - d);
  }
}

constexpr CompetitionKernels competitionKernels() { return {.maskRow = maskRow, .maskSample = maskSample}; }

}  // namespace competition
}  // namespace
}  // namespace intermodel
