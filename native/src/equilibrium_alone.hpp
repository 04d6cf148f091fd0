/// One large game, vectorised along its rows, with the rows shared out over threads. The operations of
/// src/reference/equilibrium.ts.
#pragma once

#include <cstdint>
#include <vector>

#include "kernel_table.hpp"

namespace intermodel {

/// The working arrays of one game, and its steps.
class SearchAlone {
 public:
  SearchAlone(const KernelTable& kernels, int threads, const PeerHessians& form, const SearchSettings& settings,
              const SearchGame& game, const std::vector<std::int32_t>& orders);

  /// One step; false when the run has ended.
  bool step();

 private:
  void ascentDirection(std::size_t begin, std::size_t end);
  bool hasEnded();
  double largestResidual();
  void update();
  double spectralRate();
  void ascendLogits(std::size_t begin, std::size_t end);
  void moveRows(double rate, std::size_t begin, std::size_t end);
  template <class Body>
  void forRows(Body body);

  const KernelTable& kernels_;
  int threads_;
  PeerHessians form_;
  SearchSettings settings_;
  const SearchGame& game_;
  const std::vector<std::int32_t>& orders_;
  std::size_t n_, blocks_, scratchLength_;
  double *weights_, *companion_, *previous_, *snapshot_, *scalars_;
  std::vector<double> mask_, derivative_, gradient_, lossGradient_, moved_, loss_, shift_, sums_, scratch_;
};

}  // namespace intermodel
