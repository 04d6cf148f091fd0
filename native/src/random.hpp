/// Counter-based random numbers: Philox4x32-10 (Salmon, Moraes, Dror, Shaw, 2011). The same bits as src/core/random.ts.
///
///   philox(key, counter) -> four words
///   RandomStream(seed, indices, count): nextUint32, uniform, normal, integer(n), shuffle, categorical
///
/// Usable in any translation unit: internal linkage, no std:: templates.
#pragma once

#include "math.hpp"

namespace intermodel {
namespace {

struct PhiloxBlock {
  uint32_t word[4];
};

struct PhiloxKey {
  uint32_t word[2];
};

/// One block: four 32-bit words from a key and a counter.
INTERMODEL_INLINE PhiloxBlock philox(PhiloxKey key, PhiloxBlock counter) {
  uint32_t x0 = counter.word[0], x1 = counter.word[1], x2 = counter.word[2], x3 = counter.word[3];
  uint32_t k0 = key.word[0], k1 = key.word[1];
  for (int round = 0; round < 10; round++) {
    const uint64_t product0 = uint64_t{0xd2511f53u} * x0, product1 = uint64_t{0xcd9e8d57u} * x2;
    x0 = static_cast<uint32_t>(product1 >> 32) ^ x1 ^ k0;
    x1 = static_cast<uint32_t>(product1);
    x2 = static_cast<uint32_t>(product0 >> 32) ^ x3 ^ k1;
    x3 = static_cast<uint32_t>(product0);
    k0 += 0x9e3779b9u;
    k1 += 0xbb67ae85u;
  }
  return {{x0, x1, x2, x3}};
}

/// An endless sequence named by a seed and any number of indices. Seed and indices are below 2^53.
class RandomStream {
 public:
  RandomStream(uint64_t seed, const uint64_t* indices, size_t count) : key_{{low(seed), high(seed)}} {
    for (size_t depth = 0; depth < count; depth++) {
      const PhiloxBlock derived =
          philox(key_, {{low(indices[depth]), high(indices[depth]), kDerive, static_cast<uint32_t>(depth)}});
      key_ = {{derived.word[0], derived.word[1]}};
    }
  }

  uint32_t nextUint32() {
    if (used_ == 4) {
      words_ = philox(key_, {{low(block_), high(block_), 0, 0}});
      block_++;
      used_ = 0;
    }
    return words_.word[used_++];
  }

  /// Uniform in [0, 1), a multiple of 2^-53.
  double uniform() { return static_cast<double>(next53()) * 0x1p-53; }

  /// Standard normal, by Marsaglia's polar method with the package's own logarithm.
  double normal() {
    if (hasSpare_) {
      hasSpare_ = false;
      return spare_;
    }
    for (;;) {
      const double u = 2.0 * uniform() - 1.0;
      const double v = 2.0 * uniform() - 1.0;
      const double s = u * u + v * v;
      if (s >= 1.0 || s == 0.0) continue;
      double logarithm[kLanes];
      store(logarithm, log(broadcast(s)));
      const double factor = __builtin_sqrt((-2.0 * logarithm[0]) / s);
      spare_ = v * factor;
      hasSpare_ = true;
      return u * factor;
    }
  }

  /// Uniform integer in [0, n), without bias; n from 1 to 2^53.
  uint64_t integer(uint64_t n) {
    const bool narrow = n <= (uint64_t{1} << 32);
    const uint64_t range = uint64_t{1} << (narrow ? 32 : 53);
    const uint64_t limit = range - range % n;
    for (;;) {
      const uint64_t draw = narrow ? nextUint32() : next53();
      if (draw < limit) return draw % n;
    }
  }

  /// Puts the items in uniformly random order (Fisher and Yates, from the end).
  template <class Item>
  void shuffle(Item* items, size_t count) {
    for (size_t i = count; i-- > 1;) {
      const size_t j = integer(i + 1);
      const Item item = items[i];
      items[i] = items[j];
      items[j] = item;
    }
  }

  /// An index drawn with probability proportional to its weight; weights are not negative and have a positive sum.
  size_t categorical(const double* weights, size_t count) {
    double total = 0.0;
    for (size_t i = 0; i < count; i++) total += weights[i];
    const double threshold = uniform() * total;
    double reached = 0.0;
    size_t last = 0;
    for (size_t i = 0; i < count; i++) {
      if (weights[i] == 0.0) continue;
      reached += weights[i];
      last = i;
      if (threshold < reached) return i;
    }
    return last;  // rounding left the threshold at the total itself
  }

 private:
  static constexpr uint32_t kDerive = 0x64657276u;  // third counter word while a key is derived

  static uint32_t low(uint64_t x) { return static_cast<uint32_t>(x); }
  static uint32_t high(uint64_t x) { return static_cast<uint32_t>(x >> 32); }

  uint64_t next53() {
    const uint64_t upper = nextUint32() >> 5;
    const uint64_t lower = nextUint32() >> 6;
    return upper << 26 | lower;
  }

  PhiloxKey key_;
  PhiloxBlock words_{};
  uint64_t block_ = 0;
  int used_ = 4;
  double spare_ = 0.0;
  bool hasSpare_ = false;
};

}  // namespace
}  // namespace intermodel
