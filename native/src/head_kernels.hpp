/// A dense head for one tile of samples: forward pass, forward tangents, exact removals. Oracle: src/reference/head.ts.
///
/// The first layer's contribution of each peer, W1_i f_i, is kept: it is both a part of the pre-activation and the
/// tangent of removing that peer, so no product is done twice.
#pragma once

#include "arithmetic_kernels.hpp"
#include "curvature.hpp"
#include "divergence_kernels.hpp"

namespace intermodel {
namespace {
namespace curvature {

constexpr double kGeluScale = 1.5957691216057308;  // 2 sqrt(2 / pi)
constexpr double kGeluCubic = 0.044715;
constexpr double kGeluSaturated = 30.0;

INTERMODEL_INLINE F64 geluArgument(F64 x) {
  return broadcast(kGeluScale) * (x + broadcast(kGeluCubic) * ((x * x) * x));
}

INTERMODEL_INLINE F64 relu(F64 x) { return select(lessEqual(x, zero()), zero(), x); }
INTERMODEL_INLINE F64 gelu(F64 x) { return x * sigmoid(geluArgument(x)); }

INTERMODEL_INLINE F64 reluSlope(F64 x) { return select(greater(x, zero()), broadcast(1.0), zero()); }
INTERMODEL_INLINE F64 tanhSlope(F64 x) { return broadcast(4.0) * sigmoidDerivative(broadcast(2.0) * x); }
INTERMODEL_INLINE F64 geluSlope(F64 x) {
  // in this order a NaN passes
  const F64 bounded = maximum(broadcast(-kGeluSaturated), minimum(broadcast(kGeluSaturated), x));
  const F64 y = geluArgument(bounded);
  const F64 slope = broadcast(kGeluScale) * (broadcast(1.0) + broadcast(3.0 * kGeluCubic) * (bounded * bounded));
  return sigmoid(y) + (bounded * sigmoidDerivative(y)) * slope;
}

/// out = activation(x); not called for identity.
static void activateAll(Activation activation, const double* x, double* out, size_t n) {
  if (activation == kRelu) return mapElements<relu>(x, out, n);
  if (activation == kTanh) return mapElements<tanh>(x, out, n);
  if (activation == kGelu) return mapElements<gelu>(x, out, n);
  mapElements<sigmoid>(x, out, n);
}

/// out = activation'(x); not called for identity.
static void slopesOf(Activation activation, const double* x, double* out, size_t n) {
  if (activation == kRelu) return mapElements<reluSlope>(x, out, n);
  if (activation == kTanh) return mapElements<tanhSlope>(x, out, n);
  if (activation == kGelu) return mapElements<geluSlope>(x, out, n);
  mapElements<sigmoidDerivative>(x, out, n);
}

/// sigmoid(x + change) - sigmoid(x) as a product: the smaller exponential's part times both tails.
INTERMODEL_INLINE F64 sigmoidChange(F64 x, F64 change) {
  const F64 part = expm1(-absolute(change)), moved = x + change;
  const Mask down = less(change, zero());
  const F64 tails = sigmoid(select(down, x, moved)) * sigmoid(-select(down, moved, x));
  return select(down, part * tails, -(part * tails));
}

INTERMODEL_INLINE F64 reluChange(F64 x, F64 change) {
  return select(greater(x, zero()), maximum(-x, change), relu(x + change));
}

INTERMODEL_INLINE F64 tanhChange(F64 x, F64 change) {
  return broadcast(2.0) * sigmoidChange(broadcast(2.0) * x, broadcast(2.0) * change);
}

INTERMODEL_INLINE F64 geluChange(F64 x, F64 change) {
  const F64 three = broadcast(3.0);
  const F64 cubic = change * (three * (x * x) + change * (three * x + change));
  const F64 argument = geluArgument(x);
  const F64 moved = broadcast(kGeluScale) * (change + broadcast(kGeluCubic) * cubic);
  const F64 result = change * sigmoid(argument + moved) + x * sigmoidChange(argument, moved);
  return select(equal(change, zero()), zero(), result);
}

/// out = phi(x + change) - phi(x), value = phi(x): by its own formula where the difference would lose digits. Rows are
/// whole vectors; out may be change.
template <F64 (*Activate)(F64), F64 (*Change)(F64, F64)>
static void changesOf(const double* x, const double* value, const double* change, double* out, size_t n) {
  for (size_t r = 0; r < n; r += kLanes) {
    const F64 at = load(x + r), by = load(change + r), before = load(value + r);
    const F64 difference = Activate(at + by) - before;
    const Mask kept = greaterEqual(absolute(difference), broadcast(kLost) * absolute(before));
    store(out + r, all(kept) ? difference : select(kept, difference, Change(at, by)));
  }
}

/// out[r] = function(a[r], b[r]); out may be either.
template <class Function>
INTERMODEL_INLINE void zipElements(const double* a, const double* b, double* out, size_t n, Function function) {
  size_t r = 0;
  for (; r + kLanes <= n; r += kLanes) store(out + r, function(load(a + r), load(b + r)));
  if (r < n) storePartial(out + r, function(loadPartial(a + r, n - r), loadPartial(b + r, n - r)), n - r);
}

static void addTo(double* out, const double* x, size_t n) {
  zipElements(out, x, out, n, [](F64 a, F64 b) { return a + b; });
}
static void multiplyInto(double* out, const double* slope, const double* x, size_t n) {
  zipElements(slope, x, out, n, [](F64 a, F64 b) { return a * b; });
}
static void subtractInto(double* out, const double* a, const double* b, size_t n) {
  zipElements(a, b, out, n, [](F64 x, F64 y) { return x - y; });
}

/// Hands out pieces of one scratch area; with a null base it only counts.
struct Pieces {
  double* base;
  size_t used = 0;
  double* take(size_t n) {
    double* piece = base == nullptr ? nullptr : base + used;
    used += (n + 7) / 8 * 8;
    return piece;
  }
};

/// Room for one tile. Per layer the arrays [samples, row] start at samples * layer.rowBefore; padding is computed and
/// unused.
struct HeadBuffers {
  double *preactivation, *value, *slope;
  double* parts;     ///< [peers, samples, row of the first layer]
  double* gathered;  ///< [samples, width]
  double* flow[2];   ///< [rows, widest], where directions are carried through the layers in turn
  double* product;   ///< scratch of gemm
};

INTERMODEL_INLINE size_t larger(size_t a, size_t b) { return a > b ? a : b; }

/// Sizes of the products that a tile does, so that their scratch can be counted.
static size_t productScratch(const Head& head, size_t samples, size_t rows) {
  size_t most = 0;
  for (size_t l = 0; l < head.layers; l++) {
    const HeadLayer& layer = head.layer[l];
    GemmArguments forward{};
    forward.m = l == 0 ? samples : larger(rows, samples);
    forward.n = l == 0 ? smaller(kTileColumns, layer.row) : layer.row;
    forward.k = l == 0 ? head.width : layer.inputs;
    forward.bColumn = 1;
    GemmArguments backward{};
    backward.m = samples;
    backward.n = layer.inputs;
    backward.k = layer.outputs;
    backward.bColumn = 1;
    most = larger(most, larger(gemmScratch(forward), gemmScratch(backward)));
  }
  return most;
}

/// `perSample` is the number of directions of a sample.
static HeadBuffers headBuffers(const Head& head, size_t samples, size_t perSample, Pieces& pieces) {
  const size_t rows = larger(samples * perSample, head.width);
  HeadBuffers buffers;
  buffers.preactivation = pieces.take(samples * head.totalRow);
  buffers.value = pieces.take(samples * head.totalRow);
  buffers.slope = pieces.take(samples * head.totalRow);
  buffers.parts = pieces.take(samples * head.peers * head.layer[0].row);
  buffers.gathered = pieces.take(samples * head.width);
  buffers.flow[0] = pieces.take(rows * head.widest);
  buffers.flow[1] = pieces.take(rows * head.widest);
  // a product of fewer rows than counted here may pack less, never more
  buffers.product = pieces.take(productScratch(head, samples, rows));
  return buffers;
}

INTERMODEL_INLINE const double* valuesOf(const Head& head, const HeadBuffers& buffers, size_t l, size_t samples) {
  const bool same = head.layer[l].activation == kIdentity;
  return (same ? buffers.preactivation : buffers.value) + samples * head.layer[l].rowBefore;
}

/// W1_i f_i of the peer whose inputs begin at `offset`, for the samples whose responses are x: out [samples, row] with
/// row stride outRow.
static void contributionOf(const HeadLayer& first, size_t offset, size_t width, const double* x, size_t xRow,
                           size_t samples, double* out, size_t outRow, double* scratch) {
  const size_t stride = smaller(kTileColumns, first.row);
  for (size_t o = 0; o < first.row; o += kTileColumns) {
    GemmArguments g{};
    g.m = samples;
    g.n = smaller(kTileColumns, first.row - o);
    g.k = width;
    g.a = x;
    g.aRow = xRow;
    g.aColumn = 1;
    g.b = first.transposed + o * first.inputs + offset * stride;
    g.bRow = stride;
    g.bColumn = 1;
    g.c = out + o;
    g.cRow = outRow;
    gemm(g, scratch);
  }
}

/// Rows of `columns`, `row` apart, side by side.
static void copyRows(const double* from, size_t row, size_t rows, size_t columns, double* to) {
  for (size_t r = 0; r < rows; r++) __builtin_memcpy(to + r * columns, from + r * row, columns * sizeof(double));
}

/// The contribution of a peer's baseline in the place of its answer's.
static void standIn(const double* shifts, size_t peer, size_t row, double* out) {
  if (shifts != nullptr)
    __builtin_memcpy(out, shifts + peer * row, row * sizeof(double));
  else
    for (size_t o = 0; o < row; o++) out[o] = 0.0;
}

/// Adds the contribution of peer 0, 1, ... in order to `sums` [samples, row]; they stay in `parts` [peers,
/// samples, row] when `keep`, `stride` doubles from one peer to the next.
static void addContributions(const Head& head, const double* responses, const Absence& absence, size_t samples,
                             bool keep, size_t stride, bool gather, double* parts, double* sums,
                             const HeadBuffers& buffers) {
  const HeadLayer& first = head.layer[0];
  const size_t h = first.row;
  for (size_t i = 0; i < head.peers; i++) {
    double* out = keep ? parts + i * stride : parts;
    const size_t outRow = h;
    const size_t offset = head.offsets[i], width = head.offsets[i + 1] - offset;
    const double* x = responses + offset;
    if (gather) copyRows(x, first.inputs, samples, width, buffers.gathered);
    contributionOf(first, offset, width, gather ? buffers.gathered : x, gather ? width : first.inputs, samples, out,
                   outRow, buffers.product);
    for (size_t s = 0; s < samples; s++) {
      if (absence.answered != nullptr && absence.answered[s * head.peers + i] == 0)
        standIn(absence.shifts, i, h, out + s * outRow);
      addTo(sums + s * h, out + s * outRow, h);
    }
  }
}

/// bias + contribution of peer 0, 1, ... in order; the contributions stay in buffers.parts when `keep`.
static void firstLayer(const Head& head, const double* responses, const Absence& absence, size_t samples, bool keep,
                       HeadBuffers& buffers) {
  const HeadLayer& first = head.layer[0];
  const size_t h = first.row;
  // read once for every panel: rows a power of two apart would share a few lines of the first-level cache
  const bool gather = h > kTileColumns && head.peers > 1;
  // a few samples at a time read their responses from end to end, as so many streams that the processor can run ahead
  // of
  const size_t together = gather ? samples : 2 * kTileRows;
  for (size_t s = 0; s < samples; s++) __builtin_memcpy(buffers.preactivation + s * h, first.bias, h * sizeof(double));
  for (size_t begin = 0; begin < samples; begin += together) {
    Absence some = absence;
    if (some.answered != nullptr) some.answered += begin * head.peers;
    addContributions(head, responses + begin * first.inputs, some, smaller(together, samples - begin), keep,
                     samples * h, gather, buffers.parts + begin * h, buffers.preactivation + begin * h, buffers);
  }
}

/// x [rows, layer.inputs] with row stride xRow times the layer's weights, from `init` (one row, or null): out [rows,
/// row].
static void layerProduct(const HeadLayer& layer, const double* x, size_t xRow, size_t rows, const double* init,
                         double* out, double* scratch) {
  GemmArguments g{};
  g.m = rows;
  g.n = layer.row;
  g.k = layer.inputs;
  g.a = x;
  g.aRow = xRow;
  g.aColumn = 1;
  g.b = layer.transposed;
  g.bRow = layer.row;
  g.bColumn = 1;
  g.init = init;
  g.c = out;
  g.cRow = layer.row;
  gemm(g, scratch);
}

/// Whether the first output's pre-activation is finite in every sample. Its chain takes in every response, and with
/// finite weights nothing takes an infinity or a NaN out of it again: so all the responses are finite too. The other
/// way round a large sum may overflow.
static bool firstIsFinite(const Head& head, const HeadBuffers& buffers, size_t samples) {
  double sum = 0.0;
  for (size_t s = 0; s < samples; s++) sum += buffers.preactivation[s * head.layer[0].row] * 0.0;
  return sum == 0.0;
}

/// The forward pass: pre-activations and values of every layer, slopes where asked for. Returns firstIsFinite.
static bool forwardTile(const Head& head, const double* responses, const Absence& absence, size_t samples,
                        bool keepParts, bool slopes, HeadBuffers& buffers) {
  for (size_t l = 0; l < head.layers; l++) {
    const HeadLayer& layer = head.layer[l];
    const size_t at = samples * layer.rowBefore, count = samples * layer.row;
    if (l == 0)
      firstLayer(head, responses, absence, samples, keepParts, buffers);
    else
      layerProduct(layer, valuesOf(head, buffers, l - 1, samples), head.layer[l - 1].row, samples, layer.bias,
                   buffers.preactivation + at, buffers.product);
    if (layer.activation == kIdentity) continue;
    activateAll(layer.activation, buffers.preactivation + at, buffers.value + at, count);
    if (slopes) slopesOf(layer.activation, buffers.preactivation + at, buffers.slope + at, count);
  }
  return firstIsFinite(head, buffers, samples);
}

/// One layer's activation applied to moved pre-activations: slope * moved, or exactly f(a + moved) - f(a).
static void passActivation(const HeadLayer& layer, const HeadBuffers& buffers, size_t samples, size_t sample,
                           bool exact, const double* moved, double* out) {
  const size_t at = samples * layer.rowBefore + sample * layer.row, n = layer.row;
  if (!exact) return multiplyInto(out, buffers.slope + at, moved, n);
  const double *x = buffers.preactivation + at, *value = buffers.value + at;
  if (layer.activation == kRelu) return changesOf<relu, reluChange>(x, value, moved, out, n);
  if (layer.activation == kTanh) return changesOf<tanh, tanhChange>(x, value, moved, out, n);
  if (layer.activation == kGelu) return changesOf<gelu, geluChange>(x, value, moved, out, n);
  changesOf<sigmoid, sigmoidChange>(x, value, moved, out, n);
}

/// Carries `rows` moves of the first pre-activation (of samples sample .. sample + together - 1, over and over) to the
/// output:
/// to first order, or exactly. Returns [rows, row of the last layer]: `moves` itself when nothing had to be done.
static const double* carryMoves(const Head& head, HeadBuffers& buffers, size_t samples, size_t sample,
                                const double* moves, size_t rows, size_t together, bool exact) {
  const double* current = moves;
  for (size_t l = 0; l < head.layers; l++) {
    const HeadLayer& layer = head.layer[l];
    double* free = current == buffers.flow[0] ? buffers.flow[1] : buffers.flow[0];
    if (l > 0) {
      layerProduct(layer, current, head.layer[l - 1].row, rows, nullptr, free, buffers.product);
      current = free;
    }
    if (layer.activation == kIdentity) continue;
    for (size_t r = 0; r < rows; r++)
      passActivation(layer, buffers, samples, sample + r % together, exact, current + r * layer.row,
                     free + r * layer.row);
    current = free;
  }
  return current;
}

}  // namespace curvature
}  // namespace
}  // namespace intermodel
