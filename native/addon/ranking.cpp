#include <atomic>
#include <cmath>

#include "column_means.hpp"
#include "device.hpp"
#include "row_blocks.hpp"

namespace intermodel::addon {
namespace {

constexpr std::size_t kColumnsPerBlock = 64;

/// Column means over all columns, in blocks of whole cache lines.
void plainColumnMeans(const Engine& engine, const double* matrix, const double* stake, std::size_t rows, std::size_t n,
                      double divisor, double* out) {
  if (engine.device != nullptr)
    return engine.device->call(&IntermodelCuda::column_means, out, matrix, stake, rows, n, divisor);
  const std::size_t groups = (n + kColumnsPerBlock - 1) / kColumnsPerBlock;
  forRowBlocks(engine.threads, groups, rowBlocks(engine.threads, groups, rows * kColumnsPerBlock),
               [&](std::size_t begin, std::size_t end, std::size_t) {
                 engine.kernels.ranking.columnMeans(matrix, stake, rows, n, divisor, begin * kColumnsPerBlock,
                                                    std::min(end * kColumnsPerBlock, n), out);
               });
}

}  // namespace

void columnMeans(const Engine& engine, const double* matrix, const double* stake, std::size_t rows, std::size_t n,
                 double divisor, double* out) {
  plainColumnMeans(engine, matrix, stake, rows, n, divisor, out);
  if (std::all_of(out, out + n, [](double mean) { return std::isfinite(mean); })) return;
  constexpr double kUnit = 0x1p-64;
  std::vector<double> factors(rows, kUnit);
  for (std::size_t i = 0; stake != nullptr && i < rows; i++) factors[i] = stake[i] * kUnit;
  plainColumnMeans(engine, matrix, factors.data(), rows, n, divisor, out);
  for (std::size_t j = 0; j < n; j++) out[j] = out[j] / kUnit;
}

namespace {

/// areWeights(rows, tolerance, count, n): whether every row lies on the simplex.
Napi::Value areWeights(const Engine& engine, Args& args) {
  const auto rows = args.f64("rows");
  const double tolerance = args.number("tolerance");
  Dim count = args.dim("count"), n = args.dim("n");
  args.expect("rows", rows, count, n);
  std::atomic<bool> clean{true};
  const std::size_t width = n;
  forRowBlocks(engine.threads, count, rowBlocks(engine.threads, count, width),
               [&](std::size_t begin, std::size_t end, std::size_t) {
                 for (std::size_t i = begin; i < end && clean.load(std::memory_order_relaxed); i++)
                   if (!engine.kernels.ranking.isWeightRow(rows.data() + i * width, tolerance, width))
                     clean.store(false);
               });
  return Napi::Boolean::New(args.env(), clean.load());
}

/// idealRanking(out, scores, participants, n)
Napi::Value idealRanking(const Engine& engine, Args& args) {
  const auto out = args.f64Out("out");
  const auto scores = args.f64("scores");
  Dim participants = args.dim("participants"), n = args.dim("n");
  args.expect("out", out, n);
  args.expect("scores", scores, participants, n);
  columnMeans(engine, scores.data(), nullptr, participants, n, static_cast<double>(participants), out.data());
  return args.env().Undefined();
}

/// interRanking(out, scores, rows, n)
Napi::Value interRanking(const Engine& engine, Args& args) {
  const auto out = args.f64Out("out");
  const auto scores = args.f64("scores");
  Dim rows = args.dim("rows"), n = args.dim("n");
  args.expect("out", out, rows, n);
  args.expect("scores", scores, rows, n);
  forRowBlocks(engine.threads, rows, rowBlocks(engine.threads, rows, 4 * n),
               [&](std::size_t begin, std::size_t end, std::size_t) {
                 for (std::size_t i = begin; i < end; i++)
                   engine.kernels.ranking.interRankingRow(scores.data() + i * n, out.data() + i * n, n);
               });
  return args.env().Undefined();
}

/// networkRanking(out, weights, stake, n)
Napi::Value networkRanking(const Engine& engine, Args& args) {
  const auto out = args.f64Out("out");
  const auto weights = args.f64("weights");
  const auto stake = args.f64("stake");
  Dim n = args.dim("n");
  args.expect("out", out, n);
  args.expect("weights", weights, n, n);
  args.expect("stake", stake, n);
  columnMeans(engine, weights.data(), stake.data(), n, n, static_cast<double>(n), out.data());
  return args.env().Undefined();
}

EmissionNorm takeNorm(Args& args) { return static_cast<EmissionNorm>(args.integer("norm", 0, 2)); }

/// rankGradient(out, weights, stake, norm, n)
Napi::Value rankGradient(const Engine& engine, Args& args) {
  const auto out = args.f64Out("out");
  const auto weights = args.f64("weights");
  const auto stake = args.f64("stake");
  const EmissionNorm norm = takeNorm(args);
  Dim n = args.dim("n");
  args.expect("out", out, n, n);
  args.expect("weights", weights, n, n);
  args.expect("stake", stake, n);
  std::vector<double> ranking(n);
  columnMeans(engine, weights.data(), stake.data(), n, n, static_cast<double>(n), ranking.data());
  forRowBlocks(engine.threads, n, rowBlocks(engine.threads, n, 4 * n),
               [&](std::size_t begin, std::size_t end, std::size_t) {
                 for (std::size_t i = begin; i < end; i++)
                   engine.kernels.ranking.rankGradientRow(ranking.data(), stake[i], norm, i, out.data() + i * n, n);
               });
  return args.env().Undefined();
}

/// inflate(out, minted, stake, ranking, tau, norm, n)
Napi::Value inflate(const Engine& engine, Args& args) {
  const auto out = args.f64Out("out");
  const auto minted = args.f64Out("minted", 1);
  const auto stake = args.f64("stake");
  const auto ranking = args.f64("ranking");
  const double tau = args.number("tau");
  const EmissionNorm norm = takeNorm(args);
  Dim n = args.dim("n");
  args.expect("out", out, n);
  args.expect("stake", stake, n);
  args.expect("ranking", ranking, n);
  minted[0] = engine.kernels.ranking.inflate(stake.data(), ranking.data(), tau, norm, out.data(), n);
  return args.env().Undefined();
}

}  // namespace

void defineRanking(Methods& methods) {
  methods.add("areWeights", areWeights);
  methods.add("idealRanking", idealRanking);
  methods.add("interRanking", interRanking);
  methods.add("networkRanking", networkRanking);
  methods.add("rankGradient", rankGradient);
  methods.add("inflate", inflate);
}

}  // namespace intermodel::addon
