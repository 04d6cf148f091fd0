/// A few steps of a few games of every storage and method, in lanes and alone.
#include "agree.hpp"
#include "equilibrium_batch.hpp"
#include "input.hpp"

using namespace intermodel;

namespace {

/// Past this, gradients overflow: the outcome is then "diverged" or unstated, and lanes need not agree on the last W.
constexpr double kLargest = 1e20;

double bounded(fuzz::Input& input) {
  const double value = input.finite();
  return std::fabs(value) < kLargest ? value : std::copysign(kLargest, value);
}

class Unwatched final : public RunWatch {
 public:
  bool cancelled() const override { return false; }
  void advance(std::uint64_t) override {}
};

struct Games {
  GameBatchArrays arrays;
  std::vector<std::vector<double>> hessians;
  std::vector<std::int32_t> hessianIndex;
  std::vector<double> stake, reference, terms, settings, weights;
  std::uint64_t steps;
};

std::vector<double> hessian(fuzz::Input& input, const PeerHessians& form) {
  const std::size_t rows = form.storage == HessianStorage::kDiagonal  ? 1
                           : form.storage == HessianStorage::kLowRank ? form.rank
                                                                      : form.n;
  std::vector<double> out(rows * form.n * (form.own ? form.n : 1));
  for (double& value : out) value = bounded(input);
  const std::size_t n = form.n;
  if (form.storage == HessianStorage::kDense || form.storage == HessianStorage::kShared)
    for (std::size_t at = 0; at < out.size(); at += n * n)
      for (std::size_t i = 0; i < n; i++)
        for (std::size_t j = 0; j < i; j++) out[at + i * n + j] = out[at + j * n + i];
  return out;
}

void readGames(fuzz::Input& input, Games& g) {
  PeerHessians form{};
  form.n = input.whole(1, 30);
  form.storage = static_cast<HessianStorage>(input.whole(0, 3));
  form.own =
      form.storage == HessianStorage::kDense || (form.storage != HessianStorage::kShared && input.byte() % 2 == 0);
  form.rank = form.storage == HessianStorage::kLowRank ? input.whole(1, 3) : 0;
  const std::size_t n = form.n, count = input.whole(1, 9), matrices = input.whole(1, count);
  for (std::size_t k = 0; k < matrices; k++) g.hessians.push_back(hessian(input, form));
  g.hessianIndex = input.integers(count, 0, static_cast<std::int32_t>(matrices) - 1);
  for (std::size_t k = 0; k < count * n; k++) g.stake.push_back(std::fabs(bounded(input)));
  for (std::size_t k = 0; k < count * n * n; k++) g.reference.push_back(input.byte() / 255.0);
  for (std::size_t k = 0; k < count; k++) {
    // The public functions let no temperature pass whose inverse, in units of stake, overflows.
    for (const double value : {std::fmax(std::fabs(bounded(input)), 1e-3), bounded(input), bounded(input)})
      g.terms.push_back(value);
    for (int flag = 0; flag < 3; flag++) g.terms.push_back(input.byte() % 2);
  }
  g.settings = {
      static_cast<double>(input.whole(0, 2)), std::fmax(std::fabs(bounded(input)), 1e-3), 1e-6, 1e6, 1e-6, 1e6,
      static_cast<double>(input.whole(1, 3)), static_cast<double>(input.byte() % 2),      0.0};
  g.weights = input.weights(count * n, n);
  g.steps = input.whole(0, 6);
  g.arrays = {.hessians = {},
              .hessianIndex = g.hessianIndex,
              .stake = g.stake,
              .referenceMask = g.reference,
              .terms = g.terms,
              .settings = g.settings,
              .form = form,
              .count = count};
  for (const auto& one : g.hessians) g.arrays.hessians.emplace_back(one);
}

/// Start as createGameBatch's caller lays it out: W in the first part of every state, the rate among the scalars.
void start(const Games& g, GameBatch& batch) {
  const std::size_t square = batch.size() * batch.size(), length = stateLength(batch.size());
  for (std::size_t k = 0; k < batch.count(); k++) {
    double* state = batch.states().data() + k * length;
    for (std::size_t at = 0; at < square; at++) state[at] = state[3 * square + at] = g.weights[k * square + at];
    state[4 * square + kRate] = g.settings[1];
  }
}

/// A game whose numbers overflowed has no W, and its other numbers are of no use to anyone.
void keepStates(GameBatch& batch, fuzz::Results& results) {
  const std::size_t square = batch.size() * batch.size(), length = stateLength(batch.size());
  for (std::size_t k = 0; k < batch.count(); k++) {
    const double* state = batch.states().data() + k * length;
    bool overflowed = false;
    for (std::size_t at = 0; at < square; at++) overflowed = overflowed || !std::isfinite(state[at]);
    results.keep(overflowed ? std::vector<double>{NAN} : std::vector<double>(state, state + length));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  Games games;
  readGames(input, games);
  fuzz::sameOnAll([&](const KernelTable& kernels, fuzz::Results& results) {
    GameBatch batch(games.arrays);
    start(games, batch);
    Unwatched watch;
    batch.run(kernels, 1, games.steps, watch);
    keepStates(batch, results);
  });
  return 0;
}
