/// One game with its rows in lanes: every F64 holds one entry of kLanes participants' rows, so H_i of as many
/// participants is read side by side, each entry of its upper half once. The operations of
/// src/reference/equilibrium.ts in their order: lanes are participants, and no reduction runs across them.
#pragma once

#include "equilibrium_lanes.hpp"
#include "equilibrium_rows.hpp"

namespace intermodel {
namespace {
namespace rows {

using lanes::foldTree;

/// Rows of H that are multiplied together: as many chains as registers hold.
constexpr size_t kTogether = kLanes == 8 ? 8 : 4;

/// Packed entries of H are doubles, or floats that hold the same values.
INTERMODEL_INLINE F64 entryAt(const double* at) { return load(at); }
INTERMODEL_INLINE F64 entryAt(const float* at) { return kLanes == 1 ? broadcast(*at) : loadF32(at); }
INTERMODEL_INLINE void putEntry(double* at, F64 entry) { store(at, entry); }
INTERMODEL_INLINE void putEntry(float* at, F64 entry) { storeF32(at, entry); }

/// The place of entry (k, j), j >= k, in the packed upper half: blocks of kTogether rows, in each first the triangle
/// on the diagonal, then column by column.
INTERMODEL_INLINE size_t placeOf(size_t n, size_t k, size_t j) {
  const size_t first = k - k % kTogether, row = k - first;
  const size_t before = first * n - first * first / 2 + first / 2;  // entries of the rows above
  const size_t height = n - first < kTogether ? n - first : kTogether;
  if (n - first < kTogether || j < first + height) return before + row * height - row * (row + 1) / 2 + row + (j - k);
  return before + height * (height + 1) / 2 + (j - first - height) * height + row;
}

/// H_i of one group of participants, side by side.
template <class Entry>
static void packDense(const RowSearch& s, size_t group, Entry* out) {
  const size_t n = s.n, first = group * kLanes;
  const auto matrixOf = [&](size_t lane) { return (first + lane) * n * n; };
  for (size_t k = 0; k < n; k++) {
    for (size_t j = k; j < n; j += kLanes) {
      const size_t count = n - j < kLanes ? n - j : size_t{kLanes};
      F64 block[kLanes];
      for (size_t lane = 0; lane < kLanes; lane++) {
        if (first + lane >= n) {
          block[lane] = zero();
          continue;
        }
        block[lane] = count == kLanes ? load(s.data + matrixOf(lane) + k * n + j)
                                      : loadPartial(s.data + matrixOf(lane) + k * n + j, count);
      }
      transposeSquare(block);
      for (size_t r = 0; r < count; r++) putEntry(out + placeOf(n, k, j + r) * kLanes, block[r]);
    }
  }
}

/// out = H v for one group, each entry of the upper half loaded once; every output is one ascending chain.
template <class Entry>
static void pullDense(const Entry* h, const F64* v, F64* out, size_t n) {
  for (size_t j = 0; j < n; j++) out[j] = zero();
  size_t first = 0;
  for (; first + kTogether <= n; first += kTogether) {
    F64 chain[kTogether], factor[kTogether];
#pragma GCC unroll 8
    for (size_t r = 0; r < kTogether; r++) {
      chain[r] = out[first + r];
      factor[r] = v[first + r];
    }
#pragma GCC unroll 8
    for (size_t r = 0; r < kTogether; r++) {
#pragma GCC unroll 8
      for (size_t c = r; c < kTogether; c++, h += kLanes) {
        const F64 entry = entryAt(h);
        if (c > r) chain[c] = fma(entry, factor[r], chain[c]);
        chain[r] = fma(entry, factor[c], chain[r]);
      }
    }
    for (size_t j = first + kTogether; j < n; j++) {
      const F64 across = v[j];
      F64 down = out[j];
#pragma GCC unroll 8
      for (size_t r = 0; r < kTogether; r++) {
        const F64 entry = entryAt(h + r * kLanes);
        down = fma(entry, factor[r], down);
        chain[r] = fma(entry, across, chain[r]);
      }
      out[j] = down;
      h += kTogether * kLanes;
    }
#pragma GCC unroll 8
    for (size_t r = 0; r < kTogether; r++) out[first + r] = chain[r];
  }
  for (size_t k = first; k < n; k++) {
    F64 chain = out[k];
    for (size_t j = k; j < n; j++, h += kLanes) {
      const F64 entry = entryAt(h);
      if (j > k) out[j] = fma(entry, v[k], out[j]);
      chain = fma(entry, v[j], chain);
    }
    out[k] = chain;
  }
}

/// Outputs whose chains run together where all participants share one matrix.
constexpr size_t kOutputs = kLanes == 8 ? 24 : 12;

/// out[j] = sum over k of a[k * aRow + j * aColumn] v[k], for outputs 0 .. count - 1: ascending chains over k < depth.
template <size_t COUNT>
static void broadcastChains(const double* a, size_t aRow, size_t aColumn, const F64* v, F64* out, size_t depth) {
  F64 chain[COUNT];
#pragma GCC unroll 24
  for (size_t c = 0; c < COUNT; c++) chain[c] = zero();
  for (size_t k = 0; k < depth; k++) {
    const F64 factor = v[k];
    const double* row = a + k * aRow;
#pragma GCC unroll 24
    for (size_t c = 0; c < COUNT; c++) chain[c] = fma(broadcast(row[c * aColumn]), factor, chain[c]);
  }
#pragma GCC unroll 24
  for (size_t c = 0; c < COUNT; c++) out[c] = chain[c];
}

static void broadcastProduct(const double* a, size_t aRow, size_t aColumn, const F64* v, F64* out, size_t count,
                             size_t depth) {
  size_t j = 0;
  for (; j + kOutputs <= count; j += kOutputs)
    broadcastChains<kOutputs>(a + j * aColumn, aRow, aColumn, v, out + j, depth);
  for (; j + 4 <= count; j += 4) broadcastChains<4>(a + j * aColumn, aRow, aColumn, v, out + j, depth);
  for (; j < count; j++) broadcastChains<1>(a + j * aColumn, aRow, aColumn, v, out + j, depth);
}

/// out = A^T (A v) for one group with a factor each: packed [rank, n].
static void pullOwnFactor(const double* a, const F64* v, F64* out, F64* coordinates, size_t rank, size_t n) {
  for (size_t r = 0; r < rank; r++) coordinates[r] = zero();
  size_t first = 0;
  for (; first + kTogether <= rank; first += kTogether) {
    F64 chain[kTogether];
    for (size_t r = 0; r < kTogether; r++) chain[r] = zero();
    for (size_t j = 0; j < n; j++)
      for (size_t r = 0; r < kTogether; r++) chain[r] = fma(load(a + ((first + r) * n + j) * kLanes), v[j], chain[r]);
    for (size_t r = 0; r < kTogether; r++) coordinates[first + r] = chain[r];
  }
  for (size_t r = first; r < rank; r++)
    for (size_t j = 0; j < n; j++) coordinates[r] = fma(load(a + (r * n + j) * kLanes), v[j], coordinates[r]);
  for (size_t j = 0; j < n; j++) {
    F64 sum = zero();
    for (size_t r = 0; r < rank; r++) sum = fma(load(a + (r * n + j) * kLanes), coordinates[r], sum);
    out[j] = sum;
  }
}

/// Doubles that one group's Hessians take when packed; a float takes half.
static size_t packedLength(const PeerHessians& form) {
  if (!form.own) return 0;
  const size_t n = form.n;
  const size_t entries = form.storage == HessianStorage::kDiagonal  ? n
                         : form.storage == HessianStorage::kLowRank ? form.rank * n
                                                                    : n * (n + 1) / 2;
  return entries * kLanes;
}

static void pack(const RowSearch& s, size_t group, double* out) {
  if (s.form.storage == HessianStorage::kDense) return packDense(s, group, out);
  const size_t length = s.form.stride();
  for (size_t at = 0; at < length; at++)
    for (size_t lane = 0; lane < kLanes; lane++) {
      const size_t i = group * kLanes + lane;
      out[at * kLanes + lane] = i < s.n ? s.data[i * length + at] : 0.0;
    }
}

static void pull(const RowSearch& s, const double* packed, const F64* v, F64* out, F64* coordinates) {
  const size_t n = s.n, rank = s.form.rank;
  switch (s.form.storage) {
    case HessianStorage::kDense:
      return pullDense(packed, v, out, n);
    case HessianStorage::kShared:
      return broadcastProduct(s.data, n, 1, v, out, n, n);
    case HessianStorage::kDiagonal:
      for (size_t j = 0; j < n; j++) out[j] = (s.form.own ? load(packed + j * kLanes) : broadcast(s.data[j])) * v[j];
      return;
    case HessianStorage::kLowRank:
      if (s.form.own) return pullOwnFactor(packed, v, out, coordinates, rank, n);
      broadcastProduct(s.data, 1, n, v, coordinates, rank, n);
      broadcastProduct(s.data, n, 1, coordinates, out, n, rank);
  }
}

/// A square matrix [n, n] into lanes, or back; rows past the last are 0.
static void intoLanes(const double* matrix, double* out, size_t n) {
  for (size_t first = 0, group = 0; first < n; first += kLanes, group++)
    for (size_t j = 0; j < n; j++)
      for (size_t lane = 0; lane < kLanes; lane++)
        out[(group * n + j) * kLanes + lane] = first + lane < n ? matrix[(first + lane) * n + j] : 0.0;
}

/// One group's rows of a matrix in lanes, as rows of [n, n].
static void groupOutOfLanes(const F64* from, double* matrix, size_t group, size_t n) {
  const size_t first = group * kLanes, height = n - first < kLanes ? n - first : size_t{kLanes};
  for (size_t j = 0; j < n; j += kLanes) {
    const size_t count = n - j < kLanes ? n - j : size_t{kLanes};
    F64 block[kLanes];
    for (size_t c = 0; c < kLanes; c++) block[c] = c < count ? from[j + c] : zero();
    transposeSquare(block);
    for (size_t r = 0; r < height; r++) {
      double* to = matrix + (first + r) * n + j;
      if (count == kLanes)
        store(to, block[r]);
      else
        storePartial(to, block[r], count);
    }
  }
}

static void outOfLanes(const double* from, double* matrix, size_t n) {
  for (size_t group = 0; group * kLanes < n; group++)
    groupOutOfLanes(reinterpret_cast<const F64*>(from) + group * n, matrix, group, n);
}

/// term(j) for j = 0 .. n - 1, summed in the fixed tree: blocks of kTreeBlock in ascending order.
template <class Add>
INTERMODEL_INLINE F64 treeOver(size_t n, Add add) {
  F64 total = zero();
  for (size_t begin = 0; begin == 0 || begin < n; begin += kTreeBlock) {
    const size_t end = n - begin < kTreeBlock ? n : begin + kTreeBlock;
    F64 lane[kTreeLanes];
    lanes::clearTree(lane);
    size_t j = begin;
    for (; j + kTreeLanes <= end; j += kTreeLanes) {
#pragma GCC unroll 8
      for (size_t r = 0; r < kTreeLanes; r++) lane[r] = add(j + r, lane[r]);
    }
#pragma GCC unroll 8
    for (size_t r = 0; r < kTreeLanes - 1; r++) {
      if (j + r >= end) break;
      lane[r] = add(j + r, lane[r]);
    }
    const F64 sum = foldTree(lane);
    total = begin == 0 ? sum : total + sum;
  }
  return total;
}

/// Sum and number of the entries above the threshold; the first time the largest entries are taken off.
struct Kept {
  F64 sum, count;
};

template <bool FIRST>
INTERMODEL_INLINE Kept keptAbove(F64* y, F64 largest, F64 threshold, size_t n) {
  F64 counts[2] = {zero(), zero()};
  const F64 one = broadcast(1.0);
  const F64 sum = treeOver(n, [&](size_t j, F64 lane) {
    F64 entry = y[j];
    if constexpr (FIRST) y[j] = entry = entry - largest;
    const Mask kept = greater(entry, threshold);
    counts[j % 2] = counts[j % 2] + select(kept, one, zero());
    return lane + select(kept, entry, zero());
  });
  return {sum, counts[0] + counts[1]};
}

/// Projects one row of every lane onto the simplex: y [n] holds it and is overwritten, `largest` its largest entries.
/// Michelot's rule; where everything is kept, the count that ends it is taken while the result is written.
static void project(F64* y, F64 largest, F64* out, size_t n) {
  const F64 one = broadcast(1.0), whole = broadcast(static_cast<double>(n));
  F64 threshold = broadcast(-1.0), before = broadcast(static_cast<double>(n + 1));
  Mask done = less(one, zero());
  Kept kept = keptAbove<true>(y, largest, threshold, n);
  for (;;) {
    done = done | greaterEqual(kept.count, before) | equal(kept.count, zero());
    if (all(done)) break;
    threshold = select(done, threshold, (kept.sum - one) / kept.count);
    before = select(done, before, kept.count);
    if (all(equal(before, whole))) {
      F64 left = zero();
      for (size_t j = 0; j < n; j++) {
        left = left + select(greater(y[j], threshold), one, zero());
        out[j] = maximum(y[j] - threshold, zero()) + zero();
      }
      if (all(greaterEqual(left, before) | equal(left, zero()))) return;
    }
    kept = keptAbove<false>(y, largest, threshold, n);
  }
  for (size_t j = 0; j < n; j++) out[j] = maximum(y[j] - threshold, zero()) + zero();
}

static void clip(F64* y, F64* out, size_t n) {
  for (size_t j = 0; j < n; j++) y[j] = maximum(y[j], zero());
  const F64 sum = treeOver(n, [y](size_t j, F64 lane) { return lane + y[j]; });
  const F64 even = broadcast(1.0 / static_cast<double>(n));
  const Mask some = greater(sum, zero());
  for (size_t j = 0; j < n; j++) out[j] = select(some, y[j] / sum, even);
}

/// The parts of one thread's scratch.
struct Scratch {
  F64 *delta, *derivative, *pulled, *coordinates;
};

INTERMODEL_INLINE Scratch scratchOf(const RowSearch& s, double* at) {
  F64* part = reinterpret_cast<F64*>(at);
  return {part, part + s.n, part + 2 * s.n, part + 3 * s.n};
}

static size_t scratchLength(const PeerHessians& form) { return (3 * form.n + form.rank) * kLanes; }

/// The payoff's gradient in the rows of one group.
static void gradient(const RowSearch& s, size_t group, double* scratch) {
  const size_t n = s.n;
  const Scratch use = scratchOf(s, scratch);
  const F64* w = reinterpret_cast<const F64*>(s.weights) + group * n;
  const F64* reference = reinterpret_cast<const F64*>(s.reference) + group * n;
  F64* out = reinterpret_cast<F64*>(s.gradient) + group * n;
  const F64 stake = load(s.stake + group * kLanes), slope = load(s.slope + group * kLanes);
  const F64 inverse = broadcast(s.inverse), lossFactor = broadcast(s.lossFactor);
  for (size_t j = 0; j < n; j++) {
    const SigmoidPoint at = sigmoidPoint(fma(stake, w[j], -broadcast(s.shift[j])) * inverse);
    use.delta[j] = at.value - reference[j];
    use.derivative[j] = at.slope * slope;
  }
  const size_t first = group * kLanes, height = n - first < kLanes ? n - first : size_t{kLanes};
  if (s.open) {
    for (size_t lane = 0; lane < height; lane++) {
      reinterpret_cast<double*>(use.delta + first + lane)[lane] =
          1.0 - reinterpret_cast<const double*>(reference + first + lane)[lane];
      reinterpret_cast<double*>(use.derivative + first + lane)[lane] = 0.0;
    }
  }
  pull(s, s.packed + group * s.packedLength, use.delta, use.pulled, use.coordinates);
  for (size_t j = 0; j < n; j++) out[j] = lossFactor * ((broadcast(2.0) * use.pulled[j]) * use.derivative[j]);
  for (size_t lane = 0; lane < height; lane++)
    reinterpret_cast<double*>(out + first + lane)[lane] += s.bonus[first + lane];
}

/// The largest natural residual of the group's rows.
static double residual(const RowSearch& s, size_t group, double* scratch) {
  const size_t n = s.n;
  const Scratch use = scratchOf(s, scratch);
  const F64* w = reinterpret_cast<const F64*>(s.weights) + group * n;
  const F64* g = reinterpret_cast<const F64*>(s.gradient) + group * n;
  F64 largest = broadcast(-__builtin_inf());
  for (size_t j = 0; j < n; j++) {
    use.delta[j] = w[j] + g[j];
    largest = maximum(use.delta[j], largest);
  }
  project(use.delta, largest, use.pulled, n);
  const F64 square = treeOver(n, [&](size_t j, F64 lane) {
    const F64 moved = use.pulled[j] - w[j];
    return fma(moved, moved, lane);
  });
  double found[kLanes], most = 0.0;
  store(found, squareRoot(square));
  const size_t height = n - group * kLanes < kLanes ? n - group * kLanes : size_t{kLanes};
  for (size_t lane = 0; lane < height; lane++)
    if (!(found[lane] <= most)) most = found[lane];
  return most;
}

/// How far the group's rows are from the snapshot, in their largest entry.
static double distance(const RowSearch& s, size_t group) {
  const size_t length = s.n;
  const F64* w = reinterpret_cast<const F64*>(s.weights) + group * length;
  const F64* then = reinterpret_cast<const F64*>(s.snapshot) + group * length;
  F64 most[4] = {zero(), zero(), zero(), zero()};
  size_t j = 0;
  for (; j + 4 <= length; j += 4)
    for (size_t r = 0; r < 4; r++) most[r] = maximum(absolute(w[j + r] - then[j + r]), most[r]);
  for (; j < length; j++) most[0] = maximum(absolute(w[j] - then[j]), most[0]);
  const F64 all = maximum(maximum(most[0], most[1]), maximum(most[2], most[3]));
  double found[kLanes], largest = 0.0;
  store(found, all);
  const size_t height = length - group * kLanes < kLanes ? length - group * kLanes : size_t{kLanes};
  for (size_t lane = 0; lane < height; lane++) largest = found[lane] > largest ? found[lane] : largest;
  return largest;
}

/// <s, s>, <s, y>, <y, y> of each of the group's rows: sums [3, groups kLanes].
static void spectralSums(const RowSearch& s, size_t group, double* sums) {
  const size_t n = s.n, padded = s.groups * kLanes;
  const F64* w = reinterpret_cast<const F64*>(s.weights) + group * n;
  const F64* before = reinterpret_cast<const F64*>(s.previous) + group * n;
  const F64* g = reinterpret_cast<const F64*>(s.gradient) + group * n;
  const F64* last = reinterpret_cast<const F64*>(s.companion) + group * n;
  const auto move = [&](size_t j) { return w[j] - before[j]; };
  const auto turn = [&](size_t j) { return last[j] - g[j]; };
  store(sums + group * kLanes, treeOver(n, [&](size_t j, F64 lane) { return fma(move(j), move(j), lane); }));
  store(sums + padded + group * kLanes, treeOver(n, [&](size_t j, F64 lane) { return fma(move(j), turn(j), lane); }));
  store(sums + 2 * padded + group * kLanes,
        treeOver(n, [&](size_t j, F64 lane) { return fma(turn(j), turn(j), lane); }));
}

/// W + rate g, back on the simplex: into `next`, and row by row into `matrix`.
static void move(const RowSearch& s, size_t group, double rate, double* scratch) {
  const size_t n = s.n;
  F64* y = scratchOf(s, scratch).delta;
  const F64* w = reinterpret_cast<const F64*>(s.weights) + group * n;
  const F64* g = reinterpret_cast<const F64*>(s.gradient) + group * n;
  F64* out = reinterpret_cast<F64*>(s.next) + group * n;
  const F64 length = broadcast(rate);
  F64 largest = broadcast(-__builtin_inf());
  for (size_t j = 0; j < n; j++) {
    y[j] = w[j] + length * g[j];
    largest = maximum(y[j], largest);
  }
  if (s.clip)
    clip(y, out, n);
  else
    project(y, largest, out, n);
  groupOutOfLanes(out, s.matrix, group, n);
}

constexpr RowSearchKernels rowSearchKernels() {
  return {
      .packedLength = packedLength,
      .scratchLength = scratchLength,
      .pack = pack,
      .intoLanes = intoLanes,
      .outOfLanes = outOfLanes,
      .gradient = gradient,
      .residual = residual,
      .distance = distance,
      .spectralSums = spectralSums,
      .move = move,
  };
}

}  // namespace rows
}  // namespace
}  // namespace intermodel
