#include <algorithm>
#include <cstdlib>
#include <memory>
#include <new>
#include <vector>

#ifdef __linux__
#include <sys/mman.h>
#endif

#include "intermodel/thread_pool.hpp"
#include "ledger.hpp"

namespace intermodel {
namespace {

using Wide128 = unsigned __int128;

constexpr int kLimbBits = 22;
constexpr std::size_t kExactRows = 4096;        // rows whose 52-bit products a 64-bit sum holds
constexpr std::size_t kRangeSlots = 1 << 20;    // sparse targets summed in one pass over the rows
constexpr std::size_t kAloneEntries = 1 << 11;  // sparse entries that are summed before another thread would wake
constexpr std::size_t kBlock = 1 << 14;         // slots merged or shared out at a time

/// Frees what newTotals allocated, by the alignment it asked for.
struct Free {
  std::size_t alignment = alignof(Wide128);
  void operator()(void* memory) const { ::operator delete (memory, std::align_val_t{alignment}); }
};

/// Totals of all slots, in large pages where the system has them: they are written in random order, and 16 MB of small
/// pages overflow the TLB.
std::unique_ptr<Wide128[], Free> newTotals(std::size_t slots) {
  constexpr std::size_t kLargePage = std::size_t{1} << 21;
  const std::size_t bytes = (slots * sizeof(Wide128) + kLargePage - 1) / kLargePage * kLargePage;
  if (bytes <= kLargePage) {
    const Free aligned{sizeof(Wide128)};
    void* const memory =
        ::operator new (std::max<std::size_t>(slots, 1) * sizeof(Wide128), std::align_val_t{aligned.alignment});
    return std::unique_ptr<Wide128[], Free>(static_cast<Wide128*>(memory), aligned);
  }
  void* const memory = ::operator new (bytes, std::align_val_t{kLargePage});
#ifdef MADV_HUGEPAGE
  // A refusal only costs speed.
  static_cast<void>(madvise(memory, bytes, MADV_HUGEPAGE));
#endif
  return std::unique_ptr<Wide128[], Free>(static_cast<Wide128*>(memory), Free{kLargePage});
}

/// What one thread gathers from its range of dense pages. Its memory is taken by the caller: nothing allocates on a
/// pool thread.
struct Part {
  std::unique_ptr<Wide128[]> total;
  std::unique_ptr<std::uint64_t[]> limbs;
  std::size_t width = 0;
  std::size_t stride = 0;
  std::size_t rows = 0;
  int limb_count = 1;

  void clearLimbs() { std::fill_n(limbs.get(), static_cast<std::size_t>(limb_count) * stride, 0); }

  /// Adds the limbs to the totals and starts them again.
  void fold() {
    for (std::size_t column = 0; column < stride; ++column) {
      Wide128 sum = 0;
      for (int l = limb_count - 1; l >= 0; --l)
        sum = (sum << kLimbBits) + limbs[static_cast<std::size_t>(l) * stride + column];
      total[column] += sum;
    }
    clearLimbs();
    rows = 0;
  }
};

void addDense(const LedgerKernels& kernels, Part& part, const LedgerRows& page, const std::uint64_t* stake,
              std::size_t rows) {
  if (page.width != part.stride || part.rows + rows > kExactRows) {
    if (part.rows > 0) part.fold();
    part.stride = page.width;
    part.clearLimbs();
  }
  kernels.addDenseRows(page.weights, page.width, rows, stake, part.limbs.get(), part.limb_count);
  part.rows += rows;
}

int limbsNeeded(std::span<const std::uint64_t> stake) {
  std::uint64_t all = 0;
  for (const std::uint64_t s : stake) all |= s;
  return all >> (2 * kLimbBits) != 0 ? 3 : all >> kLimbBits != 0 ? 2 : 1;
}

std::size_t rowsOf(std::size_t number, std::size_t slots) {
  const std::size_t first = number * kLedgerPage;
  return first >= slots ? 0 : std::min(kLedgerPage, slots - first);
}

/// Dense pages: every thread streams a range of them once.
void rankDense(const LedgerKernels& kernels, int threads, std::span<const LedgerRows> pages,
               std::span<const std::uint64_t> stake, std::size_t width, Wide128* total) {
  const std::size_t count =
      std::max<std::size_t>(1, std::min<std::size_t>(static_cast<std::size_t>(threads), pages.size()));
  const std::size_t each = (pages.size() + count - 1) / count;
  const int limb_count = limbsNeeded(stake);
  std::vector<Part> parts(count);
  for (Part& part : parts) {
    part.total.reset(new Wide128[width]);
    part.limbs.reset(new std::uint64_t[static_cast<std::size_t>(limb_count) * width]);
    part.width = width;
    part.limb_count = limb_count;
  }
  parallelFor(threads, count, [&](std::size_t p) {
    Part& part = parts[p];
    std::fill_n(part.total.get(), width, 0);
    for (std::size_t number = p * each; number < std::min(pages.size(), (p + 1) * each); ++number) {
      const std::size_t rows = rowsOf(number, stake.size());
      if (pages[number].start != nullptr || rows == 0) continue;
      addDense(kernels, part, pages[number], stake.data() + number * kLedgerPage, rows);
    }
    if (part.rows > 0) part.fold();
  });
  for (const Part& part : parts) {
    for (std::size_t column = 0; column < std::min(width, stake.size()); ++column) total[column] += part.total[column];
  }
}

/// The entries of one row that fall into a range of targets: one run, since a row is ascending.
struct Run {
  const std::uint32_t* target;
  const std::uint32_t* end;
  const std::uint32_t* weight;
};

Run runOf(const LedgerRows& page, std::size_t row, std::uint32_t low, std::uint32_t span) {
  const std::uint32_t* const end = page.targets + page.start[row + 1];
  const std::uint32_t* const first = std::lower_bound(page.targets + page.start[row], end, low);
  const std::uint32_t* last = first;
  for (; last < end && *last - low < span; ++last) {
  }
  return {first, last, page.weights + (first - page.targets)};
}

/// Sparse pages, targets in [low, low + span) only: a thread that owns a range writes no totals of another. The totals
/// of a row are asked for while the row before is summed, since they lie anywhere in memory.
void rankRange(std::span<const LedgerRows> pages, std::span<const std::uint64_t> stake, std::uint32_t low,
               std::uint32_t span, Wide128* total) {
  Run waiting = {nullptr, nullptr, nullptr};
  std::uint64_t waiting_stake = 0;
  const auto sum = [&] {
    const Wide128 factor = waiting_stake;
    for (; waiting.target < waiting.end; ++waiting.target, ++waiting.weight)
      total[*waiting.target] += factor * *waiting.weight;
  };
  for (std::size_t number = 0; number < pages.size(); ++number) {
    const LedgerRows& page = pages[number];
    const std::size_t rows = page.start == nullptr ? 0 : rowsOf(number, stake.size());
    for (std::size_t r = 0; r < rows; ++r) {
      const std::uint64_t factor = stake[number * kLedgerPage + r];
      if (factor == 0) continue;
      const Run run = runOf(page, r, low, span);
      for (const std::uint32_t* target = run.target; target < run.end; ++target) __builtin_prefetch(total + *target, 1);
      sum();
      waiting = run;
      waiting_stake = factor;
    }
  }
  sum();
}

std::size_t entriesOf(std::span<const LedgerRows> pages) {
  std::size_t entries = 0;
  for (const LedgerRows& page : pages) entries += page.start == nullptr ? 0 : page.start[kLedgerPage];
  return entries;
}

bool targetsInside(std::span<const LedgerRows> pages, std::size_t slots) {
  for (std::size_t number = 0; number < pages.size(); ++number) {
    const LedgerRows& page = pages[number];
    if (page.start == nullptr) continue;
    for (std::size_t r = 0; r < kLedgerPage; ++r) {
      if (page.start[r + 1] > page.start[r] && page.targets[page.start[r + 1] - 1] >= slots) return false;
    }
  }
  return true;
}

}  // namespace

LedgerStatus ledgerRank(const LedgerKernels& kernels, int threads, std::span<const LedgerRows> pages,
                        std::span<const std::uint64_t> stake, std::uint64_t* low, std::uint64_t* high) {
  const std::size_t slots = stake.size();
  if (!targetsInside(pages, slots)) return LedgerStatus::kTargetOutOfRange;
  std::size_t width = 0;
  bool sparse = false;
  for (const LedgerRows& page : pages) {
    width = std::max(width, page.width);
    sparse = sparse || page.start != nullptr;
  }
  const auto total = newTotals(slots);
  const auto blocks = (slots + kBlock - 1) / kBlock;
  parallelFor(threads, blocks, [&](std::size_t block) {
    std::fill(total.get() + block * kBlock, total.get() + std::min(slots, (block + 1) * kBlock), 0);
  });
  if (width > 0) rankDense(kernels, threads, pages, stake, width, total.get());
  if (sparse) {
    const auto shared = std::max<std::size_t>(static_cast<std::size_t>(threads), slots / kRangeSlots);
    const std::size_t ranges = entriesOf(pages) <= kAloneEntries ? 1 : shared;
    const std::size_t span = (slots + ranges - 1) / ranges;
    parallelFor(threads, ranges, [&](std::size_t range) {
      const std::size_t first = range * span;
      if (first >= slots) return;
      rankRange(pages, stake, static_cast<std::uint32_t>(first),
                static_cast<std::uint32_t>(std::min(span, slots - first)), total.get());
    });
  }
  parallelFor(threads, blocks, [&](std::size_t block) {
    for (std::size_t slot = block * kBlock; slot < std::min(slots, (block + 1) * kBlock); ++slot) {
      low[slot] = static_cast<std::uint64_t>(total[slot]);
      high[slot] = static_cast<std::uint64_t>(total[slot] >> 64);
    }
  });
  return LedgerStatus::kOk;
}

namespace {

inline std::uint64_t share(const std::uint64_t* low, const std::uint64_t* high, std::size_t slot, int shift) {
  return static_cast<std::uint64_t>(((static_cast<Wide128>(high[slot]) << 64) | low[slot]) >> shift);
}

}  // namespace

LedgerNorms ledgerNorms(const std::uint64_t* low, const std::uint64_t* high, std::size_t slots, int shift) {
  std::uint64_t sum = 0;
  Wide128 squares = 0;
  for (std::size_t slot = 0; slot < slots; ++slot) {
    const std::uint64_t value = share(low, high, slot, shift);
    sum += value;
    squares += static_cast<Wide128>(value) * value;
  }
  return {sum, {static_cast<std::uint64_t>(squares), static_cast<std::uint64_t>(squares >> 64)}};
}

void ledgerDistribute(int threads, const std::uint64_t* low, const std::uint64_t* high, std::size_t slots, int shift,
                      std::uint64_t total, std::uint64_t sum, std::uint64_t* parts, std::uint64_t* remainders,
                      std::uint64_t* scratch) {
  parallelFor(threads, (slots + kBlock - 1) / kBlock, [&](std::size_t block) {
    for (std::size_t slot = block * kBlock; slot < std::min(slots, (block + 1) * kBlock); ++slot) {
      const Wide128 product = static_cast<Wide128>(total) * share(low, high, slot, shift);
      const auto part = static_cast<std::uint64_t>(product / sum);
      parts[slot] = part;
      remainders[slot] = static_cast<std::uint64_t>(product - static_cast<Wide128>(part) * sum);
    }
  });
  std::uint64_t left = total;
  for (std::size_t slot = 0; slot < slots; ++slot) left -= parts[slot];
  if (left == 0) return;
  std::copy(remainders, remainders + slots, scratch);
  std::uint64_t* const edge = scratch + (slots - left);
  std::nth_element(scratch, edge, scratch + slots);
  const std::uint64_t least = *edge;
  for (std::size_t slot = 0; slot < slots; ++slot) {
    if (remainders[slot] > least) {
      ++parts[slot];
      --left;
    }
  }
  for (std::size_t slot = 0; slot < slots && left > 0; ++slot) {
    if (remainders[slot] == least) {
      ++parts[slot];
      --left;
    }
  }
}

std::uint64_t ledgerProbe(const LedgerKernels& kernels, int threads, std::span<const LedgerRows> pages,
                          const std::uint64_t* table, std::size_t slots) {
  const std::size_t count =
      std::max<std::size_t>(1, std::min<std::size_t>(static_cast<std::size_t>(threads), pages.size()));
  const std::size_t each = (pages.size() + count - 1) / count;
  std::vector<std::uint64_t> sums(count, 0);
  parallelFor(threads, count, [&](std::size_t p) {
    std::uint64_t sum = 0;
    for (std::size_t number = p * each; number < std::min(pages.size(), (p + 1) * each); ++number) {
      const LedgerRows& page = pages[number];
      if (page.start == nullptr) {
        sum += kernels.readWords(page.weights, kLedgerPage * page.width);
        continue;
      }
      for (std::uint32_t k = 0; k < page.start[kLedgerPage]; ++k) {
        const std::uint32_t target = page.targets[k];
        if (target < slots) sum += table[target] + page.weights[k];
      }
    }
    sums[p] = sum;
  });
  std::uint64_t sum = 0;
  for (const std::uint64_t s : sums) sum += s;
  return sum;
}

}  // namespace intermodel
