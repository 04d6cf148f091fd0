/// Every instruction set gives the bits of the scalar kernels, or the fuzzer stops.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <vector>

#include "../test/check.hpp"
#include "intermodel/dispatch.hpp"
#include "kernel_table.hpp"

namespace fuzz {

/// What a run computed, in one list.
class Results {
 public:
  void keep(double value) { all_.push_back(value); }
  void keep(const std::vector<double>& values) { all_.insert(all_.end(), values.begin(), values.end()); }
  void keep(const std::vector<std::int32_t>& values) { all_.insert(all_.end(), values.begin(), values.end()); }

  bool same(const Results& that) const {
    if (all_.size() != that.all_.size()) return false;
    for (std::size_t k = 0; k < all_.size(); k++)
      if (!check::sameBits(all_[k], that.all_[k])) {
        std::fprintf(stderr, "result %zu: %a against %a\n", k, all_[k], that.all_[k]);
        return false;
      }
    return true;
  }

 private:
  std::vector<double> all_;
};

/// run(kernels, results) on each instruction set that this machine has.
template <class Run>
void sameOnAll(Run&& run) {
  const intermodel::KernelTable* const scalar = intermodel::findIsa("scalar").kernels;
  Results expected;
  run(*scalar, expected);
  for (const intermodel::IsaChoice& isa : intermodel::listIsas()) {
    if (isa.status != intermodel::IsaStatus::kAvailable || isa.kernels == scalar) continue;
    Results actual;
    run(*isa.kernels, actual);
    if (expected.same(actual)) continue;
    std::fprintf(stderr, "%s differs from scalar\n", isa.name);
    std::abort();
  }
}

}  // namespace fuzz
