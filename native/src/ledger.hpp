/// The ledger's epoch in integers: ranking (5), its norms, and the shares of the inflation (6). The same integers as
/// the TypeScript reference (src/ledger/processor.ts) gives, on any instruction set and number of threads: every sum is
/// exact, so no order shows.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace intermodel {

/// Slots in a page of rows.
inline constexpr std::size_t kLedgerPage = 64;

/// Rows of 64 slots. Sparse: row r is targets/weights[start[r] .. start[r + 1]), targets ascending. Dense (start null):
/// weights[r * width
/// + target].
struct LedgerRows {
  const std::uint32_t* start;
  const std::uint32_t* targets;
  const std::uint32_t* weights;
  std::size_t width;
};

/// An unsigned integer of 128 bits as two words.
struct Wide {
  std::uint64_t low;
  std::uint64_t high;
};

/// Kernels that depend on the instruction set.
struct LedgerKernels {
  /// limbs[l * stride + j] += sum over the rows of (limb l of stake[row]) * weights[row * stride + j], limbs of 22
  /// bits. With weights of at most 10^9 the sums stay exact for 4,096 rows.
  void (*addDenseRows)(const std::uint32_t* weights, std::size_t stride, std::size_t rows, const std::uint64_t* stake,
                       std::uint64_t* limbs, int limb_count);
  /// Sum of all words: how fast memory can be read at all, for benchmarks.
  std::uint64_t (*readWords)(const std::uint32_t* words, std::size_t count);
};

enum class LedgerStatus { kOk, kTargetOutOfRange };

/// Returns kTargetOutOfRange when a sparse row ends beyond the last slot; a row that is not ascending is summed in
/// part, never outside memory. ranking[j] = sum over rows i of stake[i] * weight[i][j]; low and high have as many
/// entries as stake.
LedgerStatus ledgerRank(const LedgerKernels& kernels, int threads, std::span<const LedgerRows> pages,
                        std::span<const std::uint64_t> stake, std::uint64_t* low, std::uint64_t* high);

struct LedgerNorms {
  std::uint64_t sum;
  Wide squares;
};

/// Sum and sum of squares of ranking[j] >> shift. The sum must fit 63 bits, which the caller's shift provides.
LedgerNorms ledgerNorms(const std::uint64_t* low, const std::uint64_t* high, std::size_t slots, int shift);

/// parts[j] = total in proportion to ranking[j] >> shift by largest remainder, ties to the lower slot. sum is theirs
/// and not 0; total is below 2^63. remainders and scratch have `slots` entries of working space.
void ledgerDistribute(int threads, const std::uint64_t* low, const std::uint64_t* high, std::size_t slots, int shift,
                      std::uint64_t total, std::uint64_t sum, std::uint64_t* parts, std::uint64_t* remainders,
                      std::uint64_t* scratch);

/// The bare loops the epoch is measured against: reads every weight, and where rows are sparse table[target] too.
/// Returns a sum.
std::uint64_t ledgerProbe(const LedgerKernels& kernels, int threads, std::span<const LedgerRows> pages,
                          const std::uint64_t* table, std::size_t slots);

}  // namespace intermodel
