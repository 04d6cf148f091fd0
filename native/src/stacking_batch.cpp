#include "stacking_batch.hpp"

#include <algorithm>
#include <vector>

#include "intermodel/thread_pool.hpp"

namespace intermodel {
namespace {

constexpr std::size_t kBlockDoubles = 1u << 18;  // features of one block: 2 MiB, read twice, from memory once
constexpr std::size_t kFewSamples = 32, kMostSamples = 1024;
constexpr std::size_t kLeastPart = 16;  // rows of a product in one task

/// A part of a product's rows, for each thread.
struct Parts {
  Parts(const Runner& runner, std::size_t rows)
      : rows(rows), count(std::clamp<std::size_t>(rows / kLeastPart, 1, static_cast<std::size_t>(runner.threads))) {}
  std::size_t first(std::size_t part) const { return rows * part / count; }
  std::size_t rows, count;
};

/// The working memory of one call.
class Scratch {
 public:
  Scratch(const Runner& runner, const StackingProblems& all, std::size_t block)
      : columns_(all.problems * all.outputs),
        rows_(block * columns_),
        products_(static_cast<std::size_t>(runner.threads)) {
    for (auto& area : products_) area.resize(StackingKernels::kScratchRows * all.outputs);
  }
  double* row(std::size_t index) { return rows_.data() + index * columns_; }
  /// Scratch of one task, at least `doubles` long.
  double* ofPart(std::size_t part, std::size_t doubles) {
    auto& area = products_[part];
    if (area.size() < doubles) area.resize(doubles);
    return area.data();
  }

 private:
  std::size_t columns_;
  std::vector<double> rows_;
  std::vector<std::vector<double>> products_;
};

/// Logits of samples first + [from, to), then their residuals, into scratch.
void residualsOfPart(const Runner& runner, const StackingProblems& all, std::size_t first, std::size_t from,
                     std::size_t to, double* z, double* area) {
  const std::size_t columns = all.problems * all.outputs;
  GemmArguments g{};
  g.m = to - from, g.n = columns, g.k = all.width;
  g.a = all.features + (first + from) * all.width, g.aRow = all.width, g.aColumn = 1;
  g.b = all.parameters, g.bRow = columns, g.bColumn = 1;
  g.init = all.parameters + all.width * columns, g.initRow = 0;
  g.c = z, g.cRow = columns;
  runner.kernels.arithmetic.gemm(g, area);
  runner.kernels.stacking.residuals(all, first + from, to - from, z, area);
}

GemmArguments gradientPart(const StackingProblems& all, std::size_t first, std::size_t count, std::size_t from,
                           std::size_t to, const double* residuals) {
  const std::size_t columns = all.problems * all.outputs;
  GemmArguments g{};
  g.m = to - from, g.n = columns, g.k = count;
  g.a = all.features + first * all.width + from, g.aRow = 1, g.aColumn = all.width;
  g.b = residuals, g.bRow = columns, g.bColumn = 1;
  g.c = all.gradient + from * columns, g.cRow = columns;
  g.init = g.c, g.initRow = columns;
  return g;
}

std::size_t scratchOf(const Runner& runner, const StackingProblems& all, std::size_t block) {
  GemmArguments logits{};
  logits.m = block, logits.n = all.problems * all.outputs, logits.k = all.width, logits.bColumn = 1;
  GemmArguments gradient{};
  gradient.m = all.width, gradient.n = logits.n, gradient.k = block, gradient.bColumn = 1;
  const auto& gemmScratch = runner.kernels.arithmetic.gemmScratch;
  return std::max({gemmScratch(logits), gemmScratch(gradient), StackingKernels::kScratchRows * all.outputs});
}

}  // namespace

void stackingGradient(const Runner& runner, const StackingProblems& all) {
  const std::size_t columns = all.problems * all.outputs;
  if (all.gradient != nullptr) std::fill_n(all.gradient, (all.width + 1) * columns, 0.0);
  const std::size_t block = std::clamp(kBlockDoubles / std::max(all.width, columns), kFewSamples, kMostSamples) / 8 * 8;
  Scratch scratch(runner, all, std::min(block, all.samples));
  const std::size_t doubles = scratchOf(runner, all, block);
  const auto threads = static_cast<std::size_t>(runner.threads);
  for (std::size_t part = 0; part < threads; part++) scratch.ofPart(part, doubles);
  for (std::size_t first = 0; first < all.samples; first += block) {
    const std::size_t count = std::min(block, all.samples - first);
    const Parts rows(runner, count), features(runner, all.width);
    parallelFor(runner.threads, rows.count, [&](std::size_t part) {
      const std::size_t from = rows.first(part);
      residualsOfPart(runner, all, first, from, rows.first(part + 1), scratch.row(from), scratch.ofPart(part, 0));
    });
    if (all.gradient == nullptr) continue;
    parallelFor(runner.threads, features.count, [&](std::size_t part) {
      const GemmArguments g =
          gradientPart(all, first, count, features.first(part), features.first(part + 1), scratch.row(0));
      if (g.m > 0) runner.kernels.arithmetic.gemm(g, scratch.ofPart(part, 0));
    });
    runner.kernels.stacking.addRows(all.gradient + all.width * columns, scratch.row(0), count, columns);
  }
}

}  // namespace intermodel
