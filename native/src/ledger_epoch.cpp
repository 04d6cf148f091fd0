#include <algorithm>
#include <memory>
#include <vector>

#include "intermodel/thread_pool.hpp"
#include "ledger.hpp"

namespace intermodel {
namespace {

using Wide128 = unsigned __int128;

constexpr int kLimbBits = 22;
constexpr std::size_t kExactRows = 4096;  // rows whose 52-bit products a 64-bit sum holds
constexpr std::size_t kBlock = 1 << 14;   // slots merged or shared out at a time

/// What one thread gathers from its range of pages. Its memory is taken by the caller: nothing allocates on a pool
/// thread.
struct Part {
  std::unique_ptr<Wide128[]> total;
  std::unique_ptr<std::uint64_t[]> limbs;
  std::size_t slots = 0;
  std::size_t stride = 0;
  std::size_t rows = 0;
  int limb_count = 1;
  LedgerStatus status = LedgerStatus::kOk;

  void clearLimbs() { std::fill_n(limbs.get(), static_cast<std::size_t>(limb_count) * stride, 0); }

  /// Adds the limbs to the totals and starts them again.
  void fold() {
    for (std::size_t column = 0; column < std::min(stride, slots); ++column) {
      Wide128 sum = 0;
      for (int l = limb_count - 1; l >= 0; --l)
        sum = (sum << kLimbBits) + limbs[static_cast<std::size_t>(l) * stride + column];
      total[column] += sum;
    }
    clearLimbs();
    rows = 0;
  }
};

void addSparse(Part& part, const LedgerRows& page, const std::uint64_t* stake, std::size_t rows) {
  const std::size_t slots = part.slots;
  Wide128* total = part.total.get();
  for (std::size_t r = 0; r < rows; ++r) {
    const Wide128 factor = stake[r];
    if (factor == 0) continue;
    const std::uint32_t end = page.start[r + 1];
    for (std::uint32_t k = page.start[r]; k < end; ++k) {
      const std::uint32_t target = page.targets[k];
      if (target >= slots) {
        part.status = LedgerStatus::kTargetOutOfRange;
        return;
      }
      total[target] += factor * page.weights[k];
    }
  }
}

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

}  // namespace

LedgerStatus ledgerRank(const LedgerKernels& kernels, int threads, std::span<const LedgerRows> pages,
                        std::span<const std::uint64_t> stake, std::uint64_t* low, std::uint64_t* high) {
  const std::size_t slots = stake.size();
  const std::size_t count =
      std::max<std::size_t>(1, std::min<std::size_t>(static_cast<std::size_t>(threads), pages.size()));
  const std::size_t each = (pages.size() + count - 1) / count;
  const int limb_count = limbsNeeded(stake);
  std::size_t width = 0;
  for (const LedgerRows& page : pages) width = std::max(width, page.width);
  std::vector<Part> parts(count);
  for (Part& part : parts) {
    part.total.reset(new Wide128[slots]);
    part.limbs.reset(new std::uint64_t[static_cast<std::size_t>(limb_count) * width]);
    part.slots = slots;
    part.limb_count = limb_count;
  }
  parallelFor(threads, count, [&](std::size_t p) {
    Part& part = parts[p];
    std::fill_n(part.total.get(), slots, 0);
    for (std::size_t number = p * each; number < std::min(pages.size(), (p + 1) * each); ++number) {
      const std::size_t first = number * kLedgerPage;
      if (first >= slots) break;
      const std::size_t rows = std::min(kLedgerPage, slots - first);
      if (pages[number].start != nullptr) {
        addSparse(part, pages[number], stake.data() + first, rows);
      } else {
        addDense(kernels, part, pages[number], stake.data() + first, rows);
      }
    }
    if (part.rows > 0) part.fold();
  });
  parallelFor(threads, (slots + kBlock - 1) / kBlock, [&](std::size_t block) {
    for (std::size_t slot = block * kBlock; slot < std::min(slots, (block + 1) * kBlock); ++slot) {
      Wide128 sum = 0;
      for (const Part& part : parts) sum += part.total[slot];
      low[slot] = static_cast<std::uint64_t>(sum);
      high[slot] = static_cast<std::uint64_t>(sum >> 64);
    }
  });
  for (const Part& part : parts) {
    if (part.status != LedgerStatus::kOk) return part.status;
  }
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
