/// Steps of many rows on several threads.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "kernel_table.hpp"

namespace intermodel {

/// Scratch of EpochKernels::stepRows for each of some threads, on cache lines of its own.
class StepScratch {
 public:
  StepScratch(std::size_t threads, std::size_t n)
      : stride_((n * kRows + kLine - 1) / kLine * kLine), memory_(threads * stride_ + kLine) {}

  double* of(std::size_t thread) {
    void* start = memory_.data();
    std::size_t space = memory_.size() * sizeof(double);
    std::align(kLine * sizeof(double), sizeof(double), start, space);
    return static_cast<double*>(start) + thread * stride_;
  }

 private:
  static constexpr std::size_t kRows = 4, kLine = 8;
  std::size_t stride_;
  std::vector<double> memory_;
};

/// stepRows and addRows of a square matrix with several threads: a group of rows that stays in cache is moved row by
/// row, then added up column by column, because a column's chain takes its rows in turn. sums [n] are added to.
StepOutcome stepInTurns(const KernelTable& kernels, int threads, const StepRows& step, const double* stake,
                        double* sums);

}  // namespace intermodel
