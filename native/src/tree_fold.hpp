/// The fixed tree of reduce.hpp for sums and for sums of squares, with several blocks of a long row under way at once.
///
/// A lane is a chain of additions, each of which waits for the one before. Blocks do not wait for one another, so four
/// of them together keep the adders busy; every chain, and the order in which blocks are added up, stay as they are.
#pragma once

#include "reduce.hpp"

namespace intermodel {
namespace {

struct Add {
  INTERMODEL_INLINE F64 next(F64 sum, F64 x) { return sum + x; }
  INTERMODEL_INLINE double next(double sum, double x) { return sum + x; }
};

struct AddSquare {
  INTERMODEL_INLINE F64 next(F64 sum, F64 x) { return fma(x, x, sum); }
  INTERMODEL_INLINE double next(double sum, double x) { return fused(x, x, sum); }
};

constexpr size_t kBlocksTogether = kLanes >= 4 ? 4 : 1;  // with shorter vectors their lanes would fill the registers

/// `BLOCKS` whole blocks from `begin` on.
template <class Fold, size_t BLOCKS, class Term>
INTERMODEL_INLINE void foldBlocks(size_t begin, Term term, double* sums) {
  F64 part[BLOCKS][kTreeParts];
  for (auto& block : part)
    for (F64& lanes : block) lanes = zero();
  for (size_t r = begin; r < begin + kTreeBlock; r += kTreeLanes)
    for (size_t b = 0; b < BLOCKS; b++)
      for (int i = 0; i < kTreeParts; i++) {
        const size_t at = r + b * kTreeBlock + static_cast<size_t>(i * kLanes);
        part[b][i] = Fold::next(part[b][i], term(at, size_t{kLanes}));
      }
  for (size_t b = 0; b < BLOCKS; b++) {
    double lane[kTreeLanes];
    for (int i = 0; i < kTreeParts; i++) store(lane + i * kLanes, part[b][i]);
    sums[b] = foldLanes(lane);
  }
}

/// At most one block, from `begin` to `end`.
template <class Fold, class Term>
INTERMODEL_INLINE double foldBlock(size_t begin, size_t end, Term term) {
  F64 part[kTreeParts];
  for (F64& lanes : part) lanes = zero();
  size_t r = begin;
  for (; r + kTreeLanes <= end; r += kTreeLanes)
    for (int i = 0; i < kTreeParts; i++)
      part[i] = Fold::next(part[i], term(r + static_cast<size_t>(i * kLanes), size_t{kLanes}));
  double lane[kTreeLanes];
  for (int i = 0; i < kTreeParts; i++) store(lane + i * kLanes, part[i]);
  for (size_t first = 0; first < kTreeLanes && r < end; first += kLanes) {
    const size_t count = end - r < kLanes ? end - r : size_t{kLanes};
    double value[kLanes];
    store(value, term(r, count));
    for (size_t i = 0; i < count; i++) lane[first + i] = Fold::next(lane[first + i], value[i]);
    r += count;
  }
  return foldLanes(lane);
}

/// Fold (Add, AddSquare) over what term(r, count) gives for elements r .. r + count - 1, in the fixed tree. Elements of
/// a long row are not asked for in ascending order.
template <class Fold, class Term>
INTERMODEL_INLINE double treeFold(size_t n, Term term) {
  if (n <= kTreeBlock) return foldBlock<Fold>(0, n, term);
  double total = 0.0;
  size_t begin = 0;
  for (; begin + kBlocksTogether * kTreeBlock <= n; begin += kBlocksTogether * kTreeBlock) {
    double sums[kBlocksTogether];
    foldBlocks<Fold, kBlocksTogether>(begin, term, sums);
    for (size_t b = 0; b < kBlocksTogether; b++) total = begin + b == 0 ? sums[b] : total + sums[b];
  }
  for (; begin < n; begin += kTreeBlock) {
    const double sum = foldBlock<Fold>(begin, n - begin < kTreeBlock ? n : begin + kTreeBlock, term);
    total = begin == 0 ? sum : total + sum;
  }
  return total;
}

}  // namespace
}  // namespace intermodel
