/// Sparse gates, the balance loss, noise and product keys with their gradients, over any numbers.
#include "agree.hpp"
#include "input.hpp"

using namespace intermodel;

namespace {

/// Who answered, at least one in each row.
std::vector<std::int32_t> answers(fuzz::Input& input, std::size_t batch, std::size_t peers) {
  std::vector<std::int32_t> out = input.integers(batch * peers, 0, 1);
  for (std::size_t b = 0; b < batch; b++) out[b * peers + input.whole(0, peers - 1)] = 1;
  return out;
}

void gates(fuzz::Input& input) {
  const std::size_t batch = input.whole(0, 4), peers = input.whole(1, 20), k = input.whole(1, peers);
  const std::vector<double> scores = input.anys(batch * peers), upstream = input.anys(batch * peers);
  const std::vector<double> noise = input.anys(batch * peers), draws = input.anys(batch * peers);
  const std::vector<std::int32_t> answered = answers(input, batch, peers);
  fuzz::sameOnAll([&](const KernelTable& kernels, fuzz::Results& results) {
    const GatingKernels& f = kernels.gating;
    const GateArguments gate{scores.data(), answered.data(), k, peers};
    std::vector<double> weights(batch * peers), gradient(batch * peers), scratch(2 * peers), noisy(batch * peers);
    std::vector<std::int32_t> selected(batch * k);
    f.gateRows(gate, weights.data(), selected.data(), 0, batch, scratch.data());
    f.softmaxGradientRows(gradient.data(), weights.data(), upstream.data(), peers, 0, batch);
    results.keep(weights), results.keep(selected), results.keep(gradient);
    double loss = 0.0;
    std::vector<double> dispatch(peers), importance(peers);
    f.balanceRows(gate, weights.data(), selected.data(), 0, batch, scratch.data());
    f.balanceFold(weights.data(), selected.data(), k, batch, peers, &loss, dispatch.data(), importance.data());
    f.balanceGradientRows(weights.data(), dispatch.data(), batch, peers, 0, batch);
    results.keep(loss), results.keep(weights), results.keep(dispatch), results.keep(importance);
    f.noisyScores(noisy.data(), scores.data(), noise.data(), draws.data(), batch * peers);
    f.noisyScoresGradient(gradient.data(), noise.data(), draws.data(), upstream.data(), batch * peers);
    results.keep(noisy), results.keep(gradient);
  });
}

void productKeys(fuzz::Input& input) {
  const std::size_t batch = input.whole(0, 3), rows = input.whole(1, 6), columns = input.whole(1, 6);
  const std::size_t width = input.whole(1, 9), peers = input.whole(1, rows * columns), k = input.whole(1, peers);
  const std::vector<double> query = input.anys(batch * 2 * width), slopes = input.anys(batch * k);
  const std::vector<double> first = input.anys(rows * width), second = input.anys(columns * width);
  const std::vector<std::int32_t> answered = answers(input, batch, peers);
  fuzz::sameOnAll([&](const KernelTable& kernels, fuzz::Results& results) {
    const GatingKernels& f = kernels.gating;
    std::vector<std::int32_t> selected(batch * k), integers(2 * rows + columns);
    std::vector<double> weights(batch * k), scores(batch * k), scratch(rows + columns);
    const ProductKeyArguments keys{query.data(), first.data(), second.data(), answered.data(), k, rows,
                                   columns,      width,        peers};
    f.productKeyRows(keys, selected.data(), weights.data(), scores.data(), 0, batch, scratch.data(), integers.data());
    results.keep(selected), results.keep(weights), results.keep(scores);
    const ProductKeyGradientArguments a{
        query.data(), first.data(), second.data(), selected.data(), slopes.data(), k, batch, rows, columns, width};
    std::vector<double> ofQuery(batch * 2 * width), ofFirst(rows * width), ofSecond(columns * width);
    f.productKeyQueryRows(a, ofQuery.data(), 0, batch);
    f.productKeyCodes(a, ofFirst.data(), ofSecond.data(), 0, rows + columns);
    results.keep(ofQuery), results.keep(ofFirst), results.keep(ofSecond);
  });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  if (input.byte() % 2 == 0)
    gates(input);
  else
    productKeys(input);
  return 0;
}
