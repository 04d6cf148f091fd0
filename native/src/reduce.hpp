/// Reductions in the one fixed order of the arithmetic contract (docs/concepts/arithmetic.md).
///
/// Eight virtual lanes start at +0; element r joins lane r mod 8; the lanes are folded (0+4) (1+5) (2+6) (3+7), then
/// +2, then +1. A lane that gets no element is left as it is. More than 256 elements: blocks of 256, each folded so,
/// added up in ascending order. No elements: +0.
///
///   treeSum(x, n)                sum of x[r]
///   treeDot(a, b, n)             sum of a[r] * b[r], each lane a chain of fused multiply-adds
///   treeSumOf(n, term)           sum of whatever term(r, count) gives for elements r .. r + count - 1 (count <=
///   kLanes) softmaxRow(z, out, n), logSumExpRow(z, n)
#pragma once

#include "math.hpp"

namespace intermodel {
namespace {

constexpr size_t kTreeLanes = 8;
constexpr size_t kTreeBlock = 256;
constexpr int kTreeParts = static_cast<int>(kTreeLanes) / kLanes;

INTERMODEL_INLINE double foldLanes(const double* lane) {
  const double a = lane[0] + lane[4], b = lane[1] + lane[5], c = lane[2] + lane[6], d = lane[3] + lane[7];
  return (a + c) + (b + d);
}

/// How a value joins the chain of its lane.
struct Add {
  INTERMODEL_INLINE F64 next(F64 sum, F64 x) { return sum + x; }
  INTERMODEL_INLINE double next(double sum, double x) { return sum + x; }
};

struct AddSquare {
  INTERMODEL_INLINE F64 next(F64 sum, F64 x) { return fma(x, x, sum); }
  INTERMODEL_INLINE double next(double sum, double x) { return fused(x, x, sum); }
};

/// At most one block, from `begin` to `end`: Fold (Add, AddSquare) over what term(r, count) gives for elements r ..
/// r + count - 1.
template <class Fold, class Term>
INTERMODEL_INLINE double foldBlock(size_t begin, size_t end, Term term) {
  F64 part[kTreeParts];
  for (F64& lanes : part) lanes = zero();
  size_t r = begin;
  for (; r + kTreeLanes <= end; r += kTreeLanes)
    for (int i = 0; i < kTreeParts; i++)
      part[i] = Fold::next(part[i], term(r + static_cast<size_t>(i * kLanes), size_t{kLanes}));
  double lane[kTreeLanes];
  for (int i = 0; i < kTreeParts; i++) store(lane + i * kLanes, part[i]);
  for (size_t first = 0; first < kTreeLanes && r < end; first += kLanes) {
    const size_t count = end - r < kLanes ? end - r : size_t{kLanes};
    double value[kLanes];
    store(value, term(r, count));
    for (size_t i = 0; i < count; i++) lane[first + i] = Fold::next(lane[first + i], value[i]);
    r += count;
  }
  return foldLanes(lane);
}

template <class Term>
INTERMODEL_INLINE double treeSumOf(size_t n, Term term) {
  if (n <= kTreeBlock) return foldBlock<Add>(0, n, term);
  double total = foldBlock<Add>(0, kTreeBlock, term);
  for (size_t begin = kTreeBlock; begin < n; begin += kTreeBlock)
    total += foldBlock<Add>(begin, begin + kTreeBlock < n ? begin + kTreeBlock : n, term);
  return total;
}

static inline double treeSum(const double* x, size_t n) {
  return treeSumOf(n,
                   [x](size_t r, size_t count) { return count == kLanes ? load(x + r) : loadPartial(x + r, count); });
}

INTERMODEL_INLINE double treeDotBlock(const double* a, const double* b, size_t n) {
  F64 part[kTreeParts];
  for (int i = 0; i < kTreeParts; i++) part[i] = zero();
  size_t r = 0;
  for (; r + kTreeLanes <= n; r += kTreeLanes)
    for (int i = 0; i < kTreeParts; i++) part[i] = fma(load(a + r + i * kLanes), load(b + r + i * kLanes), part[i]);
  double lane[kTreeLanes];
  for (int i = 0; i < kTreeParts; i++) store(lane + i * kLanes, part[i]);
  for (size_t i = 0; i < kTreeLanes && r < n; i++, r++) lane[i] = fused(a[r], b[r], lane[i]);
  return foldLanes(lane);
}

static inline double treeDot(const double* a, const double* b, size_t n) {
  if (n <= kTreeBlock) return treeDotBlock(a, b, n);
  double total = treeDotBlock(a, b, kTreeBlock);
  for (size_t begin = kTreeBlock; begin < n; begin += kTreeBlock)
    total += treeDotBlock(a + begin, b + begin, n - begin < kTreeBlock ? n - begin : kTreeBlock);
  return total;
}

/// The largest element that is not NaN; -inf when there is none.
static inline double maximumOf(const double* x, size_t n) {
  double largest = -__builtin_inf();
  size_t r = 0;
  if (n >= kLanes) {
    F64 best = broadcast(largest);
    for (; r + kLanes <= n; r += kLanes) best = maximum(load(x + r), best);
    double lane[kLanes];
    store(lane, best);
    for (int i = 0; i < kLanes; i++) largest = lane[i] > largest ? lane[i] : largest;
  }
  for (; r < n; r++) largest = x[r] > largest ? x[r] : largest;
  return largest;
}

/// e^(z - max) / sum, NaN throughout when the largest entry is infinite or any entry is NaN. `out` must not overlap z.
static inline void softmaxRow(const double* z, double* out, size_t n) {
  const F64 largest = broadcast(maximumOf(z, n));
  size_t r = 0;
  for (; r + kLanes <= n; r += kLanes) store(out + r, exp(load(z + r) - largest));
  if (r < n) storePartial(out + r, exp(loadPartial(z + r, n - r) - largest), n - r);
  const F64 sum = broadcast(treeSum(out, n));
  for (r = 0; r + kLanes <= n; r += kLanes) store(out + r, load(out + r) / sum);
  if (r < n) storePartial(out + r, loadPartial(out + r, n - r) / sum, n - r);
}

/// max + log(sum of e^(z - max)); the largest entry itself when it is infinite; NaN when any entry is NaN.
static inline double logSumExpRow(const double* z, size_t n) {
  const double largest = maximumOf(z, n);
  if (largest - largest != 0.0) {
    for (size_t r = 0; r < n; r++)
      if (z[r] != z[r]) return doubleFromBits(0x7ff8000000000000ull);
    return largest;
  }
  const F64 shift = broadcast(largest);
  const double sum = treeSumOf(n, [z, shift](size_t r, size_t count) {
    return exp((count == kLanes ? load(z + r) : loadPartial(z + r, count)) - shift);
  });
  double result[kLanes];
  store(result, log(broadcast(sum)));
  return largest + result[0];
}

}  // namespace
}  // namespace intermodel
