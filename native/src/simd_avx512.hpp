/// simd.hpp for eight lanes: AVX-512F alone. Include simd.hpp, not this file.
#pragma once

namespace intermodel {
namespace {

constexpr int kLanes = 8;

struct F64 {
  __m512d v;
};

struct Mask {
  __mmask8 v;
};

/// The first `count` lanes.
INTERMODEL_INLINE __mmask8 firstLanes(size_t count) {
  return static_cast<__mmask8>(count >= 8 ? 0xffu : (1u << count) - 1u);
}

INTERMODEL_INLINE F64 broadcast(double x) { return {_mm512_set1_pd(x)}; }
INTERMODEL_INLINE F64 zero() { return {_mm512_setzero_pd()}; }
INTERMODEL_INLINE F64 load(const double* p) { return {_mm512_loadu_pd(p)}; }
INTERMODEL_INLINE void store(double* p, F64 a) { _mm512_storeu_pd(p, a.v); }
INTERMODEL_INLINE void stream(double* p, F64 a) { _mm512_stream_pd(p, a.v); }
INTERMODEL_INLINE void streamEnd() { _mm_sfence(); }
INTERMODEL_INLINE F64 loadPartial(const double* p, size_t count) {
  return {_mm512_maskz_loadu_pd(firstLanes(count), p)};
}
INTERMODEL_INLINE void storePartial(double* p, F64 a, size_t count) {
  _mm512_mask_storeu_pd(p, firstLanes(count), a.v);
}
INTERMODEL_INLINE F64 loadF32(const float* p) { return {_mm512_cvtps_pd(_mm256_loadu_ps(p))}; }
INTERMODEL_INLINE void storeF32(float* p, F64 a) { _mm256_storeu_ps(p, _mm512_cvtpd_ps(a.v)); }

INTERMODEL_INLINE __m512i toWords(F64 a) { return _mm512_castpd_si512(a.v); }
INTERMODEL_INLINE F64 toF64(__m512i words) { return {_mm512_castsi512_pd(words)}; }

INTERMODEL_INLINE F64 operator+(F64 a, F64 b) { return {_mm512_add_pd(a.v, b.v)}; }
INTERMODEL_INLINE F64 operator-(F64 a, F64 b) { return {_mm512_sub_pd(a.v, b.v)}; }
INTERMODEL_INLINE F64 operator*(F64 a, F64 b) { return {_mm512_mul_pd(a.v, b.v)}; }
INTERMODEL_INLINE F64 operator/(F64 a, F64 b) { return {_mm512_div_pd(a.v, b.v)}; }
INTERMODEL_INLINE F64 operator-(F64 a) {
  return toF64(_mm512_xor_si512(toWords(a), _mm512_set1_epi64(static_cast<long long>(1ull << 63))));
}
INTERMODEL_INLINE F64 fma(F64 a, F64 b, F64 c) { return {_mm512_fmadd_pd(a.v, b.v, c.v)}; }
INTERMODEL_INLINE F64 fmaExact(F64 a, F64 b, F64 c) { return fma(a, b, c); }
INTERMODEL_INLINE F64 minimum(F64 a, F64 b) { return {_mm512_min_pd(a.v, b.v)}; }
INTERMODEL_INLINE F64 maximum(F64 a, F64 b) { return {_mm512_max_pd(a.v, b.v)}; }
INTERMODEL_INLINE F64 absolute(F64 a) { return {_mm512_abs_pd(a.v)}; }
INTERMODEL_INLINE F64 squareRoot(F64 a) { return {_mm512_sqrt_pd(a.v)}; }

INTERMODEL_INLINE Mask less(F64 a, F64 b) { return {_mm512_cmp_pd_mask(a.v, b.v, _CMP_LT_OQ)}; }
INTERMODEL_INLINE Mask lessEqual(F64 a, F64 b) { return {_mm512_cmp_pd_mask(a.v, b.v, _CMP_LE_OQ)}; }
INTERMODEL_INLINE Mask greater(F64 a, F64 b) { return {_mm512_cmp_pd_mask(a.v, b.v, _CMP_GT_OQ)}; }
INTERMODEL_INLINE Mask greaterEqual(F64 a, F64 b) { return {_mm512_cmp_pd_mask(a.v, b.v, _CMP_GE_OQ)}; }
INTERMODEL_INLINE Mask equal(F64 a, F64 b) { return {_mm512_cmp_pd_mask(a.v, b.v, _CMP_EQ_OQ)}; }
INTERMODEL_INLINE Mask notEqual(F64 a, F64 b) { return {_mm512_cmp_pd_mask(a.v, b.v, _CMP_NEQ_UQ)}; }
INTERMODEL_INLINE Mask operator&(Mask a, Mask b) { return {static_cast<__mmask8>(a.v & b.v)}; }
INTERMODEL_INLINE Mask operator|(Mask a, Mask b) { return {static_cast<__mmask8>(a.v | b.v)}; }
INTERMODEL_INLINE Mask operator!(Mask a) { return {static_cast<__mmask8>(~a.v)}; }
INTERMODEL_INLINE bool any(Mask a) { return a.v != 0; }
INTERMODEL_INLINE bool all(Mask a) { return a.v == 0xff; }
INTERMODEL_INLINE F64 select(Mask m, F64 a, F64 b) { return {_mm512_mask_blend_pd(m.v, b.v, a.v)}; }

INTERMODEL_INLINE F64 bitAnd(F64 a, F64 b) { return toF64(_mm512_and_si512(toWords(a), toWords(b))); }
INTERMODEL_INLINE F64 bitOr(F64 a, F64 b) { return toF64(_mm512_or_si512(toWords(a), toWords(b))); }
INTERMODEL_INLINE F64 bitXor(F64 a, F64 b) { return toF64(_mm512_xor_si512(toWords(a), toWords(b))); }
INTERMODEL_INLINE F64 bitAndNot(F64 notThis, F64 that) {
  return toF64(_mm512_andnot_si512(toWords(notThis), toWords(that)));
}
INTERMODEL_INLINE F64 bitAdd(F64 a, F64 b) { return toF64(_mm512_add_epi64(toWords(a), toWords(b))); }
template <int N>
INTERMODEL_INLINE F64 shiftLeft(F64 a) {
  return toF64(_mm512_slli_epi64(toWords(a), N));
}
template <int N>
INTERMODEL_INLINE F64 shiftRight(F64 a) {
  return toF64(_mm512_srli_epi64(toWords(a), N));
}

/// Columns p, p + 2, p + 4, p + 6 of eight rows, from the interleaved pairs of rows.
INTERMODEL_INLINE void gatherColumns(F64* row, int p, __m512d t0, __m512d t2, __m512d t4, __m512d t6) {
  const __m512d a = _mm512_shuffle_f64x2(t0, t2, 0x88), b = _mm512_shuffle_f64x2(t4, t6, 0x88);
  const __m512d c = _mm512_shuffle_f64x2(t0, t2, 0xdd), d = _mm512_shuffle_f64x2(t4, t6, 0xdd);
  row[p].v = _mm512_shuffle_f64x2(a, b, 0x88);
  row[p + 2].v = _mm512_shuffle_f64x2(c, d, 0x88);
  row[p + 4].v = _mm512_shuffle_f64x2(a, b, 0xdd);
  row[p + 6].v = _mm512_shuffle_f64x2(c, d, 0xdd);
}

INTERMODEL_INLINE void transposeSquare(F64* row) {
  __m512d low[4], high[4];
  for (int i = 0; i < 4; i++) {
    low[i] = _mm512_unpacklo_pd(row[2 * i].v, row[2 * i + 1].v);
    high[i] = _mm512_unpackhi_pd(row[2 * i].v, row[2 * i + 1].v);
  }
  gatherColumns(row, 0, low[0], low[1], low[2], low[3]);
  gatherColumns(row, 1, high[0], high[1], high[2], high[3]);
}

}  // namespace
}  // namespace intermodel
