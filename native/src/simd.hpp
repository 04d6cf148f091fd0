/// One vector of doubles, with the same operations for every instruction set.
///
/// A translation unit under isa/ defines INTERMODEL_ISA_SCALAR, INTERMODEL_ISA_AVX2, INTERMODEL_ISA_AVX512 or
/// INTERMODEL_ISA_NEON before including this file. Everything has internal linkage: the linker must never keep the AVX
/// copy of a function for a processor that lacks AVX. No std:: templates here or in any kernel header, for the same
/// reason.
///
///   F64                a vector of kLanes doubles;  + - * / unary -, by value
///   Mask               the result of a comparison;  & | !
///   load(p), store(p, v), loadPartial(p, count), storePartial(p, v, count), loadF32(p), storeF32(p, v)
///   stream(p, v) stores past the cache where the processor can, p aligned to the vector; streamEnd() after the last
///   broadcast(x), zero(), fma(a, b, c), minimum(a, b), maximum(a, b), absolute(a), squareRoot(a)
///   fmaExact(a, b, c): a * b + c where a * b is exact, so that fusing it or not changes no bit; whichever is faster
///   less, lessEqual, greater, greaterEqual, equal, notEqual, isNan -> Mask;  select(mask, ifTrue, ifFalse)
///   any(mask), all(mask)
///   bitAnd, bitOr, bitXor, bitAndNot(notThis, that), bitAdd (64-bit integers), shiftLeft<N>, shiftRight<N> (logical)
///   fromBits(u64) broadcasts a bit pattern;  transposeSquare(F64[kLanes]) transposes in registers
///
/// minimum(a, b) is a < b ? a : b and maximum(a, b) is a > b ? a : b: the second operand when either is NaN.
#pragma once

#include <stddef.h>
#include <stdint.h>

#if defined(INTERMODEL_ISA_AVX2) || defined(INTERMODEL_ISA_AVX512)
#include <immintrin.h>
#elif defined(INTERMODEL_ISA_NEON)
#include <arm_neon.h>
#endif

#define INTERMODEL_INLINE static inline __attribute__((always_inline))

#include "fused.hpp"

#if defined(INTERMODEL_ISA_AVX512)
#include "simd_avx512.hpp"
#elif defined(INTERMODEL_ISA_AVX2)
#include "simd_avx2.hpp"
#elif defined(INTERMODEL_ISA_NEON)
#include "simd_neon.hpp"
#else
#include "simd_scalar.hpp"
#endif

namespace intermodel {
namespace {

/// A double with the given bits.
INTERMODEL_INLINE double doubleFromBits(uint64_t bits) {
  double x;
  __builtin_memcpy(&x, &bits, sizeof x);
  return x;
}

/// The bits of a double.
INTERMODEL_INLINE uint64_t bitsOf(double x) {
  uint64_t bits;
  __builtin_memcpy(&bits, &x, sizeof bits);
  return bits;
}

INTERMODEL_INLINE F64 fromBits(uint64_t bits) { return broadcast(doubleFromBits(bits)); }

/// The one NaN that the elementwise functions return.
INTERMODEL_INLINE F64 canonicalNan() { return fromBits(0x7ff8000000000000ull); }

INTERMODEL_INLINE Mask isNan(F64 a) { return notEqual(a, a); }

}  // namespace
}  // namespace intermodel
