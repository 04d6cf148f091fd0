/// y[i] = init[i] + sum over p of A[i, p] x[p]: matrix (row-major) times vector, each output one ascending chain.
///
/// kLanes rows ride in one vector: square blocks of A are loaded once and transposed in registers, so the reads are
/// contiguous and the chains stay ascending. The product with the transpose needs no transposing: it is gemm with m
/// = 1.
#pragma once

#include "simd.hpp"

namespace intermodel {
namespace {

/// GROUPS * kLanes rows at once, which hides the latency of the chains.
template <int GROUPS>
static void matVecRows(const double* a, size_t aRow, const double* x, const double* init, double* y, size_t k) {
  F64 sum[GROUPS];
  for (int g = 0; g < GROUPS; g++) sum[g] = init == nullptr ? zero() : load(init + g * kLanes);
  size_t p = 0;
  for (; p + kLanes <= k; p += kLanes) {
    for (int g = 0; g < GROUPS; g++) {
      F64 block[kLanes];
      for (int r = 0; r < kLanes; r++) block[r] = load(a + static_cast<size_t>(g * kLanes + r) * aRow + p);
      transposeSquare(block);
      for (int r = 0; r < kLanes; r++) sum[g] = fma(block[r], broadcast(x[p + static_cast<size_t>(r)]), sum[g]);
    }
  }
  for (; p < k; p++) {
    for (int g = 0; g < GROUPS; g++) {
      double column[kLanes];
      for (int r = 0; r < kLanes; r++) column[r] = a[static_cast<size_t>(g * kLanes + r) * aRow + p];
      sum[g] = fma(load(column), broadcast(x[p]), sum[g]);
    }
  }
  for (int g = 0; g < GROUPS; g++) store(y + g * kLanes, sum[g]);
}

static void matVec(const double* a, size_t aRow, const double* x, const double* init, double* y, size_t m, size_t k) {
  size_t i = 0;
  for (; i + 4 * kLanes <= m; i += 4 * kLanes)
    matVecRows<4>(a + i * aRow, aRow, x, init == nullptr ? nullptr : init + i, y + i, k);
  for (; i + kLanes <= m; i += kLanes)
    matVecRows<1>(a + i * aRow, aRow, x, init == nullptr ? nullptr : init + i, y + i, k);
  for (; i < m; i++) {
    double sum = init == nullptr ? 0.0 : init[i];
    for (size_t p = 0; p < k; p++) sum = fused(a[i * aRow + p], x[p], sum);
    y[i] = sum;
  }
}

}  // namespace
}  // namespace intermodel
