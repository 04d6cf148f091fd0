#include "market_args.hpp"

namespace intermodel::addon {
namespace {

constexpr std::size_t kWorkPerEntry = 16;  // an exponential and two divisions against one addition

/// competitionMask(mask, derivative, shift, dead, weights, stake, temperature, shiftGradient, openDiagonal, n)
Napi::Value competitionMask(const Engine& engine, Args& args) {
  const auto mask = anyLength(args, "mask");
  const auto derivative = anyLength(args, "derivative");
  const auto shift = anyLength(args, "shift");
  const auto dead = args.f64Out("dead", 1);
  const auto weights = anyLength(args, "weights");
  const auto stake = anyLength(args, "stake");
  const double temperature = args.number("temperature");
  const bool exact = args.integer("shiftGradient", 0, 1) == 0;
  const bool open = args.integer("openDiagonal", 0, 1) == 1;
  const std::size_t n = args.size("n");
  checkLength(args, "mask", mask.size(), checkedProduct(n, n));
  checkLength(args, "derivative", derivative.size(), n * n);
  checkLength(args, "shift", shift.size(), n);
  checkLength(args, "weights", weights.size(), n * n);
  checkLength(args, "stake", stake.size(), n);
  const double count = static_cast<double>(n);
  engine.kernels.ranking.columnMeans(weights.data(), stake.data(), n, n, count, 0, n, shift.data());
  const double inverse = 1.0 / temperature;
  const double ownShare = exact ? (count - 1.0) / count : 1.0;
  std::vector<std::size_t> found(n);
  forRowBlocks(engine.threads, n, rowBlocks(engine.threads, n, kWorkPerEntry * n),
               [&](std::size_t begin, std::size_t end, std::size_t) {
                 for (std::size_t i = begin; i < end; i++) {
                   const MaskRow row{weights.data() + i * n,        shift.data(),           stake[i], inverse,
                                     stake[i] * ownShare * inverse, open ? i : kNoOpenEntry};
                   found[i] =
                       engine.kernels.competition.maskRow(row, mask.data() + i * n, derivative.data() + i * n, n);
                 }
               });
  dead[0] = 0.0;
  for (const std::size_t entries : found) dead[0] += static_cast<double>(entries);
  return args.env().Undefined();
}

/// maskedInputs(out, maskRow, responses, batch, n, width)
Napi::Value maskedInputs(const Engine& engine, Args& args) {
  const auto out = anyLength(args, "out");
  const auto mask = anyLength(args, "maskRow");
  const auto responses = anyLength(args, "responses");
  const std::size_t batch = args.size("batch"), n = args.size("n"), width = args.size("width");
  checkLength(args, "out", out.size(), checkedProduct(batch, n, width));
  checkLength(args, "responses", responses.size(), out.size());
  checkLength(args, "maskRow", mask.size(), n);
  forRowBlocks(engine.threads, batch, rowBlocks(engine.threads, batch, n * width),
               [&](std::size_t begin, std::size_t end, std::size_t) {
                 for (std::size_t b = begin; b < end; b++) {
                   const std::size_t at = b * n * width;
                   engine.kernels.competition.maskSample(mask.data(), responses.data() + at, out.data() + at, n, width);
                 }
               });
  return args.env().Undefined();
}

}  // namespace

void defineCompetition(Methods& methods) {
  methods.add("competitionMask", competitionMask);
  methods.add("maskedInputs", maskedInputs);
}

}  // namespace intermodel::addon
