/// simd.hpp for four lanes: AVX2 and FMA. Include simd.hpp, not this file.
#pragma once

namespace intermodel {
namespace {

constexpr int kLanes = 4;

struct F64 {
  __m256d v;
};

struct Mask {
  __m256d v;
};

/// All ones in the first `count` lanes.
INTERMODEL_INLINE __m256i firstLanes(size_t count) {
  const __m256i lane = _mm256_setr_epi64x(0, 1, 2, 3);
  return _mm256_cmpgt_epi64(_mm256_set1_epi64x(static_cast<long long>(count)), lane);
}

INTERMODEL_INLINE F64 broadcast(double x) { return {_mm256_set1_pd(x)}; }
INTERMODEL_INLINE F64 zero() { return {_mm256_setzero_pd()}; }
INTERMODEL_INLINE F64 load(const double* p) { return {_mm256_loadu_pd(p)}; }
INTERMODEL_INLINE void store(double* p, F64 a) { _mm256_storeu_pd(p, a.v); }
INTERMODEL_INLINE void stream(double* p, F64 a) { _mm256_stream_pd(p, a.v); }
INTERMODEL_INLINE void streamEnd() { _mm_sfence(); }
INTERMODEL_INLINE F64 loadPartial(const double* p, size_t count) { return {_mm256_maskload_pd(p, firstLanes(count))}; }
INTERMODEL_INLINE void storePartial(double* p, F64 a, size_t count) { _mm256_maskstore_pd(p, firstLanes(count), a.v); }
INTERMODEL_INLINE F64 loadF32(const float* p) { return {_mm256_cvtps_pd(_mm_loadu_ps(p))}; }
INTERMODEL_INLINE void storeF32(float* p, F64 a) { _mm_storeu_ps(p, _mm256_cvtpd_ps(a.v)); }

INTERMODEL_INLINE F64 operator+(F64 a, F64 b) { return {_mm256_add_pd(a.v, b.v)}; }
INTERMODEL_INLINE F64 operator-(F64 a, F64 b) { return {_mm256_sub_pd(a.v, b.v)}; }
INTERMODEL_INLINE F64 operator*(F64 a, F64 b) { return {_mm256_mul_pd(a.v, b.v)}; }
INTERMODEL_INLINE F64 operator/(F64 a, F64 b) { return {_mm256_div_pd(a.v, b.v)}; }
INTERMODEL_INLINE F64 operator-(F64 a) { return {_mm256_xor_pd(a.v, _mm256_set1_pd(-0.0))}; }
INTERMODEL_INLINE F64 fma(F64 a, F64 b, F64 c) { return {_mm256_fmadd_pd(a.v, b.v, c.v)}; }
INTERMODEL_INLINE F64 fmaExact(F64 a, F64 b, F64 c) { return fma(a, b, c); }
INTERMODEL_INLINE F64 minimum(F64 a, F64 b) { return {_mm256_min_pd(a.v, b.v)}; }
INTERMODEL_INLINE F64 maximum(F64 a, F64 b) { return {_mm256_max_pd(a.v, b.v)}; }
INTERMODEL_INLINE F64 absolute(F64 a) { return {_mm256_andnot_pd(_mm256_set1_pd(-0.0), a.v)}; }
INTERMODEL_INLINE F64 squareRoot(F64 a) { return {_mm256_sqrt_pd(a.v)}; }

INTERMODEL_INLINE Mask less(F64 a, F64 b) { return {_mm256_cmp_pd(a.v, b.v, _CMP_LT_OQ)}; }
INTERMODEL_INLINE Mask lessEqual(F64 a, F64 b) { return {_mm256_cmp_pd(a.v, b.v, _CMP_LE_OQ)}; }
INTERMODEL_INLINE Mask greater(F64 a, F64 b) { return {_mm256_cmp_pd(a.v, b.v, _CMP_GT_OQ)}; }
INTERMODEL_INLINE Mask greaterEqual(F64 a, F64 b) { return {_mm256_cmp_pd(a.v, b.v, _CMP_GE_OQ)}; }
INTERMODEL_INLINE Mask equal(F64 a, F64 b) { return {_mm256_cmp_pd(a.v, b.v, _CMP_EQ_OQ)}; }
INTERMODEL_INLINE Mask notEqual(F64 a, F64 b) { return {_mm256_cmp_pd(a.v, b.v, _CMP_NEQ_UQ)}; }
INTERMODEL_INLINE Mask operator&(Mask a, Mask b) { return {_mm256_and_pd(a.v, b.v)}; }
INTERMODEL_INLINE Mask operator|(Mask a, Mask b) { return {_mm256_or_pd(a.v, b.v)}; }
INTERMODEL_INLINE Mask operator!(Mask a) { return {_mm256_xor_pd(a.v, _mm256_castsi256_pd(_mm256_set1_epi64x(-1)))}; }
INTERMODEL_INLINE bool any(Mask a) { return _mm256_movemask_pd(a.v) != 0; }
INTERMODEL_INLINE bool all(Mask a) { return _mm256_movemask_pd(a.v) == 0xf; }
INTERMODEL_INLINE F64 select(Mask m, F64 a, F64 b) { return {_mm256_blendv_pd(b.v, a.v, m.v)}; }

INTERMODEL_INLINE __m256i toWords(F64 a) { return _mm256_castpd_si256(a.v); }
INTERMODEL_INLINE F64 toF64(__m256i words) { return {_mm256_castsi256_pd(words)}; }
INTERMODEL_INLINE F64 bitAnd(F64 a, F64 b) { return {_mm256_and_pd(a.v, b.v)}; }
INTERMODEL_INLINE F64 bitOr(F64 a, F64 b) { return {_mm256_or_pd(a.v, b.v)}; }
INTERMODEL_INLINE F64 bitXor(F64 a, F64 b) { return {_mm256_xor_pd(a.v, b.v)}; }
INTERMODEL_INLINE F64 bitAndNot(F64 notThis, F64 that) { return {_mm256_andnot_pd(notThis.v, that.v)}; }
INTERMODEL_INLINE F64 bitAdd(F64 a, F64 b) { return toF64(_mm256_add_epi64(toWords(a), toWords(b))); }
template <int N>
INTERMODEL_INLINE F64 shiftLeft(F64 a) {
  return toF64(_mm256_slli_epi64(toWords(a), N));
}
template <int N>
INTERMODEL_INLINE F64 shiftRight(F64 a) {
  return toF64(_mm256_srli_epi64(toWords(a), N));
}

INTERMODEL_INLINE void transposeSquare(F64* row) {
  const __m256d t0 = _mm256_unpacklo_pd(row[0].v, row[1].v), t1 = _mm256_unpackhi_pd(row[0].v, row[1].v);
  const __m256d t2 = _mm256_unpacklo_pd(row[2].v, row[3].v), t3 = _mm256_unpackhi_pd(row[2].v, row[3].v);
  row[0].v = _mm256_permute2f128_pd(t0, t2, 0x20);
  row[1].v = _mm256_permute2f128_pd(t1, t3, 0x20);
  row[2].v = _mm256_permute2f128_pd(t0, t2, 0x31);
  row[3].v = _mm256_permute2f128_pd(t1, t3, 0x31);
}

}  // namespace
}  // namespace intermodel
