/// The fixed tree of reduce.hpp for sums and for sums of squares, with several blocks of a long row under way at once.
///
/// A lane is a chain of additions, each of which waits for the one before. Blocks do not wait for one another, so four
/// of them together keep the adders busy; every chain, and the order in which blocks are added up, stay as they are.
#pragma once

#include "reduce.hpp"

namespace intermodel {
namespace {

constexpr size_t kBlocksTogether = kLanes >= 4 ? 4 : 1;  // with shorter vectors their lanes would fill the registers

/// `BLOCKS` whole blocks from `begin` on.
template <class Fold, size_t BLOCKS, class Term>
INTERMODEL_INLINE void foldBlocks(size_t begin, Term term, double* sums) {
  F64 part[BLOCKS][kTreeParts];
#pragma GCC unroll 4
  for (size_t b = 0; b < BLOCKS; b++) {
#pragma GCC unroll 8
    for (int i = 0; i < kTreeParts; i++) part[b][i] = zero();
  }
  for (size_t r = begin; r < begin + kTreeBlock; r += kTreeLanes) {
#pragma GCC unroll 4
    for (size_t b = 0; b < BLOCKS; b++) {
#pragma GCC unroll 8
      for (int i = 0; i < kTreeParts; i++) {
        const size_t at = r + b * kTreeBlock + static_cast<size_t>(i * kLanes);
        part[b][i] = Fold::next(part[b][i], term(at, size_t{kLanes}));
      }
    }
  }
#pragma GCC unroll 4
  for (size_t b = 0; b < BLOCKS; b++) {
    double lane[kTreeLanes];
    for (int i = 0; i < kTreeParts; i++) store(lane + i * kLanes, part[b][i]);
    sums[b] = foldLanes(lane);
  }
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
