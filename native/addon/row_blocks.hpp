/// Blocks of rows for the threads of an engine, and how Hessians are stored: shared by ranking, competition, payoff,
/// projection and equilibrium.
#pragma once

#include <algorithm>
#include <vector>

#include "engine.hpp"
#include "intermodel/thread_pool.hpp"
#include "payoff.hpp"

namespace intermodel::addon {

/// storage, rank, own: the kernels rely on every combination that this lets through. Returns the rank.
inline Dim readForm(Args& args, PeerHessians& form) {
  form.storage = static_cast<HessianStorage>(args.integer("storage", 0, 3));
  Dim rank = args.dim("rank");
  form.own = args.integer("own", 0, 1) == 1;
  if (form.storage != HessianStorage::kLowRank && rank.asked() != 0) args.fail("BTM_DOMAIN", "rank", "must be 0");
  if (form.storage == HessianStorage::kDense && !form.own)
    args.fail("BTM_DOMAIN", "own", "must be 1 for dense Hessians");
  if (form.storage == HessianStorage::kShared && form.own)
    args.fail("BTM_DOMAIN", "own", "must be 0 for a shared Hessian");
  return rank;
}

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
