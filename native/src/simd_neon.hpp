/// simd.hpp for two lanes: NEON of 64-bit ARM. Include simd.hpp, not this file.
#pragma once

namespace intermodel {
namespace {

constexpr int kLanes = 2;

struct F64 {
  float64x2_t v;
};

struct Mask {
  uint64x2_t v;
};

INTERMODEL_INLINE F64 broadcast(double x) { return {vdupq_n_f64(x)}; }
INTERMODEL_INLINE F64 zero() { return {vdupq_n_f64(0.0)}; }
INTERMODEL_INLINE F64 load(const double* p) { return {vld1q_f64(p)}; }
INTERMODEL_INLINE void store(double* p, F64 a) { vst1q_f64(p, a.v); }
INTERMODEL_INLINE void stream(double* p, F64 a) { store(p, a); }
INTERMODEL_INLINE void streamEnd() {}
INTERMODEL_INLINE F64 loadPartial(const double* p, size_t count) {
  if (count >= 2) return load(p);
  return {count == 1 ? vld1q_lane_f64(p, vdupq_n_f64(0.0), 0) : vdupq_n_f64(0.0)};
}
INTERMODEL_INLINE void storePartial(double* p, F64 a, size_t count) {
  if (count >= 2)
    store(p, a);
  else if (count == 1)
    vst1q_lane_f64(p, a.v, 0);
}
INTERMODEL_INLINE F64 loadF32(const float* p) { return {vcvt_f64_f32(vld1_f32(p))}; }
INTERMODEL_INLINE void storeF32(float* p, F64 a) { vst1_f32(p, vcvt_f32_f64(a.v)); }

INTERMODEL_INLINE uint64x2_t toWords(F64 a) { return vreinterpretq_u64_f64(a.v); }
INTERMODEL_INLINE F64 toF64(uint64x2_t words) { return {vreinterpretq_f64_u64(words)}; }
INTERMODEL_INLINE F64 bitAnd(F64 a, F64 b) { return toF64(vandq_u64(toWords(a), toWords(b))); }
INTERMODEL_INLINE F64 bitOr(F64 a, F64 b) { return toF64(vorrq_u64(toWords(a), toWords(b))); }
INTERMODEL_INLINE F64 bitXor(F64 a, F64 b) { return toF64(veorq_u64(toWords(a), toWords(b))); }
INTERMODEL_INLINE F64 bitAndNot(F64 notThis, F64 that) { return toF64(vbicq_u64(toWords(that), toWords(notThis))); }
INTERMODEL_INLINE F64 bitAdd(F64 a, F64 b) { return toF64(vaddq_u64(toWords(a), toWords(b))); }
template <int N>
INTERMODEL_INLINE F64 shiftLeft(F64 a) {
  return toF64(vshlq_n_u64(toWords(a), N));
}
template <int N>
INTERMODEL_INLINE F64 shiftRight(F64 a) {
  return toF64(vshrq_n_u64(toWords(a), N));
}

INTERMODEL_INLINE F64 operator+(F64 a, F64 b) { return {vaddq_f64(a.v, b.v)}; }
INTERMODEL_INLINE F64 operator-(F64 a, F64 b) { return {vsubq_f64(a.v, b.v)}; }
INTERMODEL_INLINE F64 operator*(F64 a, F64 b) { return {vmulq_f64(a.v, b.v)}; }
INTERMODEL_INLINE F64 operator/(F64 a, F64 b) { return {vdivq_f64(a.v, b.v)}; }
INTERMODEL_INLINE F64 operator-(F64 a) { return {vnegq_f64(a.v)}; }
INTERMODEL_INLINE F64 fma(F64 a, F64 b, F64 c) { return {vfmaq_f64(c.v, a.v, b.v)}; }
INTERMODEL_INLINE F64 fmaExact(F64 a, F64 b, F64 c) { return fma(a, b, c); }
INTERMODEL_INLINE F64 absolute(F64 a) { return {vabsq_f64(a.v)}; }
INTERMODEL_INLINE F64 squareRoot(F64 a) { return {vsqrtq_f64(a.v)}; }

INTERMODEL_INLINE Mask less(F64 a, F64 b) { return {vcltq_f64(a.v, b.v)}; }
INTERMODEL_INLINE Mask lessEqual(F64 a, F64 b) { return {vcleq_f64(a.v, b.v)}; }
INTERMODEL_INLINE Mask greater(F64 a, F64 b) { return {vcgtq_f64(a.v, b.v)}; }
INTERMODEL_INLINE Mask greaterEqual(F64 a, F64 b) { return {vcgeq_f64(a.v, b.v)}; }
INTERMODEL_INLINE Mask equal(F64 a, F64 b) { return {vceqq_f64(a.v, b.v)}; }
INTERMODEL_INLINE Mask operator&(Mask a, Mask b) { return {vandq_u64(a.v, b.v)}; }
INTERMODEL_INLINE Mask operator|(Mask a, Mask b) { return {vorrq_u64(a.v, b.v)}; }
INTERMODEL_INLINE Mask operator!(Mask a) { return {veorq_u64(a.v, vdupq_n_u64(~0ull))}; }
INTERMODEL_INLINE Mask notEqual(F64 a, F64 b) { return !equal(a, b); }
INTERMODEL_INLINE bool any(Mask a) { return (vgetq_lane_u64(a.v, 0) | vgetq_lane_u64(a.v, 1)) != 0; }
INTERMODEL_INLINE bool all(Mask a) { return (vgetq_lane_u64(a.v, 0) & vgetq_lane_u64(a.v, 1)) != 0; }
INTERMODEL_INLINE F64 select(Mask m, F64 a, F64 b) { return {vbslq_f64(m.v, a.v, b.v)}; }
// The processor's own fmin and fmax treat NaN and signed zeros otherwise.
INTERMODEL_INLINE F64 minimum(F64 a, F64 b) { return select(less(a, b), a, b); }
INTERMODEL_INLINE F64 maximum(F64 a, F64 b) { return select(greater(a, b), a, b); }

INTERMODEL_INLINE void transposeSquare(F64* row) {
  const float64x2_t first = vtrn1q_f64(row[0].v, row[1].v);
  row[1].v = vtrn2q_f64(row[0].v, row[1].v);
  row[0].v = first;
}

}  // namespace
}  // namespace intermodel
