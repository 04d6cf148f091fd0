#pragma once
// What this processor and its operating system offer. Asked with the instruction itself: __builtin_cpu_supports needs a
// support library that clang does not always bring along.
#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include <cstdint>

namespace intermodel {

struct CpuFeatures {
  bool avx2_fma = false;
  bool avx512f = false;
};

inline CpuFeatures cpuFeatures() noexcept {
  CpuFeatures found;
#if defined(__x86_64__)
  unsigned a = 0, b = 0, c = 0, d = 0;
  if (__get_cpuid(1, &a, &b, &c, &d) == 0) return found;
  constexpr unsigned kFma = 1U << 12, kXsave = 1U << 27, kAvx = 1U << 28;
  if ((c & (kFma | kXsave | kAvx)) != (kFma | kXsave | kAvx)) return found;
  // The registers that the operating system saves on a switch of threads.
  std::uint32_t low = 0, high = 0;
  __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  constexpr std::uint32_t kYmm = 0x06, kZmm = 0xe6;
  if ((low & kYmm) != kYmm || __get_cpuid_count(7, 0, &a, &b, &c, &d) == 0) return found;
  found.avx2_fma = (b & (1U << 5)) != 0;
  found.avx512f = found.avx2_fma && (b & (1U << 16)) != 0 && (low & kZmm) == kZmm;
#endif
  return found;
}

}  // namespace intermodel
