/// The CurvatureKernels of one instruction set. Oracle: src/reference/{curvature,head-gradient}.ts.
#pragma once

#include "head_kernels.hpp"
#include "linear_removal.hpp"
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

/// Room for what each group takes away from the first layer.
static double* moveBuffer(const Head& head, size_t samples, const Groups& groups, Pieces& pieces) {
  return pieces.take(samples * groups.count * head.layer[0].row);
}

static size_t tileScratch(const Head& head, size_t samples, size_t draws, const Groups& groups) {
  Pieces pieces{nullptr};
  headBuffers(head, samples, larger(head.peers, groups.count), pieces);
  scoreBuffers(head, draws, pieces);
  moveBuffer(head, samples, groups, pieces);
  const size_t across = head.layers == 1 ? acrossScratch(head, samples) : 0;
  return pieces.used + across;
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
  view.label = tile.compared.labels == nullptr ? -1 : tile.compared.labels[sample];
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
  const int32_t* answered = tile.absence.answered;
  if (answered != nullptr && answered[sample * head.peers + peer] == 0) return 0.0;
  const size_t h = first.outputs, offset = head.offsets[peer], d = head.offsets[peer + 1] - offset;
  for (size_t m = 0; m < d; m++) {
    const double* column = first.weights + offset + m;
    const size_t at = sample * first.inputs + offset + m;
    const double* baseline = tile.absence.baseline;
    const double response = baseline == nullptr ? tile.responses[at] : tile.responses[at] - baseline[offset + m];
    double* move = buffers.flow[0] + m * first.row;
    for (size_t o = 0; o < first.row; o++) move[o] = o < h ? column[o * first.inputs] * response : 0.0;
  }
  const double* directions = carryMoves(head, buffers, tile.samples, sample, buffers.flow[0], d, 1, false);
  scoreRows(view, kGaussNewton, directions, head.layer[head.layers - 1].row, d, score.forms, nullptr, nullptr,
            score.group);
  return treeSum(score.forms, d);
}

/// out = what one peer takes away from the first layer: its part less its baseline's, 0 for one that did not answer.
static void moveOf(const Absence& absence, const double* part, size_t sample, size_t peer, size_t peers, size_t row,
                   double* out) {
  if (absence.answered != nullptr && absence.answered[sample * peers + peer] == 0)
    standIn(nullptr, peer, row, out);
  else if (absence.shifts != nullptr)
    subtractInto(out, part, absence.shifts + peer * row, row);
  else
    __builtin_memcpy(out, part, row * sizeof(double));
}

/// What every peer takes away, [peers, samples, row]: the parts themselves where nothing stands in for them.
static const double* movesOfPeers(const Head& head, const Absence& absence, const double* parts, size_t samples,
                                  double* room) {
  if (absence.shifts == nullptr && absence.answered == nullptr) return parts;
  const size_t row = head.layer[0].row;
  for (size_t i = 0; i < head.peers; i++)
    for (size_t s = 0; s < samples; s++) {
      const size_t at = (i * samples + s) * row;
      moveOf(absence, parts + at, s, i, head.peers, row, room + at);
    }
  return room;
}

/// What every group takes away, [groups, samples, row]: its peers' moves added up in order.
static const double* movesOf(const RemovalTile& tile, const HeadBuffers& buffers, double* room) {
  const Groups& groups = tile.groups;
  const Head& head = *tile.head;
  if (groups.offsets == nullptr) return movesOfPeers(head, tile.absence, buffers.parts, tile.samples, room);
  const size_t row = head.layer[0].row;
  double* one = buffers.flow[0];
  for (size_t g = 0; g < groups.count; g++)
    for (int32_t k = groups.offsets[g]; k < groups.offsets[g + 1]; k++) {
      const auto i = static_cast<size_t>(groups.members[k]);
      const bool starts = k == groups.offsets[g];
      for (size_t s = 0; s < tile.samples; s++) {
        double* move = room + (g * tile.samples + s) * row;
        const double* part = buffers.parts + (i * tile.samples + s) * row;
        moveOf(tile.absence, part, s, i, head.peers, row, starts ? move : one);
        if (!starts) addTo(move, one, row);
      }
    }
  return room;
}

/// The directions of every group and sample [groups, samples, row]: J f to first order, or the exact change of z on
/// removal.
static const double* directionsOf(const RemovalTile& tile, HeadBuffers& buffers, const double* moves, bool exact) {
  const Head& head = *tile.head;
  const size_t rows = tile.samples * tile.groups.count;
  if (!exact) return carryMoves(head, buffers, tile.samples, 0, moves, rows, tile.samples, false);
  const size_t count = rows * head.layer[0].row;
  zipElements(moves, moves, buffers.flow[0], count, [](F64 x, F64) { return -x; });
  return carryMoves(head, buffers, tile.samples, 0, buffers.flow[0], rows, tile.samples, true);
}

static bool isMember(const Groups& groups, size_t group, size_t peer) {
  if (groups.offsets == nullptr) return group == peer;
  for (int32_t k = groups.offsets[group]; k < groups.offsets[group + 1]; k++)
    if (static_cast<size_t>(groups.members[k]) == peer) return true;
  return false;
}

constexpr double kLargestPart = 1024.0;  // see LARGEST_PART in src/reference/head.ts

static bool dwarfs(const double* part, size_t n) {
  bool small = true;
  for (size_t o = 0; o < n; o++) small &= absoluteOf(part[o]) <= kLargestPart;
  return !small;
}

/// z of one sample without the peers of one group, by a forward pass of its own.
static const double* movedWithout(const RemovalTile& tile, HeadBuffers& buffers, size_t sample, size_t group) {
  const Head& head = *tile.head;
  const HeadLayer& first = head.layer[0];
  double *current = buffers.flow[0], *next = buffers.flow[1];
  __builtin_memcpy(current, first.bias, first.row * sizeof(double));
  for (size_t i = 0; i < head.peers; i++) {
    const double* shifts = tile.absence.shifts;
    if (!isMember(tile.groups, group, i))
      addTo(current, buffers.parts + (i * tile.samples + sample) * first.row, first.row);
    else if (shifts != nullptr)
      addTo(current, shifts + i * first.row, first.row);
  }
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

/// Scores again, exactly, the groups whose contribution leaves no digits of the others when it is subtracted.
static void scoreLargeParts(const RemovalTile& tile, HeadBuffers& buffers, const ScoreBuffers& score,
                            const double* moves, const double* logits, size_t row) {
  const Head& head = *tile.head;
  const size_t count = tile.groups.count;
  for (size_t s = 0; s < tile.samples; s++) {
    bool prepared = false;
    SampleView view{};
    for (size_t i = 0; i < count; i++) {
      const size_t at = s * count + i;
      if (!dwarfs(moves + (i * tile.samples + s) * head.layer[0].row, head.layer[0].outputs)) continue;
      if (!prepared) view = preparedView(tile, score, logits + s * row, s);
      prepared = true;
      const double* moved = movedWithout(tile, buffers, s, i);
      subtractInto(score.apart, moved, view.z, head.outputs);
      tile.scores[at] = scoreApart(view, tile.estimator, score.apart, moved);
    }
  }
}

/// Each sample's numbers times its weight: exactly 0 at weight 0.
static void weighRows(const RemovalTile& tile, double* rows) {
  if (tile.weights == nullptr || rows == nullptr) return;
  for (size_t s = 0; s < tile.samples; s++) {
    const double weight = tile.weights[s];
    double* row = rows + s * tile.groups.count;
    for (size_t g = 0; g < tile.groups.count; g++) row[g] = weight == 0.0 ? 0.0 : weight * row[g];
  }
}

/// Directions in lanes, outputs one after the other.
static bool removalByDirections(const RemovalTile& tile, double* scratch) {
  const Head& head = *tile.head;
  const size_t n = tile.groups.count, row = head.layer[head.layers - 1].row;
  Pieces pieces{scratch};
  HeadBuffers buffers = headBuffers(head, tile.samples, larger(head.peers, n), pieces);
  const ScoreBuffers score = scoreBuffers(head, tile.draws, pieces);
  double* room = moveBuffer(head, tile.samples, tile.groups, pieces);
  const bool finite = forwardTile(head, tile.responses, tile.absence, tile.samples, true, true, buffers);
  const double* logits = valuesOf(head, buffers, head.layers - 1, tile.samples);
  const double* moves = movesOf(tile, buffers, room);

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
      scoreRows(view, estimator, directions + s * row, tile.samples * row, n,
                scores == nullptr ? nullptr : scores + s * n, linear == nullptr ? nullptr : linear + s * n,
                quadratic == nullptr ? nullptr : quadratic + s * n, score.group);
    }
  };
  if (byTangent || tile.linear != nullptr)
    score_all(directionsOf(tile, buffers, moves, false), byTangent ? tile.scores : nullptr, tile.linear,
              tile.quadratic);
  if (exact) {
    score_all(directionsOf(tile, buffers, moves, true), tile.scores, nullptr, nullptr);
    scoreLargeParts(tile, buffers, score, moves, logits, row);
  }
  if (estimator == kDiagonal) score_all(nullptr, tile.scores, nullptr, nullptr);
  return finite;
}

static RemovalTile partOf(const RemovalTile& tile, size_t first, size_t count) {
  RemovalTile part = tile;
  const size_t at = first * tile.groups.count;
  part.samples = count;
  part.responses += first * tile.head->layer[0].inputs;
  if (part.compared.labels != nullptr) part.compared.labels += first;
  if (part.compared.targets != nullptr) part.compared.targets += first * tile.head->outputs;
  part.scores += at;
  if (part.linear != nullptr) part.linear += at;
  if (part.quadratic != nullptr) part.quadratic += at;
  return part;
}

static bool removalTile(const RemovalTile& tile, double* scratch) {
  bool finite;
  if (fitsAcross(tile) && 2 * tile.samples >= kGroup<double>) {
    double* rest = scratch + acrossScratch(*tile.head, tile.samples);
    finite = removalAcross(tile, scratch,
                           [&](size_t first, size_t count) { removalByDirections(partOf(tile, first, count), rest); });
  } else {
    finite = removalByDirections(tile, scratch);
  }
  weighRows(tile, tile.scores);
  weighRows(tile, tile.linear);
  weighRows(tile, tile.quadratic);
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

/// Adds `share` times G of one sample, upper half, to one virtual lane of the sum over samples.
static void addGram(const double* weights, double share, const double* centred, size_t n, size_t outputs, size_t stride,
                    double* weighted, double* lane) {
  if (share == 0.0) return;
  for (size_t i = 0; i < n; i++) {
    for (size_t c = 0; c < outputs; c++) weighted[c] = weights[c] * centred[c * stride + i];
    for (size_t j = i / kLanes * kLanes; j < n; j += kLanes) {
      const F64 form = laneTree(
          outputs, [=](size_t c, F64 sum) { return fma(broadcast(weighted[c]), load(centred + c * stride + j), sum); });
      double* at = lane + i * stride + j;
      store(at, load(at) + broadcast(share) * form);
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
  headBuffers(head, tile, head.peers, pieces);
  scoreBuffers(head, 0, pieces);
  gramBuffers(head, pieces);
  moveBuffer(head, tile, {head.peers, nullptr, nullptr}, pieces);
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
  HeadBuffers buffers = headBuffers(head, block.tile, head.peers, pieces);
  const ScoreBuffers score = scoreBuffers(head, 0, pieces);
  const GramBuffers gram = gramBuffers(head, pieces);
  double* room = moveBuffer(head, block.tile, {n, nullptr, nullptr}, pieces);
  for (size_t k = 0; k < kTreeLanes * n * stride; k++) gram.lanes[k] = 0.0;
  bool finite = true;
  for (size_t begin = 0; begin < block.samples; begin += block.tile) {
    const size_t samples = smaller(block.tile, block.samples - begin);
    Absence absence = block.absence;
    if (absence.answered != nullptr) absence.answered += begin * n;
    finite &= forwardTile(head, block.responses + begin * head.layer[0].inputs, absence, samples, true, true, buffers);
    const double* logits = valuesOf(head, buffers, head.layers - 1, samples);
    const double* moves = movesOfPeers(head, absence, buffers.parts, samples, room);
    const double* directions = carryMoves(head, buffers, samples, 0, moves, samples * n, samples, false);
    for (size_t s = 0; s < samples; s++) {
      predict(block.loss, logits + s * row, score.predicted, score.weights, outputs);
      centredColumns(block.loss, score.weights, directions + s * row, samples * row, n, outputs, stride, gram.centred,
                     score.group, score.careful);
      const double share = block.weights == nullptr ? 1.0 : block.weights[begin + s];
      addGram(score.weights, share, gram.centred, n, outputs, stride, gram.weighted,
              gram.lanes + (begin + s) % kTreeLanes * n * stride);
      if (block.factor == nullptr) continue;
      for (size_t c = 0; c < outputs; c++) {
        const double root = __builtin_sqrt(score.weights[c]), scale = __builtin_sqrt(share);
        double* line = block.factor + ((begin + s) * outputs + c) * n;
        for (size_t i = 0; i < n; i++) line[i] = share == 0.0 ? 0.0 : scale * (root * gram.centred[c * stride + i]);
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
  const int32_t label = compared.labels == nullptr ? -1 : compared.labels[sample];
  const double* targets = compared.targets == nullptr ? nullptr : compared.targets + sample * n;
  const double weight = tile.weights == nullptr ? 1.0 : tile.weights[sample];
  const double loss = lossValue(compared.loss, z, label, targets, n, terms);
  tile.losses[sample] = weight == 0.0 ? 0.0 : weight * loss;
  predict(compared.loss, z, gradient, terms, n);
  if (compared.loss != kSoftmaxCrossEntropy)
    subtractTargets(compared.loss, z, targets, gradient, n);
  else if (label < 0)
    subtractSoft(gradient, targets, n);
  else
    subtractOneHot(gradient, static_cast<size_t>(label), n);
  const F64 divisor = broadcast(tile.divisor), factor = broadcast(weight);
  if (weight == 0.0)
    for (size_t c = 0; c < n; c++) gradient[c] = 0.0;
  zipElements(gradient, gradient, gradient, n, [=](F64 g, F64) { return (factor * g) / divisor; });
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

static void contributionsOf(const Head& head, const double* x, double* out, double* scratch) {
  const HeadLayer& first = head.layer[0];
  Pieces pieces{scratch};
  const HeadBuffers buffers = headBuffers(head, 1, head.peers, pieces);
  for (size_t i = 0; i < head.peers; i++) {
    const size_t offset = head.offsets[i];
    contributionOf(first, offset, head.offsets[i + 1] - offset, x + offset, first.inputs, 1, out + i * first.row,
                   first.row, buffers.product);
  }
}

static bool gradientTile(const GradientTile& tile, double* scratch) {
  const Head& head = *tile.head;
  const size_t outputs = head.outputs;
  Pieces pieces{scratch};
  HeadBuffers buffers = headBuffers(head, tile.samples, head.peers, pieces);
  const ScoreBuffers score = scoreBuffers(head, 0, pieces);
  const bool backward = tile.responseGradient != nullptr;
  const double* responses = tile.responses + tile.first * head.layer[0].inputs;
  const bool finite = forwardTile(head, responses, Absence{}, tile.samples, false, backward, buffers);
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

static void widen(const float* from, double* to, size_t n) {
  size_t k = 0;
  for (; k + kLanes <= n; k += kLanes) store(to + k, loadF32(from + k));
  for (; k < n; k++) to[k] = static_cast<double>(from[k]);
}

constexpr CurvatureKernels curvatureKernels() {
  return {
      .panelColumns = kTileColumns,
      .transpose = transposeInto,
      .widen = widen,
      .scratch = tileScratch,
      .contributions = contributionsOf,
      .removal = removalTile,
      .singlePanel = kSinglePanel,
      .singleScratch = singleScratch,
      .removalSingle = removalSingle,
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
