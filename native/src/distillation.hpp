/// Distillation losses and gradients, sample by sample; the formulas and their order are src/reference/distillation.ts.
///
/// With v = (z_student - z_teacher) / T centred under the weighting distribution, no probability enters a logarithm:
///   KL = log1p(sum p (expm1(u) - u)),   dKL_forward = q - p,   dKL_reverse = -q u.
#pragma once

#include "distillation_kernels.hpp"
#include "each_vector.hpp"
#include "reduce.hpp"

namespace intermodel {
namespace {

constexpr double kLargeLogRatio = 700.0;  // above it expm1 would overflow
constexpr double kLn2 = 0.6931471805599453;

INTERMODEL_INLINE double log1pOf(double x) {
  double lane[kLanes];
  store(lane, log1p(broadcast(x)));
  return lane[0];
}

/// expm1(u) - u: a Taylor series where the difference would cancel.
INTERMODEL_INLINE F64 expm1Remainder(F64 u) {
  constexpr double kSeries[] = {
      1.0 / 1307674368000, 1.0 / 87178291200, 1.0 / 6227020800, 1.0 / 479001600, 1.0 / 39916800,
      1.0 / 3628800,       1.0 / 362880,      1.0 / 40320,      1.0 / 5040,      1.0 / 720,
      1.0 / 120,           1.0 / 24,          1.0 / 6,          1.0 / 2};
  F64 sum = broadcast(kSeries[0]);
  for (size_t k = 1; k < sizeof kSeries / sizeof *kSeries; k++) sum = sum * u + broadcast(kSeries[k]);
  const Mask small = greater(u, broadcast(-0.5)) & less(u, broadcast(0.5));
  return select(small, (u * u) * sum, expm1(u) - u);
}

/// softmax(z / T); `scaled` receives z / T.
static inline void temperedSoftmax(const double* z, double temperature, double* scaled, double* out, size_t n) {
  const F64 divisor = broadcast(temperature);
  eachVector(n, [=](size_t r, size_t count) { storeSome(scaled + r, loadSome(z + r, count) / divisor, count); });
  softmaxRow(scaled, out, n);
}

/// u = v - weight . v with v = (to - from) / T.
static inline void centredLogRatio(const double* weight, const double* to, const double* from, double temperature,
                                   double* u, size_t n) {
  const F64 divisor = broadcast(temperature);
  eachVector(n, [=](size_t r, size_t count) {
    storeSome(u + r, (loadSome(to + r, count) - loadSome(from + r, count)) / divisor, count);
  });
  const F64 mean = broadcast(treeDot(weight, u, n));
  eachVector(n, [=](size_t r, size_t count) { storeSome(u + r, loadSome(u + r, count) - mean, count); });
}

/// KL(weight || weight exp(u) normalised). `scaled` holds logits / T of `weight` and is overwritten.
static inline double divergenceFromLogRatio(const double* weight, double* scaled, const double* u, size_t n) {
  if (maximumOf(u, n) <= kLargeLogRatio) {
    return log1pOf(treeSumOf(n, [=](size_t r, size_t count) {
      return loadSome(weight + r, count) * expm1Remainder(loadSome(u + r, count));
    }));
  }
  const F64 total = broadcast(logSumExpRow(scaled, n));
  eachVector(n, [=](size_t r, size_t count) {
    storeSome(scaled + r, (loadSome(scaled + r, count) - total) + loadSome(u + r, count), count);
  });
  const double value = logSumExpRow(scaled, n);
  return value > 0.0 ? value : 0.0;
}

/// Jensen-Shannon divergence; `gradient` receives slope times its derivative. `forward` is KL(p || q), `terms` scratch.
static inline double jensenShannon(double* gradient, const double* p, const double* q, const double* u, double forward,
                                   double slope, double* terms, size_t n) {
  const F64 half = broadcast(0.5), one = broadcast(1.0);
  double* const logRatioToMean = gradient;  // log(q / m) first, the derivative afterwards
  eachVector(n, [=](size_t r, size_t count) {
    const F64 d = broadcast(forward) - loadSome(u + r, count);
    const F64 a = absolute(d);
    const Mask studentLarger = less(d, zero());
    const F64 pc = loadSome(p + r, count), qc = loadSome(q + r, count);
    const F64 larger = select(studentLarger, qc, pc), smaller = select(studentLarger, pc, qc);
    const F64 e = expm1(-a);
    const Mask close = less(a, one);
    const F64 logCosh = half * log1p((e * e) / (broadcast(4.0) * (one + e)));
    const F64 farUp = broadcast(kLn2) - log1p(exp(-a));
    const F64 up = select(close, half * a - logCosh, farUp);
    const F64 down = select(close, broadcast(-0.5) * a - logCosh, farUp - a);
    const F64 closeTerm = half * ((half * a) * ((-larger) * e) - (larger + smaller) * logCosh);
    const F64 farTerm = half * (larger * up + smaller * down);
    storeSome(terms + r, select(close, closeTerm, farTerm), count);
    storeSome(logRatioToMean + r, select(studentLarger, up, down), count);
  });
  const F64 mean = broadcast(treeDot(q, logRatioToMean, n));
  eachVector(n, [=](size_t r, size_t count) {
    const F64 h = loadSome(logRatioToMean + r, count) - mean;
    storeSome(gradient + r, broadcast(slope) * (half * (loadSome(q + r, count) * h)), count);
  });
  return treeSum(terms, n);
}

static inline double meanSquare(double* gradient, const double* t, const double* s, double* difference, size_t n) {
  const F64 outputs = broadcast(static_cast<double>(n));
  eachVector(n, [=](size_t r, size_t count) {
    const F64 d = loadSome(s + r, count) - loadSome(t + r, count);
    storeSome(difference + r, d, count);
    storeSome(gradient + r, (broadcast(2.0) * d) / outputs, count);
  });
  return treeDot(difference, difference, n) / static_cast<double>(n);
}

static inline double temperedDivergence(const DistillationArguments& a, double* gradient, const double* t,
                                        const double* s, double* scratch) {
  const size_t n = a.outputs;
  double* const p = scratch;
  double* const q = p + n;
  double* const u = q + n;
  double* const scaled = u + n;
  const F64 slope = broadcast(a.scale / a.temperature);
  if (a.kind == kReverseKl) {
    temperedSoftmax(s, a.temperature, scaled, q, n);
    centredLogRatio(q, t, s, a.temperature, u, n);
    eachVector(n, [=](size_t r, size_t count) {
      storeSome(gradient + r, -(slope * (loadSome(q + r, count) * loadSome(u + r, count))), count);
    });
    return a.scale * divergenceFromLogRatio(q, scaled, u, n);
  }
  temperedSoftmax(s, a.temperature, scaled, q, n);
  temperedSoftmax(t, a.temperature, scaled, p, n);
  centredLogRatio(p, s, t, a.temperature, u, n);
  const double forward = divergenceFromLogRatio(p, scaled, u, n);
  if (a.kind == kForwardKl) {
    eachVector(n, [=](size_t r, size_t count) {
      storeSome(gradient + r, slope * (loadSome(q + r, count) - loadSome(p + r, count)), count);
    });
    return a.scale * forward;
  }
  return a.scale * jensenShannon(gradient, p, q, u, forward, a.scale / a.temperature, scaled, n);
}

/// alpha * divergence + (1 - alpha) * cross-entropy with the label.
static inline double blendCrossEntropy(double* gradient, double divergence, const double* s, size_t label, double alpha,
                                       double* probabilities, size_t n) {
  softmaxRow(s, probabilities, n);
  const double hard = 1.0 - alpha;
  probabilities[label] -= 1.0;
  eachVector(n, [=](size_t r, size_t count) {
    const F64 soft = broadcast(alpha) * loadSome(gradient + r, count);
    storeSome(gradient + r, soft + broadcast(hard) * loadSome(probabilities + r, count), count);
  });
  return alpha * divergence + hard * (logSumExpRow(s, n) - s[label]);
}

static void distillationRows(const DistillationArguments& a, size_t begin, size_t end, double* scratch) {
  const size_t n = a.outputs;
  for (size_t b = begin; b < end; b++) {
    const double* t = a.teacher + b * n;
    const double* s = a.student + b * n;
    double* gradient = a.gradients + b * n;
    const double divergence =
        a.kind == kMeanSquare ? meanSquare(gradient, t, s, scratch, n) : temperedDivergence(a, gradient, t, s, scratch);
    a.losses[b] = a.labels == nullptr ? divergence
                                      : blendCrossEntropy(gradient, divergence, s, static_cast<size_t>(a.labels[b]),
                                                          a.alpha, scratch, n);
  }
}

constexpr DistillationKernels distillationKernels() { return {.rows = distillationRows}; }

}  // namespace
}  // namespace intermodel
