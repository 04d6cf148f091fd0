/// The losses at the end of a head, and the scores of one sample's directions. Oracle:
/// src/reference/{loss,curvature}.ts.
///
/// Directions [rows, outputs] are transposed in groups of kLanes rows, so that rows ride in the lanes of a vector and
/// the fixed tree over the outputs runs in registers.
#pragma once

#include "arithmetic_kernels.hpp"
#include "curvature.hpp"

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

template <F64 (*Function)(F64)>
INTERMODEL_INLINE double ofOne(double x) {
  double lane[kLanes];
  store(lane, Function(broadcast(x)));
  return lane[0];
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

constexpr double kLargestChange = 700.0;

/// One sample while its directions are scored. Arrays are [outputs].
struct SampleView {
  Loss loss;
  size_t outputs;
  const double* z;
  double* predicted;  ///< softmax, sigmoid, or z
  double* weights;    ///< diagonal part of H
  double* gradient;   ///< predicted - targets, where there are targets
  double* spare;      ///< [outputs]
  bool compared;
  int32_t label;
  size_t draws;
  const double* noise;
  double* classes;  ///< [draws], for the Monte-Carlo Fisher with softmax
};

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

/// KL for lanes whose change would overflow the exponential: logarithms are added instead.
static F64 entropyByLogarithms(const SampleView& s, const double* v, F64 mean, F64 regular, Mask done) {
  double result[kLanes], centre[kLanes], finished[kLanes];
  store(result, regular);
  store(centre, mean);
  store(finished, select(done, broadcast(1.0), zero()));
  const double normaliser = logSumExpRow(s.z, s.outputs);
  for (size_t i = 0; i < kLanes; i++) {
    if (finished[i] == 1.0) continue;
    for (size_t c = 0; c < s.outputs; c++) s.spare[c] = (s.z[c] - normaliser) + (v[c * kLanes + i] - centre[i]);
    result[i] = logSumExpRow(s.spare, s.outputs);
  }
  return load(result);
}

static F64 softmaxEntropy(const SampleView& s, const double* v, F64 mean) {
  Mask inside = lessEqual(zero(), zero());
  for (size_t c = 0; c < s.outputs; c++)
    inside = inside & lessEqual(load(v + c * kLanes) - mean, broadcast(kLargestChange));
  const F64 sum = laneTree(s.outputs, [&](size_t c, F64 lane) {
    return fma(broadcast(s.predicted[c]), expm1Remainder(load(v + c * kLanes) - mean), lane);
  });
  const F64 entropy = log1p(sum);
  return all(inside) ? entropy : entropyByLogarithms(s, v, mean, entropy, inside);
}

/// spare holds sigmoid(-z).
static F64 bernoulliEntropy(const SampleView& s, const double* v) {
  return laneTree(s.outputs, [&](size_t c, F64 lane) {
    const F64 change = load(v + c * kLanes), p = broadcast(s.predicted[c]), q = broadcast(s.spare[c]);
    const F64 yes = q * change, no = -(p * change);
    const Mask inside = lessEqual(yes, broadcast(kLargestChange)) & lessEqual(no, broadcast(kLargestChange));
    F64 entropy = log1p(p * expm1Remainder(yes) + q * expm1Remainder(no));
    if (!all(inside)) {
      const F64 z = broadcast(s.z[c]);
      entropy = select(inside, entropy, (softplus(z + change) - softplus(z)) - p * change);
    }
    return lane + entropy;
  });
}

static F64 entropyOf(const SampleView& s, const double* v, F64 mean) {
  if (s.loss == kSoftmaxCrossEntropy) return softmaxEntropy(s, v, mean);
  if (s.loss == kBinaryCrossEntropy) return bernoulliEntropy(s, v);
  return broadcast(0.5) *
         laneTree(s.outputs, [v](size_t c, F64 sum) { return fma(load(v + c * kLanes), load(v + c * kLanes), sum); });
}

/// dQ/dz . v
INTERMODEL_INLINE F64 slopeOf(const SampleView& s, const double* v, F64 mean) {
  if (s.loss == kSoftmaxCrossEntropy) return mean - load(v + static_cast<size_t>(s.label) * kLanes);
  return laneDot(s.gradient, v, s.outputs);
}

/// The mean of squared slopes under targets drawn from the model.
static F64 sampledFisher(const SampleView& s, const double* v, F64 mean) {
  const F64 sum = laneTree(s.draws, [&](size_t k, F64 lane) {
    F64 slope;
    if (s.loss == kSoftmaxCrossEntropy) {
      slope = mean - load(v + static_cast<size_t>(s.classes[k]) * kLanes);
    } else {
      const double* drawn = s.noise + k * s.outputs;
      const bool binary = s.loss == kBinaryCrossEntropy;
      slope = laneTree(s.outputs, [&](size_t c, F64 part) {
        const double p = s.predicted[c];
        const double g = binary ? p - (drawn[c] < p ? 1.0 : 0.0) : -drawn[c];
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
static void prepareSample(const SampleView& s, const double* targets, Estimator estimator) {
  predict(s.loss, s.z, s.predicted, s.weights, s.outputs);
  if (targets != nullptr)
    for (size_t c = 0; c < s.outputs; c++) s.gradient[c] = s.predicted[c] - targets[c];
  const bool entropy = estimator == kRelativeEntropy || estimator == kAblation;
  if (entropy && s.loss == kBinaryCrossEntropy)
    for (size_t c = 0; c < s.outputs; c++) s.spare[c] = ofOne<sigmoid>(-s.z[c]);
  if (estimator == kMonteCarloFisher && s.loss == kSoftmaxCrossEntropy) drawClasses(s);
}

/// Mean under p for softmax, zero for the diagonal Hessians.
INTERMODEL_INLINE F64 meanOf(const SampleView& s, const double* v) {
  return s.loss == kSoftmaxCrossEntropy ? laneDot(s.predicted, v, s.outputs) : zero();
}

/// Score of one group of directions v [outputs][kLanes].
static F64 scoreGroup(const SampleView& s, Estimator estimator, const double* v, F64 mean) {
  switch (estimator) {
    case kTaylor2:
      return -slopeOf(s, v, mean) + broadcast(0.5) * laneForm(s.weights, v, mean, s.outputs);
    case kFirstOrder:
      return -slopeOf(s, v, mean);
    case kEmpiricalFisher: {
      const F64 slope = slopeOf(s, v, mean);
      return slope * slope;
    }
    case kMonteCarloFisher:
      return sampledFisher(s, v, mean);
    case kRelativeEntropy:
      return entropyOf(s, v, mean);
    case kAblation:
      return slopeOf(s, v, mean) + entropyOf(s, v, mean);
    default:
      return laneForm(s.weights, v, mean, s.outputs);
  }
}

/// Scores of the directions [rows, outputs], `row` apart, of one sample; any output may be null. group:
/// [outputs][kLanes].
static void scoreRows(const SampleView& s, Estimator estimator, const double* directions, size_t row, size_t rows,
                      double* scores, double* linear, double* quadratic, double* group) {
  for (size_t r = 0; r < rows; r += kLanes) {
    const size_t count = rows - r < kLanes ? rows - r : size_t{kLanes};
    transposeRows(directions + r * row, row, count, s.outputs, group);
    const F64 mean = meanOf(s, group);
    if (scores != nullptr) storePartial(scores + r, scoreGroup(s, estimator, group, mean), count);
    if (linear != nullptr) storePartial(linear + r, -slopeOf(s, group, mean), count);
    if (quadratic != nullptr) storePartial(quadratic + r, laneForm(s.weights, group, mean, s.outputs), count);
  }
}

}  // namespace curvature
}  // namespace
}  // namespace intermodel
