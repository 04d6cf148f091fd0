/// The CurvatureKernels of one instruction set. Oracle: src/reference/{curvature,head-gradient}.ts.
#pragma once

#include "head_kernels.hpp"
#include "loss_kernels.hpp"

namespace intermodel {
namespace {
namespace curvature {

/// Room to score one sample.
struct ScoreBuffers {
  double *predicted, *weights, *gradient, *spare, *careful, *group, *classes, *forms, *apart;
};

static ScoreBuffers scoreBuffers(const Head& head, size_t draws, Pieces& pieces) {
  const size_t n = head.outputs;
  ScoreBuffers buffers;
  buffers.predicted = pieces.take(n);
  buffers.weights = pieces.take(n);
  buffers.gradient = pieces.take(n);
  buffers.spare = pieces.take(n);
  buffers.careful = pieces.take(kCarefulRows * n);
  buffers.group = pieces.take((n + kLanes) * kLanes);
  buffers.classes = pieces.take(draws);
  buffers.forms = pieces.take(head.width);
  buffers.apart = pieces.take(n);
  return buffers;
}

static size_t tileScratch(const Head& head, size_t samples, size_t draws) {
  Pieces pieces{nullptr};
  headBuffers(head, samples, pieces);
  scoreBuffers(head, draws, pieces);
  return pieces.used;
}

static SampleView viewOf(const RemovalTile& tile, const ScoreBuffers& buffers, const double* z, size_t sample) {
  SampleView view{};
  view.loss = tile.compared.loss;
  view.outputs = tile.head->outputs;
  view.z = z;
  view.predicted = buffers.predicted;
  view.weights = buffers.weights;
  view.gradient = buffers.gradient;
  view.spare = buffers.spare;
  view.careful = buffers.careful;
  view.label = tile.compared.labels == nullptr ? 0 : tile.compared.labels[sample];
  view.draws = tile.draws;
  view.noise = tile.noise == nullptr ? nullptr : tile.noise + sample * tile.noisePerSample;
  view.classes = buffers.classes;
  return view;
}

static SampleView preparedView(const RemovalTile& tile, const ScoreBuffers& buffers, const double* z, size_t sample) {
  SampleView view = viewOf(tile, buffers, z, sample);
  const double* targets = tile.compared.targets;
  prepareSample(view, targets == nullptr ? nullptr : targets + sample * tile.head->outputs, tile.estimator);
  return view;
}

/// sum_m h_mm F_m^2 of one peer: each response's own move of the first pre-activation, scored alone.
static double diagonalForm(const RemovalTile& tile, const SampleView& view, HeadBuffers& buffers, size_t sample,
                           size_t peer, const ScoreBuffers& score) {
  const Head& head = *tile.head;
  const HeadLayer& first = head.layer[0];
  const size_t h = first.outputs, d = head.width;
  for (size_t m = 0; m < d; m++) {
    const double* column = first.weights + peer * d + m;
    const double response = tile.responses[sample * first.inputs + peer * d + m];
    double* move = buffers.flow[0] + m * first.row;
    for (size_t o = 0; o < first.row; o++) move[o] = o < h ? column[o * first.inputs] * response : 0.0;
  }
  const double* directions = carryMoves(head, buffers, tile.samples, sample, buffers.flow[0], d, d, false);
  scoreRows(view, kGaussNewton, directions, head.layer[head.layers - 1].row, d, score.forms, nullptr, nullptr,
            score.group);
  return treeSum(score.forms, d);
}

/// The directions of every sample and peer: J f to first order, or the exact change of z on removal.
static const double* directionsOf(const RemovalTile& tile, HeadBuffers& buffers, bool exact) {
  const Head& head = *tile.head;
  const size_t rows = tile.samples * head.peers;
  if (!exact) return carryMoves(head, buffers, tile.samples, 0, buffers.parts, rows, head.peers, false);
  const size_t count = rows * head.layer[0].row;
  zipElements(buffers.parts, buffers.parts, buffers.flow[0], count, [](F64 x, F64) { return -x; });
  return carryMoves(head, buffers, tile.samples, 0, buffers.flow[0], rows, head.peers, true);
}

constexpr double kLargestPart = 1024.0;  // see LARGEST_PART in src/reference/head.ts

static bool dwarfs(const double* part, size_t n) {
  bool small = true;
  for (size_t o = 0; o < n; o++) small &= absoluteOf(part[o]) <= kLargestPart;
  return !small;
}

/// z of one sample without one peer, by a forward pass of its own.
static const double* movedWithout(const RemovalTile& tile, HeadBuffers& buffers, size_t sample, size_t peer) {
  const Head& head = *tile.head;
  const HeadLayer& first = head.layer[0];
  double *current = buffers.flow[0], *next = buffers.flow[1];
  __builtin_memcpy(current, first.bias, first.row * sizeof(double));
  for (size_t i = 0; i < head.peers; i++)
    if (i != peer) addTo(current, buffers.parts + (sample * head.peers + i) * first.row, first.row);
  for (size_t l = 0; l < head.layers; l++) {
    const HeadLayer& layer = head.layer[l];
    if (l > 0) {
      layerProduct(layer, current, head.layer[l - 1].row, 1, layer.bias, next, buffers.product);
      double* const swapped = current;
      current = next;
      next = swapped;
    }
    if (layer.activation != kIdentity) activateAll(layer.activation, current, current, layer.row);
  }
  return current;
}

/// Scores again, exactly, the peers whose contribution leaves no digits of the others when it is subtracted.
static void scoreLargeParts(const RemovalTile& tile, HeadBuffers& buffers, const ScoreBuffers& score,
                            const double* logits, size_t row) {
  const Head& head = *tile.head;
  for (size_t s = 0; s < tile.samples; s++) {
    bool prepared = false;
    SampleView view{};
    for (size_t i = 0; i < head.peers; i++) {
      const size_t at = s * head.peers + i;
      if (!dwarfs(buffers.parts + at * head.layer[0].row, head.layer[0].outputs)) continue;
      if (!prepared) view = preparedView(tile, score, logits + s * row, s);
      prepared = true;
      const double* moved = movedWithout(tile, buffers, s, i);
      subtractInto(score.apart, moved, view.z, head.outputs);
      tile.scores[at] = scoreApart(view, tile.estimator, score.apart, moved);
    }
  }
}

static bool removalTile(const RemovalTile& tile, double* scratch) {
  const Head& head = *tile.head;
  const size_t n = head.peers, row = head.layer[head.layers - 1].row;
  Pieces pieces{scratch};
  HeadBuffers buffers = headBuffers(head, tile.samples, pieces);
  const ScoreBuffers score = scoreBuffers(head, tile.draws, pieces);
  const bool finite = forwardTile(head, tile.responses, tile.samples, true, true, buffers);
  const double* logits = valuesOf(head, buffers, head.layers - 1, tile.samples);

  const Estimator estimator = tile.estimator;
  const bool exact = estimator == kRelativeEntropy || estimator == kAblation;
  const bool byTangent = !exact && estimator != kDiagonal;
  const auto score_all = [&](const double* directions, double* scores, double* linear, double* quadratic) {
    for (size_t s = 0; s < tile.samples; s++) {
      const SampleView view = preparedView(tile, score, logits + s * row, s);
      if (directions == nullptr) {
        for (size_t i = 0; i < n; i++) scores[s * n + i] = diagonalForm(tile, view, buffers, s, i, score);
        continue;
      }
      scoreRows(view, estimator, directions + s * n * row, row, n, scores == nullptr ? nullptr : scores + s * n,
                linear == nullptr ? nullptr : linear + s * n, quadratic == nullptr ? nullptr : quadratic + s * n,
                score.group);
    }
  };
  if (byTangent || tile.linear != nullptr)
    score_all(directionsOf(tile, buffers, false), byTangent ? tile.scores : nullptr, tile.linear, tile.quadratic);
  if (exact) {
    score_all(directionsOf(tile, buffers, true), tile.scores, nullptr, nullptr);
    scoreLargeParts(tile, buffers, score, logits, row);
  }
  if (estimator == kDiagonal) score_all(nullptr, tile.scores, nullptr, nullptr);
  return finite;
}

// Peer Gram matrix

/// [outputs][stride] of directions less their means, stride a multiple of kLanes.
static void centredColumns(Loss loss, const double* weights, const double* directions, size_t row, size_t rows,
                           size_t outputs, size_t stride, double* out, double* group, double* careful) {
  for (size_t r = 0; r < rows; r += kLanes) {
    const size_t count = rows - r < kLanes ? rows - r : size_t{kLanes};
    transposeRows(directions + r * row, row, count, outputs, group);
    const F64 mean = loss == kSoftmaxCrossEntropy ? laneDot(weights, group, outputs) : zero();
    for (size_t c = 0; c < outputs; c++) store(out + c * stride + r, load(group + c * kLanes) - mean);
    if (loss != kSoftmaxCrossEntropy) continue;
    const Mask offset = isOffset(laneForm(weights, group, mean, outputs), mean);
    if (!any(offset)) continue;
    double again[kLanes];
    store(again, select(offset, broadcast(1.0), zero()));
    for (size_t i = 0; i < count; i++) {
      if (again[i] != 1.0) continue;
      centreAbout(weights, directions + (r + i) * row, careful, outputs);
      for (size_t c = 0; c < outputs; c++) out[c * stride + r + i] = careful[c];
    }
  }
}

/// Adds G of one sample, upper half, to one virtual lane of the sum over samples.
static void addGram(const double* weights, const double* centred, size_t n, size_t outputs, size_t stride,
                    double* weighted, double* lane) {
  for (size_t i = 0; i < n; i++) {
    for (size_t c = 0; c < outputs; c++) weighted[c] = weights[c] * centred[c * stride + i];
    for (size_t j = i / kLanes * kLanes; j < n; j += kLanes) {
      const F64 form = laneTree(
          outputs, [=](size_t c, F64 sum) { return fma(broadcast(weighted[c]), load(centred + c * stride + j), sum); });
      double* at = lane + i * stride + j;
      store(at, load(at) + form);
    }
  }
}

static size_t paddedPeers(const Head& head) { return (head.peers + kLanes - 1) / kLanes * kLanes; }

struct GramBuffers {
  double *lanes, *centred, *weighted;
};

static GramBuffers gramBuffers(const Head& head, Pieces& pieces) {
  const size_t stride = paddedPeers(head);
  GramBuffers buffers;
  buffers.lanes = pieces.take(kTreeLanes * head.peers * stride);
  buffers.centred = pieces.take(head.outputs * stride);
  buffers.weighted = pieces.take(head.outputs);
  return buffers;
}

static size_t gramBlockScratch(const Head& head, size_t tile) {
  Pieces pieces{nullptr};
  headBuffers(head, tile, pieces);
  scoreBuffers(head, 0, pieces);
  gramBuffers(head, pieces);
  return pieces.used;
}

/// Folds the eight lanes and mirrors the upper half.
static void foldGram(const double* lanes, size_t n, size_t stride, double* gram) {
  const size_t area = n * stride;
  for (size_t i = 0; i < n; i++)
    for (size_t j = i; j < n; j++) {
      double lane[kTreeLanes];
      for (size_t k = 0; k < kTreeLanes; k++) lane[k] = lanes[k * area + i * stride + j];
      gram[i * n + j] = gram[j * n + i] = foldLanes(lane);
    }
}

static bool gramBlock(const GramBlock& block, double* scratch) {
  const Head& head = *block.head;
  const size_t n = head.peers, outputs = head.outputs, stride = paddedPeers(head);
  const size_t row = head.layer[head.layers - 1].row;
  Pieces pieces{scratch};
  HeadBuffers buffers = headBuffers(head, block.tile, pieces);
  const ScoreBuffers score = scoreBuffers(head, 0, pieces);
  const GramBuffers gram = gramBuffers(head, pieces);
  for (size_t k = 0; k < kTreeLanes * n * stride; k++) gram.lanes[k] = 0.0;
  bool finite = true;
  for (size_t begin = 0; begin < block.samples; begin += block.tile) {
    const size_t samples = smaller(block.tile, block.samples - begin);
    finite &= forwardTile(head, block.responses + begin * head.layer[0].inputs, samples, true, true, buffers);
    const double* logits = valuesOf(head, buffers, head.layers - 1, samples);
    const double* directions = carryMoves(head, buffers, samples, 0, buffers.parts, samples * n, n, false);
    for (size_t s = 0; s < samples; s++) {
      predict(block.loss, logits + s * row, score.predicted, score.weights, outputs);
      centredColumns(block.loss, score.weights, directions + s * n * row, row, n, outputs, stride, gram.centred,
                     score.group, score.careful);
      addGram(score.weights, gram.centred, n, outputs, stride, gram.weighted,
              gram.lanes + (begin + s) % kTreeLanes * n * stride);
      if (block.factor == nullptr) continue;
      for (size_t c = 0; c < outputs; c++) {
        const double root = __builtin_sqrt(score.weights[c]);
        double* line = block.factor + ((begin + s) * outputs + c) * n;
        for (size_t i = 0; i < n; i++) line[i] = root * gram.centred[c * stride + i];
      }
    }
  }
  foldGram(gram.lanes, n, stride, block.gram);
  return finite;
}

// Forward pass and gradient

/// dL/dz of one sample, divided by the divisor.
static void outputGradient(const GradientTile& tile, const double* z, size_t sample, double* gradient, double* terms) {
  const size_t n = tile.head->outputs;
  if (tile.upstream != nullptr) {
    __builtin_memcpy(gradient, tile.upstream + sample * n, n * sizeof(double));
    return;
  }
  const Compared& compared = tile.compared;
  const int32_t label = compared.labels == nullptr ? 0 : compared.labels[sample];
  const double* targets = compared.targets == nullptr ? nullptr : compared.targets + sample * n;
  tile.losses[sample] = lossValue(compared.loss, z, label, targets, n, terms);
  predict(compared.loss, z, gradient, terms, n);
  if (targets != nullptr)
    subtractTargets(compared.loss, z, targets, gradient, n);
  else
    subtractOneHot(gradient, static_cast<size_t>(label), n);
  const F64 divisor = broadcast(tile.divisor);
  zipElements(gradient, gradient, gradient, n, [divisor](F64 g, F64) { return g / divisor; });
}

/// dL/da of each layer into tile.deltas, dL/dx of the first into tile.responseGradient.
static void carryBack(const GradientTile& tile, HeadBuffers& buffers) {
  const Head& head = *tile.head;
  for (size_t l = head.layers; l-- > 0;) {
    const HeadLayer& layer = head.layer[l];
    double* delta = tile.deltas + tile.batch * layer.before + tile.first * layer.outputs;
    if (layer.activation != kIdentity)
      for (size_t s = 0; s < tile.samples; s++)
        multiplyInto(delta + s * layer.outputs, buffers.slope + tile.samples * layer.rowBefore + s * layer.row,
                     delta + s * layer.outputs, layer.outputs);
    GemmArguments g{};
    g.m = tile.samples;
    g.n = layer.inputs;
    g.k = layer.outputs;
    g.a = delta;
    g.aRow = layer.outputs;
    g.aColumn = 1;
    g.b = layer.weights;
    g.bRow = layer.inputs;
    g.bColumn = 1;
    g.c = l == 0 ? tile.responseGradient + tile.first * layer.inputs
                 : tile.deltas + tile.batch * head.layer[l - 1].before + tile.first * layer.inputs;
    g.cRow = layer.inputs;
    gemm(g, buffers.product);
  }
}

static bool gradientTile(const GradientTile& tile, double* scratch) {
  const Head& head = *tile.head;
  const size_t outputs = head.outputs;
  Pieces pieces{scratch};
  HeadBuffers buffers = headBuffers(head, tile.samples, pieces);
  const ScoreBuffers score = scoreBuffers(head, 0, pieces);
  const bool backward = tile.responseGradient != nullptr;
  const double* responses = tile.responses + tile.first * head.layer[0].inputs;
  const bool finite = forwardTile(head, responses, tile.samples, false, backward, buffers);
  const double* z = valuesOf(head, buffers, head.layers - 1, tile.samples);
  const size_t row = head.layer[head.layers - 1].row;
  copyRows(z, row, tile.samples, outputs, tile.logits + tile.first * outputs);
  if (!backward) return finite;
  for (size_t l = 0; l + 1 < head.layers; l++) {
    const HeadLayer& layer = head.layer[l];
    copyRows(valuesOf(head, buffers, l, tile.samples), layer.row, tile.samples, layer.outputs,
             tile.hidden + tile.batch * layer.before + tile.first * layer.outputs);
  }
  double* last = tile.deltas + tile.batch * head.layer[head.layers - 1].before + tile.first * outputs;
  for (size_t s = 0; s < tile.samples; s++)
    outputGradient(tile, z + s * row, tile.first + s, last + s * outputs, score.spare);
  carryBack(tile, buffers);
  return finite;
}

// Forms of given vectors, and sums

static void outputForms(double* out, const double* logits, const double* vectors, Loss loss, size_t batch,
                        size_t outputs, size_t peers, double* scratch) {
  SampleView view{};
  view.loss = loss;
  view.outputs = outputs;
  view.predicted = scratch;
  view.weights = scratch + outputs;
  view.careful = scratch + 2 * outputs;
  for (size_t b = 0; b < batch; b++) {
    view.z = logits + b * outputs;
    predict(loss, view.z, view.predicted, view.weights, outputs);
    scoreRows(view, kGaussNewton, vectors + b * peers * outputs, outputs, peers, out + b * peers, nullptr, nullptr,
              scratch + (2 + kCarefulRows) * outputs);
  }
}

static double quadraticForm(const double* hessian, const double* v, size_t n, Storage storage, size_t rank,
                            double* scratch) {
  if (storage == kDiagonalStorage) {
    multiplyInto(scratch, hessian, v, n);
    return treeDot(scratch, v, n);
  }
  const size_t rows = storage == kLowRank ? rank : n;
  matVec(hessian, n, v, nullptr, scratch, rows, n);
  return storage == kLowRank ? treeDot(scratch, scratch, rank) : treeDot(v, scratch, n);
}

static void sumSamples(double* out, const double* values, size_t batch, size_t columns, size_t first, size_t last) {
  for (size_t c = first; c < last; c += kLanes) {
    const size_t count = smaller(last - c, kLanes);
    const double* from = values + c;
    const F64 sum =
        count == kLanes
            ? laneTree(batch, [=](size_t r, F64 lane) { return lane + load(from + r * columns); })
            : laneTree(batch, [=](size_t r, F64 lane) { return lane + loadPartial(from + r * columns, count); });
    storePartial(out + c, sum, count);
  }
}

static void carryImportance(double* below, const double* above, const double* weights, size_t inputs, size_t outputs) {
  for (size_t k = 0; k < inputs; k++) below[k] = 0.0;
  for (size_t o = 0; o < outputs; o++) {
    const F64 factor = broadcast(above[o]);
    zipElements(weights + o * inputs, below, below, inputs,
                [factor](F64 w, F64 sum) { return fma(absolute(w), factor, sum); });
  }
}

static void transposeInto(const double* from, size_t rows, size_t columns, double* to, size_t stride) {
  for (size_t c = 0; c < columns; c += kLanes) {
    const size_t width = smaller(kLanes, columns - c);
    for (size_t r = 0; r < rows; r += kLanes) {
      const size_t height = smaller(kLanes, rows - r);
      F64 block[kLanes];
      for (size_t i = 0; i < kLanes; i++) {
        const double* row = from + (r + (i < height ? i : 0)) * columns + c;
        block[i] = width == kLanes ? load(row) : loadPartial(row, width);
      }
      transposeSquare(block);
      for (size_t i = 0; i < width; i++) {
        double* out = to + (c + i) * stride + r;
        if (height == kLanes)
          store(out, block[i]);
        else
          storePartial(out, block[i], height);
      }
    }
  }
}

constexpr CurvatureKernels curvatureKernels() {
  return {
      .panelColumns = kTileColumns,
      .transpose = transposeInto,
      .scratch = tileScratch,
      .removal = removalTile,
      .gram = gramBlock,
      .gramScratch = gramBlockScratch,
      .gradient = gradientTile,
      .outputForms = outputForms,
      .quadraticForm = quadraticForm,
      .sumSamples = sumSamples,
      .carryImportance = carryImportance,
  };
}

}  // namespace curvature
}  // namespace
}  // namespace intermodel
