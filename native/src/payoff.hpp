/// The empirical loss (14), its gradient (19) and the payoff's gradient (13): what every instruction set offers.
#pragma once

#include <stddef.h>

namespace intermodel {

/// How Hessians are stored; the position in HESSIAN_STORAGES of src/core/peers.ts.
enum class HessianStorage { kDense, kShared, kLowRank, kDiagonal };

/// The Hessians of n participants. Matrices are exactly symmetric.
struct PeerHessians {
  const double* data;
  HessianStorage storage;
  size_t rank;  ///< rows of the factor for low rank
  bool own;     ///< one for each participant, or one for all
  size_t n;

  /// Entries of one participant's Hessian, 0 where all share one.
  constexpr size_t stride() const {
    if (!own) return 0;
    return storage == HessianStorage::kDiagonal ? n : storage == HessianStorage::kLowRank ? rank * n : n * n;
  }
};

struct PayoffKernels {
  /// Whether every entry of h [n, n] is finite and equals its mirror image.
  bool (*isSymmetric)(const double* h, size_t n);
  /// Doubles of scratch that weightGradientRows needs for this many rows at a time.
  size_t (*weightGradientScratch)(const PeerHessians& hessians, size_t rows);
  /// Rows begin .. end - 1 of loss_i = delta_i^T H_i delta_i and gradient_ij = 2 (H_i delta_i)_j derivative_ij, with
  /// delta = mask - reference. The matrices are [n, n].
  void (*weightGradientRows)(const PeerHessians& hessians, const double* mask, const double* derivative,
                             const double* reference, double* gradient, double* loss, size_t begin, size_t end,
                             double* scratch);
  /// inner_j = sum over b of <inputGradient[b, j, :], responses[b, j, :]> for one peer j of n.
  double (*innerProduct)(const double* inputGradient, const double* responses, size_t batch, size_t n, size_t width,
                         size_t j);
  /// Row i of lossFactor lossGradient + [i = j] rankFactor stake / n.
  void (*payoffRow)(const double* lossGradient, double stake, double lossFactor, double rankFactor, size_t i,
                    double* out, size_t n);
};

}  // namespace intermodel
