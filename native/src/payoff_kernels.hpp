/// The PayoffKernels of one instruction set. The same operations as src/reference/payoff.ts.
#pragma once

#include "gemm.hpp"
#include "mat_vec.hpp"
#include "payoff.hpp"
#include "reduce.hpp"
#include "sym_vec.hpp"

namespace intermodel {
namespace {
namespace payoff {

/// C [m, n] = A [m, k] B, where B [k, n] is read as stored or, transposed, as [n, k].
INTERMODEL_INLINE GemmArguments product(size_t m, size_t n, size_t k, const double* a, const double* b, bool transposed,
                                        double* c) {
  return {.m = m,
          .n = n,
          .k = k,
          .a = a,
          .aRow = k,
          .aColumn = 1,
          .b = b,
          .bRow = transposed ? size_t{1} : n,
          .bColumn = transposed ? k : size_t{1},
          .init = nullptr,
          .initRow = 0,
          .c = c,
          .cRow = n};
}

static size_t larger(size_t a, size_t b) { return a > b ? a : b; }

/// delta and H delta, the low-rank coordinates, and what the matrix products pack.
static size_t weightGradientScratch(const PeerHessians& h, size_t rows) {
  const size_t n = h.n;
  size_t packed = 0;
  if (h.storage == HessianStorage::kShared) packed = gemmScratch(product(rows, n, n, nullptr, nullptr, false, nullptr));
  if (h.storage == HessianStorage::kLowRank) {
    const size_t m = h.own ? 1 : rows;
    packed = larger(gemmScratch(product(m, h.rank, n, nullptr, nullptr, true, nullptr)),
                    gemmScratch(product(m, n, h.rank, nullptr, nullptr, false, nullptr)));
  }
  return rows * (2 * n + h.rank) + packed;
}

/// out = H delta for one participant whose Hessian starts at `data`; coordinates [rank] is scratch.
static void pullOne(const PeerHessians& h, const double* data, const double* delta, double* out, double* coordinates,
                    double* packed) {
  if (h.storage == HessianStorage::kDiagonal) {
    for (size_t j = 0; j < h.n; j++) out[j] = data[j] * delta[j];
  } else if (h.storage == HessianStorage::kLowRank) {
    matVec(data, h.n, delta, nullptr, coordinates, h.rank, h.n);
    gemm(product(1, h.n, h.rank, coordinates, data, false, out), packed);
  } else {
    symVec(data, delta, out, h.n);
  }
}

/// out [rows, n] = delta H for the participants that share one Hessian.
static void pullShared(const PeerHessians& h, const double* delta, double* out, double* coordinates, double* packed,
                       size_t rows) {
  if (h.storage == HessianStorage::kShared) {
    gemm(product(rows, h.n, h.n, delta, h.data, false, out), packed);
  } else {
    gemm(product(rows, h.rank, h.n, delta, h.data, true, coordinates), packed);
    gemm(product(rows, h.n, h.rank, coordinates, h.data, false, out), packed);
  }
}

static void weightGradientRows(const PeerHessians& h, const double* mask, const double* derivative,
                               const double* reference, double* gradient, double* loss, size_t begin, size_t end,
                               double* scratch) {
  const size_t n = h.n, rows = end - begin;
  double* delta = scratch;
  double* pulled = delta + rows * n;
  double* coordinates = pulled + rows * n;
  double* packed = coordinates + rows * h.rank;
  for (size_t r = 0; r < rows * n; r++) delta[r] = mask[begin * n + r] - reference[begin * n + r];
  if (!h.own && h.storage != HessianStorage::kDiagonal) {
    pullShared(h, delta, pulled, coordinates, packed, rows);
  } else {
    for (size_t r = 0; r < rows; r++)
      pullOne(h, h.data + (begin + r) * h.stride(), delta + r * n, pulled + r * n, coordinates, packed);
  }
  for (size_t r = 0; r < rows; r++) loss[begin + r] = treeDot(delta + r * n, pulled + r * n, n);
  for (size_t r = 0; r < rows * n; r++) gradient[begin * n + r] = (2.0 * pulled[r]) * derivative[begin * n + r];
}

static double innerProduct(const double* inputGradient, const double* responses, size_t batch, size_t n, size_t width,
                           size_t j) {
  double sum = 0.0;
  for (size_t b = 0; b < batch; b++) {
    const size_t at = (b * n + j) * width;
    sum += treeDot(inputGradient + at, responses + at, width);
  }
  return sum;
}

static void payoffRow(const double* lossGradient, double stake, double lossFactor, double rankFactor, size_t i,
                      double* out, size_t n) {
  for (size_t j = 0; j < n; j++) out[j] = lossFactor * lossGradient[j];
  out[i] += rankFactor * (stake / static_cast<double>(n));
}

static bool isSymmetric(const double* h, size_t n) {
  Mask odd = less(zero(), zero());
  const F64 nothing = zero();
  size_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    size_t j = i;
    for (; j + kLanes <= n; j += kLanes) {
      F64 mirror[kLanes];
      for (size_t r = 0; r < kLanes; r++) mirror[r] = load(h + (j + r) * n + i);
      transposeSquare(mirror);
      for (size_t r = 0; r < kLanes; r++) {
        const F64 entry = load(h + (i + r) * n + j);
        odd = odd | notEqual(entry, mirror[r]) | notEqual(entry - entry, nothing);
      }
    }
    bool rest = true;
    for (; j < n; j++)
      for (size_t r = i; r < i + kLanes; r++)
        rest = rest && h[r * n + j] == h[j * n + r] && h[r * n + j] - h[r * n + j] == 0.0;
    if (any(odd) || !rest) return false;
  }
  for (; i < n; i++)
    for (size_t j = i; j < n; j++)
      if (!(h[i * n + j] == h[j * n + i] && h[i * n + j] - h[i * n + j] == 0.0)) return false;
  return true;
}

constexpr PayoffKernels payoffKernels() {
  return {
      .isSymmetric = isSymmetric,
      .weightGradientScratch = weightGradientScratch,
      .weightGradientRows = weightGradientRows,
      .innerProduct = innerProduct,
      .payoffRow = payoffRow,
  };
}

}  // namespace payoff
}  // namespace
}  // namespace intermodel
