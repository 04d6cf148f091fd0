/// y = H x for a matrix H [n, n] that is exactly symmetric: every output one ascending chain from +0.
///
/// Small matrices, which the caches hold, are walked row by row: y_j = fma(H[k, j], x_k, y_j) needs no shuffles. Of
/// large ones the upper half alone is read: each block is loaded once, feeds the chains of its columns as it is and
/// those of its rows transposed in registers. Both orders of the loops give each chain its terms in ascending order.
#pragma once

#include "simd.hpp"

namespace intermodel {
namespace {

constexpr size_t kHalfFrom = 160;  // from this size on half the bytes are worth more than the shuffles

/// Columns 0 .. of the outputs in VECTORS vectors; the last holds `tail` of them.
template <int VECTORS>
static void symVecColumns(const double* h, const double* x, double* y, size_t n, size_t tail) {
  F64 sum[VECTORS];
  for (int v = 0; v < VECTORS; v++) sum[v] = zero();
  for (size_t k = 0; k < n; k++, h += n) {
    const F64 factor = broadcast(x[k]);
    for (int v = 0; v < VECTORS - 1; v++) sum[v] = fma(load(h + v * kLanes), factor, sum[v]);
    sum[VECTORS - 1] = fma(loadPartial(h + (VECTORS - 1) * kLanes, tail), factor, sum[VECTORS - 1]);
  }
  for (int v = 0; v < VECTORS - 1; v++) store(y + v * kLanes, sum[v]);
  storePartial(y + (VECTORS - 1) * kLanes, sum[VECTORS - 1], tail);
}

static void symVecRows(const double* h, const double* x, double* y, size_t n) {
  constexpr size_t kMost = kLanes == 8 ? 16 : 8;
  for (size_t c = 0; c < n;) {
    const size_t left = (n - c + kLanes - 1) / kLanes;
    const size_t vectors = left >= kMost ? kMost : left >= 4 ? 4 : left >= 2 ? 2 : 1;
    const size_t columns = vectors * kLanes < n - c ? vectors * kLanes : n - c;
    const size_t tail = columns - (vectors - 1) * kLanes;
    if (vectors == kMost)
      symVecColumns<static_cast<int>(kMost)>(h + c, x, y + c, n, tail);
    else if (vectors == 4)
      symVecColumns<4>(h + c, x, y + c, n, tail);
    else if (vectors == 2)
      symVecColumns<2>(h + c, x, y + c, n, tail);
    else
      symVecColumns<1>(h + c, x, y + c, n, tail);
    c += columns;
  }
}

constexpr int kSecondLevel = 2;  // of __builtin_prefetch

/// Reads ahead past what the loops below reach; an address that is not mapped is ignored.
static void askForRows(const double* from, size_t count) {
  constexpr size_t kLine = 8;
  for (size_t at = 0; at < count; at += kLine) __builtin_prefetch(from + at, 0, kSecondLevel);
}

/// kGroups * kLanes rows of the upper half at a time, while the same columns of the next rows, of the next matrix after
/// the last, are on their way into the second-level cache: the processor asks for no row before it is read, and
/// guesses past the end of every one.
static void symVecHalf(const double* h, const double* x, double* y, size_t n) {
  constexpr size_t kGroups = kLanes == 8 ? 1 : 2, kHeight = kGroups * kLanes;
  for (size_t j = 0; j < n; j++) y[j] = 0.0;
  size_t i = 0;
  for (; i + kHeight <= n; i += kHeight) {
    F64 own[kGroups];
    for (size_t g = 0; g < kGroups; g++) own[g] = load(y + i + g * kLanes);
    for (size_t k = i; k < i + kHeight; k++)
      for (size_t g = 0; g < kGroups; g++) own[g] = fma(load(h + k * n + i + g * kLanes), broadcast(x[k]), own[g]);
    const double* next = h + (i + kHeight) * n;
    if (i + 2 * kHeight > n) askForRows(next, kHeight * n);
    size_t j = i + kHeight;
    for (; j + kLanes <= n; j += kLanes) {
      F64 down = load(y + j);
      for (size_t g = 0; g < kGroups; g++) {
        F64 block[kLanes];
        const size_t top = i + g * kLanes;
        for (size_t r = 0; r < kLanes; r++) {
          block[r] = load(h + (top + r) * n + j);
          __builtin_prefetch(next + (g * kLanes + r) * n + j, 0, kSecondLevel);
        }
        for (size_t r = 0; r < kLanes; r++) down = fma(block[r], broadcast(x[top + r]), down);
        transposeSquare(block);
        for (size_t c = 0; c < kLanes; c++) own[g] = fma(block[c], broadcast(x[j + c]), own[g]);
      }
      store(y + j, down);
    }
    for (; j < n; j++) {
      for (size_t k = i; k < i + kHeight; k++) y[j] = __builtin_fma(h[k * n + j], x[k], y[j]);
      for (size_t g = 0; g < kGroups; g++) {
        double column[kLanes];
        for (size_t r = 0; r < kLanes; r++) column[r] = h[(i + g * kLanes + r) * n + j];
        own[g] = fma(load(column), broadcast(x[j]), own[g]);
      }
    }
    for (size_t g = 0; g < kGroups; g++) store(y + i + g * kLanes, own[g]);
  }
  for (; i < n; i++) {
    double sum = y[i];
    for (size_t j = i; j < n; j++) {
      sum = __builtin_fma(h[i * n + j], x[j], sum);
      if (j > i) y[j] = __builtin_fma(h[i * n + j], x[i], y[j]);
    }
    y[i] = sum;
  }
}

static void symVec(const double* h, const double* x, double* y, size_t n) {
  if (n < kHalfFrom)
    symVecRows(h, x, y, n);
  else
    symVecHalf(h, x, y, n);
}

}  // namespace
}  // namespace intermodel
