#include "ledger.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include "device.hpp"
#include "engine.hpp"

namespace intermodel::addon {
namespace {

/// Pages from a flat list of three entries each: sparse (start, targets, weights), dense (null, width, weights).
std::vector<LedgerRows> pagesOf(Args& args, const std::vector<napi_value>& entries) {
  if (entries.size() % 3 != 0) args.fail("BTM_SHAPE", "pages", "must hold three entries a page");
  std::vector<LedgerRows> pages;
  pages.reserve(entries.size() / 3);
  for (std::size_t at = 0; at < entries.size(); at += 3) {
    const auto weights = args.words("pages", entries[at + 2]);
    if (Napi::Value(args.env(), entries[at]).IsNull()) {
      const std::size_t width = weights.size() / kLedgerPage;
      if (weights.size() != width * kLedgerPage)
        args.fail("BTM_SHAPE", "pages", "has a dense page that is not 64 rows");
      pages.push_back({nullptr, nullptr, weights.data(), width});
      continue;
    }
    const auto start = args.words("pages", entries[at]);
    const auto targets = args.words("pages", entries[at + 1]);
    if (start.size() != kLedgerPage + 1 || targets.size() != weights.size() ||
        !std::is_sorted(start.begin(), start.end()) || start.back() > targets.size()) {
      args.fail("BTM_SHAPE", "pages", "has a sparse page whose lists do not fit together");
    }
    pages.push_back({start.data(), targets.data(), weights.data(), 0});
  }
  return pages;
}

/// The ranking with the dense pages summed by the device and the sparse ones by the processor: integers add in any
/// order.
LedgerStatus rankWithDevice(const Engine& engine, std::span<const LedgerRows> pages,
                            std::span<const std::uint64_t> stake, std::uint64_t* low, std::uint64_t* high) {
  static constexpr std::uint32_t kNoRows[kLedgerPage + 1] = {};
  std::vector<IntermodelLedgerPage> dense;
  std::vector<LedgerRows> sparse(pages.begin(), pages.end());
  for (std::size_t k = 0; k < pages.size(); k++) {
    if (pages[k].start != nullptr) continue;
    dense.push_back({pages[k].weights, pages[k].width, k * kLedgerPage});
    sparse[k] = {kNoRows, nullptr, nullptr, 0};
  }
  const std::size_t slots = stake.size();
  std::vector<std::uint64_t> lows(slots), highs(slots);
  engine.device->call(&IntermodelCuda::ledger_rank, dense.data(), dense.size(), stake.data(), slots, lows.data(),
                      highs.data());
  const LedgerStatus status = ledgerRank(engine.kernels.ledger, engine.threads, sparse, stake, low, high);
  for (std::size_t j = 0; j < slots; j++) {
    low[j] += lows[j];
    high[j] += highs[j] + (low[j] < lows[j] ? 1 : 0);
  }
  return status;
}

/// ledgerRank(low, high, pages, stake)
Napi::Value rank(const Engine& engine, Args& args) {
  const auto entries = args.listAt(2, "pages");
  const auto low = args.u64Out("low");
  const auto high = args.u64Out("high", low.size());
  const auto pages = pagesOf(args, entries);
  args.skip();
  const auto stake = args.u64("stake", low.size());
  if (pages.size() > (stake.size() + kLedgerPage - 1) / kLedgerPage)
    args.fail("BTM_SHAPE", "pages", "are more than the slots");
  const LedgerStatus status = engine.device != nullptr ? rankWithDevice(engine, pages, stake, low.data(), high.data())
                                                       : ledgerRank(engine.kernels.ledger, engine.threads, pages, stake,
                                                                    low.data(), high.data());
  if (status != LedgerStatus::kOk) args.fail("BTM_DOMAIN", "pages", "name a target beyond the last slot");
  return args.env().Undefined();
}

int shiftOf(Args& args) { return args.integer("shift", 0, 100); }

Napi::BigInt wide(Napi::Env env, const Wide& value) {
  const std::uint64_t parts[2] = {value.low, value.high};
  return Napi::BigInt::New(env, 0, 2, parts);
}

/// ledgerNorms(low, high, shift) -> [sum, sum of squares]
Napi::Value norms(const Engine&, Args& args) {
  const auto low = args.u64("low");
  const auto high = args.u64("high", low.size());
  const LedgerNorms found = ledgerNorms(low.data(), high.data(), low.size(), shiftOf(args));
  Napi::Array result = Napi::Array::New(args.env(), 2);
  result.Set(0u, Napi::BigInt::New(args.env(), found.sum));
  result.Set(1u, wide(args.env(), found.squares));
  return result;
}

/// ledgerDistribute(parts, low, high, shift, total, sum)
Napi::Value distribute(const Engine& engine, Args& args) {
  const auto parts = args.u64Out("parts");
  const auto low = args.u64("low", parts.size());
  const auto high = args.u64("high", parts.size());
  const int shift = shiftOf(args);
  const std::uint64_t total = args.word("total"), sum = args.word("sum");
  // A sum that is not the ranking's own would make more remainders than slots; recompute it rather than trust it.
  if (sum == 0 || total >> 63 != 0 || ledgerNorms(low.data(), high.data(), low.size(), shift).sum != sum ||
      sum >> 63 != 0) {
    args.fail("BTM_DOMAIN", "sum", "must be the sum of the shifted ranking, above 0 and, like total, below 2^63");
  }
  std::vector<std::uint64_t> remainders(parts.size()), scratch(parts.size());
  ledgerDistribute(engine.threads, low.data(), high.data(), parts.size(), shift, total, sum, parts.data(),
                   remainders.data(), scratch.data());
  return args.env().Undefined();
}

/// ledgerProbe(pages, table) -> bigint
Napi::Value probe(const Engine& engine, Args& args) {
  const auto entries = args.listAt(0, "pages");
  const auto pages = pagesOf(args, entries);
  args.skip();
  const auto table = args.u64("table");
  return Napi::BigInt::New(args.env(),
                           ledgerProbe(engine.kernels.ledger, engine.threads, pages, table.data(), table.size()));
}

}  // namespace

void defineLedger(Methods& methods) {
  methods.add("ledgerRank", rank);
  methods.add("ledgerNorms", norms);
  methods.add("ledgerDistribute", distribute);
  methods.add("ledgerProbe", probe);
}

}  // namespace intermodel::addon
