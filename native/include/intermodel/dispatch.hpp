/// Which instruction sets this build and this processor have, and the kernels of one of them.
///
/// One binary holds a table of kernels per instruction set, each compiled with its own flags; the choice is made at
/// run time. Forcing a name that cannot run gives a reason instead of a table, never another table.
#pragma once

#include <span>
#include <string_view>

namespace intermodel {

struct KernelTable;

/// Why an instruction set cannot be used, or that it can.
enum class IsaStatus {
  kAvailable,
  kUnknown,           ///< no such name
  kNotBuilt,          ///< this build holds no code for it
  kNotOnThisMachine,  ///< the processor or its operating system lacks it
};

/// One sentence for a status.
const char* describe(IsaStatus status) noexcept;

struct IsaChoice {
  const char* name;
  IsaStatus status;
  const KernelTable* kernels;  ///< null unless available
};

/// Every instruction set this library knows, widest first.
std::span<const IsaChoice> listIsas() noexcept;

/// The widest that can run here. The scalar code always can.
const IsaChoice& bestIsa() noexcept;

/// The named one; `kernels` is null, and `status` says why, when it cannot run here.
IsaChoice findIsa(std::string_view name) noexcept;

/// The name that the table's own code answers: proof of what runs, not of what was asked for.
const char* runningName(const KernelTable& kernels) noexcept;

}  // namespace intermodel
