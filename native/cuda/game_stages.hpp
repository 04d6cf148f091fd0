/// One step of the search for an equilibrium as stages with a barrier between each two: the operations of
/// src/reference/equilibrium.ts. A stage spreads its outputs over workers: the threads of one block, or of many.
#pragma once

#include "../src/equilibrium.hpp"
#include "hessians.hpp"

namespace intermodel::gpu {

/// One game on the device.
struct GameData {
  PeerHessians form;
  const double *stake, *reference;  ///< [n], [n, n]
  GameTerms terms;
  double *weights, *companion, *previous, *snapshot;  ///< the state: [n, n] each
  double* scalars;                                    ///< kStateScalars of them
  double *gradient, *delta, *derivative, *moved;      ///< [n, n]
  double *shift, *coordinates, *sums;                 ///< [n], [n, rank], [3 n]
  double* scratch;                                    ///< [n, 2 n] where the step is bounded
  double *rate, *takes, *made;                        ///< 1: of this step, whether a snapshot is taken, updates so far
};

/// Rows that a step computes: all of them, or one of an order.
struct Rows {
  size_t begin, count;
};

enum Stage : size_t {
  kShift,
  kMask,
  kCoordinates,
  kPull,
  kResiduals,
  kDecide,
  kDistance,
  kReturn,
  kSums,
  kRates,
  kMove,
  kCount,
  kStages
};

/// The workers of a stage.
struct Worker {
  size_t index, count;
};

namespace stages {

INTERMODEL_BOTH inline bool isRunning(const GameData& g) { return g.scalars[kOutcome] == 0.0; }

INTERMODEL_BOTH inline bool isDue(const GameData& g, const SearchSettings& settings) {
  const double step = g.scalars[kStep];
  return static_cast<uint64_t>(step) % static_cast<uint64_t>(settings.checkEvery) == 0 || step >= settings.maxSteps;
}

INTERMODEL_BOTH inline void shift(const GameData& g, Worker w) {
  const size_t n = g.form.n;
  for (size_t j = w.index; j < n; j += w.count) {
    double sum = 0.0;
    for (size_t i = 0; i < n; i++) sum = fused(g.stake[i], g.weights[i * n + j], sum);
    g.shift[j] = sum / static_cast<double>(n);
  }
}

INTERMODEL_BOTH inline void mask(const GameData& g, Rows rows, Worker w) {
  const size_t n = g.form.n;
  const double count = static_cast<double>(n), inverse = 1.0 / g.terms.temperature;
  const double share = g.terms.exactShift ? (count - 1.0) / count : 1.0;
  for (size_t k = rows.begin * n + w.index; k < (rows.begin + rows.count) * n; k += w.count) {
    const size_t i = k / n, j = k % n;
    const bool open = g.terms.openDiagonal && i == j;
    const SigmoidPoint at = sigmoidPoint(F64{fused(g.stake[i], g.weights[k], -g.shift[j]) * inverse});
    g.delta[k] = (open ? 1.0 : at.value.v) - g.reference[k];
    g.derivative[k] = open ? 0.0 : at.slope.v * (g.stake[i] * share * inverse);
  }
}

INTERMODEL_BOTH inline void coordinates(const GameData& g, Rows rows, Worker w) {
  const size_t n = g.form.n, rank = g.form.rank;
  if (g.form.storage != HessianStorage::kLowRank) return;
  for (size_t k = rows.begin * rank + w.index; k < (rows.begin + rows.count) * rank; k += w.count)
    g.coordinates[k] = coordinateAt(g.form, k / rank, g.delta + k / rank * n, k % rank);
}

/// dP_i/dW_ij from (H_i delta_i)_j.
INTERMODEL_BOTH inline void gradientEntry(const GameData& g, size_t i, size_t j, double pulled) {
  const size_t n = g.form.n, k = i * n + j;
  const double entry = g.terms.lossFactor * ((2.0 * pulled) * g.derivative[k]);
  g.gradient[k] = i == j ? entry + g.terms.rankFactor * (g.stake[i] / static_cast<double>(n)) : entry;
}

INTERMODEL_BOTH inline void pull(const GameData& g, Rows rows, Worker w) {
  const size_t n = g.form.n, rank = g.form.rank;
  for (size_t k = rows.begin * n + w.index; k < (rows.begin + rows.count) * n; k += w.count) {
    const size_t i = k / n, j = k % n;
    gradientEntry(g, i, j, pulledAt(g.form, i, g.delta + i * n, g.coordinates + i * rank, j));
  }
}

INTERMODEL_BOTH inline void rowResiduals(const GameData& g, const SearchSettings& settings, Worker w) {
  if (!isDue(g, settings)) return;
  const size_t n = g.form.n;
  for (size_t i = w.index; i < n; i += w.count) {
    double* row = g.moved + i * n;
    for (size_t j = 0; j < n; j++) row[j] = g.weights[i * n + j] + g.gradient[i * n + j];
    projection::projectRow(row, 0.0, row, n);
    for (size_t j = 0; j < n; j++) row[j] = row[j] - g.weights[i * n + j];
    g.sums[i] = __builtin_sqrt(treeDot(row, row, n));
  }
}

/// One worker: the outcome, and whether this W becomes the snapshot.
INTERMODEL_BOTH inline void decide(const GameData& g, const SearchSettings& settings) {
  const double step = g.scalars[kStep];
  if (isDue(g, settings)) {
    double largest = 0.0;
    for (size_t i = 0; i < g.form.n; i++)
      if (!(g.sums[i] <= largest)) largest = g.sums[i];
    g.scalars[kResidual] = largest;
    if (largest <= settings.tolerance)
      g.scalars[kOutcome] = static_cast<double>(SearchOutcome::kConverged);
    else if (!(largest < __builtin_inf()))
      g.scalars[kOutcome] = static_cast<double>(SearchOutcome::kDiverged);
    else if (step >= settings.maxSteps)
      g.scalars[kOutcome] = static_cast<double>(SearchOutcome::kStepLimit);
  }
  *g.takes = step >= 2.0 * g.scalars[kSnapshotStep] ? 1.0 : 0.0;
}

/// Copies W where it becomes the snapshot; else the largest difference from it in every row.
INTERMODEL_BOTH inline void distance(const GameData& g, Worker w) {
  const size_t n = g.form.n;
  for (size_t i = w.index; i < n; i += w.count) {
    double most = 0.0;
    for (size_t k = i * n; k < (i + 1) * n; k++) {
      if (*g.takes == 1.0) g.snapshot[k] = g.weights[k];
      const double gone = __builtin_fabs(g.weights[k] - g.snapshot[k]);
      most = gone > most ? gone : most;
    }
    g.sums[i] = most;
  }
}

/// One worker: whether the run has come back to its snapshot.
INTERMODEL_BOTH inline void checkReturn(const GameData& g, const SearchSettings& settings) {
  double &farthest = g.scalars[kFarthest], &period = g.scalars[kPeriod];
  const double step = g.scalars[kStep];
  if (*g.takes == 1.0) {
    g.scalars[kSnapshotStep] = step;
    farthest = 0.0;
    return;
  }
  double most = 0.0;
  for (size_t i = 0; i < g.form.n; i++) most = g.sums[i] > most ? g.sums[i] : most;
  if (farthest > kLeastExcursion && most <= kReturnShare * farthest) {
    if (period == 0.0) period = step - g.scalars[kSnapshotStep];
    if (settings.stopOnCycle) g.scalars[kOutcome] = static_cast<double>(SearchOutcome::kCycling);
  } else if (most > farthest) {
    farthest = most;
  }
}

/// What the spectral step length is made of, row by row; moved and delta are free by now.
INTERMODEL_BOTH inline void sums(const GameData& g, const SearchSettings& settings, Worker w) {
  if (settings.method != SearchMethod::kSpectral || !(g.scalars[kStep] > 0.0)) return;
  const size_t n = g.form.n;
  for (size_t i = w.index; i < n; i += w.count) {
    double *s = g.moved + i * n, *y = g.delta + i * n;
    for (size_t j = 0; j < n; j++) {
      s[j] = g.weights[i * n + j] - g.previous[i * n + j];
      y[j] = g.companion[i * n + j] - g.gradient[i * n + j];
    }
    g.sums[3 * i] = treeDot(s, s, n);
    g.sums[3 * i + 1] = treeDot(s, y, n);
    g.sums[3 * i + 2] = treeDot(y, y, n);
  }
}

/// One worker: the length of this step.
INTERMODEL_BOTH inline void rates(const GameData& g, const SearchSettings& settings) {
  double rate = settings.rate;
  if (settings.method == SearchMethod::kSpectral) {
    if (g.scalars[kStep] > 0.0) {
      double ss = 0.0, sy = 0.0, yy = 0.0;
      for (size_t i = 0; i < g.form.n; i++) {
        ss += g.sums[3 * i];
        sy += g.sums[3 * i + 1];
        yy += g.sums[3 * i + 2];
      }
      rate = g.scalars[kRate] * 2.0;
      if (sy > 0.0) rate = static_cast<uint64_t>(g.scalars[kStep]) % 2 == 1 ? ss / sy : sy / yy;
      rate = rate > settings.leastRate ? rate : settings.leastRate;
      rate = rate < settings.largestRate ? rate : settings.largestRate;
    }
    g.scalars[kRate] = rate;
  }
  *g.rate = rate;
}

INTERMODEL_BOTH inline void ascendLogits(const GameData& g, double rate, size_t i) {
  const size_t n = g.form.n;
  double *logits = g.companion + i * n, *row = g.weights + i * n;
  double largest = -__builtin_inf();
  for (size_t j = 0; j < n; j++) {
    logits[j] = logits[j] + rate * g.gradient[i * n + j];
    largest = logits[j] > largest ? logits[j] : largest;
  }
  for (size_t j = 0; j < n; j++) {
    const double shifted = logits[j] - largest;
    logits[j] = shifted > kLeastLogit ? shifted : kLeastLogit;
    row[j] = of<intermodel::exp>(logits[j]);
  }
  const double sum = treeSum(row, n);
  for (size_t j = 0; j < n; j++) row[j] = row[j] / sum;
}

INTERMODEL_BOTH inline void clipRow(double* row, size_t n) {
  for (size_t j = 0; j < n; j++) row[j] = row[j] > 0.0 ? row[j] : 0.0;
  const double sum = treeSum(row, n);
  for (size_t j = 0; j < n; j++) row[j] = sum > 0.0 ? row[j] / sum : 1.0 / static_cast<double>(n);
}

INTERMODEL_BOTH inline void moveRow(const GameData& g, const SearchSettings& settings, double rate, size_t i) {
  const size_t n = g.form.n;
  double* row = g.weights + i * n;
  const double* along = g.gradient + i * n;
  if (settings.epsilon > 0.0) {
    double *steps = g.delta + i * n, *out = g.moved + i * n;
    for (size_t j = 0; j < n; j++) steps[j] = rate * along[j];
    projection::boundedStepRow(row, steps, settings.epsilon, out, g.scratch + i * 2 * n, n);
    for (size_t j = 0; j < n; j++) row[j] = out[j];
    return;
  }
  for (size_t j = 0; j < n; j++) row[j] = row[j] + rate * along[j];
  if (g.terms.clip)
    clipRow(row, n);
  else
    projection::projectRow(row, 0.0, row, n);
}

INTERMODEL_BOTH inline void move(const GameData& g, const SearchSettings& settings, Rows rows, Worker w) {
  const size_t n = g.form.n;
  for (size_t i = rows.begin + w.index; i < rows.begin + rows.count; i += w.count) {
    if (settings.method == SearchMethod::kSoftmax) {
      ascendLogits(g, *g.rate, i);
      continue;
    }
    if (settings.method == SearchMethod::kSpectral)
      for (size_t k = i * n; k < (i + 1) * n; k++) {
        g.companion[k] = g.gradient[k];
        g.previous[k] = g.weights[k];
      }
    moveRow(g, settings, *g.rate, i);
  }
}

}  // namespace stages

/// Runs one stage of one game; stages of one worker are left to the first.
INTERMODEL_BOTH inline void runStage(Stage stage, const GameData& g, const SearchSettings& settings, Rows rows,
                                     Worker w) {
  const bool alone = stage == kDecide || stage == kReturn || stage == kRates || stage == kCount;
  if ((alone && w.index != 0) || !stages::isRunning(g)) return;
  switch (stage) {
    case kShift:
      return stages::shift(g, w);
    case kMask:
      return stages::mask(g, rows, w);
    case kCoordinates:
      return stages::coordinates(g, rows, w);
    case kPull:
      return stages::pull(g, rows, w);
    case kResiduals:
      return stages::rowResiduals(g, settings, w);
    case kDecide:
      return stages::decide(g, settings);
    case kDistance:
      return stages::distance(g, w);
    case kReturn:
      return stages::checkReturn(g, settings);
    case kSums:
      return stages::sums(g, settings, w);
    case kRates:
      return stages::rates(g, settings);
    case kMove:
      return stages::move(g, settings, rows, w);
    default:
      g.scalars[kStep] += 1.0;
      *g.made += 1.0;
  }
}

}  // namespace intermodel::gpu
