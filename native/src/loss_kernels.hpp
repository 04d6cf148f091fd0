/// The losses at the end of a head, and the scores of one sample's directions. Oracle:
/// src/reference/{loss,curvature}.ts.
///
/// Directions [rows, outputs] are transposed in groups of kLanes rows, so that rows ride in the lanes of a vector and
/// the fixed tree over the outputs runs in registers.
#pragma once

#include "arithmetic_kernels.hpp"
#include "curvature.hpp"
#include "divergence_kernels.hpp"

namespace intermodel {
namespace {
namespace curvature {

/// term(r, lane) for r = 0 .. n - 1 in the fixed tree, one tree to a vector lane.
template <class Term>
INTERMODEL_INLINE F64 laneTree(size_t n, Term term) {
  F64 total = zero();
  for (size_t begin = 0; begin < n; begin += kTreeBlock) {
    const size_t end = n - begin < kTreeBlock ? n : begin + kTreeBlock;
    F64 lane[kTreeLanes];
#pragma GCC unroll 8
    for (size_t i = 0; i < kTreeLanes; i++) lane[i] = zero();
    size_t r = begin;
    for (; r + kTreeLanes <= end; r += kTreeLanes) {
#pragma GCC unroll 8
      for (size_t i = 0; i < kTreeLanes; i++) lane[i] = term(r + i, lane[i]);
    }
#pragma GCC unroll 8
    for (size_t i = 0; i < kTreeLanes; i++)
      if (r + i < end) lane[i] = term(r + i, lane[i]);
    const F64 a = lane[0] + lane[4], b = lane[1] + lane[5], c = lane[2] + lane[6], d = lane[3] + lane[7];
    const F64 block = (a + c) + (b + d);
    total = begin == 0 ? block : total + block;
  }
  return total;
}

/// sum_c w[c] v[c], w shared by the lanes, v [n][kLanes].
INTERMODEL_INLINE F64 laneDot(const double* w, const double* v, size_t n) {
  return laneTree(n, [=](size_t c, F64 sum) { return fma(broadcast(w[c]), load(v + c * kLanes), sum); });
}

/// sum_c (h[c] u[c]) u[c] with u = v - mean.
INTERMODEL_INLINE F64 laneForm(const double* h, const double* v, F64 mean, size_t n) {
  return laneTree(n, [=](size_t c, F64 sum) {
    const F64 centred = load(v + c * kLanes) - mean;
    return fma(broadcast(h[c]) * centred, centred, sum);
  });
}

/// rows [count, n] with the given stride, as out [n][kLanes]; lanes from `count` on hold zeros.
static void transposeRows(const double* rows, size_t stride, size_t count, size_t n, double* out) {
  size_t c = 0;
  for (; c < n; c += kLanes) {
    const size_t width = n - c < kLanes ? n - c : size_t{kLanes};
    F64 block[kLanes];
    for (size_t r = 0; r < kLanes; r++) {
      const double* from = rows + (r < count ? r : 0) * stride + c;
      block[r] = r >= count ? zero() : width == kLanes ? load(from) : loadPartial(from, width);
    }
    transposeSquare(block);
    for (size_t i = 0; i < width; i++) store(out + (c + i) * kLanes, block[i]);
  }
}

INTERMODEL_INLINE F64 remainderSeries(F64 u) {
  constexpr double kTerm[15] = {1.0 / 2,
                                1.0 / 6,
                                1.0 / 24,
                                1.0 / 120,
                                1.0 / 720,
                                1.0 / 5040,
                                1.0 / 40320,
                                1.0 / 362880,
                                1.0 / 3628800,
                                1.0 / 39916800,
                                1.0 / 479001600,
                                1.0 / 6227020800.0,
                                1.0 / 87178291200.0,
                                1.0 / 1307674368000.0,
                                1.0 / 20922789888000.0};
  F64 sum = broadcast(kTerm[14]);
#pragma GCC unroll 14
  for (int k = 13; k >= 0; k--) sum = sum * u + broadcast(kTerm[k]);
  return (u * u) * sum;
}

/// e^u - 1 - u.
INTERMODEL_INLINE F64 expm1Remainder(F64 u) {
  const Mask near = less(absolute(u), broadcast(0.5));
  if (all(near)) return remainderSeries(u);
  const F64 far = expm1(u) - u;
  return any(near) ? select(near, remainderSeries(u), far) : far;
}

INTERMODEL_INLINE F64 softplus(F64 x) { return select(lessEqual(x, zero()), zero(), x) + log1p(exp(-absolute(x))); }

/// One sample while its directions are scored. Arrays are [outputs].
struct SampleView {
  Loss loss;
  size_t outputs;
  const double* z;
  double* predicted;  ///< softmax, sigmoid, or z
  double* weights;    ///< diagonal part of H
  double* gradient;   ///< predicted - targets, where there are targets
  double* spare;      ///< sigmoid(-z) for binary cross-entropy
  double* careful;    ///< [kCarefulRows * outputs], for what the short formulas refuse
  bool zeroes;        ///< whether a class has probability 0; softmax, for the entropies
  const double* targets;
  int32_t label;  ///< -1: soft labels in targets
  size_t draws;
  const double* noise;
  double* classes;  ///< [draws], for the Monte-Carlo Fisher with softmax
};

constexpr size_t kCarefulRows = 4;

/// Some directions of one sample: by rows, and the same transposed into lanes.
struct DirectionGroup {
  const double* rows;  ///< [count, outputs], `stride` apart
  size_t stride, count;
  const double* lanes;  ///< [outputs][kLanes]
  F64 mean;             ///< under p for softmax, else zero
};

/// `values` with the lanes in `refused` recomputed by function(row of the direction).
template <class Function>
INTERMODEL_INLINE F64 redoLanes(const DirectionGroup& group, F64 values, Mask refused, Function function) {
  if (!any(refused)) return values;
  double value[kLanes], again[kLanes];
  store(value, values);
  store(again, select(refused, broadcast(1.0), zero()));
  for (size_t i = 0; i < group.count; i++)
    if (again[i] == 1.0) value[i] = function(group.rows + i * group.stride);
  return load(value);
}

/// Fills predicted and weights.
static void predict(Loss loss, const double* z, double* predicted, double* weights, size_t n) {
  if (loss == kSoftmaxCrossEntropy) {
    softmaxRow(z, predicted, n);
    __builtin_memcpy(weights, predicted, n * sizeof(double));
  } else if (loss == kBinaryCrossEntropy) {
    mapElements<sigmoid>(z, predicted, n);
    mapElements<sigmoidDerivative>(z, weights, n);
  } else {
    __builtin_memcpy(predicted, z, n * sizeof(double));
    for (size_t c = 0; c < n; c++) weights[c] = 1.0;
  }
}

/// Q(z); `terms` is scratch of [outputs].
static double lossValue(Loss loss, const double* z, int32_t label, const double* targets, size_t n, double* terms) {
  if (loss == kSoftmaxCrossEntropy) {
    if (label < 0) return softLoss(z, targets, terms, n);
    double certain;
    if (certainLoss(z, static_cast<size_t>(label), terms, &certain, n)) return certain;
    const double largest = maximumOf(z, n);
    const F64 shift = broadcast(largest);
    eachVector(n, [=](size_t r, size_t count) { storeSome(terms + r, exp(loadSome(z + r, count) - shift), count); });
    return (largest - z[label]) + ofOne<log>(treeSum(terms, n));
  }
  if (loss == kBinaryCrossEntropy) {
    eachVector(n, [=](size_t r, size_t count) {
      const F64 x = loadSome(z + r, count), t = loadSome(targets + r, count);
      storeSome(terms + r, (select(lessEqual(x, zero()), zero(), x) - t * x) + log1p(exp(-absolute(x))), count);
    });
    return treeSum(terms, n);
  }
  eachVector(n, [=](size_t r, size_t count) {
    storeSome(terms + r, loadSome(z + r, count) - loadSome(targets + r, count), count);
  });
  return 0.5 * treeDot(terms, terms, n);
}

/// predicted - targets, in place; (1 - t) - sigmoid(-z) where that difference would have lost digits.
static void subtractTargets(Loss loss, const double* z, const double* targets, double* predicted, size_t n) {
  eachVector(n, [=](size_t r, size_t count) {
    const F64 t = loadSome(targets + r, count);
    const F64 plain = loadSome(predicted + r, count) - t;
    const Mask kept = greaterEqual(absolute(plain), broadcast(kLost) * t);
    if (loss != kBinaryCrossEntropy || all(kept)) return storeSome(predicted + r, plain, count);
    const F64 other = (broadcast(1.0) - t) - sigmoid(-loadSome(z + r, count));
    storeSome(predicted + r, select(kept, plain, other), count);
  });
}

/// KL(model at z || model at z + v) of one direction by the long route; `moved` may be null.
static double carefulEntropy(const SampleView& s, const double* v, const double* moved) {
  const size_t n = s.outputs;
  return divergence(
      s.predicted, s.z, v, moved, [](F64 u) { return expm1Remainder(u); }, s.careful, s.careful + n, n);
}

static F64 softmaxEntropy(const SampleView& s, const DirectionGroup& group) {
  const double* v = group.lanes;
  const F64 mean = group.mean;
  F64 largest = broadcast(-__builtin_inf());
  for (size_t c = 0; c < s.outputs; c++) largest = maximum(load(v + c * kLanes) - mean, largest);
  Mask fits = lessEqual(largest, broadcast(kLargestChange));
  if (s.zeroes) fits = fits & !greater(largest, broadcast(kVisibleChange));
  const F64 sum = laneTree(s.outputs, [&](size_t c, F64 lane) {
    return fma(broadcast(s.predicted[c]), expm1Remainder(load(v + c * kLanes) - mean), lane);
  });
  return redoLanes(group, log1p(sum), (!fits) | isOffsetEntropy(sum, mean, kOffset),
                   [&](const double* row) { return carefulEntropy(s, row, nullptr); });
}

/// p e^yes and q e^no by their logarithms, for z <= 0; see src/reference/loss.ts.
INTERMODEL_INLINE F64 largeBernoulliEntropy(F64 z, F64 v, F64 moved, F64 p, F64 q) {
  const F64 one = broadcast(1.0), limit = broadcast(kLargestChange);
  const F64 yes = q * v, no = -(p * v), normaliser = softplus(z);
  const F64 logYes = (moved - normaliser) - p * v, logNo = -normaliser - p * v;
  const F64 larger = select(isNan(logYes), logYes, maximum(logYes, logNo));
  const F64 byLogarithms = larger + log1p(exp(-absolute(logYes - logNo)));
  const F64 gained = select(lessEqual(yes, limit), p * expm1Remainder(yes), exp(logYes) - p * (one + yes));
  const F64 lost = select(lessEqual(no, limit), q * expm1Remainder(no), exp(logNo) - q * (one + no));
  return select(lessEqual(larger, limit), log1p(gained + lost), byLogarithms);
}

/// KL of Bernoulli variables with logits z and moved = z + v; p = sigmoid(z), q = sigmoid(-z).
INTERMODEL_INLINE F64 bernoulliEntropy(F64 z, F64 v, F64 moved, F64 p, F64 q) {
  const F64 yes = q * v, no = -(p * v), limit = broadcast(kLargestChange);
  const Mask inside = lessEqual(yes, limit) & lessEqual(no, limit);
  const F64 entropy = log1p(p * expm1Remainder(yes) + q * expm1Remainder(no));
  if (all(inside)) return entropy;
  const Mask above = greater(z, zero());
  const F64 large = largeBernoulliEntropy(select(above, -z, z), select(above, -v, v), select(above, -moved, moved),
                                          select(above, q, p), select(above, p, q));
  return select(inside, entropy, large);
}

static F64 entropyOf(const SampleView& s, const DirectionGroup& group) {
  const double* v = group.lanes;
  if (s.loss == kSoftmaxCrossEntropy) return softmaxEntropy(s, group);
  if (s.loss == kBinaryCrossEntropy)
    return laneTree(s.outputs, [&](size_t c, F64 lane) {
      const F64 z = broadcast(s.z[c]), change = load(v + c * kLanes);
      return lane + bernoulliEntropy(z, change, z + change, broadcast(s.predicted[c]), broadcast(s.spare[c]));
    });
  return broadcast(0.5) *
         laneTree(s.outputs, [v](size_t c, F64 sum) { return fma(load(v + c * kLanes), load(v + c * kLanes), sum); });
}

/// p.v - v_label for softmax.
INTERMODEL_INLINE F64 labelSlope(const SampleView& s, const DirectionGroup& group, size_t label) {
  const F64 slope = group.mean - load(group.lanes + label * kLanes);
  const Mask kept = greaterEqual(absolute(slope), broadcast(kLost) * absolute(group.mean));
  return redoLanes(group, slope, !kept,
                   [&](const double* row) { return slopeAbout(s.predicted, row, label, s.careful, s.outputs); });
}

/// (p - t).v for soft labels.
static F64 softSlope(const SampleView& s, const DirectionGroup& group) {
  const F64 slope = group.mean - laneDot(s.targets, group.lanes, s.outputs);
  const Mask kept = greaterEqual(absolute(slope), broadcast(kLost) * absolute(group.mean));
  return redoLanes(group, slope, !kept, [&](const double* row) {
    return softSlopeAbout(s.predicted, row, s.targets, s.careful, s.outputs);
  });
}

/// dQ/dz . v
INTERMODEL_INLINE F64 slopeOf(const SampleView& s, const DirectionGroup& group) {
  if (s.loss == kSoftmaxCrossEntropy)
    return s.label < 0 ? softSlope(s, group) : labelSlope(s, group, static_cast<size_t>(s.label));
  return laneDot(s.gradient, group.lanes, s.outputs);
}

/// v^T H v
INTERMODEL_INLINE F64 formOf(const SampleView& s, const DirectionGroup& group) {
  const F64 form = laneForm(s.weights, group.lanes, group.mean, s.outputs);
  if (s.loss != kSoftmaxCrossEntropy) return form;
  return redoLanes(group, form, isOffset(form, group.mean), [&](const double* row) {
    double *centred = s.careful, *weighted = s.careful + s.outputs;
    centreAbout(s.weights, row, centred, s.outputs);
    for (size_t c = 0; c < s.outputs; c++) weighted[c] = s.weights[c] * centred[c];
    return treeDot(weighted, centred, s.outputs);
  });
}

/// Q(z + v) - Q(z) of one direction by the long route; `moved` is z + v, or null where that sum is to be taken here.
static double carefulAblation(const SampleView& s, const double* v, const double* moved) {
  const size_t n = s.outputs;
  double *exponents = s.careful, *after = s.careful + n, change;
  if (s.loss == kSoftmaxCrossEntropy &&
      lossChange(s.predicted, s.z, v, moved, s.label, s.targets, exponents, &change, n))
    return change;
  for (size_t c = 0; c < n; c++) after[c] = moved == nullptr ? s.z[c] + v[c] : moved[c];
  const double without = lossValue(s.loss, after, s.label, s.targets, n, exponents);
  return without - lossValue(s.loss, s.z, s.label, s.targets, n, exponents);
}

static F64 ablationOf(const SampleView& s, const DirectionGroup& group) {
  const F64 sum = slopeOf(s, group) + entropyOf(s, group);
  if (s.loss == kSquaredError) return sum;
  Mask kept = lessEqual(zero(), zero());
  for (size_t c = 0; c < s.outputs; c++)
    kept = kept & lessEqual(absolute(load(group.lanes + c * kLanes) - group.mean), broadcast(kLargestChange));
  return redoLanes(group, sum, !kept, [&](const double* row) { return carefulAblation(s, row, nullptr); });
}

/// The score of a removal whose result `moved` was computed by itself.
static double scoreApart(const SampleView& s, Estimator estimator, const double* change, const double* moved) {
  const size_t n = s.outputs;
  if (s.loss == kSquaredError) {
    const double entropy = 0.5 * treeDot(change, change, n);
    return estimator == kAblation ? treeDot(s.gradient, change, n) + entropy : entropy;
  }
  if (estimator == kAblation) return carefulAblation(s, change, moved);
  if (s.loss == kSoftmaxCrossEntropy) return carefulEntropy(s, change, moved);
  return treeSumOf(n, [&](size_t r, size_t count) {
    return bernoulliEntropy(loadSome(s.z + r, count), loadSome(change + r, count), loadSome(moved + r, count),
                            loadSome(s.predicted + r, count), loadSome(s.spare + r, count));
  });
}

/// The mean of squared slopes under targets drawn from the model.
static F64 sampledFisher(const SampleView& s, const DirectionGroup& group) {
  const double* v = group.lanes;
  const F64 sum = laneTree(s.draws, [&](size_t k, F64 lane) {
    F64 slope;
    if (s.loss == kSoftmaxCrossEntropy) {
      slope = labelSlope(s, group, static_cast<size_t>(s.classes[k]));
    } else {
      const double* drawn = s.noise + k * s.outputs;
      const bool binary = s.loss == kBinaryCrossEntropy;
      slope = laneTree(s.outputs, [&](size_t c, F64 part) {
        const double p = s.predicted[c];
        const double missing = p - 1.0 > -kLost ? 0.0 - s.spare[c] : p - 1.0;
        const double g = binary ? (drawn[c] < p ? missing : p) : -drawn[c];
        return fma(broadcast(g), load(v + c * kLanes), part);
      });
    }
    return lane + slope * slope;
  });
  return sum / broadcast(static_cast<double>(s.draws));
}

/// Classes of the draws: the first whose cumulative probability exceeds the uniform number.
static void drawClasses(const SampleView& s) {
  for (size_t k = 0; k < s.draws; k++) {
    size_t label = 0;
    double cumulative = 0.0;
    for (size_t c = 0; c < s.outputs; c++) {
      if (s.predicted[c] > 0.0) label = c;
      cumulative += s.predicted[c];
      if (s.noise[k] < cumulative) break;
    }
    s.classes[k] = static_cast<double>(label);
  }
}

/// Makes a sample ready to score directions by `estimator`.
static void prepareSample(SampleView& s, const double* targets, Estimator estimator) {
  const size_t n = s.outputs;
  predict(s.loss, s.z, s.predicted, s.weights, n);
  s.targets = targets;
  if (targets != nullptr && s.loss != kSoftmaxCrossEntropy) {
    __builtin_memcpy(s.gradient, s.predicted, n * sizeof(double));
    subtractTargets(s.loss, s.z, targets, s.gradient, n);
  }
  const bool entropy = estimator == kRelativeEntropy || estimator == kAblation;
  if ((entropy || estimator == kMonteCarloFisher) && s.loss == kBinaryCrossEntropy)
    eachVector(n, [&](size_t r, size_t count) { storeSome(s.spare + r, sigmoid(-loadSome(s.z + r, count)), count); });
  s.zeroes = entropy && s.loss == kSoftmaxCrossEntropy && hasZero(s.predicted, n);
  if (estimator == kMonteCarloFisher && s.loss == kSoftmaxCrossEntropy) drawClasses(s);
}

/// Mean under p for softmax, zero for the diagonal Hessians.
INTERMODEL_INLINE F64 meanOf(const SampleView& s, const double* v) {
  return s.loss == kSoftmaxCrossEntropy ? laneDot(s.predicted, v, s.outputs) : zero();
}

/// Score of one group of directions.
static F64 scoreGroup(const SampleView& s, Estimator estimator, const DirectionGroup& group) {
  switch (estimator) {
    case kTaylor2:
      return -slopeOf(s, group) + broadcast(0.5) * formOf(s, group);
    case kFirstOrder:
      return -slopeOf(s, group);
    case kEmpiricalFisher: {
      const F64 slope = slopeOf(s, group);
      return slope * slope;
    }
    case kMonteCarloFisher:
      return sampledFisher(s, group);
    case kRelativeEntropy:
      return entropyOf(s, group);
    case kAblation:
      return ablationOf(s, group);
    default:
      return formOf(s, group);
  }
}

/// Scores of the directions [rows, outputs], `row` apart, of one sample; any output may be null. lanes:
/// [outputs][kLanes].
static void scoreRows(const SampleView& s, Estimator estimator, const double* directions, size_t row, size_t rows,
                      double* scores, double* linear, double* quadratic, double* lanes) {
  for (size_t r = 0; r < rows; r += kLanes) {
    const size_t count = rows - r < kLanes ? rows - r : size_t{kLanes};
    transposeRows(directions + r * row, row, count, s.outputs, lanes);
    const DirectionGroup group{directions + r * row, row, count, lanes, meanOf(s, lanes)};
    if (scores != nullptr) storePartial(scores + r, scoreGroup(s, estimator, group), count);
    if (linear != nullptr) storePartial(linear + r, -slopeOf(s, group), count);
    if (quadratic != nullptr) storePartial(quadratic + r, formOf(s, group), count);
  }
}

}  // namespace curvature
}  // namespace
}  // namespace intermodel
