/// H_i delta_i of dense symmetric Hessians from the upper half of each: half the bytes, the same ascending chains.
///
/// A block has one participant's matrix and takes its upper half in tiles of 32 rows, left to right, top to bottom. A
/// tile adds to the outputs of its columns (over its rows) and to those of its rows (over its columns); the square on
/// the diagonal adds whole. So every output meets k = 0, 1, ... in order, as pulledAt does.
#pragma once

#include "game_stages.hpp"

namespace intermodel::gpu {

struct SymmetricPull {
  static constexpr int kThreads = 128;
  static constexpr size_t kTile = 32, kPanel = 64;
  static constexpr size_t kMostN = 2048;  // outputs that fit into shared memory
  struct Arguments {
    const GameData* games;
  };
  struct Shared {
    double tile[kTile][kPanel + 1];
    double sum[kMostN];
  };
  /// Where the next tile begins.
  struct Registers {
    size_t row, column;
  };

  static bool fits(const PeerHessians& h) { return h.storage == HessianStorage::kDense && h.own && h.n <= kMostN; }

  INTERMODEL_BOTH static size_t phases(const Arguments& a, const Place& at) {
    const GameData& g = a.games[at.y];
    if (!stages::isRunning(g)) return 0;
    size_t tiles = 0;
    for (size_t row = 0; row < g.form.n; row += kTile) {
      const size_t beyond = row + kTile < g.form.n ? g.form.n - row - kTile : 0;
      tiles += 1 + (beyond + kPanel - 1) / kPanel;
    }
    return 2 + 2 * tiles;
  }

  INTERMODEL_BOTH static void phase(size_t p, const Arguments& a, const Place& at, Shared& shared, Registers& next) {
    const GameData& g = a.games[at.y];
    const size_t n = g.form.n;
    if (p == 0) {
      next = {0, 0};
      for (size_t k = at.thread; k < n; k += kThreads) shared.sum[k] = 0.0;
      return;
    }
    if (next.row >= n) return finish(g, at, shared);
    const bool diagonal = next.column == next.row;
    const size_t height = least(kTile, n - next.row);
    const size_t width = least(diagonal ? kTile : kPanel, n - next.column);
    if (p % 2 == 1) {
      const double* from = g.form.data + at.x * n * n + next.row * n + next.column;
      for (size_t k = at.thread; k < height * width; k += kThreads)
        shared.tile[k / width][k % width] = from[k / width * n + k % width];
      return;
    }
    add(g.delta + at.x * n, at, next, height, width, diagonal, shared);
    next.column = diagonal ? next.row + kTile : next.column + kPanel;
    if (next.column >= n) next = {next.row + kTile, next.row + kTile};
  }

 private:
  INTERMODEL_BOTH static size_t least(size_t a, size_t b) { return a < b ? a : b; }

  /// The first 64 threads have a column each, the 32 after them a row.
  INTERMODEL_BOTH static void add(const double* delta, const Place& at, const Registers& next, size_t height,
                                  size_t width, bool diagonal, Shared& shared) {
    if (at.thread < kPanel) {
      if (at.thread >= width) return;
      double sum = shared.sum[next.column + at.thread];
      for (size_t r = 0; r < height; r++) sum = fused(shared.tile[r][at.thread], delta[next.row + r], sum);
      shared.sum[next.column + at.thread] = sum;
    } else if (!diagonal && at.thread - kPanel < height) {
      const size_t r = at.thread - kPanel;
      double sum = shared.sum[next.row + r];
      for (size_t c = 0; c < width; c++) sum = fused(shared.tile[r][c], delta[next.column + c], sum);
      shared.sum[next.row + r] = sum;
    }
  }

  INTERMODEL_BOTH static void finish(const GameData& g, const Place& at, const Shared& shared) {
    const size_t n = g.form.n;
    for (size_t j = at.thread; j < n; j += kThreads) stages::gradientEntry(g, at.x, j, shared.sum[j]);
  }
};

}  // namespace intermodel::gpu
