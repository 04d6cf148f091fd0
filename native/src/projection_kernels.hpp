/// The ProjectionKernels of one instruction set. The same operations as src/reference/projection.ts.
#pragma once

#include "projection.hpp"
#include "reduce.hpp"
#include "safe_scale.hpp"

namespace intermodel {
namespace {
namespace market {

constexpr int kMostPieces = 64;
constexpr double kLargestRadius = 0x1p100;  // beyond the diameter of the simplex by far, and its square is finite

/// Sum and number of the entries above the threshold; the sum runs in the fixed tree, the rest counting as zeros.
struct Kept {
  double sum;
  size_t count;
};

INTERMODEL_INLINE Kept keptAbove(const double* y, double threshold, size_t n) {
  const F64 bar = broadcast(threshold), one = broadcast(1.0);
  F64 counts = zero();
  size_t rest = 0;
  const double sum = treeSumOf(n, [&](size_t r, size_t count) {
    if (count == kLanes) {
      const F64 entry = load(y + r);
      const Mask kept = greater(entry, bar);
      counts = counts + select(kept, one, zero());
      return select(kept, entry, zero());
    }
    for (size_t i = 0; i < count; i++) rest += y[r + i] > threshold ? 1 : 0;
    const F64 entry = loadPartial(y + r, count);
    return select(greater(entry, bar), entry, zero());
  });
  double lane[kLanes];
  store(lane, counts);
  for (int i = 0; i < kLanes; i++) rest += static_cast<size_t>(lane[i]);
  return {sum, rest};
}

/// The theta with sum of max(y - theta, 0) = mass, for a row whose largest entry is 0.
INTERMODEL_INLINE double simplexThreshold(const double* y, double mass, size_t n) {
  double threshold = -mass;
  for (size_t before = n + 1;;) {
    const Kept kept = keptAbove(y, threshold, n);
    if (kept.count >= before || kept.count == 0) return threshold;
    before = kept.count;
    threshold = (kept.sum - mass) / static_cast<double>(kept.count);
  }
}

static void projectRow(const double* row, double floor, double* out, size_t n) {
  const double largest = maximumOf(row, n);
  const F64 shift = broadcast(largest), least = broadcast(floor);
  size_t j = 0;
  for (; j + kLanes <= n; j += kLanes) store(out + j, load(row + j) - shift);
  if (j < n) storePartial(out + j, loadPartial(row + j, n - j) - shift, n - j);
  const F64 threshold = broadcast(simplexThreshold(out, 1.0 - floor * static_cast<double>(n), n));
  for (j = 0; j + kLanes <= n; j += kLanes) store(out + j, maximum(load(out + j) - threshold, zero()) + least);
  if (j < n) storePartial(out + j, maximum(loadPartial(out + j, n - j) - threshold, zero()) + least, n - j);
}

/// out = P(c + t d)
static void alongStep(const double* c, const double* d, double t, double* out, size_t n) {
  for (size_t j = 0; j < n; j++) out[j] = c[j] + t * d[j];
  projectRow(out, 0.0, out, n);
}

static double squaredDistance(const double* a, const double* b, double* scratch, size_t n) {
  for (size_t j = 0; j < n; j++) scratch[j] = a[j] - b[j];
  return treeDot(scratch, scratch, n);
}

/// On the support of w, |P(c + t d) - c|^2 = slope t^2 + offset.
struct Piece {
  double slope, offset;
};

/// Null w: everything is in the support.
static Piece pieceAt(const double* w, const double* c, const double* d, double* scratch, size_t n) {
  double count = 0.0;
  for (size_t j = 0; j < n; j++) {
    const bool in = w == nullptr || w[j] > 0.0;
    count += in ? 1.0 : 0.0;
    scratch[j] = in ? d[j] : 0.0;
  }
  const double mean = treeSum(scratch, n) / count;
  for (size_t j = 0; j < n; j++) scratch[j] = w == nullptr || w[j] > 0.0 ? d[j] - mean : 0.0;
  const double slope = treeDot(scratch, scratch, n);
  for (size_t j = 0; j < n; j++) scratch[j] = w == nullptr || w[j] > 0.0 ? 0.0 : c[j];
  const double lost = treeSum(scratch, n);
  return {slope, (lost * lost) / count + treeDot(scratch, scratch, n)};
}

static double largestSize(const double* x, size_t n) {
  double largest = 0.0;
  for (size_t j = 0; j < n; j++) largest = __builtin_fabs(x[j]) > largest ? __builtin_fabs(x[j]) : largest;
  return largest;
}

/// The point P(c + t d) with the largest t within epsilon of c; scratch [2 n].
static void boundedMaximiser(const double* c, const double* d, double epsilon, double* out, double* scratch, size_t n) {
  double* direction = scratch;
  double* work = scratch + n;
  const double largest = largestSize(d, n);
  for (size_t j = 0; j < n; j++) out[j] = c[j];
  if (largest == 0.0 || n == 0) return;
  for (size_t j = 0; j < n; j++) direction[j] = d[j] / largest;
  const Piece whole = pieceAt(nullptr, c, direction, work, n);
  if (whole.slope == 0.0) return;
  const double radius = epsilon < kLargestRadius ? epsilon : kLargestRadius;
  const double bound = radius * radius;
  double s = bound / whole.slope;
  alongStep(c, direction, __builtin_sqrt(s), out, n);
  for (int piece = 0; piece < kMostPieces; piece++) {
    const Piece here = pieceAt(out, c, direction, work, n);
    const double next = here.slope > 0.0 ? (bound - here.offset) / here.slope : s;
    if (!(next > s && next < __builtin_inf())) return;
    s = next;
    alongStep(c, direction, __builtin_sqrt(s), out, n);
  }
}

static void boundedStepRow(const double* c, const double* d, double epsilon, double* out, double* scratch, size_t n) {
  alongStep(c, d, 1.0, out, n);
  if (squaredDistance(out, c, scratch, n) <= epsilon * epsilon) return;
  boundedMaximiser(c, d, epsilon, out, scratch, n);
}

static RowResiduals residualsRow(const double* w, const double* g, double epsilon, double* scratch, size_t n) {
  RowResiduals found;
  double* point = scratch;
  const double scale = safeScale(largestSize(g, n)), largest = maximumOf(g, n) * scale;
  for (size_t j = 0; j < n; j++) point[j] = -(g[j] * scale - largest);
  found.gap = treeDot(point, w, n) / scale;
  alongStep(w, g, 1.0, point, n);
  found.natural = __builtin_sqrt(squaredDistance(point, w, scratch + n, n));
  boundedMaximiser(w, g, epsilon, point, scratch + n, n);
  double* scaled = scratch + n;
  for (size_t j = 0; j < n; j++) scaled[j] = g[j] * scale;
  for (size_t j = 0; j < n; j++) point[j] = point[j] - w[j];
  found.regret = treeDot(scaled, point, n) / scale;
  return found;
}

constexpr ProjectionKernels projectionKernels() {
  return {.projectRow = projectRow, .boundedStepRow = boundedStepRow, .residualsRow = residualsRow};
}

}  // namespace market
}  // namespace
}  // namespace intermodel
