/// The ranking of the ledger's dense rows, in integers: every sum is exact, so no order shows. Sparse rows are the
/// processor's: their targets are scattered, and there are few entries.
#include <algorithm>

#include "calls.hpp"

namespace intermodel::gpu {
namespace {

constexpr size_t kPage = 64;     // rows of a page
constexpr size_t kTogether = 8;  // pages summed by one block
constexpr size_t kLimbs = 3;     // of the 63 bits of a stake
constexpr unsigned kLimbBits = 22;

struct PageOnDevice {
  const uint32_t* weights;
  size_t width, first, rows;
};

/// part[chunk][limb][column] = sum over the rows of the chunk's pages of (limb of the row's stake) times weight. A
/// product has at most 52 bits and a chunk 512 rows, so a sum has at most 61.
struct RankPages {
  static constexpr int kThreads = 128;
  static constexpr size_t kEach = 2;  // columns of a thread
  struct Arguments {
    const PageOnDevice* pages;
    size_t count;
    const uint64_t* stake;
    size_t columns;
    uint64_t* part;
  };
  struct Shared {
    uint32_t limbs[kTogether * kPage][kLimbs];
  };
  struct Registers {};

  INTERMODEL_BOTH static size_t phases(const Arguments&, const Place&) { return 2; }
  INTERMODEL_BOTH static void phase(size_t p, const Arguments& a, const Place& at, Shared& shared, Registers&) {
    const size_t from = at.y * kTogether, left = a.count - from, count = left < kTogether ? left : kTogether;
    if (p == 0) {
      for (size_t k = at.thread; k < count * kPage; k += kThreads) {
        const PageOnDevice& page = a.pages[from + k / kPage];
        const uint64_t stake = k % kPage < page.rows ? a.stake[page.first + k % kPage] : 0;
        for (size_t l = 0; l < kLimbs; l++)
          shared.limbs[k][l] = static_cast<uint32_t>(stake >> (kLimbBits * l)) & ((1u << kLimbBits) - 1);
      }
      return;
    }
    for (size_t e = 0; e < kEach; e++) {
      const size_t column = (at.x * kEach + e) * kThreads + at.thread;
      if (column < a.columns) sumColumn(a, at, column, from, count, shared);
    }
  }

 private:
  INTERMODEL_BOTH static void sumColumn(const Arguments& a, const Place& at, size_t column, size_t from, size_t count,
                                        const Shared& shared) {
    uint64_t sum[kLimbs] = {};
    for (size_t k = 0; k < count; k++) {
      const PageOnDevice& page = a.pages[from + k];
      if (column >= page.width) continue;
      for (size_t r = 0; r < page.rows; r++) {
        const uint64_t weight = page.weights[r * page.width + column];
        for (size_t l = 0; l < kLimbs; l++) sum[l] += shared.limbs[k * kPage + r][l] * weight;
      }
    }
    for (size_t l = 0; l < kLimbs; l++) a.part[(at.y * kLimbs + l) * a.columns + column] = sum[l];
  }
};

/// Adds value * 2^shift to an integer of 128 bits.
INTERMODEL_BOTH inline void addShifted(uint64_t& low, uint64_t& high, uint64_t value, unsigned shift) {
  const uint64_t below = value << shift;
  low += below;
  high += (shift == 0 ? 0 : value >> (64 - shift)) + (low < below ? 1 : 0);
}

/// Adds the pages' rows to low and high [columns].
void addPages(Machine& machine, const std::vector<PageOnDevice>& pages, const uint64_t* stake, size_t columns,
              uint64_t* low, uint64_t* high) {
  const size_t chunks = (pages.size() + kTogether - 1) / kTogether;
  const Array<PageOnDevice> table(machine, pages.data(), pages.size());
  const Array<uint64_t> part(machine, chunks * kLimbs * columns);
  constexpr size_t kColumns = RankPages::kThreads * RankPages::kEach;
  const RankPages::Arguments arguments{table.data(), pages.size(), stake, columns, part.data()};
  machine.launch<RankPages>((columns + kColumns - 1) / kColumns, chunks, arguments);
  const uint64_t* sums = part.data();
  each(machine, columns, [=] INTERMODEL_BOTH(size_t j) {
    for (size_t k = 0; k < chunks * kLimbs; k++)
      addShifted(low[j], high[j], sums[k * columns + j], kLimbBits * static_cast<unsigned>(k % kLimbs));
  });
  machine.finish();  // the table and the parts are used until here
}

/// Most pages of a launch: by the parts of their chunks, and by the rows of a grid.
size_t pagesAtOnce(size_t budget, size_t columns) {
  const size_t chunks = budget / 2 / (kLimbs * columns * sizeof(uint64_t));
  return kTogether * std::clamp<size_t>(chunks, 1, Machine::kMostRows);
}

}  // namespace

void ledgerRank(IntermodelSession& session, const IntermodelLedgerPage* pages, size_t count, const uint64_t* stake,
                size_t slots, uint64_t* low, uint64_t* high) {
  Machine& machine = session.machine;
  size_t columns = 0;
  for (size_t k = 0; k < count; k++) columns = std::max(columns, std::min(pages[k].width, slots));
  std::fill_n(low, slots, 0);
  std::fill_n(high, slots, 0);
  if (columns == 0) return;
  const size_t budget = session.budget(), most = pagesAtOnce(budget, columns);
  const Array<uint64_t> owned(machine, stake, slots), lows(machine, low, columns), highs(machine, high, columns);
  for (size_t next = 0; next < count;) {
    std::vector<Input<uint32_t>> inputs;
    std::vector<PageOnDevice> ready;
    for (size_t copied = 0; next < count && ready.size() < most; next++) {
      const IntermodelLedgerPage& page = pages[next];
      const size_t rows = page.first >= slots ? 0 : std::min(kPage, slots - page.first);
      if (rows == 0 || page.width == 0) continue;
      const size_t length = kPage * page.width;
      if (!ready.empty() && copied + length * sizeof(uint32_t) > budget / 2) break;
      inputs.emplace_back(session, page.weights, length);
      copied += inputs.back().copied();
      ready.push_back({inputs.back().data(), page.width, page.first, rows});
    }
    if (!ready.empty()) addPages(machine, ready, owned.data(), columns, lows.data(), highs.data());
  }
  lows.get(low);
  highs.get(high);
}

}  // namespace intermodel::gpu
