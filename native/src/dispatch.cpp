#include "intermodel/dispatch.hpp"

#include <array>

#include "cpu.hpp"
#include "kernel_table.hpp"

namespace intermodel {
namespace {

constexpr bool kIsX86 =
#if defined(__x86_64__)
    true;
#else
    false;
#endif

IsaChoice avx512Choice() noexcept {
#if defined(INTERMODEL_HAS_AVX512)
  if (cpuFeatures().avx512f) return {"avx512", IsaStatus::kAvailable, &kAvx512Kernels};
#endif
  return {"avx512", kIsX86 ? IsaStatus::kNotOnThisMachine : IsaStatus::kNotBuilt, nullptr};
}

IsaChoice avx2Choice() noexcept {
#if defined(INTERMODEL_HAS_AVX2)
  if (cpuFeatures().avx2_fma) return {"avx2", IsaStatus::kAvailable, &kAvx2Kernels};
#endif
  return {"avx2", kIsX86 ? IsaStatus::kNotOnThisMachine : IsaStatus::kNotBuilt, nullptr};
}

/// Every 64-bit ARM processor has it.
IsaChoice neonChoice() noexcept {
#if defined(INTERMODEL_HAS_NEON)
  return {"neon", IsaStatus::kAvailable, &kNeonKernels};
#else
  return {"neon", IsaStatus::kNotBuilt, nullptr};
#endif
}

const std::array<IsaChoice, 4>& choices() noexcept {
  static const std::array<IsaChoice, 4> all{avx512Choice(), avx2Choice(), neonChoice(),
                                            IsaChoice{"scalar", IsaStatus::kAvailable, &kScalarKernels}};
  return all;
}

}  // namespace

const char* describe(IsaStatus status) noexcept {
  switch (status) {
    case IsaStatus::kAvailable:
      return "available";
    case IsaStatus::kNotBuilt:
      return "this build holds no code for it";
    case IsaStatus::kNotOnThisMachine:
      return "the processor or its operating system lacks it";
    case IsaStatus::kUnknown:
      break;
  }
  return "no instruction set of that name";
}

std::span<const IsaChoice> listIsas() noexcept { return choices(); }

const IsaChoice& bestIsa() noexcept {
  for (const IsaChoice& choice : choices())
    if (choice.kernels != nullptr) return choice;
  __builtin_unreachable();  // scalar is always there
}

IsaChoice findIsa(std::string_view name) noexcept {
  for (const IsaChoice& choice : choices())
    if (name == choice.name) return choice;
  return {"", IsaStatus::kUnknown, nullptr};
}

const char* runningName(const KernelTable& kernels) noexcept { return kernels.arithmetic.identify(); }

}  // namespace intermodel
