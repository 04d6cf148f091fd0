/// Heads of one or two layers over unequal peers: every estimator, groups, absent answers, weights, the Gram matrix and
/// the gradients.
#include "agree.hpp"
#include "curvature_batch.hpp"
#include "input.hpp"

using namespace intermodel;

namespace {

struct Case {
  std::size_t batch, peers, inputs, outputs;
  std::vector<std::int32_t> widths, sizes, activations, labels, answered, groupOffsets, members;
  Loss loss;
  Estimator estimator;
  std::vector<double> parameters, responses, targets, weights, baseline, noise;
  bool hasWeights, hasAbsence, hasGroups, hasBaseline;
};

constexpr std::size_t kDraws = 2;

void readGroups(fuzz::Input& input, Case& c) {
  const std::size_t groups = input.whole(1, 3);
  c.groupOffsets.push_back(0);
  for (std::size_t g = 0; g < groups; g++) {
    const std::size_t before = c.members.size();
    for (std::size_t peer = 0; peer < c.peers; peer++)
      if (input.byte() % 2 == 0) c.members.push_back(static_cast<std::int32_t>(peer));
    if (c.members.size() == before) c.members.push_back(0);
    c.groupOffsets.push_back(static_cast<std::int32_t>(c.members.size()));
  }
}

Case readCase(fuzz::Input& input) {
  Case c{};
  c.estimator = static_cast<Estimator>(input.whole(0, kEstimatorCount - 1));
  c.batch = input.whole(1, 3);
  c.peers = input.whole(1, 5);
  c.outputs = input.whole(1, 12);
  c.widths = input.integers(c.peers, 1, 5);
  for (const std::int32_t width : c.widths) c.inputs += static_cast<std::size_t>(width);
  c.sizes = {static_cast<std::int32_t>(c.inputs)};
  if (input.byte() % 2 == 0) {
    c.sizes.push_back(static_cast<std::int32_t>(input.whole(1, 9)));
    c.activations.push_back(static_cast<std::int32_t>(input.whole(0, kActivationCount - 1)));
  }
  c.sizes.push_back(static_cast<std::int32_t>(c.outputs));
  c.activations.push_back(kIdentity);
  std::size_t parameters = 0;
  for (std::size_t l = 0; l + 1 < c.sizes.size(); l++)
    parameters += static_cast<std::size_t>(c.sizes[l + 1]) * (static_cast<std::size_t>(c.sizes[l]) + 1);
  c.loss = static_cast<Loss>(input.whole(0, kLossCount - 1));
  c.parameters = input.finites(parameters);
  c.responses = input.finites(c.batch * c.inputs);
  c.labels = input.integers(c.batch, 0, static_cast<std::int32_t>(c.outputs) - 1);
  c.targets = input.weights(c.batch, c.outputs);
  c.weights = input.weights(1, c.batch);
  c.baseline = input.finites(c.inputs);
  c.answered = input.integers(c.batch * c.peers, 0, 1);
  c.noise = input.weights(c.batch * kDraws, c.outputs);
  c.hasWeights = input.byte() % 2, c.hasAbsence = input.byte() % 2, c.hasGroups = input.byte() % 2;
  c.hasBaseline = input.byte() % 2;
  readGroups(input, c);
  return c;
}

void removal(const Case& c, const Runner& runner, const Head& head, const Absence& absence, fuzz::Results& results) {
  const bool softmax = c.loss == kSoftmaxCrossEntropy;
  const std::size_t groups = c.hasGroups ? c.groupOffsets.size() - 1 : c.peers;
  if (c.estimator == kDiagonal && c.hasGroups) return;  // refused by the addon
  std::vector<double> scores(c.batch * groups), linear(c.batch * groups), quadratic(c.batch * groups);
  RemovalTile tile{};
  tile.head = &head;
  tile.estimator = c.estimator;
  tile.compared = {c.loss, softmax ? c.labels.data() : nullptr, softmax ? nullptr : c.targets.data()};
  tile.samples = c.batch;
  tile.groups.count = groups;
  if (c.hasGroups) tile.groups.offsets = c.groupOffsets.data(), tile.groups.members = c.members.data();
  tile.absence = absence;
  tile.weights = c.hasWeights ? c.weights.data() : nullptr;
  tile.draws = kDraws;
  tile.noisePerSample = kDraws * (softmax ? 1 : c.outputs);
  tile.noise = c.noise.data();
  tile.scores = scores.data(), tile.linear = linear.data(), tile.quadratic = quadratic.data();
  results.keep(removalScores(runner, tile, {c.responses.data(), nullptr}) ? 1.0 : 0.0);
  results.keep(scores), results.keep(linear), results.keep(quadratic);
}

void gramAndGradient(const Case& c, const Runner& runner, const Head& head, const Absence& absence,
                     fuzz::Results& results) {
  std::vector<double> gram(c.peers * c.peers), factor(c.batch * c.outputs * c.peers);
  GramBlock samples{};
  samples.head = &head;
  samples.loss = c.loss;
  samples.samples = c.batch;
  samples.absence = absence;
  samples.weights = c.hasWeights ? c.weights.data() : nullptr;
  results.keep(peerGram(runner, samples, {c.responses.data(), nullptr}, gram.data(), factor.data()) ? 1.0 : 0.0);
  results.keep(gram), results.keep(factor);
  const bool softmax = c.loss == kSoftmaxCrossEntropy;
  std::vector<double> losses(c.batch), logits(c.batch * c.outputs), slopes(c.responses.size());
  std::vector<double> gradient(c.parameters.size()), importance(c.peers);
  GradientTile whole{};
  whole.head = &head;
  whole.compared = {c.loss, softmax ? c.labels.data() : nullptr, softmax ? nullptr : c.targets.data()};
  whole.divisor = static_cast<double>(c.batch);
  whole.batch = c.batch;
  whole.responses = c.responses.data();
  whole.weights = c.hasWeights ? c.weights.data() : nullptr;
  whole.losses = losses.data(), whole.logits = logits.data(), whole.responseGradient = slopes.data();
  results.keep(headGradient(runner, whole, gradient.data()) ? 1.0 : 0.0);
  headImportance(runner, head, importance.data());
  results.keep(losses), results.keep(logits), results.keep(slopes), results.keep(gradient), results.keep(importance);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  const Case c = readCase(input);
  const std::vector<std::size_t> offsets = offsetsOf(c.widths.data(), c.peers);
  fuzz::sameOnAll([&](const KernelTable& kernels, fuzz::Results& results) {
    const Runner runner{kernels, 1};
    const PackedHead packed(runner, c.parameters.data(), c.sizes.data(), c.activations.data(), c.activations.size());
    const Head head = packed.over(offsets);
    Absence absence{};
    if (c.hasBaseline) absence.baseline = c.baseline.data();
    if (c.hasAbsence) absence.answered = c.answered.data();
    removal(c, runner, head, absence, results);
    gramAndGradient(c, runner, head, absence, results);
  });
  return 0;
}
