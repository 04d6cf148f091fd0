/// H delta on the device: one output a thread, each an ascending chain, as native/src/payoff_kernels.hpp has them.
#pragma once

#include "product.hpp"
#include "session.hpp"

namespace intermodel::gpu {

/// Entries of all Hessians together.
INTERMODEL_BOTH inline size_t entriesOf(const PeerHessians& h) {
  const size_t one = h.storage == HessianStorage::kDiagonal  ? h.n
                     : h.storage == HessianStorage::kLowRank ? h.rank * h.n
                                                             : h.n * h.n;
  return h.own ? one * h.n : one;
}

inline PeerHessians formOf(const IntermodelHessians& given, const double* data) {
  PeerHessians h{};
  h.data = data;
  h.storage = static_cast<HessianStorage>(given.storage);
  h.rank = given.rank;
  h.own = given.own != 0;
  h.n = given.n;
  return h;
}

/// (A_i delta)_r, for low rank.
INTERMODEL_BOTH inline double coordinateAt(const PeerHessians& h, size_t i, const double* delta, size_t r) {
  const double* row = h.data + i * (h.own ? h.rank * h.n : 0) + r * h.n;
  double sum = 0.0;
  for (size_t k = 0; k < h.n; k++) sum = fused(row[k], delta[k], sum);
  return sum;
}

/// (H_i delta)_j; coordinates [rank] for low rank. Neighbouring j read neighbouring numbers of H, which is symmetric.
INTERMODEL_BOTH inline double pulledAt(const PeerHessians& h, size_t i, const double* delta, const double* coordinates,
                                       size_t j) {
  const size_t n = h.n;
  double sum = 0.0;
  if (h.storage == HessianStorage::kDiagonal) return h.data[i * (h.own ? n : 0) + j] * delta[j];
  if (h.storage == HessianStorage::kLowRank) {
    const double* factor = h.data + i * (h.own ? h.rank * n : 0) + j;
    for (size_t r = 0; r < h.rank; r++) sum = fused(coordinates[r], factor[r * n], sum);
    return sum;
  }
  const double* matrix = h.data + i * (h.own ? n * n : 0) + j;
  for (size_t k = 0; k < n; k++) sum = fused(matrix[k * n], delta[k], sum);
  return sum;
}

/// Rows of A B, or of A B^T: c [rows, n].
inline ProductArguments plainProduct(size_t rows, size_t n, size_t k, const double* a, const double* b, bool transposed,
                                     double* c) {
  ProductArguments g{};
  g.m = rows;
  g.n = n;
  g.k = k;
  g.a = a;
  g.aRow = k;
  g.aColumn = 1;
  g.b = b;
  g.bRow = transposed ? 1 : n;
  g.bColumn = transposed ? k : 1;
  g.c = c;
  g.cRow = n;
  return g;
}

/// pulled [n, n] = rows of H_i delta_i; coordinates [n, rank].
inline void pullAll(Machine& machine, const PeerHessians& h, const double* delta, double* coordinates, double* pulled) {
  const size_t n = h.n, rank = h.rank;
  if (h.storage == HessianStorage::kShared && !h.own)
    return multiply(machine, plainProduct(n, n, n, delta, h.data, false, pulled));
  if (h.storage == HessianStorage::kLowRank && !h.own) {
    multiply(machine, plainProduct(n, rank, n, delta, h.data, true, coordinates));
    return multiply(machine, plainProduct(n, n, rank, coordinates, h.data, false, pulled));
  }
  if (h.storage == HessianStorage::kLowRank)
    each(machine, n * rank,
         [=] INTERMODEL_BOTH(size_t k) { coordinates[k] = coordinateAt(h, k / rank, delta + k / rank * n, k % rank); });
  each(machine, n * n, [=] INTERMODEL_BOTH(size_t k) {
    pulled[k] = pulledAt(h, k / n, delta + k / n * n, coordinates + k / n * rank, k % n);
  });
}

}  // namespace intermodel::gpu
