/// Aligned memory for scratch and packed copies.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <memory>
#include <new>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace intermodel {

/// Doubles that are not touched before they are used; large areas in large pages where the system has them.
class Memory {
 public:
  explicit Memory(std::size_t doubles) {
    constexpr std::size_t kLargePage = std::size_t{1} << 21;
    const std::size_t bytes = (doubles == 0 ? 1 : doubles) * sizeof(double);
    const std::size_t alignment = bytes >= kLargePage ? kLargePage : 64;
    const std::size_t rounded = (bytes + alignment - 1) / alignment * alignment;
    auto* area = static_cast<double*>(std::aligned_alloc(alignment, rounded));
    if (area == nullptr) throw std::bad_alloc();
#if defined(__linux__)
    if (alignment == kLargePage) madvise(area, rounded, MADV_HUGEPAGE);
#endif
    data_.reset(area);
  }
  double* data() const { return data_.get(); }

 private:
  struct Free {
    void operator()(double* p) const { std::free(p); }
  };
  std::unique_ptr<double[], Free> data_;
};

}  // namespace intermodel
