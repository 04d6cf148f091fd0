#include "device.hpp"
#include "row_blocks.hpp"

namespace intermodel::addon {
namespace {

constexpr std::size_t kWorkPerEntry = 16;  // an exponential and two divisions against one addition

/// competitionMask(mask, derivative, shift, dead, weights, stake, temperature, shiftGradient, openDiagonal, n)
Napi::Value competitionMask(const Engine& engine, Args& args) {
  const auto mask = args.f64Out("mask");
  const auto derivative = args.f64Out("derivative");
  const auto shift = args.f64Out("shift");
  const auto dead = args.f64Out("dead", 1);
  const auto weights = args.f64("weights");
  const auto stake = args.f64("stake");
  const double temperature = args.number("temperature");
  const bool exact = args.integer("shiftGradient", 0, 1) == 0;
  const bool open = args.integer("openDiagonal", 0, 1) == 1;
  Dim n = args.dim("n");
  args.expect("mask", mask, n, n);
  args.expect("derivative", derivative, n, n);
  args.expect("shift", shift, n);
  args.expect("weights", weights, n, n);
  args.expect("stake", stake, n);
  if (engine.device != nullptr) {
    engine.device->call(&IntermodelCuda::mask, mask.data(), derivative.data(), shift.data(), dead.data(),
                        weights.data(), stake.data(), temperature, exact ? 1 : 0, open ? 1 : 0, std::size_t{n});
    return args.env().Undefined();
  }
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
  const auto out = args.f64Out("out");
  const auto mask = args.f64("maskRow");
  const auto responses = args.f64("responses");
  Dim batch = args.dim("batch"), n = args.dim("n"), width = args.dim("width");
  args.expect("out", out, batch, n, width);
  args.expect("responses", responses, out.size());
  args.expect("maskRow", mask, n);
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
