#include "market_args.hpp"

namespace intermodel::addon {
namespace {

/// The Hessians of n participants from (data, storage, rank, own, n), the way all kernels pass them.
PeerHessians takeHessians(Args& args, std::span<const double> data) {
  PeerHessians h{};
  h.data = data.data();
  h.storage = static_cast<HessianStorage>(args.integer("storage", 0, 3));
  h.rank = args.size("rank");
  h.own = args.integer("own", 0, 1) == 1;
  h.n = args.size("n");
  const std::size_t one = h.storage == HessianStorage::kDiagonal  ? h.n
                          : h.storage == HessianStorage::kLowRank ? checkedProduct(h.rank, h.n)
                                                                  : checkedProduct(h.n, h.n);
  checkLength(args, "data", data.size(), h.own ? checkedProduct(one, h.n) : one);
  return h;
}

/// weightGradient(gradient, loss, mask, derivative, reference, data, storage, rank, own, n)
Napi::Value weightGradient(const Engine& engine, Args& args) {
  const auto gradient = anyLength(args, "gradient");
  const auto loss = anyLength(args, "loss");
  const auto mask = anyLength(args, "mask");
  const auto derivative = anyLength(args, "derivative");
  const auto reference = anyLength(args, "reference");
  const auto data = anyLength(args, "data");
  const PeerHessians h = takeHessians(args, data);
  const std::size_t n = h.n;
  checkLength(args, "gradient", gradient.size(), checkedProduct(n, n));
  checkLength(args, "loss", loss.size(), n);
  checkLength(args, "mask", mask.size(), n * n);
  checkLength(args, "derivative", derivative.size(), n * n);
  checkLength(args, "reference", reference.size(), n * n);
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

/// headWeightGradient(gradient, inner, inputGradient, responses, derivativeRow, batch, n, width)
Napi::Value headWeightGradient(const Engine& engine, Args& args) {
  const auto gradient = anyLength(args, "gradient");
  const auto inner = anyLength(args, "inner");
  const auto inputGradient = anyLength(args, "inputGradient");
  const auto responses = anyLength(args, "responses");
  const auto derivative = anyLength(args, "derivativeRow");
  const std::size_t batch = args.size("batch"), n = args.size("n"), width = args.size("width");
  checkLength(args, "gradient", gradient.size(), n);
  checkLength(args, "inner", inner.size(), n);
  checkLength(args, "derivativeRow", derivative.size(), n);
  checkLength(args, "inputGradient", inputGradient.size(), checkedProduct(batch, n, width));
  checkLength(args, "responses", responses.size(), inputGradient.size());
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
  const auto out = anyLength(args, "out");
  const auto lossGradient = anyLength(args, "lossGradient");
  const auto stake = anyLength(args, "stake");
  const double lossFactor = args.number("lossFactor"), rankFactor = args.number("rankFactor");
  const std::size_t n = args.size("n");
  checkLength(args, "out", out.size(), checkedProduct(n, n));
  checkLength(args, "lossGradient", lossGradient.size(), n * n);
  checkLength(args, "stake", stake.size(), n);
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
  methods.add("weightGradient", weightGradient);
  methods.add("headWeightGradient", headWeightGradient);
  methods.add("payoffGradient", payoffGradient);
}

}  // namespace intermodel::addon
