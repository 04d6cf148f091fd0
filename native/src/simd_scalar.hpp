/// simd.hpp for one lane: plain doubles. Include simd.hpp, not this file.
#pragma once

namespace intermodel {
namespace {

constexpr int kLanes = 1;

struct F64 {
  double v;
};

struct Mask {
  bool v;
};

INTERMODEL_INLINE F64 broadcast(double x) { return {x}; }
INTERMODEL_INLINE F64 zero() { return {0.0}; }
INTERMODEL_INLINE F64 load(const double* p) { return {*p}; }
INTERMODEL_INLINE void store(double* p, F64 a) { *p = a.v; }
INTERMODEL_INLINE void stream(double* p, F64 a) { store(p, a); }
INTERMODEL_INLINE void streamEnd() {}
INTERMODEL_INLINE F64 loadPartial(const double* p, size_t count) { return {count > 0 ? *p : 0.0}; }
INTERMODEL_INLINE void storePartial(double* p, F64 a, size_t count) {
  if (count > 0) *p = a.v;
}
INTERMODEL_INLINE F64 loadF32(const float* p) { return {static_cast<double>(*p)}; }
INTERMODEL_INLINE void storeF32(float* p, F64 a) { *p = static_cast<float>(a.v); }

INTERMODEL_INLINE F64 operator+(F64 a, F64 b) { return {a.v + b.v}; }
INTERMODEL_INLINE F64 operator-(F64 a, F64 b) { return {a.v - b.v}; }
INTERMODEL_INLINE F64 operator*(F64 a, F64 b) { return {a.v * b.v}; }
INTERMODEL_INLINE F64 operator/(F64 a, F64 b) { return {a.v / b.v}; }
INTERMODEL_INLINE F64 operator-(F64 a) { return {-a.v}; }
INTERMODEL_INLINE F64 fma(F64 a, F64 b, F64 c) { return {fused(a.v, b.v, c.v)}; }
INTERMODEL_INLINE F64 fmaExact(F64 a, F64 b, F64 c) { return {a.v * b.v + c.v}; }
INTERMODEL_INLINE F64 minimum(F64 a, F64 b) { return {a.v < b.v ? a.v : b.v}; }
INTERMODEL_INLINE F64 maximum(F64 a, F64 b) { return {a.v > b.v ? a.v : b.v}; }
INTERMODEL_INLINE F64 absolute(F64 a) { return {__builtin_fabs(a.v)}; }
INTERMODEL_INLINE F64 squareRoot(F64 a) { return {__builtin_sqrt(a.v)}; }

INTERMODEL_INLINE Mask less(F64 a, F64 b) { return {a.v < b.v}; }
INTERMODEL_INLINE Mask lessEqual(F64 a, F64 b) { return {a.v <= b.v}; }
INTERMODEL_INLINE Mask greater(F64 a, F64 b) { return {a.v > b.v}; }
INTERMODEL_INLINE Mask greaterEqual(F64 a, F64 b) { return {a.v >= b.v}; }
INTERMODEL_INLINE Mask equal(F64 a, F64 b) { return {a.v == b.v}; }
INTERMODEL_INLINE Mask notEqual(F64 a, F64 b) { return {a.v != b.v}; }
INTERMODEL_INLINE Mask operator&(Mask a, Mask b) { return {a.v && b.v}; }
INTERMODEL_INLINE Mask operator|(Mask a, Mask b) { return {a.v || b.v}; }
INTERMODEL_INLINE Mask operator!(Mask a) { return {!a.v}; }
INTERMODEL_INLINE bool any(Mask a) { return a.v; }
INTERMODEL_INLINE bool all(Mask a) { return a.v; }
INTERMODEL_INLINE F64 select(Mask m, F64 a, F64 b) { return {m.v ? a.v : b.v}; }

INTERMODEL_INLINE uint64_t toWord(F64 a) {
  uint64_t bits;
  __builtin_memcpy(&bits, &a.v, sizeof bits);
  return bits;
}
INTERMODEL_INLINE F64 toF64(uint64_t bits) {
  F64 a;
  __builtin_memcpy(&a.v, &bits, sizeof bits);
  return a;
}
INTERMODEL_INLINE F64 bitAnd(F64 a, F64 b) { return toF64(toWord(a) & toWord(b)); }
INTERMODEL_INLINE F64 bitOr(F64 a, F64 b) { return toF64(toWord(a) | toWord(b)); }
INTERMODEL_INLINE F64 bitXor(F64 a, F64 b) { return toF64(toWord(a) ^ toWord(b)); }
INTERMODEL_INLINE F64 bitAndNot(F64 notThis, F64 that) { return toF64(~toWord(notThis) & toWord(that)); }
INTERMODEL_INLINE F64 bitAdd(F64 a, F64 b) { return toF64(toWord(a) + toWord(b)); }
template <int N>
INTERMODEL_INLINE F64 shiftLeft(F64 a) {
  return toF64(toWord(a) << N);
}
template <int N>
INTERMODEL_INLINE F64 shiftRight(F64 a) {
  return toF64(toWord(a) >> N);
}

INTERMODEL_INLINE void transposeSquare(F64*) {}

}  // namespace
}  // namespace intermodel
