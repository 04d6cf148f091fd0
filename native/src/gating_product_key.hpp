/// Product-key gating: the best k of rows * columns keys from rows + columns dot products, visited best first through a
/// frontier. The total order, and why the visit equals a sort of all keys: src/reference/gating-product-key.ts.
#pragma once

#include "gating.hpp"
#include "mat_vec.hpp"

namespace intermodel {
namespace {

/// Whether i comes before j: larger score, then lower index.
INTERMODEL_INLINE bool precedes(const double* scores, int32_t i, int32_t j) {
  return scores[i] > scores[j] || (scores[i] == scores[j] && i < j);
}

/// Moves the root of order[0 .. n) down until its children precede it no more (a heap with the last one on top).
static inline void siftDown(int32_t* order, const double* scores, size_t root, size_t n) {
  for (size_t child; (child = 2 * root + 1) < n; root = child) {
    if (child + 1 < n && precedes(scores, order[child], order[child + 1])) child++;
    if (!precedes(scores, order[root], order[child])) return;
    const int32_t kept = order[root];
    order[root] = order[child];
    order[child] = kept;
  }
}

/// Indices by descending score, equal scores by lower index: a heap sort, the order being total.
static inline void sortDescending(int32_t* order, const double* scores, size_t n) {
  for (size_t i = 0; i < n; i++) order[i] = static_cast<int32_t>(i);
  for (size_t root = n / 2; root-- > 0;) siftDown(order, scores, root, n);
  for (size_t last = n; last-- > 1;) {
    const int32_t kept = order[0];
    order[0] = order[last];
    order[last] = kept;
    siftDown(order, scores, 0, last);
  }
}

/// Sorted halves and how far each row has been read.
struct Frontier {
  const double* rowScores;
  const double* columnScores;
  const int32_t* rowOrder;
  const int32_t* columnOrder;
  int32_t* next;  ///< [rows], by rank: the next column, by rank
  size_t rows, columns;
  size_t open;  ///< the first row, by rank, that has given no key
};

/// Takes the best key left; its peer index, or -1 when there is none.
static inline int64_t takeBest(Frontier& f, double* score) {
  const size_t limit = f.open + 1 < f.rows ? f.open + 1 : f.rows;
  size_t best = f.rows;
  for (size_t rank = 0; rank < limit; rank++) {
    if (static_cast<size_t>(f.next[rank]) == f.columns) continue;
    const double sum = f.rowScores[f.rowOrder[rank]] + f.columnScores[f.columnOrder[f.next[rank]]];
    if (best == f.rows || sum > *score) {
      best = rank;
      *score = sum;
    }
  }
  if (best == f.rows) return -1;
  if (best == f.open) f.open++;
  return int64_t{f.rowOrder[best]} * static_cast<int64_t>(f.columns) + f.columnOrder[f.next[best]++];
}

static void productKeyRows(const ProductKeyArguments& a, int32_t* selected, double* weights, double* scores,
                           size_t begin, size_t end, double* scratch, int32_t* integers) {
  double* const rowScores = scratch;
  double* const columnScores = scratch + a.rows;
  int32_t* const rowOrder = integers;
  int32_t* const next = rowOrder + a.rows;
  int32_t* const columnOrder = next + a.rows;
  for (size_t b = begin; b < end; b++) {
    const double* query = a.query + b * 2 * a.width;
    matVec(a.first, a.width, query, nullptr, rowScores, a.rows, a.width);
    matVec(a.second, a.width, query + a.width, nullptr, columnScores, a.columns, a.width);
    sortDescending(rowOrder, rowScores, a.rows);
    sortDescending(columnOrder, columnScores, a.columns);
    for (size_t rank = 0; rank < a.rows; rank++) next[rank] = 0;
    Frontier frontier{rowScores, columnScores, rowOrder, columnOrder, next, a.rows, a.columns, 0};
    size_t count = 0;
    double score = 0.0;
    while (count < a.k) {
      const int64_t peer = takeBest(frontier, &score);
      if (peer < 0) break;
      if (peer >= static_cast<int64_t>(a.peers) || a.answered[b * a.peers + static_cast<size_t>(peer)] == 0) continue;
      selected[b * a.k + count] = static_cast<int32_t>(peer);
      scores[b * a.k + count++] = score;
    }
    softmaxRow(scores + b * a.k, weights + b * a.k, count);
    for (size_t slot = b * a.k + count; slot < (b + 1) * a.k; slot++) {
      selected[slot] = -1;
      weights[slot] = 0.0;
      scores[slot] = 0.0;
    }
  }
}

/// out += factor * x, one fused multiply-add per element.
static inline void addScaled(double* out, double factor, const double* x, size_t n) {
  eachVector(n, [=](size_t r, size_t count) {
    storeSome(out + r, fma(broadcast(factor), loadSome(x + r, count), loadSome(out + r, count)), count);
  });
}

static void productKeyQueryRows(const ProductKeyGradientArguments& a, double* gradient, size_t begin, size_t end) {
  for (size_t b = begin; b < end; b++) {
    double* row = gradient + b * 2 * a.width;
    fillZero(row, 2 * a.width);
    for (size_t slot = b * a.k; slot < (b + 1) * a.k && a.selected[slot] >= 0; slot++) {
      const size_t peer = static_cast<size_t>(a.selected[slot]);
      addScaled(row, a.slopes[slot], a.first + peer / a.columns * a.width, a.width);
      addScaled(row + a.width, a.slopes[slot], a.second + peer % a.columns * a.width, a.width);
    }
  }
}

/// Each code reads the whole batch in order, so that its sum is one chain whichever thread computes it.
static void productKeyCodes(const ProductKeyGradientArguments& a, double* firstGradient, double* secondGradient,
                            size_t begin, size_t end) {
  for (size_t code = begin; code < end; code++) {
    const bool isFirst = code < a.rows;
    const size_t index = isFirst ? code : code - a.rows;
    double* out = (isFirst ? firstGradient : secondGradient) + index * a.width;
    fillZero(out, a.width);
    for (size_t slot = 0; slot < a.batch * a.k; slot++) {
      if (a.selected[slot] < 0) continue;
      const size_t peer = static_cast<size_t>(a.selected[slot]);
      if ((isFirst ? peer / a.columns : peer % a.columns) != index) continue;
      addScaled(out, a.slopes[slot], a.query + slot / a.k * 2 * a.width + (isFirst ? 0 : a.width), a.width);
    }
  }
}

constexpr GatingKernels gatingKernels() {
  return {
      .gateRows = gateRows,
      .softmaxGradientRows = softmaxGradientRows,
      .balanceRows = balanceRows,
      .balanceFold = balanceFold,
      .balanceGradientRows = balanceGradientRows,
      .noisyScores = noisyScores,
      .noisyScoresGradient = noisyScoresGradient,
      .productKeyRows = productKeyRows,
      .productKeyQueryRows = productKeyQueryRows,
      .productKeyCodes = productKeyCodes,
  };
}

}  // namespace
}  // namespace intermodel
