#include "stacking_batch.hpp"

#include <algorithm>
#include <numeric>
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
  double* rows() { return rows_.data(); }
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

/// The problems that some samples belong to, with parameters and gradient of their own: a fold that is held out takes
/// no part in the products of its samples. Chains go on from block to block, so what is left out are only zeros.
class Active {
 public:
  explicit Active(const StackingProblems& all) : all_(all), part_(all), which_(all.problems) {
    std::iota(which_.begin(), which_.end(), std::size_t{0});
    part_.which = which_.data();
  }
  Active(const Active&) = delete;
  Active& operator=(const Active&) = delete;
  ~Active() { store(); }

  /// Turns to the problems of samples first .. first + count - 1.
  const StackingProblems& of(std::size_t first, std::size_t count) {
    next_.clear();
    for (std::size_t k = 0; k < all_.problems; k++) {
      const double* weights = all_.weights + k * all_.samples + first;
      if (std::any_of(weights, weights + count, [](double weight) { return weight != 0.0; }))
        next_.push_back(k);
      else
        std::fill_n(all_.losses + k * all_.samples + first, count, 0.0);
    }
    if (next_ != which_) {
      store();
      which_ = next_;
      load();
    }
    return part_;
  }

 private:
  bool whole() const { return which_.size() == all_.problems; }

  void load() {
    part_ = all_;
    part_.problems = which_.size(), part_.which = which_.data();
    if (whole()) return;
    parameters_.resize((all_.width + 1) * columns());
    move(all_.parameters, parameters_.data(), true);
    part_.parameters = parameters_.data();
    if (all_.gradient == nullptr) return;
    gradient_.resize((all_.width + 1) * columns());
    move(all_.gradient, gradient_.data(), true);
    part_.gradient = gradient_.data();
  }

  void store() {
    if (!whole() && all_.gradient != nullptr) move(gradient_.data(), all_.gradient, false);
  }

  std::size_t columns() const { return which_.size() * all_.outputs; }

  /// The columns of the active problems, out of a matrix of all or back into it.
  void move(const double* from, double* to, bool out) const {
    for (std::size_t row = 0; row <= all_.width; row++) {
      for (std::size_t k = 0; k < which_.size(); k++) {
        const std::size_t wide = (row * all_.problems + which_[k]) * all_.outputs;
        const std::size_t narrow = (row * which_.size() + k) * all_.outputs;
        std::copy_n(from + (out ? wide : narrow), all_.outputs, to + (out ? narrow : wide));
      }
    }
  }

  const StackingProblems& all_;
  StackingProblems part_;
  std::vector<std::size_t> which_, next_;
  std::vector<double> parameters_, gradient_;
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

/// Enough for the products of all problems, or of any number of them.
std::size_t scratchOf(const Runner& runner, const StackingProblems& all, std::size_t block) {
  std::size_t most = StackingKernels::kScratchRows * all.outputs;
  for (std::size_t problems = 1; problems <= all.problems; problems++) {
    GemmArguments logits{};
    logits.m = block, logits.n = problems * all.outputs, logits.k = all.width, logits.bColumn = 1;
    GemmArguments gradient{};
    gradient.m = all.width, gradient.n = logits.n, gradient.k = block, gradient.bColumn = 1;
    const auto& gemmScratch = runner.kernels.arithmetic.gemmScratch;
    most = std::max({most, gemmScratch(logits), gemmScratch(gradient)});
  }
  return most;
}

/// Losses of one block, and its part of the gradient.
void addBlock(const Runner& runner, const StackingProblems& some, Scratch& scratch, std::size_t first,
              std::size_t count) {
  const std::size_t columns = some.problems * some.outputs;
  const Parts rows(runner, count), features(runner, some.width);
  parallelFor(runner.threads, rows.count, [&](std::size_t part) {
    const std::size_t from = rows.first(part);
    residualsOfPart(runner, some, first, from, rows.first(part + 1), scratch.rows() + from * columns,
                    scratch.ofPart(part, 0));
  });
  if (some.gradient == nullptr) return;
  parallelFor(runner.threads, features.count, [&](std::size_t part) {
    const GemmArguments g =
        gradientPart(some, first, count, features.first(part), features.first(part + 1), scratch.rows());
    if (g.m > 0) runner.kernels.arithmetic.gemm(g, scratch.ofPart(part, 0));
  });
  runner.kernels.stacking.addRows(some.gradient + some.width * columns, scratch.rows(), count, columns);
}

}  // namespace

void stackingGradient(const Runner& runner, const StackingProblems& all) {
  const std::size_t columns = all.problems * all.outputs;
  const std::size_t entries = all.gradient == nullptr ? 0 : (all.width + 1) * columns;
  std::fill_n(all.gradient, entries, 0.0);
  const std::size_t block = std::clamp(kBlockDoubles / std::max(all.width, columns), kFewSamples, kMostSamples) / 8 * 8;
  Scratch scratch(runner, all, std::min(block, all.samples));
  const std::size_t doubles = scratchOf(runner, all, block);
  const auto threads = static_cast<std::size_t>(runner.threads);
  for (std::size_t part = 0; part < threads; part++) scratch.ofPart(part, doubles);
  {
    Active active(all);
    for (std::size_t first = 0; first < all.samples; first += block) {
      const std::size_t count = std::min(block, all.samples - first);
      const StackingProblems& some = active.of(first, count);
      if (some.problems > 0) addBlock(runner, some, scratch, first, count);
    }
  }
  // a product that underflows to -0 must not show whether zeros were added after it
  for (std::size_t at = 0; at < entries; at++) all.gradient[at] += 0.0;
}

}  // namespace intermodel
