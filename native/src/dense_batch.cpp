#include "dense_batch.hpp"

#include <algorithm>
#include <memory>

#include "intermodel/thread_pool.hpp"

namespace intermodel {
namespace {

constexpr std::size_t kTileSamples = 64;        // fewer are not worth another thread
constexpr std::size_t kTileRows = 64;           // rows of a weight gradient that stay in cache over all samples
constexpr std::size_t kTileEntries = 1u << 15;  // of a step of Adam

std::size_t tilesOf(std::size_t count, std::size_t size) { return (count + size - 1) / size; }

/// The working memory of one task.
class TaskScratch {
 public:
  explicit TaskScratch(std::size_t widest)
      : places_(new std::uint32_t[widest]), factors_(new double[widest]), carried_(new double[widest]) {}
  DenseScratch view() const { return {places_.get(), factors_.get(), carried_.get()}; }

 private:
  std::unique_ptr<std::uint32_t[]> places_;
  std::unique_ptr<double[]> factors_, carried_;
};

/// body(first, last, scratch) for every tile of samples.
template <class Body>
void eachTile(const Runner& runner, const DenseNetwork& network, std::size_t samples, const Body& body) {
  parallelFor(runner.threads, tilesOf(samples, kTileSamples), [&](std::size_t tile) {
    const TaskScratch scratch(network.widest);
    body(tile * kTileSamples, std::min(samples, (tile + 1) * kTileSamples), scratch.view());
  });
}

}  // namespace

DenseLayers::DenseLayers(const double* parameters, const std::int32_t* sizes, const std::int32_t* activations,
                         std::size_t layers) {
  std::size_t at = 0, before = 0;
  network_.widest = static_cast<std::size_t>(sizes[0]);
  for (std::size_t l = 0; l < layers; l++) {
    const auto inputs = static_cast<std::size_t>(sizes[l]), outputs = static_cast<std::size_t>(sizes[l + 1]);
    layers_.push_back({.inputs = inputs,
                       .outputs = outputs,
                       .activation = static_cast<Activation>(activations[l]),
                       .weights = parameters + at,
                       .bias = parameters + at + inputs * outputs,
                       .transposed = nullptr,
                       .before = before,
                       .parameters = at});
    at += (inputs + 1) * outputs;
    before += outputs;
    network_.widest = std::max(network_.widest, outputs);
  }
  network_.layers = layers;
  network_.layer = layers_.data();
  network_.inputs = layers_.front().inputs;
  network_.outputs = layers_.back().outputs;
  network_.totalOutputs = before;
}

void DenseLayers::transpose() {
  std::size_t count = 0;
  for (std::size_t l = 1; l < layers_.size(); l++) count += layers_[l].inputs * layers_[l].outputs;
  transposed_.resize(count);
  double* out = transposed_.data();
  for (std::size_t l = 1; l < layers_.size(); l++) {
    DenseLayer& layer = layers_[l];
    layer.transposed = out;
    for (std::size_t o = 0; o < layer.outputs; o++)
      for (std::size_t k = 0; k < layer.inputs; k++) *out++ = layer.weights[k * layer.outputs + o];
  }
}

void denseForward(const Runner& runner, const DenseNetwork& network, const DenseInputs& inputs, std::size_t samples,
                  float* out) {
  const DenseKernels& kernels = runner.kernels.dense;
  eachTile(runner, network, samples, [&](std::size_t first, std::size_t last, const DenseScratch& scratch) {
    const std::unique_ptr<double[]> both(new double[2 * network.totalOutputs]);
    double* const values = both.get() + network.totalOutputs;
    for (std::size_t s = first; s < last; s++) {
      kernels.forward(network, inputs, s, both.get(), values, scratch);
      kernels.round(out + s * network.outputs, values + network.totalOutputs - network.outputs, network.outputs);
    }
  });
}

void denseGradient(const Runner& runner, const DenseNetwork& network, const DenseInputs& inputs, std::size_t samples,
                   const float* upstream, double* gradient) {
  const DenseKernels& kernels = runner.kernels.dense;
  const std::size_t row = network.totalOutputs;
  const std::unique_ptr<double[]> deltas(new double[samples * row]), values(new double[samples * row]);
  eachTile(runner, network, samples, [&](std::size_t first, std::size_t last, const DenseScratch& scratch) {
    for (std::size_t s = first; s < last; s++) {
      kernels.forward(network, inputs, s, deltas.get() + s * row, values.get() + s * row, scratch);
      kernels.backward(network, upstream + s * network.outputs, deltas.get() + s * row, scratch);
    }
  });
  for (std::size_t l = 0; l < network.layers; l++) {
    const std::size_t rows = network.layer[l].inputs;
    parallelFor(samples < kTileSamples ? 1 : runner.threads, tilesOf(rows, kTileRows), [&](std::size_t tile) {
      kernels.weightGradient(network, l, l == 0 ? &inputs : nullptr, values.get(), deltas.get(), samples,
                             tile * kTileRows, std::min(rows, (tile + 1) * kTileRows), gradient);
    });
    kernels.biasGradient(network, l, deltas.get(), samples, gradient);
  }
}

void adamStep(const Runner& runner, const AdamStep& step, std::size_t count) {
  parallelFor(runner.threads, tilesOf(count, kTileEntries), [&](std::size_t tile) {
    runner.kernels.dense.adam(step, tile * kTileEntries, std::min(count, (tile + 1) * kTileEntries));
  });
}

}  // namespace intermodel
