/// Vector-of-games arithmetic for the equilibrium search: every F64 holds one number of kLanes different games.
#pragma once

#include "competition_kernels.hpp"
#include "equilibrium.hpp"
#include "math.hpp"
#include "reduce.hpp"

namespace intermodel {
namespace {
namespace lanes {

constexpr size_t kTree = kTreeLanes;

/// The fold of reduce.hpp, one game to a lane.
INTERMODEL_INLINE F64 foldTree(const F64* lane) {
  const F64 a = lane[0] + lane[4], b = lane[1] + lane[5], c = lane[2] + lane[6], d = lane[3] + lane[7];
  return (a + c) + (b + d);
}

INTERMODEL_INLINE void clearTree(F64* lane) {
#pragma GCC unroll 8
  for (size_t r = 0; r < kTree; r++) lane[r] = zero();
}

/// Sums of at most kTreeBlock elements.
static F64 treeSumLanes(const F64* x, size_t n) {
  F64 lane[kTree];
  clearTree(lane);
  for (size_t r = 0; r < n; r++) lane[r % kTree] = lane[r % kTree] + x[r];
  return foldTree(lane);
}

static F64 treeDotLanes(const F64* a, const F64* b, size_t n) {
  F64 lane[kTree];
  clearTree(lane);
  for (size_t r = 0; r < n; r++) lane[r % kTree] = fma(a[r], b[r], lane[r % kTree]);
  return foldTree(lane);
}

/// What the threshold is compared with, summed: the entries above it in the fixed tree, and their number.
INTERMODEL_INLINE void addAbove(F64 entry, F64 threshold, F64& sum, F64& count) {
  const Mask kept = greater(entry, threshold);
  sum = sum + select(kept, entry, zero());
  count = count + select(kept, broadcast(1.0), zero());
}

/// Projects one row of every game onto the simplex, in place. Two rows at a time were no faster.
static void projectRowLanes(F64* y, size_t n) {
  const F64 one = broadcast(1.0);
  F64 largest = y[0];
  for (size_t j = 1; j < n; j++) largest = maximum(y[j], largest);
  for (size_t j = 0; j < n; j++) y[j] = y[j] - largest;
  F64 threshold = broadcast(-1.0), before = broadcast(static_cast<double>(n + 1));
  Mask done = less(one, zero());
  for (;;) {
    // constant indices keep the tree in registers
    F64 lane[kTree], count[2] = {zero(), zero()};
    clearTree(lane);
    size_t j = 0;
    for (; j + kTree <= n; j += kTree)
      for (size_t r = 0; r < kTree; r++) addAbove(y[j + r], threshold, lane[r], count[r % 2]);
    for (size_t r = 0; r < kTree - 1; r++) {
      if (j + r >= n) break;
      addAbove(y[j + r], threshold, lane[r], count[r % 2]);
    }
    const F64 kept = count[0] + count[1];
    done = done | greaterEqual(kept, before) | equal(kept, zero());
    if (all(done)) break;
    threshold = select(done, threshold, (foldTree(lane) - one) / kept);
    before = select(done, before, kept);
  }
  for (size_t j = 0; j < n; j++) y[j] = maximum(y[j] - threshold, zero()) + zero();
}

/// Projects `count` rows [count, n] of every game onto the simplex, in place.
static void projectLanes(F64* y, size_t count, size_t n) {
  for (size_t i = 0; i < count; i++) projectRowLanes(y + i * n, n);
}

/// Clips one row of every game at zero and divides by its sum.
static void clipLanes(F64* y, size_t n) {
  for (size_t j = 0; j < n; j++) y[j] = maximum(y[j], zero());
  const F64 sum = treeSumLanes(y, n);
  const F64 even = broadcast(1.0 / static_cast<double>(n));
  const Mask some = greater(sum, zero());
  for (size_t j = 0; j < n; j++) y[j] = select(some, y[j] / sum, even);
}

/// Entry `at` of Hessians that are one for all lanes, or one a lane.
template <bool ONE>
INTERMODEL_INLINE F64 hessianAt(const double* data, size_t at) {
  return ONE ? broadcast(data[at]) : load(data + at * kLanes);
}

/// Entries that one participant's Hessian takes in lanes: dense matrices keep their upper half.
INTERMODEL_INLINE size_t packedLength(const PeerHessians& form) {
  if (form.storage == HessianStorage::kDiagonal) return form.n;
  if (form.storage == HessianStorage::kLowRank) return form.rank * form.n;
  return form.n * (form.n + 1) / 2;
}

/// Rows of H that are multiplied together: as many chains as registers hold.
constexpr size_t kRowsTogether = kLanes == 8 ? 8 : 4;

/// out = H v with each entry of the upper half read once; every output is still one ascending chain.
template <bool ONE>
static void pullSymmetric(const double* data, const F64* v, F64* out, size_t n) {
  const auto entryAt = [=](size_t k, size_t j) { return hessianAt<ONE>(data, k * n - k * (k + 1) / 2 + j); };
  for (size_t j = 0; j < n; j++) out[j] = zero();
  size_t first = 0;
  for (; first + kRowsTogether <= n; first += kRowsTogether) {
    F64 chain[kRowsTogether], factor[kRowsTogether];
#pragma GCC unroll 8
    for (size_t r = 0; r < kRowsTogether; r++) {
      chain[r] = out[first + r];
      factor[r] = v[first + r];
    }
#pragma GCC unroll 8
    for (size_t r = 0; r < kRowsTogether; r++) {
#pragma GCC unroll 8
      for (size_t c = r; c < kRowsTogether; c++) {
        const F64 h = entryAt(first + r, first + c);
        if (c > r) chain[c] = fma(h, factor[r], chain[c]);
        chain[r] = fma(h, factor[c], chain[r]);
      }
    }
    for (size_t j = first + kRowsTogether; j < n; j++) {
      const F64 across = v[j];
      F64 down = out[j];
#pragma GCC unroll 8
      for (size_t r = 0; r < kRowsTogether; r++) {
        const F64 h = entryAt(first + r, j);
        down = fma(h, factor[r], down);
        chain[r] = fma(h, across, chain[r]);
      }
      out[j] = down;
    }
#pragma GCC unroll 8
    for (size_t r = 0; r < kRowsTogether; r++) out[first + r] = chain[r];
  }
  for (size_t k = first; k < n; k++) {
    F64 chain = out[k];
    for (size_t j = k; j < n; j++) {
      const F64 h = entryAt(k, j);
      if (j > k) out[j] = fma(h, v[k], out[j]);
      chain = fma(h, v[j], chain);
    }
    out[k] = chain;
  }
}

/// The same for one fixed size: everything unrolled, the outputs in registers.
template <bool ONE, size_t N>
static void pullFixed(const double* data, const F64* v, F64* out) {
  F64 entry[N], sum[N];
#pragma GCC unroll 16
  for (size_t j = 0; j < N; j++) {
    entry[j] = v[j];
    sum[j] = zero();
  }
  size_t at = 0;
#pragma GCC unroll 16
  for (size_t k = 0; k < N; k++) {
    sum[k] = fma(hessianAt<ONE>(data, at++), entry[k], sum[k]);
#pragma GCC unroll 16
    for (size_t j = k + 1; j < N; j++) {
      const F64 h = hessianAt<ONE>(data, at++);
      sum[k] = fma(h, entry[j], sum[k]);
      sum[j] = fma(h, entry[k], sum[j]);
    }
  }
#pragma GCC unroll 16
  for (size_t j = 0; j < N; j++) out[j] = sum[j];
}

constexpr size_t kLargestFixed = 12;  // beyond it the outputs no longer fit the registers

template <bool ONE, size_t N>
INTERMODEL_INLINE void pullDense(const double* data, const F64* v, F64* out, size_t n) {
  if (n > kLargestFixed) return pullSymmetric<ONE>(data, v, out, n);
  if (n == N) return pullFixed<ONE, N>(data, v, out);
  if constexpr (N > 2)
    pullDense<ONE, N - 1>(data, v, out, n);
  else
    pullSymmetric<ONE>(data, v, out, n);
}

template <bool ONE>
static void pullLanes(const PeerHessians& form, const double* data, const F64* v, F64* out, F64* coordinates) {
  const size_t n = form.n;
  if (form.storage == HessianStorage::kDiagonal) {
    for (size_t j = 0; j < n; j++) out[j] = hessianAt<ONE>(data, j) * v[j];
  } else if (form.storage == HessianStorage::kLowRank) {
    for (size_t r = 0; r < form.rank; r++) {
      coordinates[r] = zero();
      for (size_t j = 0; j < n; j++) coordinates[r] = fma(hessianAt<ONE>(data, r * n + j), v[j], coordinates[r]);
    }
    for (size_t j = 0; j < n; j++) out[j] = zero();
    for (size_t r = 0; r < form.rank; r++)
      for (size_t j = 0; j < n; j++) out[j] = fma(hessianAt<ONE>(data, r * n + j), coordinates[r], out[j]);
  } else {
    pullDense<ONE, kLargestFixed>(data, v, out, n);
  }
}

}  // namespace lanes
}  // namespace
}  // namespace intermodel
