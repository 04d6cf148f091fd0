/// Removal scores, Gram matrices, head passes and the single-precision tier of a module against the CPU.
#include <string>
#include <vector>

#include "cuda_cases.hpp"
#include "curvature_batch.hpp"
#include "intermodel/dispatch.hpp"
#include "kernel_table.hpp"

using namespace intermodel;

namespace {

struct Shape {
  size_t batch;
  std::vector<int32_t> widths, sizes, activations;
  Loss loss;
};

/// One batch with everything that a call may be given.
struct Data {
  std::vector<double> parameters, responses, targets, noise, weights, baseline;
  std::vector<int32_t> labels, answered, groupOffsets, groupMembers;
};

constexpr size_t kDraws = 3;

Data randomData(RandomStream& random, const Shape& shape) {
  Data data;
  const auto outputs = static_cast<size_t>(shape.sizes.back()), inputs = static_cast<size_t>(shape.sizes[0]);
  size_t count = 0;
  for (size_t l = 0; l + 1 < shape.sizes.size(); l++)
    count += static_cast<size_t>(shape.sizes[l + 1]) * (static_cast<size_t>(shape.sizes[l]) + 1);
  data.parameters = normals(random, count, 0.5);
  data.responses = normals(random, shape.batch * inputs, 3.0);
  // one contribution beside which the others leave no digits: then z is computed once more without it
  for (size_t k = 0; shape.batch > 1 && k < static_cast<size_t>(shape.widths[0]); k++)
    data.responses[inputs + k] *= 0x1p60;
  data.targets = normals(random, shape.batch * outputs, 1.0);
  if (shape.loss == kBinaryCrossEntropy)
    for (double& t : data.targets) t = t > 0.0 ? 1.0 : 0.0;
  data.noise = normals(random, shape.batch * kDraws * outputs, 1.0);
  if (shape.loss != kSquaredError)
    for (double& x : data.noise) x = random.uniform();
  for (size_t b = 0; b < shape.batch; b++) {
    data.labels.push_back(static_cast<int32_t>(random.uniform() * static_cast<double>(outputs)));
    data.weights.push_back(b % 5 == 4 ? 0.0 : random.uniform());
  }
  data.baseline = normals(random, inputs, 1.0);
  for (size_t k = 0; k < shape.batch * shape.widths.size(); k++)
    data.answered.push_back(random.uniform() < 0.8 ? 1 : 0);
  data.groupOffsets = {0, 1};
  data.groupMembers = {0};
  if (shape.widths.size() > 2) {
    data.groupOffsets.push_back(3);
    data.groupMembers.insert(data.groupMembers.end(), {0, 2});
  }
  return data;
}

/// Which of the optional inputs a call gets.
struct Variant {
  bool absent, grouped, weighted;
};

/// Runs every curvature call: on the CPU without a session, on the host form with one.
std::vector<double> curvatureOf(const Shape& shape, const Data& data, Variant variant, IntermodelSession* session) {
  const Runner runner{*bestIsa().kernels, 2};
  const PackedHead packed(runner, data.parameters.data(), shape.sizes.data(), shape.activations.data(),
                          shape.activations.size());
  const size_t peers = shape.widths.size();
  const std::vector<size_t> offsets = offsetsOf(shape.widths.data(), peers);
  const Head head = packed.over(offsets);
  const bool softmax = shape.loss == kSoftmaxCrossEntropy;
  const size_t outputs = head.outputs, inputs = packed.inputs();
  const Compared compared{shape.loss, softmax ? data.labels.data() : nullptr, softmax ? nullptr : data.targets.data()};
  const Responses responses{data.responses.data(), nullptr};
  const Absence absence{variant.absent ? data.baseline.data() : nullptr, nullptr,
                        variant.absent ? data.answered.data() : nullptr};
  const double* weights = variant.weighted ? data.weights.data() : nullptr;

  IntermodelHead* there = nullptr;
  IntermodelBatch batch{};
  if (session != nullptr) {
    CHECK(api->head_create(session, data.parameters.data(), shape.sizes.data(), shape.activations.data(),
                           shape.activations.size(), &there) == INTERMODEL_CUDA_OK);
    batch = {there,
             peers,
             offsets.data(),
             shape.batch,
             data.responses.data(),
             nullptr,
             absence.baseline,
             absence.answered,
             weights,
             shape.loss,
             compared.labels,
             compared.targets};
  }
  std::vector<double> all;
  const auto keep = [&all](const std::vector<double>& part) { all.insert(all.end(), part.begin(), part.end()); };
  int32_t finite = 0;
  for (int32_t estimator = 0; estimator < kEstimatorCount; estimator++) {
    const bool grouped = variant.grouped && estimator != kDiagonal;
    const size_t groups = grouped ? data.groupOffsets.size() - 1 : peers, cells = shape.batch * groups;
    std::vector<double> scores(cells), linear(cells), quadratic(cells);
    const int32_t *groupOffsets = grouped ? data.groupOffsets.data() : nullptr,
                  *members = grouped ? data.groupMembers.data() : nullptr;
    const size_t perSample = kDraws * (softmax ? 1 : outputs);
    if (session == nullptr) {
      RemovalTile tile{};
      tile.head = &head;
      tile.estimator = static_cast<Estimator>(estimator);
      tile.compared = compared;
      tile.samples = shape.batch;
      tile.groups = {groups, groupOffsets, members};
      tile.absence = absence;
      tile.weights = weights;
      tile.noise = data.noise.data();
      tile.draws = kDraws;
      tile.noisePerSample = perSample;
      tile.scores = scores.data();
      tile.linear = linear.data();
      tile.quadratic = quadratic.data();
      CHECK(removalScores(runner, tile, responses));
    } else {
      const IntermodelRemoval call{batch,  estimator, groups,        groupOffsets,  members,         data.noise.data(),
                                   kDraws, perSample, scores.data(), linear.data(), quadratic.data()};
      CHECK(api->removal(session, &call, &finite) == INTERMODEL_CUDA_OK && finite == 1);
    }
    keep(scores);
    keep(linear);
    keep(quadratic);
  }
  std::vector<double> gram(peers * peers), factor(shape.batch * outputs * peers);
  std::vector<double> losses(shape.batch), logits(shape.batch * outputs), forward(logits.size());
  std::vector<double> responseGradient(shape.batch * inputs), parameterGradient(data.parameters.size());
  if (session == nullptr) {
    GramBlock block{};
    block.head = &head;
    block.loss = shape.loss;
    block.samples = shape.batch;
    block.absence = absence;
    block.weights = weights;
    CHECK(peerGram(runner, block, responses, gram.data(), factor.data()));
    CHECK(headForward(runner, head, shape.batch, responses, forward.data()));
    GradientTile whole{};
    whole.head = &head;
    whole.compared = compared;
    whole.divisor = 7.0;
    whole.batch = shape.batch;
    whole.responses = data.responses.data();
    whole.weights = weights;
    whole.losses = losses.data();
    whole.logits = logits.data();
    whole.responseGradient = responseGradient.data();
    CHECK(headGradient(runner, whole, parameterGradient.data()));
  } else {
    CHECK(api->gram(session, &batch, gram.data(), factor.data(), &finite) == INTERMODEL_CUDA_OK && finite == 1);
    batch.baseline = nullptr;
    batch.answered = nullptr;
    CHECK(api->forward(session, &batch, forward.data(), &finite) == INTERMODEL_CUDA_OK && finite == 1);
    const IntermodelGradient call{
        batch, 7.0, nullptr, losses.data(), logits.data(), responseGradient.data(), parameterGradient.data()};
    CHECK(api->gradient(session, &call, &finite) == INTERMODEL_CUDA_OK && finite == 1);
    api->head_free(session, there);
  }
  for (const auto* part : {&gram, &factor, &forward, &losses, &logits, &responseGradient, &parameterGradient})
    keep(*part);
  return all;
}

const std::vector<Shape> kShapes{
    {1, {1}, {1, 1}, {kIdentity}, kSquaredError},
    {3, {5, 5, 5, 5}, {20, 7, 8}, {kGelu, kIdentity}, kSoftmaxCrossEntropy},
    {4, {7, 1, 13}, {21, 9, 5, 9}, {kTanh, kRelu, kIdentity}, kBinaryCrossEntropy},
    {65, {3, 2}, {5, 17, 4}, {kLogistic, kIdentity}, kSquaredError},
    {2, {66, 3}, {69, 65, 130}, {kRelu, kIdentity}, kSoftmaxCrossEntropy},
    {530, {1, 2}, {3, 2}, {kIdentity}, kSoftmaxCrossEntropy},
};

/// The single-precision tier of a linear head.
std::vector<double> singleOf(const Shape& shape, const Data& data, bool weighted, IntermodelSession* session) {
  const Runner runner{*bestIsa().kernels, 2};
  const PackedHead packed(runner, data.parameters.data(), shape.sizes.data(), shape.activations.data(), 1);
  const size_t peers = shape.widths.size();
  const std::vector<size_t> offsets = offsetsOf(shape.widths.data(), peers);
  const Head head = packed.over(offsets);
  const std::vector<float> responses(data.responses.begin(), data.responses.end());
  const double* weights = weighted ? data.weights.data() : nullptr;
  std::vector<double> scores(shape.batch * peers);
  if (session == nullptr) {
    SingleTile tile{};
    tile.head = &head;
    tile.loss = shape.loss;
    tile.samples = shape.batch;
    tile.responses = responses.data();
    tile.scores = scores.data();
    CHECK(removalScoresSingle(runner, packed, tile, weights));
    return scores;
  }
  IntermodelHead* there = nullptr;
  CHECK(api->head_create(session, data.parameters.data(), shape.sizes.data(), shape.activations.data(), 1, &there) ==
        INTERMODEL_CUDA_OK);
  IntermodelBatch batch{};
  batch.head = there;
  batch.peers = peers;
  batch.offsets = offsets.data();
  batch.samples = shape.batch;
  batch.responses_f32 = responses.data();
  batch.weights = weights;
  batch.loss = shape.loss;
  int32_t finite = 0;
  CHECK(api->removal_single(session, &batch, scores.data(), &finite) == INTERMODEL_CUDA_OK && finite == 1);
  api->head_free(session, there);
  return scores;
}

}  // namespace

void testCurvature() {
  RandomStream random(20261128, nullptr, 0);
  for (size_t index = 0; index < shapes; index++) {
    const Shape& shape = kShapes[index];
    const Data data = randomData(random, shape);
    const Variant variant{index % 2 == 1, index % 3 == 1, index % 2 == 0};
    const std::vector<double> expected = curvatureOf(shape, data, variant, nullptr);
    for (uint64_t schedule = 0; schedule <= schedules; schedule++) {
      const Session session(schedule, schedule % 4 == 1 ? 1u << 20 : 0);
      const std::vector<double> found = curvatureOf(shape, data, variant, session.at);
      CHECK(same(expected, found));
      CHECK(api->held(session.at) == 0);
    }
  }
}

/// Without barriers a product of several slices reads what is not yet there.
void testControl() {
  RandomStream random(3, nullptr, 0);
  const Shape shape{2, {66, 3}, {69, 65, 130}, {kRelu, kIdentity}, kSoftmaxCrossEntropy};
  const Data data = randomData(random, shape);
  const std::vector<double> expected = curvatureOf(shape, data, {}, nullptr);
  size_t caught = 0;
  for (uint64_t schedule = 0; schedule < schedules; schedule++) {
    const Session session(schedule, 0, 1);
    const std::vector<double> found = curvatureOf(shape, data, {}, session.at);
    caught += same(expected, found) ? 0 : 1;
  }
  std::printf("barriers left out: %zu of %zu schedules show it\n", caught, static_cast<size_t>(schedules));
  CHECK(caught == schedules);
}

/// A sample whose logits overflow is told by every call, in whichever part of the batch it is; without it none says so.
void testOverflow() {
  RandomStream random(20261201, nullptr, 0);
  const Shape shape{530, {1, 2}, {3, 2}, {kIdentity}, kSoftmaxCrossEntropy};
  const std::vector<size_t> offsets = offsetsOf(shape.widths.data(), 2);
  for (const size_t sample : {0, 300, 529, 530}) {
    Data data = randomData(random, shape);
    for (double& p : data.parameters) p = 10.0;
    for (size_t k = 0; sample < shape.batch && k < 3; k++) data.responses[3 * sample + k] = 1e308;
    const int32_t expected = sample < shape.batch ? 0 : 1;
    for (const size_t memory : {size_t{0}, size_t{1} << 15}) {
      const Session session(0, memory);
      IntermodelHead* head = nullptr;
      CHECK(api->head_create(session.at, data.parameters.data(), shape.sizes.data(), shape.activations.data(), 1,
                             &head) == INTERMODEL_CUDA_OK);
      const IntermodelBatch batch{head,    2,       offsets.data(), shape.batch, data.responses.data(), nullptr,
                                  nullptr, nullptr, nullptr,        shape.loss,  data.labels.data(),    nullptr};
      std::vector<double> a(shape.batch * 2), b(shape.batch * 4), c(shape.batch * 3), d(64);
      int32_t finite = -1;
      CHECK(api->forward(session.at, &batch, a.data(), &finite) == INTERMODEL_CUDA_OK && finite == expected);
      CHECK(api->gram(session.at, &batch, d.data(), b.data(), &finite) == INTERMODEL_CUDA_OK && finite == expected);
      const IntermodelGradient call{batch, 7.0, nullptr, a.data(), b.data(), c.data(), d.data()};
      CHECK(api->gradient(session.at, &call, &finite) == INTERMODEL_CUDA_OK && finite == expected);
      api->head_free(session.at, head);
    }
  }
}

void testSingle() {
  RandomStream random(20261130, nullptr, 0);
  const std::vector<Shape> linear{
      {1, {1}, {1, 1}, {kIdentity}, kSoftmaxCrossEntropy},
      {70, {5, 1, 64}, {70, 10}, {kIdentity}, kSoftmaxCrossEntropy},
      {9, {3, 3}, {6, 120}, {kIdentity}, kSoftmaxCrossEntropy},
      {9, {3, 4}, {7, 361}, {kIdentity}, kSoftmaxCrossEntropy},
      {33, {2, 9}, {11, 121}, {kIdentity}, kBinaryCrossEntropy},
      {12, {2, 2}, {4, 250}, {kIdentity}, kSquaredError},
  };
  for (const Shape& shape : linear) {
    const Data data = randomData(random, shape);
    const bool weighted = shape.batch % 2 == 0;
    const std::vector<double> expected = singleOf(shape, data, weighted, nullptr);
    for (uint64_t schedule = 0; schedule <= schedules; schedule++) {
      const Session session(schedule, schedule % 4 == 1 ? 1u << 18 : 0);
      CHECK(same(expected, singleOf(shape, data, weighted, session.at)));
      CHECK(api->held(session.at) == 0);
    }
  }
}
