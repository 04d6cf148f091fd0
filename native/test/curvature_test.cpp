/// Removal scores, gram and gradients: every instruction set and number of threads gives the scalar bits, inside
/// exactly sized buffers (run it under the sanitisers), and the Gauss-Newton form of one linear layer agrees with its
/// definition.
#include <cmath>
#include <string>
#include <vector>

#include "check.hpp"
#include "curvature_batch.hpp"
#include "intermodel/dispatch.hpp"
#include "kernel_table.hpp"
#include "random.hpp"

using namespace intermodel;

namespace {

struct Shape {
  size_t batch, peers, width;
  std::vector<int32_t> sizes, activations;
  Loss loss;
};

struct Data {
  std::vector<double> parameters, responses, targets, uniform, normal;
  std::vector<int32_t> labels;
};

std::vector<double> normals(RandomStream& random, size_t n, double scale) {
  std::vector<double> x(n);
  for (double& v : x) v = scale * random.normal();
  return x;
}

constexpr size_t kDraws = 3;

Data randomData(RandomStream& random, const Shape& shape) {
  Data data;
  const auto outputs = static_cast<size_t>(shape.sizes.back());
  size_t count = 0;
  for (size_t l = 0; l + 1 < shape.sizes.size(); l++)
    count += static_cast<size_t>(shape.sizes[l + 1]) * (static_cast<size_t>(shape.sizes[l]) + 1);
  data.parameters = normals(random, count, 0.5);
  data.responses = normals(random, shape.batch * shape.peers * shape.width, 2.0);
  data.targets = normals(random, shape.batch * outputs, 1.0);
  data.normal = normals(random, shape.batch * kDraws * outputs, 1.0);
  for (size_t k = 0; k < shape.batch * kDraws * outputs; k++) data.uniform.push_back(random.uniform());
  for (size_t b = 0; b < shape.batch; b++)
    data.labels.push_back(static_cast<int32_t>(random.uniform() * static_cast<double>(outputs)));
  return data;
}

/// Everything the family computes for one shape, in one list.
std::vector<double> everything(const Runner& runner, const Shape& shape, const Data& data) {
  const std::vector<int32_t> widths(shape.peers, static_cast<int32_t>(shape.width));
  const PackedHead packed(runner, data.parameters.data(), shape.sizes.data(), shape.activations.data(),
                          shape.activations.size());
  const std::vector<size_t> offsets = offsetsOf(widths.data(), shape.peers);
  const Head head = packed.over(offsets);
  const Responses responses{data.responses.data(), nullptr};
  const size_t cells = shape.batch * shape.peers;
  const bool softmax = shape.loss == kSoftmaxCrossEntropy;
  const Compared compared{shape.loss, softmax ? data.labels.data() : nullptr, softmax ? nullptr : data.targets.data()};
  std::vector<double> all;
  const auto keep = [&all](const std::vector<double>& part) { all.insert(all.end(), part.begin(), part.end()); };
  for (int estimator = 0; estimator < kEstimatorCount; estimator++) {
    std::vector<double> scores(cells), linear(cells), quadratic(cells);
    RemovalTile tile{};
    tile.head = &head;
    tile.estimator = static_cast<Estimator>(estimator);
    tile.compared = compared;
    tile.samples = shape.batch;
    tile.groups.count = shape.peers;
    tile.draws = kDraws;
    tile.noisePerSample = kDraws * (softmax ? 1 : head.outputs);
    tile.noise = shape.loss == kSquaredError ? data.normal.data() : data.uniform.data();
    tile.scores = scores.data();
    tile.linear = linear.data();
    tile.quadratic = quadratic.data();
    CHECK(removalScores(runner, tile, responses));
    keep(scores), keep(linear), keep(quadratic);
  }
  std::vector<double> gram(shape.peers * shape.peers), factor(shape.batch * head.outputs * shape.peers);
  GramBlock samples{};
  samples.head = &head;
  samples.loss = shape.loss;
  samples.samples = shape.batch;
  CHECK(peerGram(runner, samples, responses, gram.data(), factor.data()));
  keep(gram), keep(factor);
  std::vector<double> losses(shape.batch), logits(shape.batch * head.outputs), slopes(data.responses.size());
  std::vector<double> gradient(data.parameters.size()), importance(shape.peers);
  GradientTile whole{};
  whole.head = &head;
  whole.compared = compared;
  whole.divisor = static_cast<double>(shape.batch);
  whole.batch = shape.batch;
  whole.responses = data.responses.data();
  whole.losses = losses.data();
  whole.logits = logits.data();
  whole.responseGradient = slopes.data();
  CHECK(headGradient(runner, whole, gradient.data()));
  headImportance(runner, head, importance.data());
  keep(losses), keep(logits), keep(slopes), keep(gradient), keep(importance);
  return all;
}

void compareAll(RandomStream& random, const Shape& shape) {
  const Data data = randomData(random, shape);
  const std::vector<double> expected = everything({*findIsa("scalar").kernels, 1}, shape, data);
  for (const IsaChoice& isa : listIsas()) {
    if (isa.status != IsaStatus::kAvailable) continue;
    for (const int threads : {1, 2, 7}) {
      const std::vector<double> actual = everything({*isa.kernels, threads}, shape, data);
      bool same = actual.size() == expected.size();
      for (size_t k = 0; same && k < actual.size(); k++) same = check::sameBits(actual[k], expected[k]);
      CHECK(same);
    }
  }
}

/// Var_p of the contributions, by the sums that define it.
void checkDefinition(RandomStream& random) {
  const Shape shape{5, 3, 4, {12, 6}, {kIdentity}, kSoftmaxCrossEntropy};
  const Data data = randomData(random, shape);
  const std::vector<double> all = everything({*bestIsa().kernels, 2}, shape, data);
  for (size_t b = 0; b < 5; b++) {
    double z[6], part[3][6], total = 0.0;
    for (size_t c = 0; c < 6; c++) {
      z[c] = data.parameters[72 + c];
      for (size_t i = 0; i < 3; i++) {
        part[i][c] = 0.0;
        for (size_t k = i * 4; k < i * 4 + 4; k++)
          part[i][c] += data.parameters[c * 12 + k] * data.responses[b * 12 + k];
        z[c] += part[i][c];
      }
      total += std::exp(z[c]);
    }
    for (size_t i = 0; i < 3; i++) {
      double first = 0.0, second = 0.0;
      for (size_t c = 0; c < 6; c++) {
        first += std::exp(z[c]) / total * part[i][c];
        second += std::exp(z[c]) / total * part[i][c] * part[i][c];
      }
      CHECK(std::abs(all[b * 3 + i] - (second - first * first)) < 1e-12 * second);
    }
  }
}

}  // namespace

int main() {
  RandomStream random(20261122, nullptr, 0);
  checkDefinition(random);
  int32_t turn = 0;
  for (const size_t outputs : {1u, 3u, 4u, 5u, 8u, 9u, 11u, 26u, 97u})
    for (const size_t peers : {1u, 2u, 7u, 9u}) {
      const auto activation = [&turn](int32_t by) { return (turn + by) % kActivationCount; };
      const auto inputs = static_cast<int32_t>(peers * 5), last = static_cast<int32_t>(outputs);
      const Loss loss = static_cast<Loss>(turn % kLossCount);
      compareAll(random, {peers == 2 ? 70u : 11u, peers, 5, {inputs, last}, {kIdentity}, loss});
      compareAll(random, {3, peers, 5, {inputs, 7 + turn, last}, {activation(0), kIdentity}, loss});
      compareAll(random, {1, peers, 5, {inputs, 4, 9, last}, {activation(1), activation(2), activation(3)}, loss});
      turn++;
    }
  compareAll(random, {0, 3, 5, {15, 4}, {kTanh}, kSoftmaxCrossEntropy});
  compareAll(random, {600, 2, 1, {2, 3}, {kIdentity}, kSoftmaxCrossEntropy});
  return check::finish();
}
