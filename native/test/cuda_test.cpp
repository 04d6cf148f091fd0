/// The host form of the CUDA module against the kernels of the CPU, to the bit: curvature, mechanism and games, over
/// sizes around tiles and blocks, each in twenty random schedules of blocks and threads, whole and in parts of a batch.
/// The control: with barriers left out, a schedule shows it.
///
///   cuda_test                    the host form
///   cuda_test MODULE [short]     a module on the first device, once; short: the small shapes, for compute-sanitizer
#include <dlfcn.h>

#include <string>
#include <vector>

#include "../cuda/interface.h"
#include "check.hpp"
#include "curvature_batch.hpp"
#include "equilibrium_batch.hpp"
#include "intermodel/dispatch.hpp"
#include "kernel_table.hpp"
#include "ledger.hpp"
#include "random.hpp"

using namespace intermodel;

namespace {

uint64_t schedules = 20;
size_t shapes = 6;
const IntermodelCuda* api = intermodel_cuda(INTERMODEL_CUDA_VERSION);

/// A session of the host form.
struct Session {
  explicit Session(uint64_t schedule, uint64_t memory = 0, uint64_t fault = 0) {
    const IntermodelOptions options{0, memory, schedule, fault};
    char reason[256];
    CHECK(api->open(&options, &at, reason, sizeof reason) == INTERMODEL_CUDA_OK);
  }
  Session(const Session&) = delete;
  ~Session() { api->close(at); }
  IntermodelSession* at = nullptr;
};

std::vector<double> normals(RandomStream& random, size_t n, double scale) {
  std::vector<double> x(n);
  for (double& v : x) v = scale * random.normal();
  return x;
}

bool same(const std::vector<double>& a, const std::vector<double>& b) {
  if (a.size() != b.size()) return false;
  for (size_t k = 0; k < a.size(); k++)
    if (std::memcmp(&a[k], &b[k], sizeof(double)) != 0 && !(a[k] != a[k] && b[k] != b[k])) return false;
  return true;
}

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

struct Mechanism {
  size_t n;
  std::vector<double> weights, stake, gradient, reference, derivative;
  std::vector<std::vector<double>> hessians;  // dense, shared, low rank, shared low rank, diagonal, shared diagonal
};

constexpr size_t kRank = 3;
const HessianStorage kStorages[] = {HessianStorage::kDense,   HessianStorage::kShared,   HessianStorage::kLowRank,
                                    HessianStorage::kLowRank, HessianStorage::kDiagonal, HessianStorage::kDiagonal};

PeerHessians formAt(const Mechanism& mechanism, size_t k) {
  const HessianStorage storage = kStorages[k];
  return {mechanism.hessians[k].data(), storage, storage == HessianStorage::kLowRank ? kRank : 0,
          k == 0 || k == 2 || k == 4, mechanism.n};
}

Mechanism randomMechanism(RandomStream& random, size_t n) {
  Mechanism mechanism{n, {}, {}, normals(random, n * n, 1.0), {}, normals(random, n * n, 0.3), {}};
  for (size_t k = 0; k < n * n; k++) mechanism.weights.push_back(random.uniform());
  for (size_t i = 0; i < n; i++) {
    double sum = 0.0;
    for (size_t j = 0; j < n; j++) sum += mechanism.weights[i * n + j];
    for (size_t j = 0; j < n; j++) mechanism.weights[i * n + j] /= sum;
    mechanism.stake.push_back(random.uniform() + 0.1);
  }
  for (size_t k = 0; k < n * n; k++) mechanism.reference.push_back(random.uniform());
  for (size_t k = 0; k < 6; k++) {
    const PeerHessians form{nullptr, kStorages[k], kRank, k == 0 || k == 2 || k == 4, n};
    const bool matrix = k < 2;
    std::vector<double> data = normals(random, (form.own ? n : 1) * (matrix ? n * n : k < 4 ? kRank * n : n), 1.0);
    for (size_t at = 0; matrix && at < data.size(); at += n * n)
      for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < i; j++) data[at + i * n + j] = data[at + j * n + i];
    mechanism.hessians.push_back(std::move(data));
  }
  return mechanism;
}

/// Everything of the mechanism on the CPU, or on the host form.
std::vector<double> mechanismOf(const Mechanism& m, IntermodelSession* session) {
  const KernelTable& kernels = *bestIsa().kernels;
  const size_t n = m.n;
  std::vector<double> mask(n * n), derivative(n * n), shift(n), dead(1), all;
  const auto keep = [&all](const std::vector<double>& part) { all.insert(all.end(), part.begin(), part.end()); };
  for (const bool open : {false, true}) {
    if (session == nullptr) {
      const double count = static_cast<double>(n);
      kernels.ranking.columnMeans(m.weights.data(), m.stake.data(), n, n, count, 0, n, shift.data());
      dead[0] = 0.0;
      for (size_t i = 0; i < n; i++) {
        const MaskRow row{m.weights.data() + i * n,
                          shift.data(),
                          m.stake[i],
                          1.0 / 0.01,
                          m.stake[i] * ((count - 1.0) / count) * (1.0 / 0.01),
                          open ? i : kNoOpenEntry};
        dead[0] +=
            static_cast<double>(kernels.competition.maskRow(row, mask.data() + i * n, derivative.data() + i * n, n));
      }
    } else {
      CHECK(api->mask(session, mask.data(), derivative.data(), shift.data(), dead.data(), m.weights.data(),
                      m.stake.data(), 0.01, 1, open ? 1 : 0, n) == INTERMODEL_CUDA_OK);
    }
    for (const auto* part : {&mask, &derivative, &shift, &dead}) keep(*part);
  }
  std::vector<double> gradient(n * n), loss(n), out(n * n), gap(n), natural(n), regret(n);
  for (size_t k = 0; k < 6; k++) {
    const PeerHessians form = formAt(m, k);
    if (session == nullptr) {
      std::vector<double> scratch(kernels.payoff.weightGradientScratch(form, n) + 1);
      kernels.payoff.weightGradientRows(form, m.weights.data(), m.derivative.data(), m.reference.data(),
                                        gradient.data(), loss.data(), 0, n, scratch.data());
    } else {
      const IntermodelHessians given{form.data, m.hessians[k].size(), static_cast<int32_t>(form.storage),
                                     form.rank, form.own ? 1 : 0,     n};
      CHECK(api->weight_gradient(session, &given, gradient.data(), loss.data(), m.weights.data(), m.derivative.data(),
                                 m.reference.data()) == INTERMODEL_CUDA_OK);
    }
    keep(gradient);
    keep(loss);
  }
  const double epsilon = 0.05;
  std::vector<double> scratch(3 * n + 1);
  for (int part = 0; part < 5; part++) {
    for (size_t i = 0; session == nullptr && i < n; i++) {
      const double *w = m.weights.data() + i * n, *g = m.gradient.data() + i * n;
      if (part == 0) kernels.payoff.payoffRow(g, m.stake[i], 2.0, 3.0, i, out.data() + i * n, n);
      if (part == 1) kernels.projection.projectRow(g, 0.001, out.data() + i * n, n);
      if (part == 2) kernels.projection.boundedStepRow(w, g, epsilon, out.data() + i * n, scratch.data(), n);
      if (part == 3) {
        const RowResiduals found = kernels.projection.residualsRow(w, g, epsilon, scratch.data(), n);
        gap[i] = found.gap;
        natural[i] = found.natural;
        regret[i] = found.regret;
      }
    }
    if (session == nullptr && part == 4)
      kernels.ranking.columnMeans(m.weights.data(), nullptr, n, n, 3.0, 0, n, shift.data());
    if (session != nullptr) {
      const int32_t status =
          part == 0   ? api->payoff_gradient(session, out.data(), m.gradient.data(), m.stake.data(), 2.0, 3.0, n)
          : part == 1 ? api->project(session, out.data(), m.gradient.data(), 0.001, n, n)
          : part == 2 ? api->bounded_step(session, out.data(), m.weights.data(), m.gradient.data(), epsilon, n, n)
          : part == 3 ? api->residuals(session, gap.data(), natural.data(), regret.data(), m.weights.data(),
                                       m.gradient.data(), epsilon, n, n)
                      : api->column_means(session, shift.data(), m.weights.data(), nullptr, n, n, 3.0);
      CHECK(status == INTERMODEL_CUDA_OK);
    }
    for (const auto* kept : {&out, &gap, &natural, &regret, &shift}) keep(*kept);
  }
  return all;
}

struct Unwatched final : RunWatch {
  bool cancelled() const override { return false; }
  void advance(uint64_t steps) override { made += steps; }
  uint64_t made = 0;
};

/// The states of three games after some steps, in two pieces.
std::vector<double> gamesOf(const Mechanism& m, size_t storage, double method, double epsilon, bool ordered,
                            uint64_t steps, IntermodelSession* session, size_t count = 3) {
  const size_t n = m.n, length = stateLength(n);
  const PeerHessians form = formAt(m, storage);
  std::vector<double> stake, reference, terms, states(count * length);
  const std::vector<double> settings{method, 0.05, 1e-3, 10.0, 0.0, 1e6, 3.0, 0.0, epsilon};
  const std::vector<int32_t> index(count, 0);
  std::vector<int32_t> orders;
  for (size_t i = 0; ordered && i < 2 * n; i++) orders.push_back(static_cast<int32_t>(i < n ? n - 1 - i : i - n));
  for (size_t k = 0; k < count; k++) {
    stake.insert(stake.end(), m.stake.begin(), m.stake.end());
    reference.insert(reference.end(), m.reference.begin(), m.reference.end());
    const double kind = static_cast<double>(k);
    terms.insert(terms.end(), {0.5 + kind, -1.0, 1.0, k == 1 ? 1.0 : 0.0, k == 2 ? 1.0 : 0.0, k == 1 ? 1.0 : 0.0});
    std::copy(m.weights.begin(), m.weights.end(), states.begin() + static_cast<std::ptrdiff_t>(k * length));
  }
  Unwatched watch;
  if (session == nullptr) {
    GameBatchArrays arrays{{std::span(m.hessians[storage])}, index, stake, reference, terms, settings, form, count};
    GameBatch batch(arrays);
    std::copy(states.begin(), states.end(), batch.states().begin());
    if (ordered) batch.setOrders(orders);
    batch.run(*bestIsa().kernels, 2, steps, watch);
    batch.run(*bestIsa().kernels, 2, 1, watch);
    states.assign(batch.states().begin(), batch.states().end());
  } else {
    const IntermodelHessians hessian{form.data, m.hessians[storage].size(), static_cast<int32_t>(form.storage),
                                     form.rank, form.own ? 1 : 0,           n};
    const IntermodelGameArrays arrays{
        &hessian, 1, index.data(), stake.data(), reference.data(), terms.data(), settings.data(), count, n};
    IntermodelGames* games = nullptr;
    CHECK(api->games_create(session, &arrays, &games) == INTERMODEL_CUDA_OK);
    CHECK(api->games_write(session, games, states.data()) == INTERMODEL_CUDA_OK);
    if (ordered) CHECK(api->games_orders(session, games, orders.data(), orders.size()) == INTERMODEL_CUDA_OK);
    const IntermodelWatch seen{&watch, [](void*) -> int32_t { return 0; },
                               [](void* context, uint64_t made) { static_cast<Unwatched*>(context)->advance(made); }};
    CHECK(api->games_run(session, games, steps, &seen) == INTERMODEL_CUDA_OK);
    CHECK(api->games_run(session, games, 1, &seen) == INTERMODEL_CUDA_OK);
    CHECK(api->games_read(session, games, states.data()) == INTERMODEL_CUDA_OK);
    api->games_free(session, games);
    double made = 0.0;
    for (size_t k = 0; k < count; k++) made += states[k * length + 4 * n * n + kStep];
    CHECK(static_cast<double>(watch.made) == made);
  }
  return states;
}

void testMechanism() {
  RandomStream random(20261129, nullptr, 0);
  for (const size_t n : {1, 2, 7, 10, 33, 67}) {
    const Mechanism mechanism = randomMechanism(random, n);
    const std::vector<double> expected = mechanismOf(mechanism, nullptr);
    for (uint64_t schedule = 0; schedule <= schedules; schedule++) {
      const Session session(schedule);
      CHECK(same(expected, mechanismOf(mechanism, session.at)));
    }
    for (size_t storage = 0; storage < 6; storage++) {
      const double method = static_cast<double>((storage + n) % 3);
      const bool ordered = method == 0.0 && n < 30;
      const double epsilon = method == 0.0 && storage % 2 == 0 ? 0.01 : 0.0;
      const uint64_t steps = n > 30 ? 3 : 40;
      const std::vector<double> states = gamesOf(mechanism, storage, method, epsilon, ordered, steps, nullptr);
      for (uint64_t schedule = 0; schedule <= schedules; schedule += n > 30 ? 5 : 1) {
        const Session session(schedule);
        CHECK(same(states, gamesOf(mechanism, storage, method, epsilon, ordered, steps, session.at)));
        CHECK(api->held(session.at) == 0);
      }
    }
  }
}

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

/// Dense pages of the ledger, some left out as sparse ones are, with their sums by plain arithmetic.
struct LedgerCase {
  explicit LedgerCase(RandomStream& random, size_t n) : slots(n), stake(n), expected(n) {
    for (uint64_t& amount : stake) amount = static_cast<uint64_t>(random.uniform() * 0x1p63) / slots;
    for (size_t first = 0, k = 0; first < slots; first += kLedgerPage, k++) {
      if (k % 5 == 3) continue;
      const size_t width = k % 3 == 1 ? slots / 2 + 1 : slots + k % 2 * 64;
      std::vector<uint32_t> page(kLedgerPage * width);
      for (uint32_t& weight : page)
        weight = static_cast<uint32_t>(random.uniform() < 0.01 ? 1e9 : random.uniform() * 1e6);
      for (size_t r = 0; r < kLedgerPage && first + r < slots; r++)
        for (size_t j = 0; j < std::min(width, slots); j++)
          expected[j] += static_cast<unsigned __int128>(stake[first + r]) * page[r * width + j];
      weights.push_back(std::move(page));
      pages.push_back({weights.back().data(), width, first});
    }
  }

  bool holds(IntermodelSession* session) const {
    std::vector<uint64_t> low(slots, 7), high(slots, 7);
    bool equal = api->ledger_rank(session, pages.data(), pages.size(), stake.data(), slots, low.data(), high.data()) ==
                 INTERMODEL_CUDA_OK;
    for (size_t j = 0; j < slots; j++)
      equal =
          equal && low[j] == static_cast<uint64_t>(expected[j]) && high[j] == static_cast<uint64_t>(expected[j] >> 64);
    return equal;
  }

  size_t slots;
  std::vector<uint64_t> stake;
  std::vector<unsigned __int128> expected;
  std::vector<std::vector<uint32_t>> weights;
  std::vector<IntermodelLedgerPage> pages;
};

void testLedger() {
  RandomStream random(20261131, nullptr, 0);
  for (const size_t slots : {1, 63, 64, 65, 300, 1500}) {
    const LedgerCase rows(random, slots);
    for (uint64_t schedule = 0; schedule <= schedules; schedule += slots > 1000 ? 5 : 1) {
      const Session session(schedule, schedule % 4 == 1 ? 1u << 20 : 0);
      for (size_t k = 0; k < rows.pages.size() && schedule % 2 == 0; k += 2)
        CHECK(api->upload(session.at, rows.pages[k].weights, rows.weights[k].size() * sizeof(uint32_t)) ==
              INTERMODEL_CUDA_OK);
      CHECK(rows.holds(session.at));
    }
    for (uint64_t schedule = 1; schedule <= schedules && slots > kLedgerPage; schedule++) {
      const Session barrierless(schedule, 0, 1);
      CHECK(!rows.holds(barrierless.at));
    }
  }
}

/// One game too large for a block, whose dense Hessians are read by halves: sizes around tiles and panels.
void testLargeGame() {
  RandomStream random(20261132, nullptr, 0);
  for (const size_t n : {95, 96, 97, 128, 161}) {
    const Mechanism mechanism = randomMechanism(random, n);
    const double method = static_cast<double>(n % 3);
    for (const double epsilon : {0.0, method == 0.0 ? 0.01 : 0.0}) {
      const std::vector<double> states = gamesOf(mechanism, 0, method, epsilon, false, 3, nullptr, 1);
      for (uint64_t schedule = 0; schedule <= schedules; schedule += 4) {
        const Session session(schedule);
        CHECK(same(states, gamesOf(mechanism, 0, method, epsilon, false, 3, session.at, 1)));
      }
    }
    const Session barrierless(1, 0, 1);
    CHECK(schedules == 0 || !same(gamesOf(mechanism, 0, method, 0.0, false, 3, nullptr, 1),
                                  gamesOf(mechanism, 0, method, 0.0, false, 3, barrierless.at, 1)));
  }
}

}  // namespace

/// The interface of a module beside this program, once its device can be described.
static const IntermodelCuda* openModule(const char* path) {
  void* module = dlopen(path, RTLD_NOW);
  const auto entry = module == nullptr ? nullptr : dlsym(module, "intermodel_cuda");
  if (entry == nullptr) return nullptr;
  const auto* found = reinterpret_cast<decltype(&intermodel_cuda)>(entry)(INTERMODEL_CUDA_VERSION);
  IntermodelDevice device{};
  char reason[256] = "";
  if (found == nullptr || found->describe(0, &device, reason, sizeof reason) != INTERMODEL_CUDA_OK) {
    std::printf("no device: %s\n", reason);
    return nullptr;
  }
  std::printf("%s, compute capability %d.%d, driver for %d\n", device.name, device.major, device.minor, device.driver);
  return found;
}

int main(int count, char** arguments) {
  CHECK(intermodel_cuda(INTERMODEL_CUDA_VERSION + 1) == nullptr);
  if (count > 1) {
    api = openModule(arguments[1]);
    if (api == nullptr) return 3;
    schedules = 0;
    if (count > 2) shapes = 4;
  } else {
    testControl();
  }
  testCurvature();
  testSingle();
  testMechanism();
  testLargeGame();
  testLedger();
  return check::finish();
}
