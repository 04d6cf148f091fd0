/// Gates: every instruction set and every split of the batch gives the scalar bits, inside exactly sized buffers (run
/// it under the sanitisers), hostile numbers and silent samples included; product keys find what a scan of all keys
/// finds.
#include <limits>
#include <vector>

#include "check.hpp"
#include "intermodel/dispatch.hpp"
#include "kernel_table.hpp"
#include "random.hpp"

using namespace intermodel;

namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kHostile[] = {0.0, -0.0, 1e308, -1e308, kNan, std::numeric_limits<double>::infinity()};

std::vector<double> numbers(RandomStream& random, size_t n, bool hostile) {
  std::vector<double> x(n);
  for (double& v : x) {
    const auto pick = static_cast<size_t>(random.uniform() * 30.0);
    v = hostile && pick < std::size(kHostile) ? kHostile[pick] : 2.0 * random.normal();
  }
  return x;
}

std::vector<int32_t> flags(RandomStream& random, size_t n) {
  std::vector<int32_t> x(n);
  for (int32_t& v : x) v = random.uniform() < 0.6 ? 1 : 0;
  return x;
}

struct Shape {
  size_t batch, rows, columns, width, peers, k;
};

struct Data {
  std::vector<double> scores, upstream, noise, draws, query, first, second, slopes;
  std::vector<int32_t> answered;
};

/// Everything the family computes for one shape, `step` samples or codes at a time.
std::vector<double> everything(const GatingKernels& kernels, const Shape& s, const Data& d, size_t step) {
  std::vector<double> all;
  const auto keep = [&all](const auto& part) {
    for (const auto value : part) all.push_back(static_cast<double>(value));
  };
  const auto ranges = [step](size_t count, auto body) {
    for (size_t begin = 0; begin < count; begin += step) body(begin, begin + step < count ? begin + step : count);
  };
  const GateArguments gate{d.scores.data(), d.answered.data(), s.k, s.peers};
  const size_t cells = s.batch * s.peers, chosen = s.batch * s.k;
  std::vector<double> weights(cells), gradient(cells), probabilities(cells), scratch(2 * s.peers), loss(1);
  std::vector<double> dispatch(s.peers), importance(s.peers);
  std::vector<int32_t> selected(chosen);
  ranges(s.batch,
         [&](size_t a, size_t b) { kernels.gateRows(gate, weights.data(), selected.data(), a, b, scratch.data()); });
  keep(weights), keep(selected);
  ranges(s.batch, [&](size_t a, size_t b) {
    kernels.softmaxGradientRows(gradient.data(), weights.data(), d.upstream.data(), s.peers, a, b);
    kernels.balanceRows(gate, probabilities.data(), selected.data(), a, b, scratch.data());
  });
  kernels.balanceFold(probabilities.data(), selected.data(), s.k, s.batch, s.peers, loss.data(), dispatch.data(),
                      importance.data());
  ranges(s.batch, [&](size_t a, size_t b) {
    kernels.balanceGradientRows(probabilities.data(), dispatch.data(), s.batch, s.peers, a, b);
  });
  keep(gradient), keep(loss), keep(dispatch), keep(importance), keep(probabilities);
  std::vector<double> noisy(cells), noiseGradient(cells);
  kernels.noisyScores(noisy.data(), d.scores.data(), d.noise.data(), d.draws.data(), cells);
  kernels.noisyScoresGradient(noiseGradient.data(), d.noise.data(), d.draws.data(), d.upstream.data(), cells);
  keep(noisy), keep(noiseGradient);

  const ProductKeyArguments keys{d.query.data(), d.first.data(), d.second.data(), d.answered.data(), s.k, s.rows,
                                 s.columns,      s.width,        s.peers};
  std::vector<double> keyWeights(chosen), keyScores(chosen), codeScores(s.rows + s.columns);
  std::vector<int32_t> integers(2 * s.rows + s.columns);
  ranges(s.batch, [&](size_t a, size_t b) {
    kernels.productKeyRows(keys, selected.data(), keyWeights.data(), keyScores.data(), a, b, codeScores.data(),
                           integers.data());
  });
  keep(selected), keep(keyWeights), keep(keyScores);
  const ProductKeyGradientArguments back{
      d.query.data(), d.first.data(), d.second.data(), selected.data(), d.slopes.data(), s.k,
      s.batch,        s.rows,         s.columns,       s.width};
  std::vector<double> queryGradient(d.query.size()), firstGradient(d.first.size()), secondGradient(d.second.size());
  ranges(s.batch, [&](size_t a, size_t b) { kernels.productKeyQueryRows(back, queryGradient.data(), a, b); });
  ranges(s.rows + s.columns,
         [&](size_t a, size_t b) { kernels.productKeyCodes(back, firstGradient.data(), secondGradient.data(), a, b); });
  keep(queryGradient), keep(firstGradient), keep(secondGradient);
  return all;
}

Data randomData(RandomStream& random, const Shape& s, bool hostile) {
  const size_t cells = s.batch * s.peers;
  return {numbers(random, cells, hostile),
          numbers(random, cells, hostile),
          numbers(random, cells, hostile),
          numbers(random, cells, false),
          numbers(random, s.batch * 2 * s.width, hostile),
          numbers(random, s.rows * s.width, hostile),
          numbers(random, s.columns * s.width, hostile),
          numbers(random, s.batch * s.k, false),
          flags(random, cells)};
}

/// The best key by a scan of all that exist and answered must be the first that the frontier gives.
void scanAgrees(const Shape& s, const Data& d) {
  const KernelTable& table = *bestIsa().kernels;
  std::vector<int32_t> selected(s.batch * s.k), integers(2 * s.rows + s.columns);
  std::vector<double> weights(s.batch * s.k), scores(s.batch * s.k), codeScores(s.rows + s.columns);
  const ProductKeyArguments keys{d.query.data(), d.first.data(), d.second.data(), d.answered.data(), s.k, s.rows,
                                 s.columns,      s.width,        s.peers};
  table.gating.productKeyRows(keys, selected.data(), weights.data(), scores.data(), 0, s.batch, codeScores.data(),
                              integers.data());
  for (size_t b = 0; b < s.batch; b++) {
    double best = -std::numeric_limits<double>::infinity();
    size_t count = 0;
    for (size_t peer = 0; peer < s.peers; peer++) {
      if (d.answered[b * s.peers + peer] == 0) continue;
      count++;
      double left = 0.0, right = 0.0;
      for (size_t m = 0; m < s.width; m++) {
        left = __builtin_fma(d.first[peer / s.columns * s.width + m], d.query[b * 2 * s.width + m], left);
        right = __builtin_fma(d.second[peer % s.columns * s.width + m], d.query[(b * 2 + 1) * s.width + m], right);
      }
      if (left + right > best) best = left + right;
    }
    const size_t given = count < s.k ? count : s.k;
    for (size_t slot = 0; slot < s.k; slot++) CHECK((selected[b * s.k + slot] >= 0) == (slot < given));
    CHECK(given == 0 || scores[b * s.k] == best);
  }
}

}  // namespace

int main() {
  RandomStream random(20261122, nullptr, 0);
  const Shape shapes[] = {{0, 1, 1, 1, 1, 1},  {1, 1, 1, 1, 1, 1},    {5, 2, 3, 4, 6, 2},     {7, 3, 3, 5, 8, 8},
                          {4, 4, 4, 8, 16, 4}, {9, 11, 9, 11, 97, 7}, {3, 20, 20, 3, 300, 16}};
  for (const Shape& shape : shapes) {
    for (const bool hostile : {false, true}) {
      const Data data = randomData(random, shape, hostile);
      const std::vector<double> expected = everything(findIsa("scalar").kernels->gating, shape, data, 1000);
      for (const IsaChoice& isa : listIsas()) {
        if (isa.kernels == nullptr) continue;
        const std::vector<double> found = everything(isa.kernels->gating, shape, data, 2);
        bool same = expected.size() == found.size();
        for (size_t k = 0; same && k < expected.size(); k++) same = check::sameBits(expected[k], found[k]);
        CHECK(same);
      }
      if (!hostile) scanAgrees(shape, data);
    }
  }
  return check::finish();
}
