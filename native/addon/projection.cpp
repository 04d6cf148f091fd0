#include <atomic>
#include <cmath>

#include "column_means.hpp"
#include "device.hpp"
#include "epoch_batch.hpp"
#include "row_blocks.hpp"

namespace intermodel::addon {
namespace {

constexpr std::size_t kPasses = 16;  // over a row, in a simplex projection
constexpr std::size_t kProjections = 8;

/// projectSimplex(out, rows, floor, count, n)
Napi::Value projectSimplex(const Engine& engine, Args& args) {
  const auto out = args.f64Out("out");
  const auto rows = args.f64("rows");
  const double floor = args.number("floor");
  Dim count = args.dim("count"), n = args.dim("n");
  args.expect("out", out, count, n);
  args.expect("rows", rows, out.size());
  if (engine.device != nullptr) {
    engine.device->call(&IntermodelCuda::project, out.data(), rows.data(), floor, std::size_t{count}, std::size_t{n});
    return args.env().Undefined();
  }
  forRowBlocks(engine.threads, count, rowBlocks(engine.threads, count, kPasses * n),
               [&](std::size_t begin, std::size_t end, std::size_t) {
                 for (std::size_t i = begin; i < end; i++)
                   engine.kernels.projection.projectRow(rows.data() + i * n, floor, out.data() + i * n, n);
               });
  return args.env().Undefined();
}

/// Whether rows, steps and result together are more than the caches of a processor are likely to hold.
bool leavesCache(std::size_t count, std::size_t n) {
  constexpr std::size_t kNumbers = std::size_t{2} << 20;
  return 3 * count * n > kNumbers;
}

/// A step as a device does it, which takes what was checked here.
StepOutcome stepOnDevice(const Engine& engine, const StepRows& step, std::size_t count) {
  for (std::size_t i = 0; i < count; i++) {
    if (!engine.kernels.ranking.isWeightRow(step.rows + i * step.n, step.tolerance, step.n))
      return StepOutcome::kNotWeights;
    if (!engine.kernels.projection.isFiniteRow(step.steps + i * step.n, step.n)) return StepOutcome::kNotFinite;
  }
  engine.device->call(&IntermodelCuda::bounded_step, step.out, step.rows, step.steps, step.epsilon, count, step.n);
  return StepOutcome::kMoved;
}

/// projectBoundedStep(out, rows, steps, epsilon, tolerance, count, n): a StepOutcome; unless it is 0 the result means
/// nothing.
Napi::Value projectBoundedStep(const Engine& engine, Args& args) {
  const auto out = args.f64Out("out");
  const auto rows = args.f64("rows");
  const auto steps = args.f64("steps");
  const double epsilon = args.number("epsilon"), tolerance = args.number("tolerance");
  Dim count = args.dim("count"), n = args.dim("n");
  args.expect("out", out, count, n);
  args.expect("rows", rows, out.size());
  args.expect("steps", steps, out.size());
  const StepRows step{rows.data(), steps.data(), out.data(),           n, epsilon, tolerance,
                      nullptr,     nullptr,      leavesCache(count, n)};
  if (engine.device != nullptr)
    return Napi::Number::New(args.env(), static_cast<int>(stepOnDevice(engine, step, count)));
  const std::size_t blocks = rowBlocks(engine.threads, count, kProjections * kPasses * n);
  StepScratch scratch(blocks, n);
  std::atomic<StepOutcome> outcome{StepOutcome::kMoved};
  forRowBlocks(engine.threads, count, blocks, [&](std::size_t begin, std::size_t end, std::size_t block) {
    const StepOutcome found = engine.kernels.epoch.stepRows(step, begin, end, scratch.of(block));
    if (found != StepOutcome::kMoved) outcome.store(found);
  });
  return Napi::Number::New(args.env(), static_cast<int>(outcome.load()));
}

/// stepAndRank(out, ranking, rows, steps, stake, epsilon, tolerance, n): projectBoundedStep of a square matrix, and
/// networkRanking of what comes out of it; a StepOutcome.
Napi::Value stepAndRank(const Engine& engine, Args& args) {
  const auto out = args.f64Out("out");
  const auto ranking = args.f64Out("ranking");
  const auto rows = args.f64("rows");
  const auto steps = args.f64("steps");
  const auto stake = args.f64("stake");
  const double epsilon = args.number("epsilon"), tolerance = args.number("tolerance");
  Dim n = args.dim("n");
  args.expect("ranking", ranking, n);
  args.expect("out", out, n, n);
  args.expect("rows", rows, out.size());
  args.expect("steps", steps, out.size());
  args.expect("stake", stake, n);
  StepRows step{rows.data(), steps.data(), out.data(), n, epsilon, tolerance, nullptr, nullptr, false};
  const double count = static_cast<double>(step.n);
  StepOutcome outcome = StepOutcome::kMoved;
  std::fill(ranking.begin(), ranking.end(), 0.0);
  if (engine.device != nullptr) {
    outcome = stepOnDevice(engine, step, n);
  } else if (rowBlocks(engine.threads, n, kProjections * kPasses * step.n) > 1) {
    outcome = stepInTurns(engine.kernels, engine.threads, step, stake.data(), ranking.data());
  } else {
    step.stake = stake.data();
    step.sums = ranking.data();
    step.pastCache = leavesCache(n, n);
    outcome = engine.kernels.epoch.stepRows(step, 0, n, StepScratch(1, n).of(0));
  }
  for (double& mean : ranking) mean /= count;
  const bool fits = std::all_of(ranking.begin(), ranking.end(), [](double mean) { return std::isfinite(mean); });
  if (outcome == StepOutcome::kMoved && (engine.device != nullptr || !fits))
    columnMeans(engine, out.data(), stake.data(), n, n, count, ranking.data());
  return Napi::Number::New(args.env(), static_cast<int>(outcome));
}

/// residuals(gap, natural, regret, weights, gradient, epsilon, count, n)
Napi::Value residuals(const Engine& engine, Args& args) {
  const auto gap = args.f64Out("gap");
  const auto natural = args.f64Out("natural");
  const auto regret = args.f64Out("regret");
  const auto weights = args.f64("weights");
  const auto gradient = args.f64("gradient");
  const double epsilon = args.number("epsilon");
  Dim count = args.dim("count"), n = args.dim("n");
  args.expect("gap", gap, count);
  args.expect("natural", natural, count);
  args.expect("regret", regret, count);
  args.expect("weights", weights, count, n);
  args.expect("gradient", gradient, weights.size());
  if (engine.device != nullptr) {
    engine.device->call(&IntermodelCuda::residuals, gap.data(), natural.data(), regret.data(), weights.data(),
                        gradient.data(), epsilon, std::size_t{count}, std::size_t{n});
    return args.env().Undefined();
  }
  const std::size_t blocks = rowBlocks(engine.threads, count, kProjections * kPasses * n);
  std::vector<double> work(checkedProduct(blocks, n, 3));
  forRowBlocks(engine.threads, count, blocks, [&](std::size_t begin, std::size_t end, std::size_t block) {
    for (std::size_t i = begin; i < end; i++) {
      const RowResiduals found = engine.kernels.projection.residualsRow(weights.data() + i * n, gradient.data() + i * n,
                                                                        epsilon, work.data() + block * 3 * n, n);
      gap[i] = found.gap;
      natural[i] = found.natural;
      regret[i] = found.regret;
    }
  });
  return args.env().Undefined();
}

}  // namespace

void defineProjection(Methods& methods) {
  methods.add("projectSimplex", projectSimplex);
  methods.add("projectBoundedStep", projectBoundedStep);
  methods.add("stepAndRank", stepAndRank);
  methods.add("residuals", residuals);
}

}  // namespace intermodel::addon
