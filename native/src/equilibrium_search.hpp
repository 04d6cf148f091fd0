/// One game as a search of its own, with the rows in lanes and shared out over threads.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>

#include "kernel_table.hpp"
#include "memory.hpp"
#include "work_team.hpp"

namespace intermodel {

/// Whether a game fits this form: methods without an order or a bound, and Hessians that may be packed.
bool fitsRows(const PeerHessians& form, const SearchSettings& settings);

class SearchRows {
 public:
  /// Takes the state over; `store` gives it back. `game` must outlive this.
  SearchRows(const KernelTable& kernels, int threads, const PeerHessians& form, const SearchSettings& settings,
             const SearchGame& game);

  /// Up to `steps` steps; returns the steps made. Fewer than asked for: the run has ended, or `stop` became true.
  std::uint64_t run(std::uint64_t steps, const std::function<bool(std::uint64_t)>& stop);
  void store();

 private:
  bool step(WorkTeam& team);
  void gradients(WorkTeam& team, bool isDue, bool isSpectral);
  bool hasEnded(bool isDue);
  double spectralRate() const;
  void turnOver();

  const RowSearchKernels& kernels_;
  const RankingKernels& ranking_;
  SearchSettings settings_;
  const SearchGame& game_;
  std::size_t n_, lanes_, area_, scratchLength_;
  int threads_;
  Memory memory_;
  RowSearch s_{};
  double *scratch_, *residuals_, *distances_, *sums_, *scalars_;
};

}  // namespace intermodel
