/// The EpochKernels of one instruction set. A row and its step are read from memory once; the passes after that find
/// them in cache.
#pragma once

#include "epoch.hpp"
#include "projection_kernels.hpp"

namespace intermodel {
namespace {
namespace epoch {

/// What one reading of a row c and its step d tells before anything is moved; rough where an order would not matter.
struct Glance {
  double sum, least;     // of c; the least is 0 where nothing is below
  double size, squares;  // the largest |d|, and the sum of d^2
};

static Glance glanceAt(const double* c, const double* d, size_t n) {
  constexpr size_t kTogether = 2;
  F64 sum[kTogether], least[kTogether], size[kTogether], squares[kTogether];
#pragma GCC unroll 2
  for (size_t v = 0; v < kTogether; v++) sum[v] = least[v] = size[v] = squares[v] = zero();
  const auto take = [&](F64 weight, F64 step, size_t v) {
    sum[v] = sum[v] + weight;
    least[v] = minimum(weight, least[v]);
    size[v] = maximum(absolute(step), size[v]);
    squares[v] = fma(step, step, squares[v]);
  };
  size_t r = 0;
  for (; r + kTogether * kLanes <= n; r += kTogether * kLanes) {
#pragma GCC unroll 2
    for (size_t v = 0; v < kTogether; v++) take(load(c + r + v * kLanes), load(d + r + v * kLanes), v);
  }
  for (; r < n; r += kLanes) {
    const size_t count = n - r < kLanes ? n - r : size_t{kLanes};
    take(loadSome(c + r, count), loadSome(d + r, count), 0);
  }
  Glance found{0.0, 0.0, 0.0, 0.0};
  double lane[4][kLanes];
  store(lane[0], sum[0] + sum[1]);
  store(lane[1], minimum(least[0], least[1]));
  store(lane[2], maximum(size[0], size[1]));
  store(lane[3], squares[0] + squares[1]);
  for (int i = 0; i < kLanes; i++) {
    found.sum += lane[0][i];
    found.least = lane[1][i] < found.least ? lane[1][i] : found.least;
    found.size = lane[2][i] > found.size ? lane[2][i] : found.size;
    found.squares += lane[3][i];
  }
  return found;
}

/// Whether the whole step c + d is certain to end outside the ball, rounding included, given where the way along d left
/// it. Up to (1 + margin) t nothing reaches 0, so there the distance is (1 + margin) epsilon, and it never falls
/// beyond. No entry of P(c + d) is wrong by more than 8 (64 + n / 256) units of rounding of (1 + |d|), which must be
/// small beside what the margin adds.
static bool isSurelyOutside(const projection::Start& start, double size, double epsilon, size_t n) {
  constexpr double kMargin = 0x1p-10, kRounding = 0x1p-50;
  const double error = (64.0 + static_cast<double>(n) / 256.0) * kRounding * (1.0 + size);
  const double t = __builtin_sqrt(start.s);
  return t * (1.0 + kMargin) <= size && start.at.least > 2.0 * kMargin * t &&
         __builtin_sqrt(static_cast<double>(n)) * error <= 0.25 * kMargin * epsilon;
}

/// The next row and its step are on their way from memory while this row is worked on: a line at every other one of
/// each pass, because memory takes as long as all passes together.
struct NextRow {
  const double *step, *row;
  void first(size_t r) const { ask(step, r, 0); }
  void second(size_t r) const { ask(step, r, kLine); }
  void third(size_t r) const { ask(row, r, 0); }
  void fourth(size_t r) const { ask(row, r, kLine); }

 private:
  static constexpr size_t kLine = 8;
  static void ask(const double* from, size_t r, size_t turn) {
    if (r % (2 * kLine) == turn) __builtin_prefetch(from + r, 0, 2);
  }
};

/// Writes max(y - cut, 0) as row i, past the cache where it would not be met there again, and adds it to the ranking:
/// one loop after the other, because stores of the two kinds in turn wait for each other.
static void putRow(const StepRows& step, size_t i, const double* y, double cut) {
  const F64 least = broadcast(cut);
  const size_t n = step.n;
  const auto at = [=](size_t r, size_t count) { return projection::above(loadSome(y + r, count), least); };
  double* out = step.out + i * n;
  size_t r = 0;
  if (step.pastCache) {
    const size_t odd = (reinterpret_cast<uintptr_t>(out) / sizeof(double)) % kLanes;
    r = odd == 0 ? 0 : kLanes - odd < n ? kLanes - odd : n;
    if (r > 0) storePartial(out, at(0, r), r);
    for (; r + kLanes <= n; r += kLanes) stream(out + r, at(r, kLanes));
  }
  for (; r + kLanes <= n; r += kLanes) store(out + r, at(r, kLanes));
  if (r < n) storePartial(out + r, at(r, n - r), n - r);
  if (step.sums == nullptr) return;
  double* sums = step.sums;
  const F64 factor = broadcast(step.stake[i]);
  eachVector(n, [=](size_t k, size_t count) {
    storeSome(sums + k, fma(factor, at(k, count), loadSome(sums + k, count)), count);
  });
}

/// boundedStepRow with its two steps in the order that is likely to need only one of them.
static void stepRow(const StepRows& step, size_t i, const Glance& seen, double* scratch, const NextRow& next) {
  const size_t n = step.n;
  const double *c = step.rows + i * n, *d = step.steps + i * n;
  double *y = scratch, *moved = scratch + n, *work = scratch + 2 * n;
  const double bound = step.epsilon * step.epsilon;
  if (!(seen.squares > bound)) {  // no projection lengthens a step
    projection::boundedStepRow(c, d, step.epsilon, moved, work, n);
    return putRow(step, i, moved, 0.0);
  }
  const projection::Start start = projection::startClimb(c, d, seen.size, step.epsilon, y, n, next);
  if (!start.stays && __builtin_sqrt(start.s) >= seen.size) {  // the whole step would stay in the ball
    projection::boundedStepRow(c, d, step.epsilon, moved, work, n);
    return putRow(step, i, moved, 0.0);
  }
  if (!start.stays && isSurelyOutside(start, seen.size, step.epsilon, n)) return putRow(step, i, y, start.at.cut);
  projection::finishClimb(start, c, d, seen.size, y, moved, work, n);
  const bool inside = projection::alongStep(c, d, 1.0, y, n) <= bound;
  putRow(step, i, inside ? y : moved, 0.0);
}

static StepOutcome stepRows(const StepRows& step, size_t begin, size_t end, double* scratch) {
  const size_t n = step.n;
  for (size_t i = begin; i < end; i++) {
    const double *c = step.rows + i * n, *d = step.steps + i * n;
    const Glance seen = glanceAt(c, d, n);
    // a NaN or an infinity fails the sums
    if (!(seen.least == 0.0 && __builtin_fabs(seen.sum - 1.0) <= step.tolerance)) return StepOutcome::kNotWeights;
    if (!(seen.squares < __builtin_inf()) && !projection::isFiniteRow(d, n)) return StepOutcome::kNotFinite;
    const size_t after = i + 1 < end ? n : 0;
    stepRow(step, i, seen, scratch, {d + after, c + after});
  }
  if (step.pastCache) streamEnd();
  return StepOutcome::kMoved;
}

/// ROWS rows together, so that a sum is read and written once for all of them.
template <int ROWS>
INTERMODEL_INLINE void addSome(const double* matrix, const double* stake, size_t n, size_t begin, size_t end,
                               double* sums) {
  F64 factor[ROWS];
  for (int i = 0; i < ROWS; i++) factor[i] = broadcast(stake[i]);
  eachVector(end - begin, [&](size_t r, size_t count) {
    F64 sum = loadSome(sums + begin + r, count);
    for (int i = 0; i < ROWS; i++)
      sum = fma(factor[i], loadSome(matrix + static_cast<size_t>(i) * n + begin + r, count), sum);
    storeSome(sums + begin + r, sum, count);
  });
}

static void addRows(const double* matrix, const double* stake, size_t rows, size_t n, size_t begin, size_t end,
                    double* sums) {
  size_t i = 0;
  for (; i + 4 <= rows; i += 4) addSome<4>(matrix + i * n, stake + i, n, begin, end, sums);
  for (; i < rows; i++) addSome<1>(matrix + i * n, stake + i, n, begin, end, sums);
}

constexpr EpochKernels epochKernels() { return {.stepRows = stepRows, .addRows = addRows}; }

}  // namespace epoch
}  // namespace
}  // namespace intermodel
