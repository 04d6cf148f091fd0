/// The EquilibriumKernels of one instruction set: small games, one to a lane. The operations of
/// src/reference/equilibrium.ts.
#pragma once

#include "equilibrium_lanes.hpp"

namespace intermodel {
namespace {
namespace lanes {

/// The scratch of one group, part by part.
struct Workspace {
  size_t n, square;
  F64 *weights, *companion, *previous, *snapshot;  // [n, n], as in the state
  F64 *reference, *gradient, *moved;               // [n, n]
  F64 *stake, *slope, *bonus, *shift;              // [n]
  F64 *delta, *derivative, *pulled, *coordinates;  // [n], [n], [n], [rank]
  F64* inverse;                                    // 1: 1 / T
  F64* lossFactor;                                 // 1
  double* scalars;                                 // [kStateScalars, kLanes]
  double* open;                                    // [kLanes]: 1 where the diagonal is open
  double* clip;                                    // [kLanes]
  double* hessian;                                 // packed, with or without lanes
};

/// Lays the parts out; returns the doubles taken.
static size_t layOut(const LaneGroup& group, double* scratch, Workspace& w) {
  const PeerHessians& form = group.form;
  double* at = scratch;
  const auto take = [&at](size_t count) {
    F64* part = reinterpret_cast<F64*>(at);
    at += count * kLanes;
    return part;
  };
  w.n = form.n;
  w.square = form.n * form.n;
  F64** const squares[] = {&w.weights, &w.companion, &w.previous, &w.snapshot, &w.reference, &w.gradient, &w.moved};
  for (F64** part : squares) *part = take(w.square);
  F64** const rows[] = {&w.stake, &w.slope, &w.bonus, &w.shift, &w.delta, &w.derivative, &w.pulled};
  for (F64** part : rows) *part = take(form.n);
  w.coordinates = take(form.rank);
  w.inverse = take(1);
  w.lossFactor = take(1);
  w.scalars = reinterpret_cast<double*>(take(kStateScalars));
  w.open = reinterpret_cast<double*>(take(1));
  w.clip = reinterpret_cast<double*>(take(1));
  w.hessian = at;
  const size_t matrices = form.own ? form.n : 1;
  at += matrices * packedLength(form) * (group.oneHessian ? 1 : kLanes);
  return static_cast<size_t>(at - scratch);
}

static size_t laneScratch(const LaneGroup& group) {
  Workspace w;
  alignas(64) double nothing[1];
  return layOut(group, nothing, w);
}

/// The game in a lane; lanes past the last game repeat the first and never run.
INTERMODEL_INLINE const SearchGame& gameOf(const LaneGroup& group, size_t lane) {
  return group.games[lane < group.count ? lane : 0];
}

static void loadHessian(const PeerHessians& form, const double* data, double* out, size_t step) {
  const size_t n = form.n, matrices = form.own ? n : 1;
  const bool isMatrix = form.storage == HessianStorage::kDense || form.storage == HessianStorage::kShared;
  for (size_t m = 0; m < matrices; m++) {
    if (isMatrix) {
      for (size_t i = 0; i < n; i++)
        for (size_t j = i; j < n; j++, out += step) *out = data[m * n * n + i * n + j];
    } else {
      const size_t length = packedLength(form);
      for (size_t at = 0; at < length; at++, out += step) *out = data[m * length + at];
    }
  }
}

static void loadLanes(const LaneGroup& group, double* scratch) {
  Workspace w;
  layOut(group, scratch, w);
  const double count = static_cast<double>(w.n);
  const auto put = [](F64* part, size_t at, size_t lane, double value) {
    reinterpret_cast<double*>(part)[at * kLanes + lane] = value;
  };
  for (size_t lane = 0; lane < kLanes; lane++) {
    const SearchGame& game = gameOf(group, lane);
    const double inverse = 1.0 / game.terms.temperature;
    const double ownShare = game.terms.exactShift ? (count - 1.0) / count : 1.0;
    F64* const parts[] = {w.weights, w.companion, w.previous, w.snapshot};
    for (size_t part = 0; part < 4; part++)
      for (size_t at = 0; at < w.square; at++) put(parts[part], at, lane, game.state[part * w.square + at]);
    for (size_t at = 0; at < w.square; at++) put(w.reference, at, lane, game.referenceMask[at]);
    for (size_t i = 0; i < w.n; i++) {
      put(w.stake, i, lane, game.stake[i]);
      put(w.slope, i, lane, game.stake[i] * ownShare * inverse);
      put(w.bonus, i, lane, game.terms.rankFactor * (game.stake[i] / count));
    }
    put(w.inverse, 0, lane, inverse);
    put(w.lossFactor, 0, lane, game.terms.lossFactor);
    for (size_t k = 0; k < kStateScalars; k++) w.scalars[k * kLanes + lane] = game.state[4 * w.square + k];
    w.open[lane] = game.terms.openDiagonal ? 1.0 : 0.0;
    w.clip[lane] = game.terms.clip ? 1.0 : 0.0;
    if (!group.oneHessian) loadHessian(group.form, game.hessian, w.hessian + lane, kLanes);
  }
  if (group.oneHessian) loadHessian(group.form, group.games[0].hessian, w.hessian, 1);
}

static void storeLanes(const LaneGroup& group, const double* scratch) {
  Workspace w;
  layOut(group, const_cast<double*>(scratch), w);
  F64* const parts[] = {w.weights, w.companion, w.previous, w.snapshot};
  for (size_t lane = 0; lane < group.count; lane++) {
    double* state = group.games[lane].state;
    for (size_t part = 0; part < 4; part++)
      for (size_t at = 0; at < w.square; at++)
        state[part * w.square + at] = reinterpret_cast<const double*>(parts[part])[at * kLanes + lane];
    for (size_t k = 0; k < kStateScalars; k++) state[4 * w.square + k] = w.scalars[k * kLanes + lane];
  }
}

/// The payoff's gradient in every row of every game. By value: a vector store may alias anything whose address is
/// known.
template <bool ONE>
static void ascentDirections(const PeerHessians form, const Workspace w) {
  const size_t n = w.n, stride = form.own ? packedLength(form) * (ONE ? 1 : kLanes) : 0;
  const F64 count = broadcast(static_cast<double>(n)), inverse = *w.inverse, lossFactor = *w.lossFactor;
  const Mask open = equal(load(w.open), broadcast(1.0));
  for (size_t j = 0; j < n; j++) {
    F64 sum = zero();
    for (size_t i = 0; i < n; i++) sum = fma(w.stake[i], w.weights[i * n + j], sum);
    w.shift[j] = sum / count;
  }
  for (size_t i = 0; i < n; i++) {
    const F64* row = w.weights + i * n;
    for (size_t j = 0; j < n; j++) {
      const SigmoidPoint at = sigmoidPoint(fma(w.stake[i], row[j], -w.shift[j]) * inverse);
      w.delta[j] = at.value - w.reference[i * n + j];
      w.derivative[j] = at.slope * w.slope[i];
    }
    w.delta[i] = select(open, broadcast(1.0) - w.reference[i * n + i], w.delta[i]);
    w.derivative[i] = select(open, zero(), w.derivative[i]);
    pullLanes<ONE>(form, w.hessian + i * stride, w.delta, w.pulled, w.coordinates);
    F64* out = w.gradient + i * n;
    for (size_t j = 0; j < n; j++) out[j] = lossFactor * ((broadcast(2.0) * w.pulled[j]) * w.derivative[j]);
    out[i] = out[i] + w.bonus[i];
  }
}

/// The largest natural residual of a row, of every game.
static F64 largestResiduals(const Workspace w) {
  const size_t n = w.n;
  for (size_t at = 0; at < w.square; at++) w.moved[at] = w.weights[at] + w.gradient[at];
  projectLanes(w.moved, n, n);
  F64 largest = zero();
  for (size_t i = 0; i < n; i++) {
    F64* row = w.moved + i * n;
    for (size_t j = 0; j < n; j++) row[j] = row[j] - w.weights[i * n + j];
    const F64 residual = squareRoot(treeDotLanes(row, row, n));
    largest = select(lessEqual(residual, largest), largest, residual);
  }
  return largest;
}

INTERMODEL_INLINE bool isRunning(const Workspace& w, size_t lane) { return w.scalars[kOutcome * kLanes + lane] == 0.0; }

INTERMODEL_INLINE void setOutcome(Workspace& w, size_t lane, SearchOutcome outcome) {
  w.scalars[kOutcome * kLanes + lane] = static_cast<double>(outcome);
}

INTERMODEL_INLINE bool isDue(double step, const SearchSettings& settings) {
  const auto every = static_cast<uint64_t>(settings.checkEvery);
  return static_cast<uint64_t>(step) % every == 0 || step >= settings.maxSteps;
}

static void checkResiduals(Workspace& w, size_t count, const SearchSettings& settings) {
  const double* steps = w.scalars + kStep * kLanes;
  bool due = false;
  for (size_t lane = 0; lane < count; lane++) due = due || (isRunning(w, lane) && isDue(steps[lane], settings));
  if (!due) return;
  double residuals[kLanes];
  store(residuals, largestResiduals(w));
  for (size_t lane = 0; lane < count; lane++) {
    if (!isRunning(w, lane) || !isDue(steps[lane], settings)) continue;
    w.scalars[kResidual * kLanes + lane] = residuals[lane];
    if (residuals[lane] <= settings.tolerance)
      setOutcome(w, lane, SearchOutcome::kConverged);
    else if (!(residuals[lane] < __builtin_inf()))
      setOutcome(w, lane, SearchOutcome::kDiverged);
    else if (steps[lane] >= settings.maxSteps)
      setOutcome(w, lane, SearchOutcome::kStepLimit);
  }
}

/// The largest difference between two arrays, of every game.
static F64 distanceTo(const F64* a, const F64* b, size_t length) {
  F64 most[4] = {zero(), zero(), zero(), zero()};
  size_t at = 0;
  for (; at + 4 <= length; at += 4)
    for (size_t r = 0; r < 4; r++) most[r] = maximum(absolute(a[at + r] - b[at + r]), most[r]);
  for (; at < length; at++) most[0] = maximum(absolute(a[at] - b[at]), most[0]);
  return maximum(maximum(most[0], most[1]), maximum(most[2], most[3]));
}

static void checkReturn(Workspace& w, size_t count, const SearchSettings& settings) {
  double takes[kLanes];
  bool anyTakes = false;
  for (size_t lane = 0; lane < kLanes; lane++) {
    const double step = w.scalars[kStep * kLanes + lane];
    const bool take = lane < count && isRunning(w, lane) && step >= 2.0 * w.scalars[kSnapshotStep * kLanes + lane];
    takes[lane] = take ? 1.0 : 0.0;
    anyTakes = anyTakes || take;
    if (take) w.scalars[kSnapshotStep * kLanes + lane] = step;
    if (take) w.scalars[kFarthest * kLanes + lane] = 0.0;
  }
  if (anyTakes) {
    const Mask taken = equal(load(takes), broadcast(1.0));
    for (size_t at = 0; at < w.square; at++) w.snapshot[at] = select(taken, w.weights[at], w.snapshot[at]);
  }
  double distances[kLanes];
  store(distances, distanceTo(w.weights, w.snapshot, w.square));
  for (size_t lane = 0; lane < count; lane++) {
    if (!isRunning(w, lane) || takes[lane] == 1.0) continue;
    double& farthest = w.scalars[kFarthest * kLanes + lane];
    double& period = w.scalars[kPeriod * kLanes + lane];
    if (farthest > kLeastExcursion && distances[lane] <= kReturnShare * farthest) {
      const double since = w.scalars[kStep * kLanes + lane] - w.scalars[kSnapshotStep * kLanes + lane];
      if (period == 0.0) period = since;
      if (settings.stopOnCycle) setOutcome(w, lane, SearchOutcome::kCycling);
    } else if (distances[lane] > farthest) {
      farthest = distances[lane];
    }
  }
}

/// Barzilai and Borwein's step length of every game; see spectralRate in src/reference/equilibrium.ts.
static F64 spectralRates(Workspace& w, const SearchSettings& settings) {
  const size_t n = w.n;
  F64 ss = zero(), sy = zero(), yy = zero();
  for (size_t i = 0; i < n; i++) {
    for (size_t j = 0; j < n; j++) {
      w.delta[j] = w.weights[i * n + j] - w.previous[i * n + j];
      w.pulled[j] = w.companion[i * n + j] - w.gradient[i * n + j];
    }
    ss = ss + treeDotLanes(w.delta, w.delta, n);
    sy = sy + treeDotLanes(w.delta, w.pulled, n);
    yy = yy + treeDotLanes(w.pulled, w.pulled, n);
  }
  const F64 last = load(w.scalars + kRate * kLanes);
  double odd[kLanes];
  for (size_t lane = 0; lane < kLanes; lane++)
    odd[lane] = (static_cast<uint64_t>(w.scalars[kStep * kLanes + lane]) & 1) == 1 ? 1.0 : 0.0;
  const F64 turn = select(equal(load(odd), broadcast(1.0)), ss / sy, sy / yy);
  F64 rate = select(greater(sy, zero()), turn, last * broadcast(2.0));
  rate = maximum(rate, broadcast(settings.leastRate));
  rate = minimum(rate, broadcast(settings.largestRate));
  return select(equal(load(w.scalars + kStep * kLanes), zero()), broadcast(settings.rate), rate);
}

static void ascendLogits(const Workspace w, Mask live, F64 rate) {
  const size_t n = w.n;
  for (size_t i = 0; i < n; i++) {
    F64* logits = w.companion + i * n;
    for (size_t j = 0; j < n; j++) w.delta[j] = logits[j] + rate * w.gradient[i * n + j];
    F64 largest = w.delta[0];
    for (size_t j = 1; j < n; j++) largest = maximum(w.delta[j], largest);
    for (size_t j = 0; j < n; j++) {
      const F64 shifted = maximum(broadcast(kLeastLogit), w.delta[j] - largest);  // NaN stays
      logits[j] = select(live, shifted, logits[j]);
      w.pulled[j] = exp(shifted);
    }
    const F64 sum = treeSumLanes(w.pulled, n);
    for (size_t j = 0; j < n; j++) w.weights[i * n + j] = select(live, w.pulled[j] / sum, w.weights[i * n + j]);
  }
}

/// Row by row, so that a row is in the first-level cache for all that is done to it.
static void moveRows(const Workspace w, Mask live, F64 rate) {
  const size_t n = w.n;
  const Mask clip = equal(load(w.clip), broadcast(1.0));
  const bool clips = any(clip);
  F64 *projected = w.delta, *clipped = w.derivative;
  for (size_t i = 0; i < n; i++) {
    F64* row = w.weights + i * n;
    const F64* gradient = w.gradient + i * n;
    for (size_t j = 0; j < n; j++) projected[j] = row[j] + rate * gradient[j];
    if (clips) {
      for (size_t j = 0; j < n; j++) clipped[j] = projected[j];
      clipLanes(clipped, n);
    }
    projectRowLanes(projected, n);
    for (size_t j = 0; j < n; j++) {
      const F64 moved = clips ? select(clip, clipped[j], projected[j]) : projected[j];
      row[j] = select(live, moved, row[j]);
    }
  }
}

static void updateLanes(Workspace& w, const SearchSettings& settings, Mask live) {
  F64 rate = broadcast(settings.rate);
  if (settings.method == SearchMethod::kSoftmax) return ascendLogits(w, live, rate);
  if (settings.method == SearchMethod::kSpectral) {
    rate = spectralRates(w, settings);
    double* kept = w.scalars + kRate * kLanes;
    store(kept, select(live, rate, load(kept)));
    for (size_t at = 0; at < w.square; at++) {
      w.companion[at] = select(live, w.gradient[at], w.companion[at]);
      w.previous[at] = select(live, w.weights[at], w.previous[at]);
    }
  }
  moveRows(w, live, rate);
}

static size_t advanceLanes(const LaneGroup& group, const SearchSettings& settings, size_t steps, double* scratch) {
  Workspace w;
  layOut(group, scratch, w);
  size_t made = 0;
  for (size_t step = 0; step < steps; step++) {
    if (group.oneHessian)
      ascentDirections<true>(group.form, w);
    else
      ascentDirections<false>(group.form, w);
    checkResiduals(w, group.count, settings);
    checkReturn(w, group.count, settings);
    double runs[kLanes];
    size_t running = 0;
    for (size_t lane = 0; lane < kLanes; lane++) {
      const bool run = lane < group.count && isRunning(w, lane);
      runs[lane] = run ? 1.0 : 0.0;
      running += run ? 1 : 0;
    }
    if (running == 0) return made;
    updateLanes(w, settings, equal(load(runs), broadcast(1.0)));
    for (size_t lane = 0; lane < kLanes; lane++) w.scalars[kStep * kLanes + lane] += runs[lane];
    made += running;
  }
  return made;
}

constexpr EquilibriumKernels equilibriumKernels() {
  return {
      .laneScratch = laneScratch,
      .loadLanes = loadLanes,
      .advanceLanes = advanceLanes,
      .storeLanes = storeLanes,
  };
}

}  // namespace lanes
}  // namespace
}  // namespace intermodel
