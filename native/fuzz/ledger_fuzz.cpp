/// The integer epoch over pages of any words: rows that are not ascending or point outside must stay inside memory, and
/// what is paid sums.
#include <cstdlib>

#include "agree.hpp"
#include "input.hpp"
#include "ledger.hpp"

using namespace intermodel;

namespace {

struct Page {
  std::vector<std::uint32_t> start, targets, weights;
  std::size_t width = 0;
  bool sparse = false;
};

Page readPage(fuzz::Input& input, std::size_t slots) {
  Page page;
  page.sparse = input.byte() % 2 == 0;
  page.width = slots;
  if (!page.sparse) {
    for (std::size_t k = 0; k < kLedgerPage * slots; k++)
      page.weights.push_back(static_cast<std::uint32_t>(input.whole(0, 65535)) * 15000u);
    return page;
  }
  page.start.push_back(0);
  for (std::size_t row = 0; row < kLedgerPage; row++) {
    for (std::size_t entries = input.whole(0, 3); entries > 0; entries--) {
      page.targets.push_back(static_cast<std::uint32_t>(input.whole(0, slots + slots / 8)));
      page.weights.push_back(static_cast<std::uint32_t>(input.word()) % 1000000001u);
    }
    page.start.push_back(static_cast<std::uint32_t>(page.targets.size()));
  }
  return page;
}

void settle(const std::vector<std::uint64_t>& low, const std::vector<std::uint64_t>& high, std::uint64_t total) {
  const std::size_t slots = low.size();
  int shift = 0;
  const auto fits = [&] {
    unsigned __int128 sum = 0;
    for (std::size_t k = 0; k < slots; k++) sum += (static_cast<unsigned __int128>(high[k]) << 64 | low[k]) >> shift;
    return sum >> 63 == 0;
  };
  while (!fits()) shift++;
  const LedgerNorms norms = ledgerNorms(low.data(), high.data(), slots, shift);
  if (norms.sum == 0) return;
  std::vector<std::uint64_t> parts(slots), remainders(slots), scratch(slots);
  ledgerDistribute(1, low.data(), high.data(), slots, shift, total >> 1, norms.sum, parts.data(), remainders.data(),
                   scratch.data());
  std::uint64_t paid = 0;
  for (const std::uint64_t part : parts) paid += part;
  if (paid != total >> 1) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  const std::size_t pages = input.whole(1, 2), slots = pages * kLedgerPage - input.whole(0, kLedgerPage - 1);
  std::vector<Page> held;
  for (std::size_t k = 0; k < pages; k++) held.push_back(readPage(input, slots));
  std::vector<LedgerRows> views;
  for (const Page& page : held)
    views.push_back({page.sparse ? page.start.data() : nullptr, page.sparse ? page.targets.data() : nullptr,
                     page.weights.data(), page.width});
  std::vector<std::uint64_t> stake(slots);
  for (std::uint64_t& amount : stake) amount = input.word() >> input.whole(0, 40);
  const std::uint64_t total = input.word();
  fuzz::sameOnAll([&](const KernelTable& kernels, fuzz::Results& results) {
    std::vector<std::uint64_t> low(slots), high(slots);
    const bool inside = ledgerRank(kernels.ledger, 1, views, stake, low.data(), high.data()) == LedgerStatus::kOk;
    results.keep(inside ? 1.0 : 0.0);
    if (!inside) return;
    for (std::size_t k = 0; k < slots; k++)
      for (const std::uint64_t word : {low[k], high[k]})
        results.keep(static_cast<double>(word >> 32)), results.keep(static_cast<double>(word & 0xffffffffu));
    settle(low, high, total);
  });
  return 0;
}
