#include "curvature_batch.hpp"

#include <algorithm>
#include <atomic>
#include <memory>
#include <new>

#include "intermodel/thread_pool.hpp"
#include "memory.hpp"

namespace intermodel {
namespace {

constexpr std::size_t kBlock = 256;             // samples in one block of a long sum
constexpr std::size_t kMostSamples = 64;        // in one tile
constexpr std::size_t kFewSamples = 16;         // below so many the weights are read too often
constexpr std::size_t kTileDoubles = 1u << 16;  // working set of a tile that should stay in the second-level cache
constexpr std::size_t kMostDoubles = 1u << 23;  // working set of a tile of kFewSamples at most: 64 MiB
// Of scratch: what such a tile writes is a fifth of it, and the rest is for samples that short formulas refuse.
constexpr std::size_t kKeptDoubles = 6 * kMostDoubles;
constexpr std::size_t kGradientColumns = 240;  // of a weight gradient, in one task

/// Scratch of this thread, kept between calls while it is small.
double* scratchOf(std::size_t doubles) {
  thread_local std::unique_ptr<Memory> area;
  thread_local std::size_t size = 0;
  if (area == nullptr || size < doubles || size > kKeptDoubles) {
    area.reset();
    size = 0;
    area = std::make_unique<Memory>(doubles);
    size = doubles;
  }
  return area->data();
}

/// parallelFor whose body may run out of memory: the caller then throws std::bad_alloc.
template <class Body>
void runTasks(const Runner& runner, std::size_t count, Body&& body) {
  std::atomic<bool> failed{false};
  parallelFor(runner.threads, count, [&](std::size_t index) {
    try {
      body(index);
    } catch (const std::bad_alloc&) {
      failed.store(true, std::memory_order_relaxed);
    }
  });
  if (failed.load()) throw std::bad_alloc();
}

/// Samples to a tile: as many as fit the cache, but enough to use the weights well, and enough tiles for every thread.
std::size_t samplesPerTile(const Runner& runner, const Head& head, std::size_t batch, std::size_t groups = 0) {
  const std::size_t deep = head.layers > 1 || head.layer[0].activation != kIdentity ? 2 * head.widest : 0;
  const std::size_t inputs = head.layer[0].inputs, directions = std::max(head.peers, groups);
  const std::size_t one = directions * (head.layer[0].row + deep) + inputs;
  // weights that no cache holds are read once a tile: the wider a peer, the more they outweigh the contributions
  const bool streamed = inputs * head.layer[0].row > kTileDoubles;
  const std::size_t fewest = streamed ? std::clamp(head.width / 8, 2 * kFewSamples, kMostSamples) : kFewSamples;
  const std::size_t fitting = std::clamp(kTileDoubles / one / 8 * 8, fewest, kMostSamples);
  const std::size_t bounded = std::clamp<std::size_t>(kMostDoubles / one, 1, fitting);
  const std::size_t tasks = 2 * static_cast<std::size_t>(runner.threads);
  const std::size_t shared = runner.threads <= 1 ? batch : (batch + tasks - 1) / tasks;
  return std::min(bounded, std::max<std::size_t>(shared, 8));
}

template <class Body>
void forTiles(const Runner& runner, std::size_t batch, std::size_t samples, Body&& body) {
  runTasks(runner, (batch + samples - 1) / samples, [&](std::size_t index) {
    const std::size_t first = index * samples;
    body(first, std::min(samples, batch - first));
  });
}

/// Collects what the kernels of all tiles say of the first layer.
class Finite {
 public:
  void add(bool finite) {
    if (!finite) all_.store(false, std::memory_order_relaxed);
  }
  bool all() const { return all_.load(std::memory_order_relaxed); }

 private:
  std::atomic<bool> all_{true};
};

template <class T>
T* advance(T* pointer, std::size_t by) {
  return pointer == nullptr ? nullptr : pointer + by;
}

/// W^T of one layer, [inputs, layer.row] in panels of `columns` zero-padded outputs, spread over the threads.
void transposeLayer(const Runner& runner, const HeadLayer& layer, std::size_t columns, double* to) {
  const bool panels = columns < layer.row;
  const std::size_t step = panels ? columns : (layer.outputs + 31) / 32 * 8;  // at most four tasks for a whole layer
  runTasks(runner, (layer.outputs + step - 1) / step, [&](std::size_t index) {
    const std::size_t first = index * step, rows = std::min(step, layer.outputs - first);
    const std::size_t padded = std::min(step, layer.row - first);
    double* out = panels ? to + first * layer.inputs : to + first;
    const std::size_t stride = panels ? columns : layer.row;
    runner.kernels.curvature.transpose(layer.weights + first * layer.inputs, rows, layer.inputs, out, stride);
    for (std::size_t k = 0; k < layer.inputs && rows < padded; k++)
      std::fill_n(out + k * stride + rows, padded - rows, 0.0);
  });
}

}  // namespace

PackedHead::PackedHead(const Runner& runner, const double* parameters, const int32_t* sizes, const int32_t* activations,
                       std::size_t layers)
    : kernels_(runner.kernels), layers_(layers), head_{} {
  std::size_t count = 0;
  for (std::size_t l = 0; l < layers; l++)
    count += (static_cast<std::size_t>(sizes[l]) + 1) * static_cast<std::size_t>(sizes[l + 1]);
  parameters_.assign(parameters, parameters + count);
  parameters = parameters_.data();
  head_.layers = layers;
  head_.outputs = static_cast<std::size_t>(sizes[layers]);
  const auto lanes = static_cast<std::size_t>(runner.kernels.lanes);
  const std::size_t panel = runner.kernels.curvature.panelColumns;
  std::size_t total = panel * static_cast<std::size_t>(sizes[0]);  // the last panel may be short
  for (std::size_t l = 0; l < layers; l++) {
    HeadLayer& layer = layers_[l];
    layer.inputs = static_cast<std::size_t>(sizes[l]);
    layer.outputs = static_cast<std::size_t>(sizes[l + 1]);
    layer.row = (layer.outputs + lanes - 1) / lanes * lanes;
    layer.activation = static_cast<Activation>(activations[l]);
    layer.weights = parameters;
    layer.bias = parameters + layer.inputs * layer.outputs;
    layer.before = head_.totalOutputs;
    layer.rowBefore = head_.totalRow;
    parameters = layer.bias + layer.outputs;
    head_.totalOutputs += layer.outputs;
    head_.totalRow += layer.row;
    head_.widest = std::max(head_.widest, layer.row);
    total += (layer.inputs + 1) * layer.row;
  }
  storage_.reset(new double[total]);
  bytes_ = (total + count) * sizeof(double);
  double* free = storage_.get();
  for (HeadLayer& layer : layers_) {
    const std::size_t columns = &layer == layers_.data() ? std::min(panel, layer.row) : layer.row;
    layer.panel = columns;
    transposeLayer(runner, layer, columns, free);
    layer.transposed = free;
    free += layer.inputs * ((layer.row + columns - 1) / columns * columns);
    std::fill_n(std::copy_n(layer.bias, layer.outputs, free), layer.row - layer.outputs, 0.0);
    layer.bias = free;
    free += layer.row;
  }
  head_.layer = layers_.data();
}

const SingleWeights& PackedHead::single() const {
  if (single_.bias != nullptr) return single_;
  const HeadLayer& layer = layers_.front();
  const std::size_t panel = kernels_.curvature.singlePanel;
  const std::size_t padded = (layer.outputs + panel - 1) / panel * panel;
  std::unique_ptr<float[]> panels(new float[padded * layer.inputs]()), bias(new float[layer.outputs]);
  for (std::size_t o = 0; o < layer.outputs; o++) {
    float* out = panels.get() + o / panel * panel * layer.inputs + o % panel;
    for (std::size_t k = 0; k < layer.inputs; k++)
      out[k * panel] = static_cast<float>(layer.weights[o * layer.inputs + k]);
    bias[o] = static_cast<float>(layer.bias[o]);
  }
  single_ = {std::move(panels), std::move(bias)};
  return single_;
}

Head PackedHead::over(const std::vector<std::size_t>& offsets) const {
  Head head = head_;
  head.peers = offsets.size() - 1;
  head.offsets = offsets.data();
  head.width = 0;
  for (std::size_t i = 0; i < head.peers; i++) head.width = std::max(head.width, offsets[i + 1] - offsets[i]);
  return head;
}

std::vector<std::size_t> offsetsOf(const int32_t* widths, std::size_t peers) {
  std::vector<std::size_t> offsets(peers + 1, 0);
  for (std::size_t i = 0; i < peers; i++) offsets[i + 1] = offsets[i] + static_cast<std::size_t>(widths[i]);
  return offsets;
}

namespace {

/// Some rows of the responses as doubles; those in single precision are widened into `room` [count, row].
const double* rowsOf(const Runner& runner, Responses responses, std::size_t row, std::size_t first, std::size_t count,
                     double* room) {
  if (responses.f64 != nullptr || count == 0) return responses.f64 + first * row;
  runner.kernels.curvature.widen(responses.f32 + first * row, room, count * row);
  return room;
}

/// Doubles of room that so many rows need.
std::size_t roomOf(Responses responses, std::size_t row, std::size_t count) {
  return responses.f32 == nullptr ? 0 : row * count;
}

/// Contributions of the baseline to the first layer, one row a peer; empty without one.
std::vector<double> shiftsOf(const Runner& runner, const Head& head, const double* baseline) {
  const CurvatureKernels& kernels = runner.kernels.curvature;
  std::vector<double> shifts(baseline == nullptr ? 0 : head.peers * head.layer[0].row);
  if (baseline == nullptr) return shifts;
  kernels.contributions(head, baseline, shifts.data(), scratchOf(kernels.scratch(head, 1, 0, Groups{})));
  return shifts;
}

}  // namespace

bool removalScores(const Runner& runner, const RemovalTile& whole, Responses responses) {
  Finite finite;
  const Head& head = *whole.head;
  RemovalTile batch = whole;
  const std::vector<double> shifts = shiftsOf(runner, head, whole.absence.baseline);
  batch.absence.shifts = shifts.empty() ? nullptr : shifts.data();
  const Groups& groups = batch.groups;
  const std::size_t samples = samplesPerTile(runner, head, batch.samples, groups.count);
  forTiles(runner, batch.samples, samples, [&](std::size_t first, std::size_t count) {
    RemovalTile tile = batch;
    tile.samples = count;
    tile.weights = advance(tile.weights, first);
    tile.absence.answered = advance(tile.absence.answered, first * head.peers);
    tile.compared.labels = advance(tile.compared.labels, first);
    tile.compared.targets = advance(tile.compared.targets, first * head.outputs);
    tile.noise = advance(tile.noise, first * tile.noisePerSample);
    tile.scores += first * groups.count;
    tile.linear = advance(tile.linear, first * groups.count);
    tile.quadratic = advance(tile.quadratic, first * groups.count);
    const std::size_t row = head.layer[0].inputs;
    const std::size_t own = runner.kernels.curvature.scratch(head, count, tile.draws, groups);
    double* scratch = scratchOf(own + roomOf(responses, row, count));
    tile.responses = rowsOf(runner, responses, row, first, count, scratch + own);
    finite.add(runner.kernels.curvature.removal(tile, scratch));
  });
  return finite.all();
}

bool removalScoresSingle(const Runner& runner, const PackedHead& packed, const SingleTile& whole,
                         const double* weights) {
  constexpr std::size_t kSamples = 128;  // in one tile: as many as read the weights before they are read again
  Finite finite;
  const Head& head = *whole.head;
  const SingleWeights& single = packed.single();
  const std::size_t one = head.outputs <= kSingleBlock ? head.peers * head.outputs : head.peers * kSingleBlock;
  const std::size_t fitting =
      std::clamp<std::size_t>(4 * kTileDoubles / std::max<std::size_t>(1, one) / 32 * 32, 32, kSamples);
  const std::size_t samples = head.outputs <= kSingleBlock ? fitting : kSamples;
  forTiles(runner, whole.samples, samples, [&](std::size_t first, std::size_t count) {
    SingleTile tile = whole;
    tile.panels = single.panels.get();
    tile.bias = single.bias.get();
    tile.samples = count;
    tile.responses += first * head.layer[0].inputs;
    tile.scores += first * head.peers;
    const std::size_t floats = runner.kernels.curvature.singleScratch(head, count);
    finite.add(runner.kernels.curvature.removalSingle(tile, reinterpret_cast<float*>(scratchOf((floats + 1) / 2))));
    for (std::size_t s = 0; s < count && weights != nullptr; s++)
      for (std::size_t i = 0; i < head.peers; i++) {
        double& score = tile.scores[s * head.peers + i];
        score = weights[first + s] == 0.0 ? 0.0 : weights[first + s] * score;
      }
  });
  return finite.all();
}

bool peerGram(const Runner& runner, const GramBlock& whole, Responses responses, double* gram, double* factor) {
  Finite finite;
  const Head& head = *whole.head;
  const std::size_t batch = whole.samples;
  const std::vector<double> shifts = shiftsOf(runner, head, whole.absence.baseline);
  const std::size_t area = head.peers * head.peers, blocks = (batch + kBlock - 1) / kBlock;
  const std::size_t tile = std::min(samplesPerTile(runner, head, batch), kBlock);
  const std::size_t together = std::min(blocks, 2 * static_cast<std::size_t>(runner.threads));
  std::vector<double> partial(together * area);
  std::fill_n(gram, area, 0.0);
  for (std::size_t begin = 0; begin < blocks; begin += together) {
    const std::size_t count = std::min(together, blocks - begin);
    runTasks(runner, count, [&](std::size_t index) {
      const std::size_t first = (begin + index) * kBlock;
      GramBlock block = whole;
      block.samples = std::min(kBlock, batch - first);
      block.tile = tile;
      block.weights = advance(block.weights, first);
      block.absence.shifts = shifts.empty() ? nullptr : shifts.data();
      block.absence.answered = advance(block.absence.answered, first * head.peers);
      block.gram = partial.data() + index * area;
      block.factor = advance(factor, first * head.outputs * head.peers);
      const std::size_t row = head.layer[0].inputs;
      const std::size_t own = runner.kernels.curvature.gramScratch(head, tile);
      double* scratch = scratchOf(own + roomOf(responses, row, block.samples));
      block.responses = rowsOf(runner, responses, row, first, block.samples, scratch + own);
      finite.add(runner.kernels.curvature.gram(block, scratch));
    });
    for (std::size_t b = 0; b < count; b++)  // in order, the first as it is
      for (std::size_t k = 0; k < area; k++) gram[k] = begin + b == 0 ? partial[k] : gram[k] + partial[b * area + k];
  }
  return finite.all();
}

bool headForward(const Runner& runner, const Head& head, std::size_t batch, Responses responses, double* logits) {
  Finite finite;
  const std::size_t samples = samplesPerTile(runner, head, batch), row = head.layer[0].inputs;
  forTiles(runner, batch, samples, [&](std::size_t first, std::size_t count) {
    GradientTile tile{};
    tile.head = &head;
    tile.samples = tile.batch = count;
    tile.logits = logits + first * head.outputs;
    const std::size_t own = runner.kernels.curvature.scratch(head, count, 0, Groups{});
    double* scratch = scratchOf(own + roomOf(responses, row, count));
    tile.responses = rowsOf(runner, responses, row, first, count, scratch + own);
    finite.add(runner.kernels.curvature.gradient(tile, scratch));
  });
  return finite.all();
}

namespace {

/// dL/dW [outputs, inputs] = sum_b delta_b x_b^T: a chain over the samples for each element, columns spread over
/// threads.
void weightGradient(const Runner& runner, const HeadLayer& layer, std::size_t batch, const double* delta,
                    const double* x, double* out) {
  const std::size_t tasks = (layer.inputs + kGradientColumns - 1) / kGradientColumns;
  runTasks(runner, tasks, [&](std::size_t index) {
    const std::size_t first = index * kGradientColumns;
    GemmArguments g{};
    g.m = layer.outputs;
    g.n = std::min(kGradientColumns, layer.inputs - first);
    g.k = batch;
    g.a = delta;
    g.aRow = 1;
    g.aColumn = layer.outputs;
    g.b = x + first;
    g.bRow = layer.inputs;
    g.bColumn = 1;
    g.c = out + first;
    g.cRow = layer.inputs;
    runner.kernels.arithmetic.gemm(g, scratchOf(runner.kernels.arithmetic.gemmScratch(g)));
  });
}

}  // namespace

bool headGradient(const Runner& runner, GradientTile whole, double* parameterGradient) {
  const Head& head = *whole.head;
  std::vector<double> hidden(whole.batch * head.totalOutputs), deltas(whole.batch * head.totalOutputs);
  whole.hidden = hidden.data();
  whole.deltas = deltas.data();
  Finite finite;
  const std::size_t samples = samplesPerTile(runner, head, whole.batch);
  forTiles(runner, whole.batch, samples, [&](std::size_t first, std::size_t count) {
    GradientTile tile = whole;
    tile.first = first;
    tile.samples = count;
    finite.add(
        runner.kernels.curvature.gradient(tile, scratchOf(runner.kernels.curvature.scratch(head, count, 0, Groups{}))));
  });
  for (std::size_t l = 0; l < head.layers; l++) {
    const HeadLayer& layer = head.layer[l];
    const double* delta = deltas.data() + whole.batch * layer.before;
    const double* x = l == 0 ? whole.responses : hidden.data() + whole.batch * head.layer[l - 1].before;
    weightGradient(runner, layer, whole.batch, delta, x, parameterGradient);
    parameterGradient += layer.inputs * layer.outputs;
    sumSamples(runner, parameterGradient, delta, whole.batch, layer.outputs);
    parameterGradient += layer.outputs;
  }
  return finite.all();
}

void sumSamples(const Runner& runner, double* out, const double* values, std::size_t batch, std::size_t columns) {
  constexpr std::size_t kColumns = 64;
  runTasks(runner, (columns + kColumns - 1) / kColumns, [&](std::size_t index) {
    const std::size_t first = index * kColumns;
    runner.kernels.curvature.sumSamples(out, values, batch, columns, first, std::min(columns, first + kColumns));
  });
}

void outputForms(const Runner& runner, double* out, const double* logits, const double* vectors, Loss loss,
                 std::size_t batch, std::size_t outputs, std::size_t peers) {
  const auto lanes = static_cast<std::size_t>(runner.kernels.lanes);
  forTiles(runner, batch, kMostSamples, [&](std::size_t first, std::size_t count) {
    double* scratch = scratchOf(6 * outputs + (outputs + lanes) * lanes);
    runner.kernels.curvature.outputForms(out + first * peers, logits + first * outputs,
                                         vectors + first * peers * outputs, loss, count, outputs, peers, scratch);
  });
}

void quadraticForms(const Runner& runner, double* out, const double* data, const double* vectors, std::size_t count,
                    std::size_t n, Storage storage, std::size_t rank, std::size_t stride) {
  runTasks(runner, count, [&](std::size_t m) {
    double* scratch = scratchOf(std::max(n, rank));
    out[m] = runner.kernels.curvature.quadraticForm(data + m * stride, vectors + m * n, n, storage, rank, scratch);
  });
}

void headImportance(const Runner& runner, const Head& head, double* out) {
  std::vector<double> above(head.outputs, 1.0), below;
  for (std::size_t l = head.layers; l-- > 0;) {
    const HeadLayer& layer = head.layer[l];
    below.resize(layer.inputs);
    runner.kernels.curvature.carryImportance(below.data(), above.data(), layer.weights, layer.inputs, layer.outputs);
    above.swap(below);
  }
  for (std::size_t i = 0; i < head.peers; i++)
    out[i] = runner.kernels.arithmetic.treeSum(above.data() + head.offsets[i], head.offsets[i + 1] - head.offsets[i]);
}

}  // namespace intermodel
