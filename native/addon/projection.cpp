#include <atomic>

#include "device.hpp"
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

/// projectBoundedStep(out, rows, steps, epsilon, count, n): whether the steps are finite; else the result means
/// nothing.
Napi::Value projectBoundedStep(const Engine& engine, Args& args) {
  const auto out = args.f64Out("out");
  const auto rows = args.f64("rows");
  const auto steps = args.f64("steps");
  const double epsilon = args.number("epsilon");
  Dim count = args.dim("count"), n = args.dim("n");
  args.expect("out", out, count, n);
  args.expect("rows", rows, out.size());
  args.expect("steps", steps, out.size());
  if (engine.device != nullptr) {
    for (std::size_t i = 0; i < count; i++)
      if (!engine.kernels.projection.isFiniteRow(steps.data() + i * n, n)) return Napi::Boolean::New(args.env(), false);
    engine.device->call(&IntermodelCuda::bounded_step, out.data(), rows.data(), steps.data(), epsilon,
                        std::size_t{count}, std::size_t{n});
    return Napi::Boolean::New(args.env(), true);
  }
  const std::size_t blocks = rowBlocks(engine.threads, count, kProjections * kPasses * n);
  std::vector<double> work(checkedProduct(blocks, n, 2));
  std::atomic<bool> finite{true};
  forRowBlocks(engine.threads, count, blocks, [&](std::size_t begin, std::size_t end, std::size_t block) {
    for (std::size_t i = begin; i < end; i++) {
      const double* step = steps.data() + i * n;
      if (!engine.kernels.projection.isFiniteRow(step, n)) return finite.store(false);
      engine.kernels.projection.boundedStepRow(rows.data() + i * n, step, epsilon, out.data() + i * n,
                                               work.data() + block * 2 * n, n);
    }
  });
  return Napi::Boolean::New(args.env(), finite.load());
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
  methods.add("residuals", residuals);
}

}  // namespace intermodel::addon
