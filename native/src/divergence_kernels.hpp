/// Changes of a softmax distribution where the short formulas lose digits: floors among the logits, changes beyond the
/// exponential, offsets that all classes share, probabilities that round to 0 or 1. Oracle:
/// src/reference/divergence.ts.
///
/// All arrays are [n], one sample's classes. These run for the few rows that a short formula refuses.
#pragma once

#include "each_vector.hpp"
#include "reduce.hpp"

namespace intermodel {
namespace {

constexpr double kLost = 0x1p-10;         // a difference below this share of its terms has lost ten bits
constexpr double kOffset = 0x1p-40;       // a variance below this share of the squared mean: see isOffset
constexpr double kLargestChange = 700.0;  // above it the exponential of a change would overflow
constexpr double kVisibleChange = 40.0;   // from here on a class of probability 0 can gain enough to be seen

template <F64 (*Function)(F64)>
INTERMODEL_INLINE double ofOne(double x) {
  double lane[kLanes];
  store(lane, Function(broadcast(x)));
  return lane[0];
}

static inline double absoluteOf(double x) { return __builtin_fabs(x); }

/// Index of the likeliest class, the first of equals.
static inline size_t likeliest(const double* p, size_t n) {
  size_t best = 0;
  for (size_t c = 1; c < n; c++)
    if (p[c] > p[best]) best = c;
  return best;
}

/// Whether a sum of squares about `mean` is too small to be trusted; true for NaN.
static inline bool isOffset(double form, double mean) { return !(form >= kOffset * (mean * mean)); }

constexpr double kLargestMean = 1024.0;  // above it the rounding of a mean is seen in the exponential of what is left

/// Whether sum_c p_c r(v_c - mean) is too small a share of mean^2, or the mean too large, to be trusted; true for NaN.
static inline bool isOffsetEntropy(double sum, double mean, double share) {
  return !(sum >= share * (mean * mean) && absoluteOf(mean) <= kLargestMean);
}

INTERMODEL_INLINE Mask isOffsetEntropy(F64 sum, F64 mean, double share) {
  return !(greaterEqual(sum, broadcast(share) * (mean * mean)) & lessEqual(absolute(mean), broadcast(kLargestMean)));
}

INTERMODEL_INLINE Mask isOffset(F64 form, F64 mean) { return !greaterEqual(form, broadcast(kOffset) * (mean * mean)); }

/// What centreAbout took out of v.
struct Centre {
  double origin, mean;
};

/// v less its mean under p, taken about the likeliest class; 0 where p is 0.
static inline Centre centreAbout(const double* p, const double* v, double* centred, size_t n) {
  const double origin = v[likeliest(p, n)];
  eachVector(n, [=](size_t r, size_t count) {
    const Mask alive = greater(loadSome(p + r, count), zero());
    storeSome(centred + r, select(alive, loadSome(v + r, count) - broadcast(origin), zero()), count);
  });
  const double mean = treeDot(p, centred, n);
  eachVector(n, [=](size_t r, size_t count) {
    const Mask alive = greater(loadSome(p + r, count), zero());
    storeSome(centred + r, select(alive, loadSome(centred + r, count) - broadcast(mean), zero()), count);
  });
  return {origin, mean};
}

/// sum_c p_c (v_c - v_label); `terms` is scratch.
static inline double slopeAbout(const double* p, const double* v, size_t label, double* terms, size_t n) {
  const F64 origin = broadcast(v[label]);
  eachVector(n, [=](size_t r, size_t count) {
    const Mask alive = greater(loadSome(p + r, count), zero());
    storeSome(terms + r, select(alive, loadSome(v + r, count) - origin, zero()), count);
  });
  return treeDot(p, terms, n);
}

static inline bool hasZero(const double* p, size_t n) {
  for (size_t c = 0; c < n; c++)
    if (p[c] == 0.0) return true;
  return false;
}

/// Whether the terms p_c r(u_c) of a divergence can be added as they are.
static inline bool fitsExponential(const double* p, double largest, size_t n) {
  return largest <= kLargestChange && !(largest > kVisibleChange && hasZero(p, n));
}

/// log of the sum of e^(z - largest).
static inline double logNormaliser(const double* z, double largest, size_t n) {
  const F64 shift = broadcast(largest);
  return ofOne<log>(treeSumOf(n, [=](size_t r, size_t count) { return exp(loadSome(z + r, count) - shift); }));
}

/// log(p_c e^(v_c - origin - mean)) of every class; `moved` is z + v where that is known better than by the sum, or
/// null.
static inline void logMoved(const double* z, const double* v, const double* moved, Centre about, double* out,
                            size_t n) {
  const double most = maximumOf(z, n);
  const F64 largest = broadcast(most), normaliser = broadcast(logNormaliser(z, most, n));
  const F64 origin = broadcast(about.origin), mean = broadcast(about.mean);
  eachVector(n, [=](size_t r, size_t count) {
    const F64 x = moved == nullptr
                      ? ((loadSome(z + r, count) - largest) - normaliser) + ((loadSome(v + r, count) - origin) - mean)
                      : (((loadSome(moved + r, count) - origin) - largest) - normaliser) - mean;
    storeSome(out + r, x, count);
  });
}

/// KL(p, q) for p = softmax z and q proportional to p e^v; `centred` receives the change about its mean (0 where p is
/// 0), `exponents` is scratch. `remainder` is e^u - 1 - u.
template <class Remainder>
static inline double divergence(const double* p, const double* z, const double* v, const double* moved,
                                Remainder remainder, double* centred, double* exponents, size_t n) {
  logMoved(z, v, moved, centreAbout(p, v, centred, n), exponents, n);
  const double largest = maximumOf(exponents, n);
  if (!(largest <= kLargestChange)) return largest + logNormaliser(exponents, largest, n);
  return ofOne<log1p>(treeSumOf(n, [=](size_t r, size_t count) {
    const F64 share = loadSome(p + r, count), u = loadSome(centred + r, count);
    const Mask plain = greater(share, zero()) & lessEqual(u, broadcast(kLargestChange));
    return select(plain, share * remainder(u), exp(loadSome(exponents + r, count)) - share * (broadcast(1.0) + u));
  }));
}

/// target . (v - origin) over the classes that the target has; `terms` is scratch.
static inline double targetMean(const double* targets, const double* v, double origin, double* terms, size_t n) {
  eachVector(n, [=](size_t r, size_t count) {
    const Mask alive = greater(loadSome(targets + r, count), zero());
    storeSome(terms + r, select(alive, loadSome(v + r, count) - broadcast(origin), zero()), count);
  });
  return treeDot(targets, terms, n);
}

/// (p - t).v for soft labels t, about the likeliest class; `terms` is scratch.
static inline double softSlopeAbout(const double* p, const double* v, const double* targets, double* terms, size_t n) {
  const F64 origin = broadcast(v[likeliest(p, n)]);
  eachVector(n, [=](size_t r, size_t count) {
    const Mask alive = greater(loadSome(p + r, count), zero()) | greater(loadSome(targets + r, count), zero());
    storeSome(terms + r, select(alive, loadSome(v + r, count) - origin, zero()), count);
  });
  return treeDot(p, terms, n) - treeDot(targets, terms, n);
}

/// sum_c t_c (lse(z) - z_c) for soft labels t; `terms` is scratch.
static inline double softLoss(const double* z, const double* targets, double* terms, size_t n) {
  const F64 largest = broadcast(maximumOf(z, n));
  eachVector(n, [=](size_t r, size_t count) {
    const Mask alive = greater(loadSome(targets + r, count), zero());
    storeSome(terms + r, select(alive, largest - loadSome(z + r, count), zero()), count);
  });
  const double missed = treeDot(targets, terms, n);
  eachVector(n, [=](size_t r, size_t count) { storeSome(terms + r, exp(loadSome(z + r, count) - largest), count); });
  terms[likeliest(z, n)] = 0.0;
  return missed + ofOne<log1p>(treeSum(terms, n));
}

/// p - t in place, for soft labels t.
static inline void subtractSoft(double* p, const double* targets, size_t n) {
  const size_t most = likeliest(p, n);
  for (size_t c = 0; c < n; c++) p[c] = p[c] - targets[c];
  if (!(absoluteOf(p[most]) < kLost * targets[most])) return;
  p[most] = 0.0;
  p[most] = -treeSum(p, n);
}

/// Q(z + v) - Q(z) of the cross-entropy with a label, or with soft labels; false where the two losses are better
/// subtracted.
static inline bool lossChange(const double* p, const double* z, const double* v, const double* moved, int32_t label,
                              const double* targets, double* exponents, double* change, size_t n) {
  const bool soft = label < 0;
  const double from = v[soft ? likeliest(targets, n) : static_cast<size_t>(label)];
  logMoved(z, v, moved, {from, 0.0}, exponents, n);
  if (!(maximumOf(exponents, n) <= kLargestChange)) return false;
  const F64 origin = broadcast(from);
  const double sum = treeSumOf(n, [=](size_t r, size_t count) {
    const F64 share = loadSome(p + r, count), u = loadSome(v + r, count) - origin;
    const Mask plain = greater(share, zero()) & lessEqual(u, broadcast(kLargestChange));
    return select(plain, share * expm1(u), exp(loadSome(exponents + r, count)) - share);
  });
  *change = ofOne<log1p>(sum);
  if (soft) *change -= targetMean(targets, v, from, exponents, n);
  return sum >= -0.5;
}

/// The cross-entropy with a label that is almost certain, from what the other classes have left; false for any other.
static inline bool certainLoss(const double* z, size_t label, double* terms, double* loss, size_t n) {
  const double largest = maximumOf(z, n);
  if (z[label] != largest) return false;
  eachVector(n, [=](size_t r, size_t count) {
    storeSome(terms + r, exp(loadSome(z + r, count) - broadcast(largest)), count);
  });
  terms[label] = 0.0;
  const double others = treeSum(terms, n);
  *loss = ofOne<log1p>(others);
  return others < kLost;
}

/// p[label] - 1, in place: minus the sum of the others where the difference would have lost digits.
static inline void subtractOneHot(double* p, size_t label, size_t n) {
  const double missing = p[label] - 1.0;
  p[label] = 0.0;
  p[label] = missing > -kLost ? -treeSum(p, n) : missing;
}

}  // namespace
}  // namespace intermodel
