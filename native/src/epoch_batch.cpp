#include "epoch_batch.hpp"

#include <algorithm>
#include <atomic>

#include "work_team.hpp"

namespace intermodel {

StepOutcome stepInTurns(const KernelTable& kernels, int threadCount, const StepRows& step, const double* stake,
                        double* sums) {
  constexpr std::size_t kRowsAtOnce = 4, kColumnsAtOnce = 128, kNearBytes = std::size_t{1} << 18;
  const std::size_t n = step.n, threads = static_cast<std::size_t>(threadCount);
  const std::size_t group = kRowsAtOnce * threads * (kNearBytes / sizeof(double) / n / kRowsAtOnce + 1);
  StepScratch scratch(threads, n);
  std::atomic<StepOutcome> outcome{StepOutcome::kMoved};
  WorkTeam team(threadCount);
  team.run([&](WorkTeam& members) {
    for (std::size_t first = 0; first < n && outcome.load() == StepOutcome::kMoved; first += group) {
      const std::size_t last = std::min(first + group, n);
      members.phase((last - first + kRowsAtOnce - 1) / kRowsAtOnce, [&](std::size_t piece, int thread) {
        const std::size_t begin = first + piece * kRowsAtOnce, end = std::min(begin + kRowsAtOnce, last);
        const StepOutcome found =
            kernels.epoch.stepRows(step, begin, end, scratch.of(static_cast<std::size_t>(thread)));
        if (found != StepOutcome::kMoved) outcome.store(found);
      });
      members.phase((n + kColumnsAtOnce - 1) / kColumnsAtOnce, [&](std::size_t piece, int) {
        const std::size_t begin = piece * kColumnsAtOnce, end = std::min(begin + kColumnsAtOnce, n);
        kernels.epoch.addRows(step.out + first * n, stake + first, last - first, n, begin, end, sums);
      });
    }
  });
  return outcome.load();
}

}  // namespace intermodel
