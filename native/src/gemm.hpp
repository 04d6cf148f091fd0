/// C[m, n] = init + A[m, k] B[k, n], every output one ascending chain of fused multiply-adds over k.
///
///   gemm(arguments, scratch)     see GemmArguments in arithmetic.hpp for strides, transposes and the starting value
///   gemmScratch(arguments)       doubles of scratch it needs; scratch may be null where this is 0
///
/// Vectorised across outputs only. A register tile of kTileRows x kTileColumns outputs runs down k in blocks of
/// kBlockDepth; between blocks the chains rest in C, exactly, so no tiling changes a bit. B is packed into panels
/// (zero-padded in no way that reaches an output), A into panels of tile height, each only where it pays.
#pragma once

#include "arithmetic.hpp"
#include "simd.hpp"

namespace intermodel {
namespace {

// accumulators + one row of B + one broadcast fill the register file: 16 registers (AVX2), 32 (AVX-512)
constexpr size_t kTileRows = kLanes == 8 ? 8 : kLanes == 4 ? 6 : 4;
constexpr size_t kTileVectors = kLanes == 8 ? 3 : 2;
constexpr size_t kTileColumns = kTileVectors * kLanes;
constexpr size_t kBlockDepth = kLanes == 8 ? 160 : 256;  // a panel of B stays in the first-level cache
constexpr size_t kBlockRows = 96;                        // a block of A stays in the second-level cache
constexpr size_t kBlockColumns = kTileColumns * (480 / kTileColumns);
constexpr size_t kPackRows = 32;  // below so many rows a panel of B is read too rarely to be worth packing

/// What one register tile reads and writes.
struct Tile {
  size_t depth;
  const double* a;
  size_t aRow, aColumn;
  const double* b;
  size_t bRow;
  const double* init;
  size_t initRow;
  double* c;
  size_t cRow;
  size_t tail;  ///< columns in the last vector
};

template <bool PARTIAL>
INTERMODEL_INLINE F64 loadColumns(const double* p, size_t count) {
  return PARTIAL ? loadPartial(p, count) : load(p);
}

/// ROWS x VECTORS accumulators; the last vector holds only `tail` columns when PARTIAL.
template <int ROWS, int VECTORS, bool PARTIAL>
static void runTile(const Tile& tile) {
  constexpr int kLast = VECTORS - 1;
  F64 sum[ROWS][VECTORS];
  for (int i = 0; i < ROWS; i++)
    for (int v = 0; v < VECTORS; v++) {
      if (tile.init == nullptr) {
        sum[i][v] = zero();
        continue;
      }
      const double* start = tile.init + static_cast<size_t>(i) * tile.initRow + v * kLanes;
      sum[i][v] = v == kLast ? loadColumns<PARTIAL>(start, tile.tail) : load(start);
    }
  const double* a = tile.a;
  const double* b = tile.b;
  for (size_t p = 0; p < tile.depth; p++, a += tile.aColumn, b += tile.bRow) {
    F64 row[VECTORS];
    for (int v = 0; v < VECTORS; v++)
      row[v] = v == kLast ? loadColumns<PARTIAL>(b + v * kLanes, tile.tail) : load(b + v * kLanes);
    for (int i = 0; i < ROWS; i++) {
      const F64 factor = broadcast(a[static_cast<size_t>(i) * tile.aRow]);
      for (int v = 0; v < VECTORS; v++) sum[i][v] = fma(factor, row[v], sum[i][v]);
    }
  }
  for (int i = 0; i < ROWS; i++)
    for (int v = 0; v < VECTORS; v++) {
      double* out = tile.c + static_cast<size_t>(i) * tile.cRow + v * kLanes;
      if (PARTIAL && v == kLast)
        storePartial(out, sum[i][v], tile.tail);
      else
        store(out, sum[i][v]);
    }
}

template <int VECTORS, bool PARTIAL>
INTERMODEL_INLINE void runRows(size_t rows, const Tile& tile) {
  if (rows == kTileRows) return runTile<static_cast<int>(kTileRows), VECTORS, PARTIAL>(tile);
  if (rows == 4) return runTile<4, VECTORS, PARTIAL>(tile);
  if (rows == 2) return runTile<2, VECTORS, PARTIAL>(tile);
  runTile<1, VECTORS, PARTIAL>(tile);
}

/// `columns` of at most kTileColumns.
INTERMODEL_INLINE void runColumns(size_t rows, size_t columns, Tile& tile) {
  const size_t vectors = (columns + kLanes - 1) / kLanes;
  tile.tail = columns - (vectors - 1) * kLanes;
  const bool partial = tile.tail < kLanes;
  if (vectors == 1) return partial ? runRows<1, true>(rows, tile) : runRows<1, false>(rows, tile);
  if (vectors == 2) return partial ? runRows<2, true>(rows, tile) : runRows<2, false>(rows, tile);
  constexpr int kMost = static_cast<int>(kTileVectors);
  partial ? runRows<kMost, true>(rows, tile) : runRows<kMost, false>(rows, tile);
}

/// Height of the next tile when `left` rows remain.
INTERMODEL_INLINE size_t nextRows(size_t left) {
  return left >= kTileRows ? kTileRows : left >= 4 ? 4 : left >= 2 ? 2 : 1;
}

INTERMODEL_INLINE size_t smaller(size_t a, size_t b) { return a < b ? a : b; }

INTERMODEL_INLINE bool packsB(const GemmArguments& g) {
  return g.bColumn != 1 || (g.m >= kPackRows && g.n > kTileColumns);
}

INTERMODEL_INLINE bool packsA(const GemmArguments& g) { return g.m >= kTileRows && g.n > 2 * kTileColumns; }

static size_t gemmScratch(const GemmArguments& g) {
  const size_t depth = smaller(g.k, kBlockDepth);
  const size_t columns = (smaller(g.n, kBlockColumns) + kTileColumns - 1) / kTileColumns * kTileColumns;
  return (packsB(g) ? depth * columns : 0) + (packsA(g) ? depth * smaller(g.m, kBlockRows) : 0);
}

/// Panels of kTileColumns columns, each [depth, kTileColumns].
static void packB(const double* b, size_t bRow, size_t bColumn, size_t depth, size_t columns, double* out) {
  for (size_t j = 0; j < columns; j += kTileColumns, out += depth * kTileColumns) {
    const size_t width = smaller(columns - j, kTileColumns);
    if (bColumn == 1) {
      for (size_t p = 0; p < depth; p++)
        for (size_t c = 0; c < width; c++) out[p * kTileColumns + c] = b[p * bRow + j + c];
    } else {
      for (size_t c = 0; c < width; c++)
        for (size_t p = 0; p < depth; p++) out[p * kTileColumns + c] = b[p * bRow + (j + c) * bColumn];
    }
  }
}

/// Panels of tile height, each [depth, height].
static void packA(const double* a, size_t aRow, size_t aColumn, size_t rows, size_t depth, double* out) {
  for (size_t i = 0; i < rows;) {
    const size_t height = nextRows(rows - i);
    for (size_t r = 0; r < height; r++)
      for (size_t p = 0; p < depth; p++) out[p * height + r] = a[(i + r) * aRow + p * aColumn];
    i += height;
    out += height * depth;
  }
}

/// One block of A (rows x depth) against one block of B (depth x columns).
static void runBlock(Tile tile, size_t rows, size_t columns, bool packedA, bool packedB) {
  const Tile origin = tile;
  for (size_t i = 0; i < rows;) {
    const size_t height = nextRows(rows - i);
    if (packedA) {
      tile.a = origin.a + i * tile.depth;
      tile.aRow = 1;
      tile.aColumn = height;
    } else {
      tile.a = origin.a + i * origin.aRow;
    }
    for (size_t j = 0; j < columns; j += kTileColumns) {
      tile.b = packedB ? origin.b + j * tile.depth : origin.b + j;
      tile.init = origin.init == nullptr ? nullptr : origin.init + i * origin.initRow + j;
      tile.c = origin.c + i * origin.cRow + j;
      runColumns(height, smaller(columns - j, kTileColumns), tile);
    }
    i += height;
  }
}

/// All rows of A against one packed or plain block of B.
static void runPanel(const GemmArguments& g, Tile tile, size_t depthAt, size_t columns, bool packedB,
                     double* scratchA) {
  const bool packedA = packsA(g);
  const Tile origin = tile;
  for (size_t i = 0; i < g.m; i += kBlockRows) {
    const size_t rows = smaller(g.m - i, kBlockRows);
    const double* a = g.a + i * g.aRow + depthAt * g.aColumn;
    if (packedA) packA(a, g.aRow, g.aColumn, rows, tile.depth, scratchA);
    tile.a = packedA ? scratchA : a;
    tile.init = origin.init == nullptr ? nullptr : origin.init + i * origin.initRow;
    tile.c = origin.c + i * origin.cRow;
    runBlock(tile, rows, columns, packedA, packedB);
  }
}

static void gemm(const GemmArguments& g, double* scratch) {
  const bool packedB = packsB(g);
  for (size_t j = 0; j < g.n; j += kBlockColumns) {
    const size_t columns = smaller(g.n - j, kBlockColumns);
    size_t p = 0;
    do {  // once even for k = 0, which copies the starting value
      Tile tile{};
      tile.depth = smaller(g.k - p, kBlockDepth);
      tile.aRow = g.aRow;
      tile.aColumn = g.aColumn;
      const double* b = g.b + p * g.bRow + j * g.bColumn;
      const size_t padded = (columns + kTileColumns - 1) / kTileColumns * kTileColumns;
      if (packedB) packB(b, g.bRow, g.bColumn, tile.depth, columns, scratch);
      tile.b = packedB ? scratch : b;
      tile.bRow = packedB ? kTileColumns : g.bRow;
      tile.c = g.c + j;
      tile.cRow = g.cRow;
      tile.init = p > 0 ? tile.c : g.init == nullptr ? nullptr : g.init + j;
      tile.initRow = p > 0 ? g.cRow : g.initRow;
      runPanel(g, tile, p, columns, packedB, packedB ? scratch + tile.depth * padded : scratch);
      p += tile.depth;
    } while (p < g.k);
  }
}

}  // namespace
}  // namespace intermodel
