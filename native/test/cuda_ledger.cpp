/// The ledger's ranking on a module against plain sums.
#include <string>
#include <vector>

#include "cuda_cases.hpp"
#include "ledger.hpp"

using namespace intermodel;

namespace {

/// Dense pages of the ledger, some left out as sparse ones are, with their sums by plain arithmetic.
struct LedgerCase {
  explicit LedgerCase(RandomStream& random, size_t n) : slots(n), stake(n), expected(n) {
    for (uint64_t& amount : stake) amount = static_cast<uint64_t>(random.uniform() * 0x1p63) / slots;
    for (size_t first = 0, k = 0; first < slots; first += kLedgerPage, k++) {
      if (k % 5 == 3) continue;
      const size_t width = k % 3 == 1 ? slots / 2 + 1 : slots + k % 2 * 64;
      std::vector<uint32_t> page(kLedgerPage * width);
      for (uint32_t& weight : page)
        weight = static_cast<uint32_t>(random.uniform() < 0.01 ? 1e9 : random.uniform() * 1e6);
      for (size_t r = 0; r < kLedgerPage && first + r < slots; r++)
        for (size_t j = 0; j < std::min(width, slots); j++)
          expected[j] += static_cast<unsigned __int128>(stake[first + r]) * page[r * width + j];
      weights.push_back(std::move(page));
      pages.push_back({weights.back().data(), width, first});
    }
  }

  bool holds(IntermodelSession* session) const {
    std::vector<uint64_t> low(slots, 7), high(slots, 7);
    bool equal = api->ledger_rank(session, pages.data(), pages.size(), stake.data(), slots, low.data(), high.data()) ==
                 INTERMODEL_CUDA_OK;
    for (size_t j = 0; j < slots; j++)
      equal =
          equal && low[j] == static_cast<uint64_t>(expected[j]) && high[j] == static_cast<uint64_t>(expected[j] >> 64);
    return equal;
  }

  size_t slots;
  std::vector<uint64_t> stake;
  std::vector<unsigned __int128> expected;
  std::vector<std::vector<uint32_t>> weights;
  std::vector<IntermodelLedgerPage> pages;
};

}  // namespace

void testLedger() {
  RandomStream random(20261131, nullptr, 0);
  for (const size_t slots : {1, 63, 64, 65, 300, 1500}) {
    const LedgerCase rows(random, slots);
    for (uint64_t schedule = 0; schedule <= schedules; schedule += slots > 1000 ? 5 : 1) {
      const Session session(schedule, schedule % 4 == 1 ? 1u << 20 : 0);
      for (size_t k = 0; k < rows.pages.size() && schedule % 2 == 0; k += 2)
        CHECK(api->upload(session.at, rows.pages[k].weights, rows.weights[k].size() * sizeof(uint32_t)) ==
              INTERMODEL_CUDA_OK);
      double rate = 0;
      CHECK(api->copy_rate(session.at, 4096, &rate) == INTERMODEL_CUDA_OK && rate > 0 && rate < 1e18);
      CHECK(rows.holds(session.at));
    }
    for (uint64_t schedule = 1; schedule <= schedules && slots > kLedgerPage; schedule++) {
      const Session barrierless(schedule, 0, 1);
      CHECK(!rows.holds(barrierless.at));
    }
  }
}
