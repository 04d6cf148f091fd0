/// The search for an equilibrium on many games: what every instruction set offers, and what drives it.
///
/// The same operations in the same order as src/reference/equilibrium.ts. Small games run several to a vector
/// ("lanes"), one game to a lane; large ones run alone, vectorised along their rows. Neither the choice nor the threads
/// change a bit.
#pragma once

#include <stddef.h>

#include "payoff.hpp"

namespace intermodel {

/// The position in SEARCH_METHODS of src/core/closed-lists.ts.
enum class SearchMethod { kProjectedGradient, kSpectral, kSoftmax };

/// The position in OUTCOMES of src/reference/equilibrium.ts.
enum class SearchOutcome { kRunning, kConverged, kStepLimit, kCycling, kDiverged };

/// Where the numbers at the end of a state lie; SCALARS of src/reference/equilibrium.ts.
enum StateScalar : size_t { kStep, kOutcome, kResidual, kRate, kSnapshotStep, kFarthest, kPeriod, kReserved };
inline constexpr size_t kStateScalars = 8;

/// Doubles in the state of one game: W, two companions, a snapshot, the scalars.
constexpr size_t stateLength(size_t n) { return 4 * n * n + kStateScalars; }

struct GameTerms {
  double temperature, lossFactor, rankFactor;
  bool exactShift, openDiagonal, clip;
};

struct SearchSettings {
  SearchMethod method;
  double rate, leastRate, largestRate, tolerance;
  double maxSteps, checkEvery;  // whole numbers
  bool stopOnCycle;
  double epsilon;  ///< largest change of a row in one step; 0: no bound
};

/// From the list that createGameBatch (src/backend/equilibrium.ts) takes.
constexpr SearchSettings searchSettings(const double* list) {
  return {.method = static_cast<SearchMethod>(static_cast<int>(list[0])),
          .rate = list[1],
          .leastRate = list[2],
          .largestRate = list[3],
          .tolerance = list[4],
          .maxSteps = list[5],
          .checkEvery = list[6],
          .stopOnCycle = list[7] == 1.0,
          .epsilon = list[8]};
}

inline constexpr double kLeastLogit = -50.0;
inline constexpr double kReturnShare = 1e-6;
inline constexpr double kLeastExcursion = 1e-9;

/// One game, with the state that is advanced in place.
struct SearchGame {
  const double* hessian;  ///< of this game: PeerHessians::data
  const double* stake;
  const double* referenceMask;
  GameTerms terms;
  double* state;
};

/// Most lanes of any instruction set.
inline constexpr size_t kMostLanes = 8;

/// Up to one vector of games of one size and storage.
struct LaneGroup {
  PeerHessians form;  ///< size, storage, rank, own; its data is not read
  SearchGame games[kMostLanes];
  size_t count;
  bool oneHessian;  ///< all games have the same Hessian
};

struct EquilibriumKernels {
  /// Doubles of scratch for a group, aligned to 64 bytes by the caller.
  size_t (*laneScratch)(const LaneGroup& group);
  /// Brings games into lanes; then any number of advances; then back into their states.
  void (*loadLanes)(const LaneGroup& group, double* scratch);
  /// Up to `steps` steps of every game still running; returns updates made, over all games.
  size_t (*advanceLanes)(const LaneGroup& group, const SearchSettings& settings, size_t steps, double* scratch);
  void (*storeLanes)(const LaneGroup& group, const double* scratch);
};

}  // namespace intermodel
