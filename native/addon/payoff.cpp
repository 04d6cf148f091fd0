#include <atomic>

#include "device.hpp"
#include "row_blocks.hpp"

namespace intermodel::addon {
namespace {

/// The Hessians of n participants from (data, storage, rank, own, n), the way all kernels pass them; the caller sets
/// h.n once other arrays have witnessed it.
PeerHessians takeHessians(Args& args, std::span<const double> data, Dim& n) {
  PeerHessians h{};
  h.data = data.data();
  Dim rank = readForm(args, h);
  n = args.dim("n");
  Dim copies = h.own ? n : Dim(1);
  if (h.storage == HessianStorage::kDiagonal) {
    args.expect("data", data, n, copies);
  } else if (h.storage == HessianStorage::kLowRank) {
    args.expect("data", data, rank, n, copies);
  } else {
    args.expect("data", data, n, n, copies);
  }
  h.rank = rank;
  return h;
}

/// weightGradient(gradient, loss, mask, derivative, reference, data, storage, rank, own, n)
Napi::Value weightGradient(const Engine& engine, Args& args) {
  const auto gradient = args.f64Out("gradient");
  const auto loss = args.f64Out("loss");
  const auto mask = args.f64("mask");
  const auto derivative = args.f64("derivative");
  const auto reference = args.f64("reference");
  const auto data = args.f64("data");
  Dim n(0);
  PeerHessians h = takeHessians(args, data, n);
  args.expect("gradient", gradient, n, n);
  args.expect("loss", loss, n);
  args.expect("mask", mask, n, n);
  args.expect("derivative", derivative, n, n);
  args.expect("reference", reference, n, n);
  h.n = n;
  if (engine.device != nullptr) {
    const IntermodelHessians given{data.data(), data.size(),   static_cast<std::int32_t>(h.storage),
                                   h.rank,      h.own ? 1 : 0, h.n};
    engine.device->call(&IntermodelCuda::weight_gradient, &given, gradient.data(), loss.data(), mask.data(),
                        derivative.data(), reference.data());
    return args.env().Undefined();
  }
  const PayoffKernels& kernels = engine.kernels.payoff;
  const std::size_t cost = h.storage == HessianStorage::kDiagonal  ? 4 * n
                           : h.storage == HessianStorage::kLowRank ? 2 * n * h.rank
                                                                   : n * n;
  const std::size_t blocks = rowBlocks(engine.threads, n, cost);
  const std::size_t scratch = kernels.weightGradientScratch(h, (n + blocks - 1) / blocks);
  std::vector<double> work(checkedProduct(blocks, scratch));
  forRowBlocks(engine.threads, n, blocks, [&](std::size_t begin, std::size_t end, std::size_t block) {
    kernels.weightGradientRows(h, mask.data(), derivative.data(), reference.data(), gradient.data(), loss.data(), begin,
                               end, work.data() + block * scratch);
  });
  return args.env().Undefined();
}

/// areSymmetric(matrices, count, n): whether `count` matrices [n, n] are finite and exactly symmetric.
Napi::Value areSymmetric(const Engine& engine, Args& args) {
  const auto matrices = args.f64("matrices");
  Dim count = args.dim("count"), n = args.dim("n"), rows = n;
  args.expect("matrices", matrices, count, rows, n);
  std::atomic<bool> clean{true};
  const std::size_t square = static_cast<std::size_t>(n) * n;
  forRowBlocks(engine.threads, count, rowBlocks(engine.threads, count, square),
               [&](std::size_t begin, std::size_t end, std::size_t) {
                 for (std::size_t m = begin; m < end && clean.load(std::memory_order_relaxed); m++)
                   if (!engine.kernels.payoff.isSymmetric(matrices.data() + m * square, n)) clean.store(false);
               });
  return Napi::Boolean::New(args.env(), clean.load());
}

/// headWeightGradient(gradient, inner, inputGradient, responses, derivativeRow, batch, n, width)
Napi::Value headWeightGradient(const Engine& engine, Args& args) {
  const auto gradient = args.f64Out("gradient");
  const auto inner = args.f64Out("inner");
  const auto inputGradient = args.f64("inputGradient");
  const auto responses = args.f64("responses");
  const auto derivative = args.f64("derivativeRow");
  Dim batch = args.dim("batch"), n = args.dim("n"), width = args.dim("width");
  args.expect("gradient", gradient, n);
  args.expect("inner", inner, n);
  args.expect("derivativeRow", derivative, n);
  args.expect("inputGradient", inputGradient, batch, n, width);
  args.expect("responses", responses, inputGradient.size());
  forRowBlocks(engine.threads, n, rowBlocks(engine.threads, n, batch * width),
               [&](std::size_t begin, std::size_t end, std::size_t) {
                 for (std::size_t j = begin; j < end; j++) {
                   inner[j] =
                       engine.kernels.payoff.innerProduct(inputGradient.data(), responses.data(), batch, n, width, j);
                   gradient[j] = inner[j] * derivative[j];
                 }
               });
  return args.env().Undefined();
}

/// payoffGradient(out, lossGradient, stake, lossFactor, rankFactor, n)
Napi::Value payoffGradient(const Engine& engine, Args& args) {
  const auto out = args.f64Out("out");
  const auto lossGradient = args.f64("lossGradient");
  const auto stake = args.f64("stake");
  const double lossFactor = args.number("lossFactor"), rankFactor = args.number("rankFactor");
  Dim n = args.dim("n");
  args.expect("out", out, n, n);
  args.expect("lossGradient", lossGradient, n, n);
  args.expect("stake", stake, n);
  if (engine.device != nullptr) {
    engine.device->call(&IntermodelCuda::payoff_gradient, out.data(), lossGradient.data(), stake.data(), lossFactor,
                        rankFactor, std::size_t{n});
    return args.env().Undefined();
  }
  forRowBlocks(engine.threads, n, rowBlocks(engine.threads, n, n),
               [&](std::size_t begin, std::size_t end, std::size_t) {
                 for (std::size_t i = begin; i < end; i++)
                   engine.kernels.payoff.payoffRow(lossGradient.data() + i * n, stake[i], lossFactor, rankFactor, i,
                                                   out.data() + i * n, n);
               });
  return args.env().Undefined();
}

}  // namespace

void definePayoff(Methods& methods) {
  methods.add("areSymmetric", areSymmetric);
  methods.add("weightGradient", weightGradient);
  methods.add("headWeightGradient", headWeightGradient);
  methods.add("payoffGradient", payoffGradient);
}

}  // namespace intermodel::addon
