// The ledger's epoch against plain 128-bit sums: sparse and dense pages, every instruction set here, several threads.
#include <algorithm>
#include <vector>

#include "check.hpp"
#include "intermodel/dispatch.hpp"
#include "kernel_table.hpp"

namespace {

using namespace intermodel;
using Wide128 = unsigned __int128;

struct Generator {
  std::uint64_t state;
  std::uint64_t next() {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return state >> 11;
  }
};

struct Rows {
  std::vector<std::uint32_t> start, targets, weights;
  std::size_t width = 0;
  LedgerRows view() const { return {start.empty() ? nullptr : start.data(), targets.data(), weights.data(), width}; }
};

Rows randomPage(Generator& random, std::size_t slots, bool dense) {
  Rows page;
  if (dense) {
    page.width = slots;
    for (std::size_t k = 0; k < kLedgerPage * slots; ++k)
      page.weights.push_back(static_cast<std::uint32_t>(random.next() % 1'000'000'001));
    return page;
  }
  page.start.push_back(0);
  for (std::size_t row = 0; row < kLedgerPage; ++row) {
    for (std::size_t target = random.next() % 3; target < slots; target += 1 + random.next() % 5) {
      page.targets.push_back(static_cast<std::uint32_t>(target));
      page.weights.push_back(static_cast<std::uint32_t>(random.next() % 1'000'000'001));
    }
    page.start.push_back(static_cast<std::uint32_t>(page.targets.size()));
  }
  return page;
}

std::vector<Wide128> definition(const std::vector<Rows>& pages, const std::vector<std::uint64_t>& stake) {
  std::vector<Wide128> sum(stake.size(), 0);
  for (std::size_t slot = 0; slot < stake.size(); ++slot) {
    const Rows& page = pages[slot / kLedgerPage];
    const std::size_t row = slot % kLedgerPage;
    if (page.start.empty()) {
      for (std::size_t j = 0; j < page.width; ++j)
        sum[j] += static_cast<Wide128>(stake[slot]) * page.weights[row * page.width + j];
    } else {
      for (std::uint32_t k = page.start[row]; k < page.start[row + 1]; ++k) {
        sum[page.targets[k]] += static_cast<Wide128>(stake[slot]) * page.weights[k];
      }
    }
  }
  return sum;
}

void checkEpoch(const LedgerKernels& kernels, int threads, std::size_t slots, std::uint64_t seed) {
  Generator random{seed};
  std::vector<Rows> pages;
  for (std::size_t first = 0; first < slots; first += kLedgerPage)
    pages.push_back(randomPage(random, slots, random.next() % 2 == 0));
  std::vector<LedgerRows> views;
  for (const Rows& page : pages) views.push_back(page.view());
  std::vector<std::uint64_t> stake(slots), low(slots), high(slots), parts(slots), remainders(slots), scratch(slots);
  for (std::uint64_t& s : stake) s = random.next() >> (random.next() % 40);
  CHECK(ledgerRank(kernels, threads, views, stake, low.data(), high.data()) == LedgerStatus::kOk);
  const std::vector<Wide128> exact = definition(pages, stake);
  Wide128 total = 0;
  for (std::size_t slot = 0; slot < slots; ++slot) {
    CHECK(low[slot] == static_cast<std::uint64_t>(exact[slot]) &&
          high[slot] == static_cast<std::uint64_t>(exact[slot] >> 64));
    total += exact[slot];
  }
  int shift = 0;
  while (total >> shift >> 62 != 0) ++shift;
  const LedgerNorms norms = ledgerNorms(low.data(), high.data(), slots, shift);
  if (norms.sum == 0) return;
  const std::uint64_t amount = random.next();
  ledgerDistribute(threads, low.data(), high.data(), slots, shift, amount, norms.sum, parts.data(), remainders.data(),
                   scratch.data());
  std::uint64_t paid = 0;
  for (std::size_t slot = 0; slot < slots; ++slot) {
    const Wide128 share = static_cast<Wide128>(amount) * static_cast<std::uint64_t>(exact[slot] >> shift);
    CHECK(parts[slot] == share / norms.sum || parts[slot] == share / norms.sum + 1);
    paid += parts[slot];
  }
  CHECK(paid == amount);
}

}  // namespace

int main() {
  for (const IsaChoice& isa : listIsas()) {
    if (isa.kernels == nullptr) continue;
    for (const int threads : {1, 2, 7}) {
      for (const std::size_t slots : {1u, 3u, 63u, 64u, 65u, 200u})
        checkEpoch(isa.kernels->ledger, threads, slots, slots * 31 + 5);
    }
  }
  const std::uint32_t start[kLedgerPage + 1] = {0, 1}, target[] = {9}, weight[] = {1};
  std::uint32_t full[kLedgerPage + 1];
  std::copy(start, start + 2, full);
  std::fill(full + 2, full + kLedgerPage + 1, 1u);
  const LedgerRows beyond = {full, target, weight, 0};
  const std::uint64_t stake[] = {1, 1};
  std::uint64_t low[2], high[2];
  CHECK(ledgerRank(kScalarKernels.ledger, 1, {&beyond, 1}, stake, low, high) == LedgerStatus::kTargetOutOfRange);
  return check::finish();
}
