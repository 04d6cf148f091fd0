/// The ProjectionKernels of one instruction set. The same operations as src/reference/projection.ts.
#pragma once

#include "each_vector.hpp"
#include "projection.hpp"
#include "reduce.hpp"
#include "safe_scale.hpp"

namespace intermodel {
namespace {
namespace projection {

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

/// What a row of a step is like: |w - c|^2, and whether every entry of w is above 0.
struct Moved {
  double distance;
  bool inside;
};

/// Sum of the squares of what term(r, count) gives, in the fixed tree: each lane a chain of fused multiply-adds.
template <class Term>
INTERMODEL_INLINE double treeSquareOf(size_t n, Term term) {
  double total = 0.0;
  for (size_t begin = 0; begin == 0 || begin < n; begin += kTreeBlock) {
    const size_t end = n - begin < kTreeBlock ? n : begin + kTreeBlock;
    F64 part[kTreeParts];
    for (int i = 0; i < kTreeParts; i++) part[i] = zero();
    size_t r = begin;
    for (; r + kTreeLanes <= end; r += kTreeLanes)
      for (int i = 0; i < kTreeParts; i++) {
        const F64 x = term(r + static_cast<size_t>(i * kLanes), size_t{kLanes});
        part[i] = fma(x, x, part[i]);
      }
    double lane[kTreeLanes];
    for (int i = 0; i < kTreeParts; i++) store(lane + i * kLanes, part[i]);
    for (size_t first = 0; first < kTreeLanes && r < end; first += kLanes) {
      const size_t count = end - r < kLanes ? end - r : size_t{kLanes};
      double value[kLanes];
      store(value, term(r, count));
      for (size_t i = 0; i < count; i++) lane[first + i] = fused(value[i], value[i], lane[first + i]);
      r += count;
    }
    const double sum = foldLanes(lane);
    total = begin == 0 ? sum : total + sum;
  }
  return total;
}

/// The least of the first `n` entries of a vector and `before`.
INTERMODEL_INLINE double leastOf(F64 entries, double before, size_t n) {
  double lane[kLanes];
  store(lane, entries);
  for (size_t i = 0; i < n; i++) before = lane[i] < before ? lane[i] : before;
  return before;
}

/// out = P(c + t d). Each pass does what several plain ones would, in their order.
static Moved alongStep(const double* c, const double* d, double t, double* out, size_t n) {
  const F64 length = broadcast(t);
  F64 most = broadcast(-__builtin_inf());
  double largest = -__builtin_inf();
  eachVector(n, [&](size_t r, size_t count) {
    const F64 y = loadSome(c + r, count) + length * loadSome(d + r, count);
    storeSome(out + r, y, count);
    if (count == kLanes) {
      most = maximum(y, most);
    } else {
      for (size_t i = r; i < r + count; i++) largest = out[i] > largest ? out[i] : largest;
    }
  });
  double lane[kLanes];
  store(lane, most);
  for (int i = 0; i < kLanes; i++) largest = lane[i] > largest ? lane[i] : largest;

  // the largest entry becomes 0; what is above -1 is kept at first
  const F64 shift = broadcast(largest), bar = broadcast(-1.0), one = broadcast(1.0);
  F64 counts = zero(), low = broadcast(__builtin_inf());
  double least = __builtin_inf();
  size_t count_ = 0;
  const double sum = treeSumOf(n, [&](size_t r, size_t count) {
    const F64 y = loadSome(out + r, count) - shift;
    storeSome(out + r, y, count);
    const Mask kept = greater(y, bar);
    if (count == kLanes) {
      counts = counts + select(kept, one, zero());
      low = minimum(y, low);
    } else {
      for (size_t i = r; i < r + count; i++) count_ += out[i] > -1.0 ? 1 : 0;
      least = leastOf(y, least, count);
    }
    return select(kept, y, zero());
  });
  store(lane, counts);
  for (int i = 0; i < kLanes; i++) count_ += static_cast<size_t>(lane[i]);
  least = leastOf(low, least, kLanes);
  double threshold = -1.0;
  Kept kept{sum, count_};
  for (size_t before = n + 1; kept.count < before && kept.count > 0;) {
    before = kept.count;
    threshold = (kept.sum - 1.0) / static_cast<double>(kept.count);
    if (before == n && least > threshold) break;  // the next count would be n as well
    kept = keptAbove(out, threshold, n);
  }

  const F64 cut = broadcast(threshold);
  F64 smallest = broadcast(__builtin_inf());
  double lowest = __builtin_inf();
  const double distance = treeSquareOf(n, [&](size_t r, size_t count) {
    const F64 w = maximum(loadSome(out + r, count) - cut, zero()) + zero();
    storeSome(out + r, w, count);
    if (count == kLanes)
      smallest = minimum(w, smallest);
    else
      lowest = leastOf(w, lowest, count);
    return w - loadSome(c + r, count);
  });
  return {distance, leastOf(smallest, lowest, kLanes) > 0.0};
}

/// On the support of w, |P(c + t d) - c|^2 = slope t^2 + offset.
struct Piece {
  double slope, offset;
};

static Piece pieceAt(const double* w, const double* c, const double* d, double* scratch, size_t n) {
  double count = 0.0;
  for (size_t j = 0; j < n; j++) {
    const bool in = w[j] > 0.0;
    count += in ? 1.0 : 0.0;
    scratch[j] = in ? d[j] : 0.0;
  }
  const double mean = treeSum(scratch, n) / count;
  for (size_t j = 0; j < n; j++) scratch[j] = w[j] > 0.0 ? d[j] - mean : 0.0;
  const double slope = treeDot(scratch, scratch, n);
  for (size_t j = 0; j < n; j++) scratch[j] = w[j] > 0.0 ? 0.0 : c[j];
  const double lost = treeSum(scratch, n);
  return {slope, (lost * lost) / count + treeDot(scratch, scratch, n)};
}

static double largestSize(const double* x, size_t n) {
  F64 most = zero();
  eachVector(n, [&](size_t r, size_t count) { most = maximum(absolute(loadSome(x + r, count)), most); });
  double lane[kLanes], largest = 0.0;
  store(lane, most);
  for (int i = 0; i < kLanes; i++) largest = lane[i] > largest ? lane[i] : largest;
  return largest;
}

static void stay(const double* c, double* out, size_t n) {
  for (size_t j = 0; j < n; j++) out[j] = c[j];
}

/// The point P(c + t d) with the largest t within epsilon of c; scratch [2 n].
static void boundedMaximiser(const double* c, const double* d, double epsilon, double* out, double* scratch, size_t n) {
  double* direction = scratch;
  double* work = scratch + n;
  const double largest = largestSize(d, n);
  const F64 size = broadcast(largest);
  if (largest == 0.0 || n == 0) return stay(c, out, n);
  const double total = treeSumOf(n, [&](size_t r, size_t count) {
    const F64 share = loadSome(d + r, count) / size;
    storeSome(direction + r, share, count);
    return share;
  });
  const F64 mean = broadcast(total / static_cast<double>(n));
  // the piece on which nothing has reached 0: its offset is 0
  const double slope = treeSquareOf(n, [&](size_t r, size_t count) { return loadSome(direction + r, count) - mean; });
  if (slope == 0.0) return stay(c, out, n);
  const double radius = epsilon < kLargestRadius ? epsilon : kLargestRadius;
  const double bound = radius * radius;
  double s = bound / slope;
  Moved moved = alongStep(c, direction, __builtin_sqrt(s), out, n);
  for (int piece = 0; piece < kMostPieces; piece++) {
    if (moved.inside && piece == 0) return;  // the same piece again
    const Piece here = pieceAt(out, c, direction, work, n);
    const double next = here.slope > 0.0 ? (bound - here.offset) / here.slope : s;
    if (!(next > s && next < __builtin_inf())) return;
    s = next;
    moved = alongStep(c, direction, __builtin_sqrt(s), out, n);
  }
}

static void boundedStepRow(const double* c, const double* d, double epsilon, double* out, double* scratch, size_t n) {
  if (alongStep(c, d, 1.0, out, n).distance <= epsilon * epsilon) return;
  boundedMaximiser(c, d, epsilon, out, scratch, n);
}

static bool isFiniteRow(const double* row, size_t n) {
  F64 sum[2] = {zero(), zero()};
  size_t j = 0;
  for (; j + 2 * kLanes <= n; j += 2 * kLanes)
    for (size_t v = 0; v < 2; v++) sum[v] = fma(load(row + j + v * kLanes), zero(), sum[v]);
  double lane[kLanes], total = 0.0;
  store(lane, sum[0] + sum[1]);
  for (int r = 0; r < kLanes; r++) total += lane[r];
  for (; j < n; j++) total += row[j] * 0.0;
  return total == 0.0;
}

static RowResiduals residualsRow(const double* w, const double* g, double epsilon, double* scratch, size_t n) {
  RowResiduals found;
  double* point = scratch;
  const double scale = safeScale(largestSize(g, n)), largest = maximumOf(g, n) * scale;
  for (size_t j = 0; j < n; j++) point[j] = -(g[j] * scale - largest);
  found.gap = treeDot(point, w, n) / scale;
  found.natural = __builtin_sqrt(alongStep(w, g, 1.0, point, n).distance);
  boundedMaximiser(w, g, epsilon, point, scratch + n, n);
  double* scaled = scratch + n;
  for (size_t j = 0; j < n; j++) scaled[j] = g[j] * scale;
  for (size_t j = 0; j < n; j++) point[j] = point[j] - w[j];
  found.regret = treeDot(scaled, point, n) / scale;
  return found;
}

constexpr ProjectionKernels projectionKernels() {
  return {.projectRow = projectRow,
          .boundedStepRow = boundedStepRow,
          .isFiniteRow = isFiniteRow,
          .residualsRow = residualsRow};
}

}  // namespace projection
}  // namespace
}  // namespace intermodel
