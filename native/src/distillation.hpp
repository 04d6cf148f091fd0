/// Distillation losses and gradients, sample by sample; the formulas and their order are src/reference/distillation.ts.
///
/// With v = (z_student - z_teacher) / T centred under the weighting distribution, no probability enters a logarithm:
///   KL = log1p(sum p (expm1(u) - u)),   dKL_forward = q - p,   dKL_reverse = -q u.
#pragma once

#include "distillation_kernels.hpp"
#include "divergence_kernels.hpp"

namespace intermodel {
namespace {

constexpr double kLn2 = 0.6931471805599453;

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

/// Room for one sample, [outputs] each.
struct DistillationBuffers {
  double *p, *q, *centred, *scaled, *ratio, *spare;
};

/// KL(weight, other), and whether `centred` means something for every class; else it is 0 where the weight is 0.
struct LogRatio {
  double value;
  bool complete;
};

/// KL(softmax(from / T), softmax(to / T)); buffers.centred receives v less its mean under weight, v = (to - from) / T.
static inline LogRatio logRatio(const double* weight, const double* to, const double* from, double temperature,
                                const DistillationBuffers& buffers, size_t n) {
  double *const v = buffers.ratio, *const centred = buffers.centred, *const scaled = buffers.scaled;
  const F64 divisor = broadcast(temperature);
  eachVector(n, [=](size_t r, size_t count) {
    storeSome(v + r, (loadSome(to + r, count) - loadSome(from + r, count)) / divisor, count);
  });
  const double mean = treeDot(weight, v, n);
  eachVector(n,
             [=](size_t r, size_t count) { storeSome(centred + r, loadSome(v + r, count) - broadcast(mean), count); });
  if (fitsExponential(weight, maximumOf(centred, n), n)) {
    const double sum = treeSumOf(n, [=](size_t r, size_t count) {
      return loadSome(weight + r, count) * expm1Remainder(loadSome(centred + r, count));
    });
    if (!isOffsetEntropy(sum, mean, kLost * kLost)) return {ofOne<log1p>(sum), true};
  }
  eachVector(n, [=](size_t r, size_t count) {
    storeSome(scaled + r, loadSome(from + r, count) / divisor, count);
    storeSome(buffers.spare + r, loadSome(to + r, count) / divisor, count);
  });
  const double value = divergence(
      weight, scaled, v, buffers.spare, [](F64 u) { return expm1Remainder(u); }, centred, scaled, n);
  return {value, false};
}

/// log softmax(z / T)
static inline void logSoftmax(const double* z, double temperature, double* out, size_t n) {
  const F64 divisor = broadcast(temperature);
  eachVector(n, [=](size_t r, size_t count) { storeSome(out + r, loadSome(z + r, count) / divisor, count); });
  const F64 largest = broadcast(maximumOf(out, n));
  eachVector(n, [=](size_t r, size_t count) { storeSome(out + r, loadSome(out + r, count) - largest, count); });
  const F64 normaliser = broadcast(logNormaliser(out, 0.0, n));
  eachVector(n, [=](size_t r, size_t count) { storeSome(out + r, loadSome(out + r, count) - normaliser, count); });
}

/// log p - log q of every class into buffers.ratio.
static inline void logRatios(const double* to, const double* from, double temperature, const LogRatio& kl,
                             const DistillationBuffers& buffers, size_t n) {
  const F64 value = broadcast(kl.value);
  const double *p = buffers.p, *centred = buffers.centred, *logP = buffers.spare, *logQ = buffers.scaled;
  double* const ratio = buffers.ratio;
  if (kl.complete) {
    eachVector(n, [=](size_t r, size_t count) { storeSome(ratio + r, value - loadSome(centred + r, count), count); });
    return;
  }
  logSoftmax(from, temperature, buffers.spare, n);
  logSoftmax(to, temperature, buffers.scaled, n);
  const F64 limit = broadcast(kLargestChange);
  eachVector(n, [=](size_t r, size_t count) {
    const F64 u = loadSome(centred + r, count);
    const Mask near = lessEqual(value, limit) & greater(loadSome(p + r, count), zero()) & lessEqual(absolute(u), limit);
    storeSome(ratio + r, select(near, value - u, loadSome(logP + r, count) - loadSome(logQ + r, count)), count);
  });
}

/// Jensen-Shannon divergence; `gradient` receives slope times its derivative. `ratio` is log p - log q, `terms` and
/// `shifted` are scratch.
static inline double jensenShannon(double* gradient, const double* p, const double* q, const double* ratio,
                                   double slope, double* terms, double* shifted, size_t n) {
  const F64 half = broadcast(0.5), one = broadcast(1.0);
  double* const logRatioToMean = gradient;  // log(q / m) first, the derivative afterwards
  eachVector(n, [=](size_t r, size_t count) {
    const F64 d = loadSome(ratio + r, count);
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
  // where the difference from the mean loses digits, both are taken about the likeliest class
  const F64 origin = broadcast(logRatioToMean[likeliest(q, n)]);
  eachVector(n, [=](size_t r, size_t count) {
    const Mask alive = greater(loadSome(q + r, count), zero());
    storeSome(shifted + r, select(alive, loadSome(logRatioToMean + r, count) - origin, zero()), count);
  });
  const F64 shiftedMean = broadcast(treeDot(q, shifted, n));
  eachVector(n, [=](size_t r, size_t count) {
    const F64 plain = loadSome(logRatioToMean + r, count) - mean;
    const Mask kept = greaterEqual(absolute(plain), broadcast(kLost) * absolute(mean));
    const F64 h = select(kept, plain, loadSome(shifted + r, count) - shiftedMean);
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

/// slope (q - p), from p and log q - log p where the difference would lose digits.
static inline void forwardGradient(double* gradient, double slope, double value, const DistillationBuffers& buffers,
                                   size_t n) {
  const double *p = buffers.p, *q = buffers.q, *centred = buffers.centred;
  eachVector(n, [=](size_t r, size_t count) {
    const F64 pc = loadSome(p + r, count), change = loadSome(centred + r, count) - broadcast(value);
    const Mask near = greater(pc, zero()) & less(absolute(change), broadcast(kLost)) &
                      lessEqual(broadcast(value), broadcast(kLargestChange));
    const F64 far = loadSome(q + r, count) - pc;
    storeSome(gradient + r, broadcast(slope) * (any(near) ? select(near, pc * expm1(change), far) : far), count);
  });
}

static inline double temperedDivergence(const DistillationArguments& a, double* gradient, const double* t,
                                        const double* s, double* scratch) {
  const size_t n = a.outputs;
  const DistillationBuffers buffers{scratch,         scratch + n,     scratch + 2 * n,
                                    scratch + 3 * n, scratch + 4 * n, scratch + 5 * n};
  const double slope = a.scale / a.temperature;
  temperedSoftmax(s, a.temperature, buffers.scaled, buffers.q, n);
  if (a.kind == kReverseKl) {
    const double value = logRatio(buffers.q, t, s, a.temperature, buffers, n).value;
    const double *q = buffers.q, *u = buffers.centred;
    eachVector(n, [=](size_t r, size_t count) {
      storeSome(gradient + r, -(broadcast(slope) * (loadSome(q + r, count) * loadSome(u + r, count))), count);
    });
    return a.scale * value;
  }
  temperedSoftmax(t, a.temperature, buffers.scaled, buffers.p, n);
  const LogRatio forward = logRatio(buffers.p, s, t, a.temperature, buffers, n);
  if (a.kind == kForwardKl) {
    forwardGradient(gradient, slope, forward.value, buffers, n);
    return a.scale * forward.value;
  }
  logRatios(s, t, a.temperature, forward, buffers, n);
  return a.scale *
         jensenShannon(gradient, buffers.p, buffers.q, buffers.ratio, slope, buffers.scaled, buffers.centred, n);
}

/// alpha * divergence + (1 - alpha) * cross-entropy with the label.
static inline double blendCrossEntropy(double* gradient, double soft, const double* s, size_t label, double alpha,
                                       double* probabilities, size_t n) {
  softmaxRow(s, probabilities, n);
  const double hard = 1.0 - alpha;
  subtractOneHot(probabilities, label, n);
  eachVector(n, [=](size_t r, size_t count) {
    const F64 part = broadcast(alpha) * loadSome(gradient + r, count);
    storeSome(gradient + r, part + broadcast(hard) * loadSome(probabilities + r, count), count);
  });
  double loss;
  if (!certainLoss(s, label, probabilities, &loss, n)) loss = logSumExpRow(s, n) - s[label];
  return alpha * soft + hard * loss;
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
