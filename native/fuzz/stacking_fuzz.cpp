/// Losses and gradients of stacked heads, over any finite numbers.
#include "agree.hpp"
#include "input.hpp"
#include "stacking_batch.hpp"

using namespace intermodel;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  const std::size_t samples = input.whole(1, 70), width = input.whole(1, 9), problems = input.whole(1, 4);
  const std::size_t outputs = input.whole(1, 9);
  const Loss loss = static_cast<Loss>(input.whole(0, kLossCount - 1));
  const bool soft = input.byte() % 2, withGradient = input.byte() % 4 != 0;
  const std::vector<double> features = input.finites(samples * width);
  const std::vector<double> parameters = input.finites((width + 1) * problems * outputs);
  const std::vector<double> targets = input.weights(samples, outputs), weights = input.weights(problems, samples);
  const std::vector<std::int32_t> labels = input.integers(samples, 0, static_cast<std::int32_t>(outputs) - 1);
  const bool labelled = loss == kSoftmaxCrossEntropy && !soft;
  fuzz::sameOnAll([&](const KernelTable& kernels, fuzz::Results& results) {
    std::vector<double> losses(problems * samples), gradient(withGradient ? parameters.size() : 0);
    StackingProblems all{};
    all.samples = samples, all.width = width, all.problems = problems, all.outputs = outputs;
    all.features = features.data();
    all.parameters = parameters.data();
    all.compared = {loss, labelled ? labels.data() : nullptr, labelled ? nullptr : targets.data()};
    all.weights = weights.data();
    all.losses = losses.data();
    all.gradient = withGradient ? gradient.data() : nullptr;
    stackingGradient({kernels, 1}, all);
    results.keep(losses), results.keep(gradient);
  });
  return 0;
}
