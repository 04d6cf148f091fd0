#include "ledger.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include "engine.hpp"

namespace intermodel::addon {
namespace {

/// A BigUint64Array of the given length, or of any when `any` is set.
std::span<std::uint64_t> u64(Args& args, const char* name, std::size_t length, bool any = false) {
  const Napi::Value value = args.next();
  napi_typedarray_type type;
  std::size_t found = 0;
  void* data = nullptr;
  if (!value.IsTypedArray() ||
      napi_get_typedarray_info(args.env(), value, &type, &found, &data, nullptr, nullptr) != napi_ok ||
      type != napi_biguint64_array) {
    args.fail("BTM_TYPE", name, "must be a BigUint64Array");
  }
  if (!any && found != length) {
    args.fail("BTM_SHAPE", name, "must have length " + std::to_string(length) + ", got " + std::to_string(found));
  }
  return {static_cast<std::uint64_t*>(data), found};
}

/// An unsigned 64-bit integer given as a bigint.
std::uint64_t word(Args& args, const char* name) {
  const Napi::Value value = args.next();
  if (!value.IsBigInt()) args.fail("BTM_TYPE", name, "must be a bigint");
  bool lossless = false;
  const std::uint64_t result = value.As<Napi::BigInt>().Uint64Value(&lossless);
  if (!lossless) args.fail("BTM_DOMAIN", name, "must be between 0 and 2^64 - 1");
  return result;
}

std::span<const std::uint32_t> words(const Args& args, napi_env env, napi_value value, const char* name) {
  napi_typedarray_type type;
  std::size_t length = 0;
  void* data = nullptr;
  bool is_array = false;
  if (napi_is_typedarray(env, value, &is_array) != napi_ok || !is_array ||
      napi_get_typedarray_info(env, value, &type, &length, &data, nullptr, nullptr) != napi_ok ||
      type != napi_uint32_array) {
    args.fail("BTM_TYPE", name, "must hold Uint32Arrays");
  }
  return {static_cast<const std::uint32_t*>(data), length};
}

/// Pages as a flat list of three entries each: sparse (start, targets, weights), dense (null, width, weights).
std::vector<LedgerRows> pagesOf(Args& args) {
  const Napi::Value value = args.next();
  if (!value.IsArray()) args.fail("BTM_TYPE", "pages", "must be an array");
  const napi_env env = args.env();
  const std::uint32_t length = value.As<Napi::Array>().Length();
  if (length % 3 != 0) args.fail("BTM_SHAPE", "pages", "must hold three entries a page");
  std::vector<LedgerRows> pages;
  pages.reserve(length / 3);
  for (std::uint32_t at = 0; at < length; at += 3) {
    Napi::HandleScope scope(env);
    napi_value entry[3];
    for (std::uint32_t k = 0; k < 3; ++k) napi_get_element(env, value, at + k, &entry[k]);
    const auto weights = words(args, env, entry[2], "pages");
    if (Napi::Value(env, entry[0]).IsNull()) {
      const std::size_t width = weights.size() / kLedgerPage;
      if (weights.size() != width * kLedgerPage)
        args.fail("BTM_SHAPE", "pages", "has a dense page that is not 64 rows");
      pages.push_back({nullptr, nullptr, weights.data(), width});
      continue;
    }
    const auto start = words(args, env, entry[0], "pages");
    const auto targets = words(args, env, entry[1], "pages");
    if (start.size() != kLedgerPage + 1 || targets.size() != weights.size() ||
        !std::is_sorted(start.begin(), start.end()) || start.back() > targets.size()) {
      args.fail("BTM_SHAPE", "pages", "has a sparse page whose lists do not fit together");
    }
    pages.push_back({start.data(), targets.data(), weights.data(), 0});
  }
  return pages;
}

/// ledgerRank(low, high, pages, stake)
Napi::Value rank(const Engine& engine, Args& args) {
  const auto low = u64(args, "low", 0, true);
  const auto high = u64(args, "high", low.size());
  const auto pages = pagesOf(args);
  const auto stake = u64(args, "stake", low.size());
  if (pages.size() > (stake.size() + kLedgerPage - 1) / kLedgerPage)
    args.fail("BTM_SHAPE", "pages", "are more than the slots");
  const LedgerStatus status = ledgerRank(engine.kernels.ledger, engine.threads, pages, stake, low.data(), high.data());
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
  const auto low = u64(args, "low", 0, true);
  const auto high = u64(args, "high", low.size());
  const LedgerNorms found = ledgerNorms(low.data(), high.data(), low.size(), shiftOf(args));
  Napi::Array result = Napi::Array::New(args.env(), 2);
  result.Set(0u, Napi::BigInt::New(args.env(), found.sum));
  result.Set(1u, wide(args.env(), found.squares));
  return result;
}

/// ledgerDistribute(parts, low, high, shift, total, sum)
Napi::Value distribute(const Engine& engine, Args& args) {
  const auto parts = u64(args, "parts", 0, true);
  const auto low = u64(args, "low", parts.size());
  const auto high = u64(args, "high", parts.size());
  const int shift = shiftOf(args);
  const std::uint64_t total = word(args, "total"), sum = word(args, "sum");
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
  const auto pages = pagesOf(args);
  const auto table = u64(args, "table", 0, true);
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
