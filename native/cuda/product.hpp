/// C = init + A B, every output one ascending chain of fused multiply-adds over k: the contract of native/src/gemm.hpp.
///
/// A block makes a tile of 64 x 64 outputs, a thread 4 x 4 of them; slices of A and B pass through shared memory. Tiles
/// that stick out compute outputs that are not stored, but no chain is ever longer than k: a term of zeros could turn
/// -0 into 0, or an infinity into NaN.
#pragma once

#include <algorithm>

#include "machine.hpp"

namespace intermodel::gpu {

/// T is double or float; a chain of floats rounds to a float at every step.
template <class T>
struct ProductOf {
  size_t m, n, k;
  const T* a;
  size_t aRow, aColumn;
  const T* b;
  size_t bRow, bColumn;
  const T* init;   ///< or null: zeros
  size_t initRow;  ///< 0: one row for all
  T* c;
  size_t cRow;
  /// Where not null there are many products: product i runs over k = offsets[i] .. offsets[i + 1] - 1 of A's columns
  /// and B's rows and begins cStep numbers after the one before it in C; init is null.
  const size_t* offsets;
  size_t cStep;
};

using ProductArguments = ProductOf<double>;

INTERMODEL_BOTH inline double chained(double a, double b, double c) { return fused(a, b, c); }
INTERMODEL_BOTH inline float chained(float a, float b, float c) { return fusedSingle(a, b, c); }

template <class T>
struct Product {
  static constexpr int kThreads = 256;
  static constexpr size_t kTile = 64, kSide = 16, kEach = 4, kDepth = 16;
  using Arguments = ProductOf<T>;
  struct Shared {
    T a[kDepth][kTile + 1], b[kDepth][kTile];
  };
  struct Registers {
    T sum[kEach][kEach];
  };

  INTERMODEL_BOTH static size_t depthOf(const Arguments& g, const Place& at) {
    return g.offsets == nullptr ? g.k : g.offsets[at.y + 1] - g.offsets[at.y];
  }
  INTERMODEL_BOTH static size_t phases(const Arguments& g, const Place& at) {
    return 2 * ((depthOf(g, at) + kDepth - 1) / kDepth) + 1;
  }

  INTERMODEL_BOTH static void phase(size_t p, const Arguments& g, const Place& at, Shared& shared, Registers& own) {
    const size_t across = (g.n + kTile - 1) / kTile;
    const size_t row = at.x / across * kTile, column = at.x % across * kTile;
    const size_t depth = depthOf(g, at), last = 2 * ((depth + kDepth - 1) / kDepth);
    if (p == 0) begin(g, at, row, column, own);
    if (p == last) return finish(g, at, row, column, own);
    const size_t from = p / 2 * kDepth, count = depth - from < kDepth ? depth - from : kDepth;
    if (p % 2 == 0)
      load(g, at, row, column, from, count, shared);
    else
      multiply(at, count, shared, own);
  }

 private:
  INTERMODEL_BOTH static void begin(const Arguments& g, const Place& at, size_t row, size_t column, Registers& own) {
    for (size_t i = 0; i < kEach; i++)
      for (size_t j = 0; j < kEach; j++) {
        const size_t r = row + at.thread / kSide + i * kSide, c = column + at.thread % kSide + j * kSide;
        const bool starts = g.init != nullptr && r < g.m && c < g.n;
        own.sum[i][j] = starts ? g.init[r * g.initRow + c] : T(0);
      }
  }

  INTERMODEL_BOTH static void load(const Arguments& g, const Place& at, size_t row, size_t column, size_t from,
                                   size_t count, Shared& shared) {
    const size_t first = from + (g.offsets == nullptr ? 0 : g.offsets[at.y]);
    const T* a = g.a + first * g.aColumn;
    const T* b = g.b + first * g.bRow;
    // neighbouring threads read neighbouring numbers, whichever way the matrix lies
    for (size_t k = at.thread; k < kTile * kDepth; k += kThreads) {
      const size_t r = g.aColumn == 1 ? k / kDepth : k % kTile, p = g.aColumn == 1 ? k % kDepth : k / kTile;
      if (p < count) shared.a[p][r] = row + r < g.m ? a[(row + r) * g.aRow + p * g.aColumn] : T(0);
    }
    for (size_t k = at.thread; k < kTile * kDepth; k += kThreads) {
      const size_t c = g.bColumn == 1 ? k % kTile : k / kDepth, p = g.bColumn == 1 ? k / kTile : k % kDepth;
      if (p < count) shared.b[p][c] = column + c < g.n ? b[p * g.bRow + (column + c) * g.bColumn] : T(0);
    }
  }

  INTERMODEL_BOTH static void step(size_t p, size_t top, size_t left, const Shared& shared, Registers& own) {
    T a[kEach], b[kEach];
    for (size_t i = 0; i < kEach; i++) a[i] = shared.a[p][top + i * kSide];
    for (size_t j = 0; j < kEach; j++) b[j] = shared.b[p][left + j * kSide];
    for (size_t i = 0; i < kEach; i++)
      for (size_t j = 0; j < kEach; j++) own.sum[i][j] = chained(a[i], b[j], own.sum[i][j]);
  }

  INTERMODEL_BOTH static void multiply(const Place& at, size_t count, const Shared& shared, Registers& own) {
    const size_t top = at.thread / kSide, left = at.thread % kSide;
    if (count == kDepth) {
#ifdef __CUDA_ARCH__
#pragma unroll
#endif
      for (size_t p = 0; p < kDepth; p++) step(p, top, left, shared, own);
    } else {
      for (size_t p = 0; p < count; p++) step(p, top, left, shared, own);
    }
  }

  INTERMODEL_BOTH static void finish(const Arguments& g, const Place& at, size_t row, size_t column,
                                     const Registers& own) {
    T* c = g.c + at.y * g.cStep;
    for (size_t i = 0; i < kEach; i++)
      for (size_t j = 0; j < kEach; j++) {
        const size_t r = row + at.thread / kSide + i * kSide, q = column + at.thread % kSide + j * kSide;
        if (r < g.m && q < g.n) c[r * g.cRow + q] = own.sum[i][j];
      }
  }
};

/// One product, or as many as there are offsets for.
template <class T>
void multiply(Machine& machine, const ProductOf<T>& g, size_t batch = 1) {
  if (g.m == 0 || g.n == 0) return;
  constexpr size_t kTile = Product<T>::kTile;
  const size_t tiles = ((g.m + kTile - 1) / kTile) * ((g.n + kTile - 1) / kTile);
  for (size_t first = 0; first < batch; first += Machine::kMostRows) {
    ProductOf<T> part = g;
    part.c += first * g.cStep;
    if (part.offsets != nullptr) part.offsets += first;
    machine.launch<Product<T>>(tiles, std::min(batch - first, Machine::kMostRows), part);
  }
}

}  // namespace intermodel::gpu
