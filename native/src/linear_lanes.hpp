/// A linear head for groups of samples that ride in the lanes of vectors:
/// contributions, logits and forms without a shuffle or a padded lane after the
/// responses were transposed. Written once for double and for float.
///
/// Every output is the same chain or tree as in the kernels that put outputs
/// into lanes, so in double not a bit differs from them. Arrays of a group are
/// [outputs][kAcross * lanes].
#pragma once

#include "curvature.hpp"
#include "simd_f32.hpp"

namespace intermodel {
namespace {
namespace curvature {

constexpr size_t kAcross = 2;                                            // vectors of samples in a group
constexpr size_t kTogetherOutputs = kLanes == 8 ? 12 : 4;                // whose chains fill the registers
constexpr size_t kAhead = 256;                                           // bytes of a row that are asked for beforehand
constexpr size_t kSmallWeights = size_t{1} << 19;                        // bytes that stay in the second-level cache
constexpr size_t kBlockWeights = size_t{1} << 18;                        // bytes of one peer's weights for a block
constexpr size_t kSinglePanel = kLanes == 8 ? 24 : kLanes == 4 ? 8 : 4;  // outputs in a panel of weights in float

template <class T>
constexpr size_t kGroup = kAcross* VectorOf<T>::kCount;

/// x [count rows, width], `row` apart, as out [width][kGroup]; lanes past the
/// last row repeat the first.
template <class T>
static void intoGroup(const T* x, size_t row, size_t count, size_t width, T* out) {
  constexpr size_t lanes = VectorOf<T>::kCount;
  for (size_t v = 0; v < kAcross; v++) {
    const T* from[lanes];
    for (size_t r = 0; r < lanes; r++) from[r] = x + (v * lanes + r < count ? v * lanes + r : 0) * row;
    for (size_t k = 0; k < width; k += lanes) {
      const size_t some = width - k < lanes ? width - k : lanes;
      Vector<T> block[lanes];
      for (size_t r = 0; r < lanes; r++) {
        __builtin_prefetch(reinterpret_cast<const char*>(from[r] + k) + kAhead);
        block[r] = some == lanes ? load(from[r] + k) : loadSome(from[r] + k, some);
      }
      transposeSquare(block);
      T* to = out + k * kGroup<T> + v * lanes;
      for (size_t c = 0; c < some; c++) store(to + c * kGroup<T>, block[c]);
    }
  }
}

/// COUNT outputs: parts = W x, and sums += parts. w [depth][wRow], x
/// [depth][kGroup].
template <class T, size_t COUNT>
static void outputTile(const T* w, size_t wRow, const T* x, size_t depth, T* parts, T* sums) {
  constexpr size_t lanes = VectorOf<T>::kCount;
  Vector<T> chain[COUNT][kAcross];
  for (size_t c = 0; c < COUNT; c++)
    for (size_t v = 0; v < kAcross; v++) chain[c][v] = splat(T(0));
  for (size_t k = 0; k < depth; k++, w += wRow, x += kGroup<T>) {
    Vector<T> column[kAcross];
    for (size_t v = 0; v < kAcross; v++) column[v] = load(x + v * lanes);
    for (size_t c = 0; c < COUNT; c++) {
      const Vector<T> factor = splat(w[c]);
      for (size_t v = 0; v < kAcross; v++) chain[c][v] = fma(factor, column[v], chain[c][v]);
    }
  }
  for (size_t c = 0; c < COUNT; c++)
    for (size_t v = 0; v < kAcross; v++) {
      const size_t at = c * kGroup<T> + v * lanes;
      store(parts + at, chain[c][v]);
      store(sums + at, load(sums + at) + chain[c][v]);
    }
}

template <class T, size_t COUNT = kTogetherOutputs>
static void outputTileOf(size_t count, const T* w, size_t wRow, const T* x, size_t depth, T* parts, T* sums) {
  if (count == COUNT) return outputTile<T, COUNT>(w, wRow, x, depth, parts, sums);
  if constexpr (COUNT > 1) outputTileOf<T, COUNT - 1>(count, w, wRow, x, depth, parts, sums);
}

/// Outputs first .. last - 1 of one peer: parts and sums [last -
/// first][kGroup]. `panels` holds the transposed weights in panels of `panel`
/// outputs, `offset` is the peer's first input; `first` begins a panel.
template <class T>
static void contributionsAcross(const T* panels, size_t panel, size_t inputs, size_t offset, size_t width, const T* x,
                                size_t first, size_t last, T* parts, T* sums) {
  for (size_t o = first; o < last; o += panel) {
    const size_t count = last - o < panel ? last - o : panel;
    const size_t tiles = (count + kTogetherOutputs - 1) / kTogetherOutputs;
    const T* w = panels + o * inputs + offset * panel;
    for (size_t t = 0; t < tiles; t++) {
      const size_t begin = count * t / tiles, end = count * (t + 1) / tiles, at = (o - first + begin) * kGroup<T>;
      outputTileOf<T>(end - begin, w + begin, panel, x, width, parts + at, sums + at);
    }
  }
}

/// body(group, peer) for all of both: group by group where the weights stay in
/// a cache, so that responses are read from end to end; else peer by peer, so
/// that a peer's weights serve every group before the next peer's are read.
template <class Body>
INTERMODEL_INLINE void eachPair(size_t groups, size_t peers, size_t weightBytes, Body body) {
  if (weightBytes <= kSmallWeights) {
    for (size_t g = 0; g < groups; g++)
      for (size_t i = 0; i < peers; i++) body(g, i);
  } else {
    for (size_t i = 0; i < peers; i++)
      for (size_t g = 0; g < groups; g++) body(g, i);
  }
}

/// term(c, lane) for c = 0 .. n - 1 in the fixed tree, one tree to a lane; n at
/// most kTreeBlock.
template <class T, class Term>
INTERMODEL_INLINE Vector<T> treeAcross(size_t n, Term term) {
  Vector<T> lane[kTreeLanes];
#pragma GCC unroll 8
  for (size_t i = 0; i < kTreeLanes; i++) lane[i] = splat(T(0));
  size_t c = 0;
  for (; c + kTreeLanes <= n; c += kTreeLanes) {
#pragma GCC unroll 8
    for (size_t i = 0; i < kTreeLanes; i++) lane[i] = term(c + i, lane[i]);
  }
#pragma GCC unroll 8
  for (size_t i = 0; i < kTreeLanes; i++)
    if (c + i < n) lane[i] = term(c + i, lane[i]);
  return ((lane[0] + lane[4]) + (lane[2] + lane[6])) + ((lane[1] + lane[5]) + (lane[3] + lane[7]));
}

/// The largest of z [n][kGroup] in every lane.
template <class T>
INTERMODEL_INLINE Vector<T> largestAcross(const T* z, size_t n) {
  Vector<T> largest = splat(-static_cast<T>(__builtin_inf()));
  for (size_t c = 0; c < n; c++) largest = maximum(load(z + c * kGroup<T>), largest);
  return largest;
}

/// Whether the first `count` of these are finite.
template <class T>
static bool areFinite(const T* values, size_t count) {
  T sum = T(0);
  for (size_t s = 0; s < count; s++) sum += values[s] * T(0);
  return sum == T(0);
}

}  // namespace curvature
}  // namespace
}  // namespace intermodel
