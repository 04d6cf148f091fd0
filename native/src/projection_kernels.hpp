/// The ProjectionKernels of one instruction set. The same operations as src/reference/projection.ts.
#pragma once

#include "each_vector.hpp"
#include "projection.hpp"
#include "quotient.hpp"
#include "safe_scale.hpp"
#include "tree_fold.hpp"

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

struct Range {
  double most, least;
};

/// What else the four passes over a row do at element r: nothing. A caller with many rows asks for the next ones.
struct NothingElse {
  static void first(size_t) {}
  static void second(size_t) {}
  static void third(size_t) {}
  static void fourth(size_t) {}
};

/// y = c + t d; the largest and the least entry that are not NaN. y may be d.
template <class Else>
static Range moveAlong(const double* c, const double* d, double t, double* y, size_t n, Else other) {
  constexpr size_t kTogether = 2;
  const F64 length = broadcast(t);
  F64 most[kTogether], low[kTogether];
#pragma GCC unroll 2
  for (size_t v = 0; v < kTogether; v++) most[v] = broadcast(-__builtin_inf()), low[v] = broadcast(__builtin_inf());
  size_t r = 0;
  for (; r + kTogether * kLanes <= n; r += kTogether * kLanes) {
#pragma GCC unroll 2
    for (size_t v = 0; v < kTogether; v++) {
      const size_t at = r + v * kLanes;
      other.third(at);
      const F64 entry = load(c + at) + length * load(d + at);
      store(y + at, entry);
      most[v] = maximum(entry, most[v]);
      low[v] = minimum(entry, low[v]);
    }
  }
  double lane[kLanes];
  Range range{-__builtin_inf(), __builtin_inf()};
  store(lane, maximum(most[0], most[1]));
  for (int i = 0; i < kLanes; i++) range.most = lane[i] > range.most ? lane[i] : range.most;
  store(lane, minimum(low[0], low[1]));
  for (int i = 0; i < kLanes; i++) range.least = lane[i] < range.least ? lane[i] : range.least;
  for (; r < n; r += kLanes) {
    const size_t count = n - r < kLanes ? n - r : size_t{kLanes};
    storeSome(y + r, loadSome(c + r, count) + length * loadSome(d + r, count), count);
    for (size_t i = r; i < r + count; i++) {
      range.most = y[i] > range.most ? y[i] : range.most;
      range.least = y[i] < range.least ? y[i] : range.least;
    }
  }
  return range;
}

/// P(c + t d) = max(y - cut, 0) for the y that was written, and its least entry.
struct Placed {
  double cut, least;
};

/// y = c + t d less its largest entry, and the cut. Each pass does what several plain ones would, in their order. y may
/// be d.
template <class Else>
static Placed placeAlong(const double* c, const double* d, double t, double* y, size_t n, Else other) {
  const Range range = moveAlong(c, d, t, y, n, other);
  const double least = range.least - range.most;  // rounding keeps the order of differences
  const F64 shift = broadcast(range.most);
  Kept kept{0.0, n};
  kept.sum = treeFold<Add>(n, [&](size_t r, size_t count) {
    other.fourth(r);
    const F64 entry = loadSome(y + r, count) - shift;
    storeSome(y + r, entry, count);
    return entry;
  });
  // what is above -1 is kept at first
  if (!(least > -1.0) || kept.sum != kept.sum) kept = keptAbove(y, -1.0, n);  // a NaN is never kept
  double cut = -1.0;
  for (size_t before = n + 1; kept.count < before && kept.count > 0;) {
    before = kept.count;
    cut = (kept.sum - 1.0) / static_cast<double>(kept.count);
    if (before == n && least > cut) break;  // the next count would be n as well
    kept = keptAbove(y, cut, n);
  }
  return {cut, least > cut ? least - cut : 0.0};
}

/// max(y - cut, 0)
INTERMODEL_INLINE F64 above(F64 y, F64 cut) { return maximum(y - cut, zero()); }

static void cutAt(const double* y, double cut, double* out, size_t n) {
  const F64 least = broadcast(cut);
  eachVector(n, [&](size_t r, size_t count) { storeSome(out + r, above(loadSome(y + r, count), least), count); });
}

/// out = P(c + t d); returns |out - c|^2.
static double alongStep(const double* c, const double* d, double t, double* out, size_t n) {
  const F64 cut = broadcast(placeAlong(c, d, t, out, n, NothingElse{}).cut);
  return treeFold<AddSquare>(n, [&](size_t r, size_t count) {
    const F64 w = above(loadSome(out + r, count), cut);
    storeSome(out + r, w, count);
    return w - loadSome(c + r, count);
  });
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

/// to = d / size, and the sum of that.
template <class Else>
static double directionOf(const double* d, const Divisor& size, double* to, size_t n, Else other) {
  return treeFold<Add>(n, [&](size_t r, size_t count) {
    other.first(r);
    const F64 share = quotient(loadSome(d + r, count), size);
    storeSome(to + r, share, count);
    return share;
  });
}

/// The first point of a climb along d over its largest size: where the distance would be epsilon if nothing reached 0.
struct Start {
  bool stays;       ///< c itself is the answer
  double s, bound;  ///< the point lies at t = sqrt(s); bound is the square of the radius
  Placed at;
};

template <class Else>
static Start startClimb(const double* c, const double* d, double largest, double epsilon, double* y, size_t n,
                        Else other) {
  Start start{true, 0.0, 0.0, {0.0, 0.0}};
  if (largest == 0.0 || n == 0) return start;
  // y holds the direction until the point takes its place: one array less that has to stay in cache
  const F64 mean = broadcast(directionOf(d, divisorOf(largest), y, n, other) / static_cast<double>(n));
  const double slope = treeFold<AddSquare>(n, [&](size_t r, size_t count) {
    other.second(r);
    return loadSome(y + r, count) - mean;
  });
  if (slope == 0.0) return start;
  const double radius = epsilon < kLargestRadius ? epsilon : kLargestRadius;
  start.stays = false;
  start.bound = radius * radius;
  start.s = start.bound / slope;  // on the piece where nothing has reached 0 the offset is 0
  start.at = placeAlong(c, y, __builtin_sqrt(start.s), y, n, other);
  return start;
}

/// The point P(c + t d) with the largest t within epsilon of c, from its start with the y of that; scratch [2 n].
static void finishClimb(const Start& start, const double* c, const double* d, double largest, const double* y,
                        double* out, double* scratch, size_t n) {
  if (start.stays) return stay(c, out, n);
  cutAt(y, start.at.cut, out, n);
  if (start.at.least > 0.0) return;  // the next piece would be the same
  double *direction = scratch, *work = scratch + n;
  directionOf(d, divisorOf(largest), direction, n, NothingElse{});
  double s = start.s;
  for (int piece = 0; piece < kMostPieces; piece++) {
    const Piece here = pieceAt(out, c, direction, work, n);
    const double next = here.slope > 0.0 ? (start.bound - here.offset) / here.slope : s;
    if (!(next > s && next < __builtin_inf())) return;
    s = next;
    cutAt(out, placeAlong(c, direction, __builtin_sqrt(s), out, n, NothingElse{}).cut, out, n);
  }
}

static void climb(const double* c, const double* d, double epsilon, double* out, double* scratch, size_t n) {
  const double largest = largestSize(d, n);
  finishClimb(startClimb(c, d, largest, epsilon, out, n, NothingElse{}), c, d, largest, out, out, scratch, n);
}

static void boundedStepRow(const double* c, const double* d, double epsilon, double* out, double* scratch, size_t n) {
  if (alongStep(c, d, 1.0, out, n) <= epsilon * epsilon) return;
  climb(c, d, epsilon, out, scratch, n);
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
  found.natural = __builtin_sqrt(alongStep(w, g, 1.0, point, n));
  climb(w, g, epsilon, point, scratch + n, n);
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
