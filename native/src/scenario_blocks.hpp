/// Blocks of the empirical game (14), one game after another. The oracle is src/reference/scenario.ts; the kernels are
/// those of rankings, masks and Hessians.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernel_table.hpp"

namespace intermodel {

/// Whom the shift of the mask counts.
enum class ShiftRule { kAll, kStaked, kEffective };

/// The rules of play, the same in all games of a call.
struct BlockRules {
  double temperature, tau, ratingShare, least, decay;
  EmissionNorm norm;
  ShiftRule shiftRule;
  std::size_t blocks, n, players;
};

/// One game: what it starts from, and where its outcome goes. Null pointers are left out.
struct BlockGame {
  double *stakes, *minted, *losses, *ranking, *mask;
  const double *rows, *stake, *rating, *shift, *hessian, *carried;
  const std::int32_t *source, *owner;
};

/// Plays games; its memory is reused. The rules must outlive it.
class BlockPlayer {
 public:
  BlockPlayer(const KernelTable& kernels, const BlockRules& rules);

  /// Adds to minted and losses, and fills the other outcomes.
  void play(const BlockGame& game);

 private:
  const double* capped(const double* stake);
  /// How many raters the shift counts.
  double counted() const;
  const double* shiftOf(const double* rows);
  void maskOf(const BlockGame& game, const double* shift);
  void addLosses(const BlockGame& game);

  const KernelTable& kernels_;
  const BlockRules& rules_;
  std::vector<double> rating_, relative_, shift_, slopes_, closed_, scratch_, smallest_;
};

}  // namespace intermodel
