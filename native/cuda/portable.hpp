/// The package's own functions for both forms of the kernels: the text of native/src for one lane, compiled for the
/// device by nvcc and for the host by any compiler. So exp, log, the losses and the projections are the same
/// operations.
#pragma once

#include <stddef.h>
#include <stdint.h>

#define INTERMODEL_ISA_SCALAR
#define INTERMODEL_ISA_NAME "device"

#ifdef __CUDACC__
#define INTERMODEL_BOTH __host__ __device__
// Functions with internal linkage are all that those headers hold: here each needs an execution space as well. The
// few that only the CPU calls use what has none, which is what 20014 says; pragmas of g++ are what 1675 says.
#pragma nv_diag_suppress 1675, 20014
#define static static INTERMODEL_BOTH
#include "../src/simd.hpp"
// On the processor the elementary functions are inlined into loops over vectors; here they would only be copied, into
// code so long that ptxas takes minutes.
#undef INTERMODEL_INLINE
#define INTERMODEL_INLINE static inline
#define INTERMODEL_OUTLINE __noinline__
#else
#define INTERMODEL_BOTH
#define INTERMODEL_OUTLINE
#endif

#include "../src/competition_kernels.hpp"
#include "../src/curvature_kernels.hpp"
#include "../src/payoff.hpp"
#include "../src/projection_kernels.hpp"

#ifdef __CUDACC__
#undef static
#pragma nv_diag_default 1675, 20014
#endif

namespace intermodel::gpu {

/// One operation of a vector type on plain numbers.
template <F64 (*Function)(F64)>
INTERMODEL_BOTH inline double of(double x) {
  return Function(F64{x}).v;
}

}  // namespace intermodel::gpu
