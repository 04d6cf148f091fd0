/// Many games of one size in memory, advanced on the thread pool. Independent of the instruction set and of Node.
#pragma once

#include <atomic>
#include <cstdint>
#include <span>
#include <vector>

#include "kernel_table.hpp"

namespace intermodel {

/// The arrays of createGameBatch (src/backend/equilibrium.ts), already checked for length.
struct GameBatchArrays {
  std::vector<std::span<const double>> hessians;  ///< must stay as they are for as long as the batch runs
  std::span<const std::int32_t> hessianIndex;
  std::span<const double> stake, referenceMask, terms, settings;
  PeerHessians form;  ///< size, storage, rank, own
  std::size_t count;
};

/// Where a run is told to stop, and tells how far it is.
struct RunWatch {
  virtual bool cancelled() const = 0;
  virtual void advance(std::uint64_t steps) = 0;

 protected:
  ~RunWatch() = default;
};

class GameBatch {
 public:
  static constexpr std::size_t kTerms = 6, kSettings = 9;

  explicit GameBatch(const GameBatchArrays& arrays);

  /// Advances every running game by up to `steps` steps on at most `threads` threads.
  void run(const KernelTable& kernels, int threads, std::uint64_t steps, RunWatch& watch);

  std::span<double> states() { return states_; }
  std::size_t count() const { return games_.size(); }
  std::size_t size() const { return form_.n; }
  void setFactors(std::span<const double> loss, std::span<const double> rank);
  /// Orders [m, n]: rows move one after the other, in step k in order k mod m.
  void setOrders(std::span<const std::int32_t> rows) { orders_.assign(rows.begin(), rows.end()); }

 private:
  std::vector<LaneGroup> group(std::size_t lanes) const;
  bool fitsLanes(bool oneHessian) const;
  void runGroup(const KernelTable& kernels, const LaneGroup& group, std::uint64_t steps, RunWatch& watch) const;
  void runAlone(const KernelTable& kernels, int threads, const SearchGame& game, std::uint64_t steps,
                RunWatch& watch) const;

  PeerHessians form_;
  SearchSettings settings_;
  std::vector<double> stake_, referenceMask_, states_;
  std::vector<std::int32_t> hessianIndex_, orders_;
  std::vector<SearchGame> games_;
};

}  // namespace intermodel
