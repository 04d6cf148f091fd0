/// What the market families (ranking, competition, payoff, projection, equilibrium) share: row blocks.
#pragma once

#include <algorithm>
#include <vector>

#include "engine.hpp"
#include "intermodel/thread_pool.hpp"

namespace intermodel::addon {

/// Into how many blocks rows are cut, given the work per row in multiplications: small work stays in the caller.
inline std::size_t rowBlocks(int threads, std::size_t rows, std::size_t workPerRow) {
  constexpr std::size_t kWorthAThread = 1 << 14;
  const std::size_t perThread = workPerRow == 0 ? rows : kWorthAThread / workPerRow + 1;
  return std::max<std::size_t>(1,
                               std::min(static_cast<std::size_t>(threads), rows / std::max<std::size_t>(1, perThread)));
}

/// body(begin, end, block) for each of `blocks` blocks of rows. The cut never changes a result.
template <class Body>
void forRowBlocks(int threads, std::size_t rows, std::size_t blocks, Body body) {
  if (rows == 0) return;
  parallelFor(threads, blocks,
              [&](std::size_t block) { body(rows * block / blocks, rows * (block + 1) / blocks, block); });
}

}  // namespace intermodel::addon
