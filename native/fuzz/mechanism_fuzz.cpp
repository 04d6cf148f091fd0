/// The mask, the payoff, projections and rankings, over any finite numbers.
#include "agree.hpp"
#include "input.hpp"

using namespace intermodel;

namespace {

struct Case {
  std::size_t n, batch, width, rank;
  HessianStorage storage;
  bool own;
  double stake, inverse, epsilon;
  std::vector<double> weights, shift, responses, hessian, mask, slopes, reference, row, stakes;
};

Case readCase(fuzz::Input& input) {
  Case c{};
  c.n = input.whole(1, 20);
  c.batch = input.whole(1, 3);
  c.width = input.whole(1, 9);
  c.storage = static_cast<HessianStorage>(input.whole(0, 3));
  c.rank = c.storage == HessianStorage::kLowRank ? input.whole(1, 5) : 0;
  c.own = c.storage == HessianStorage::kDense || (c.storage != HessianStorage::kShared && input.byte() % 2 == 0);
  c.stake = input.finite();
  c.inverse = input.positive();
  c.epsilon = input.positive();
  c.weights = input.weights(c.n, c.n);
  c.shift = input.finites(c.n);
  c.responses = input.finites(c.batch * c.n * c.width);
  const std::size_t one = c.storage == HessianStorage::kDiagonal  ? c.n
                          : c.storage == HessianStorage::kLowRank ? c.rank * c.n
                                                                  : c.n * c.n;
  c.hessian = input.finites(one * (c.own ? c.n : 1));
  if (c.storage == HessianStorage::kDense || c.storage == HessianStorage::kShared)
    for (std::size_t at = 0; at < c.hessian.size(); at += c.n * c.n)
      for (std::size_t i = 0; i < c.n; i++)
        for (std::size_t j = 0; j < i; j++) c.hessian[at + i * c.n + j] = c.hessian[at + j * c.n + i];
  c.mask = input.finites(c.n * c.n);
  c.slopes = input.finites(c.n * c.n);
  c.reference = input.finites(c.n * c.n);
  c.row = input.finites(c.n);
  c.stakes = input.finites(c.n);
  return c;
}

void compete(const Case& c, const KernelTable& kernels, fuzz::Results& results) {
  std::vector<double> mask(c.n), derivative(c.n), masked(c.n * c.width);
  const MaskRow row{c.weights.data(), c.shift.data(), c.stake, c.inverse, c.stake * c.inverse, c.n / 2};
  results.keep(static_cast<double>(kernels.competition.maskRow(row, mask.data(), derivative.data(), c.n)));
  kernels.competition.maskSample(c.mask.data(), c.responses.data(), masked.data(), c.n, c.width);
  results.keep(mask), results.keep(derivative), results.keep(masked);
}

void pay(const Case& c, const KernelTable& kernels, fuzz::Results& results) {
  const PayoffKernels& f = kernels.payoff;
  const PeerHessians hessians{c.hessian.data(), c.storage, c.rank, c.own, c.n};
  std::vector<double> gradient(c.n * c.n), loss(c.n), payoff(c.n);
  std::vector<double> scratch(f.weightGradientScratch(hessians, c.n));
  f.weightGradientRows(hessians, c.mask.data(), c.slopes.data(), c.reference.data(), gradient.data(), loss.data(), 0,
                       c.n, scratch.data());
  f.payoffRow(c.row.data(), c.stake, c.inverse, c.epsilon, c.n - 1, payoff.data(), c.n);
  results.keep(gradient), results.keep(loss), results.keep(payoff);
  results.keep(f.innerProduct(c.responses.data(), c.responses.data(), c.batch, c.n, c.width, c.n - 1));
  results.keep(f.isSymmetric(c.mask.data(), c.n) ? 1.0 : 0.0);
}

void project(const Case& c, const KernelTable& kernels, fuzz::Results& results) {
  const ProjectionKernels& f = kernels.projection;
  std::vector<double> out(c.n), step(c.n), scratch(3 * c.n);
  f.projectRow(c.row.data(), 0.0, out.data(), c.n);
  f.boundedStepRow(c.weights.data(), c.row.data(), c.epsilon, step.data(), scratch.data(), c.n);
  const RowResiduals residuals = f.residualsRow(c.weights.data(), c.row.data(), c.epsilon, scratch.data(), c.n);
  results.keep(out), results.keep(step);
  results.keep(residuals.gap), results.keep(residuals.natural), results.keep(residuals.regret);
}

void rank(const Case& c, const KernelTable& kernels, fuzz::Results& results) {
  const RankingKernels& f = kernels.ranking;
  std::vector<double> means(c.n), inter(c.n), paid(c.n), gradient(c.n), magnitudes = c.stakes;
  for (double& value : magnitudes) value = std::fabs(value);
  f.columnMeans(c.weights.data(), c.stakes.data(), c.n, c.n, static_cast<double>(c.n), 0, c.n, means.data());
  f.interRankingRow(magnitudes.data(), inter.data(), c.n);
  results.keep(means), results.keep(inter);
  results.keep(f.isWeightRow(c.row.data(), 1e-9, c.n) ? 1.0 : 0.0);
  for (const EmissionNorm norm : {EmissionNorm::kL2, EmissionNorm::kL1, EmissionNorm::kNone}) {
    results.keep(f.inflate(magnitudes.data(), means.data(), c.epsilon, norm, paid.data(), c.n));
    f.rankGradientRow(means.data(), c.stake, norm, 0, gradient.data(), c.n);
    results.keep(paid), results.keep(gradient);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  const Case c = readCase(input);
  fuzz::sameOnAll([&](const KernelTable& kernels, fuzz::Results& results) {
    compete(c, kernels, results);
    pay(c, kernels, results);
    project(c, kernels, results);
    rank(c, kernels, results);
  });
  return 0;
}
