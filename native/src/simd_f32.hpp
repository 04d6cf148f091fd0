/// One vector of floats, with the same operations for every instruction set; the rules of simd.hpp hold here too.
///
///   F32                a vector of kSingleLanes floats;  + - * /
///   loadSome(p, count), splat(x), fma, maximum, transposeSquare(F32[kSingleLanes])
///   viaDouble<F>(x)    F of each lane in double precision, rounded once
///   Vector<T>          F64 for double, F32 for float, with its number of lanes
#pragma once

#include "each_vector.hpp"
#include "math.hpp"

namespace intermodel {
namespace {

/// a * b + c rounded once to a float: the product is exact in double, and a sum rounded to odd can be rounded again.
INTERMODEL_INLINE float fusedSingle(float a, float b, float c) {
#ifdef __CUDA_ARCH__
  return __fmaf_rn(a, b, c);
#else
  const double product = static_cast<double>(a) * static_cast<double>(b), third = static_cast<double>(c);
  const double sum = product + third, part = sum - product;
  const double lost = (product - (sum - part)) + (third - part);
  uint64_t bits = bitsOf(sum);
  if (lost - lost == 0.0 && lost != 0.0 && (bits & 1) == 0) bits += (lost > 0.0) == (sum > 0.0) ? 1 : ~uint64_t{0};
  return static_cast<float>(doubleFromBits(bits));
#endif
}

#if defined(INTERMODEL_ISA_AVX512)

constexpr size_t kSingleLanes = 16;
struct F32 {
  __m512 v;
};
INTERMODEL_INLINE __mmask16 firstSingles(size_t count) {
  return static_cast<__mmask16>(count >= 16 ? 0xffffu : (1u << count) - 1u);
}
INTERMODEL_INLINE F32 splat(float x) { return {_mm512_set1_ps(x)}; }
INTERMODEL_INLINE F32 load(const float* p) { return {_mm512_loadu_ps(p)}; }
INTERMODEL_INLINE F32 loadSome(const float* p, size_t count) { return {_mm512_maskz_loadu_ps(firstSingles(count), p)}; }
INTERMODEL_INLINE void store(float* p, F32 a) { _mm512_storeu_ps(p, a.v); }
INTERMODEL_INLINE F32 operator+(F32 a, F32 b) { return {_mm512_add_ps(a.v, b.v)}; }
INTERMODEL_INLINE F32 operator-(F32 a, F32 b) { return {_mm512_sub_ps(a.v, b.v)}; }
INTERMODEL_INLINE F32 operator*(F32 a, F32 b) { return {_mm512_mul_ps(a.v, b.v)}; }
INTERMODEL_INLINE F32 operator/(F32 a, F32 b) { return {_mm512_div_ps(a.v, b.v)}; }
INTERMODEL_INLINE F32 fma(F32 a, F32 b, F32 c) { return {_mm512_fmadd_ps(a.v, b.v, c.v)}; }
INTERMODEL_INLINE F32 maximum(F32 a, F32 b) { return {_mm512_max_ps(a.v, b.v)}; }

INTERMODEL_INLINE void transposeSquare(F32* row) {
  __m512 t[16], u[16];
  for (int i = 0; i < 8; i++) {
    t[2 * i] = _mm512_unpacklo_ps(row[2 * i].v, row[2 * i + 1].v);
    t[2 * i + 1] = _mm512_unpackhi_ps(row[2 * i].v, row[2 * i + 1].v);
  }
  const auto pair = [](__m512 a, __m512 b, bool high) {
    const __m512d x = _mm512_castps_pd(a), y = _mm512_castps_pd(b);
    return _mm512_castpd_ps(high ? _mm512_unpackhi_pd(x, y) : _mm512_unpacklo_pd(x, y));
  };
  for (int i = 0; i < 4; i++) {  // u[4 i + c]: column c of every quarter, rows 4 i .. 4 i + 3
    u[4 * i] = pair(t[4 * i], t[4 * i + 2], false);
    u[4 * i + 1] = pair(t[4 * i], t[4 * i + 2], true);
    u[4 * i + 2] = pair(t[4 * i + 1], t[4 * i + 3], false);
    u[4 * i + 3] = pair(t[4 * i + 1], t[4 * i + 3], true);
  }
  for (int c = 0; c < 4; c++) {
    const __m512 a = _mm512_shuffle_f32x4(u[c], u[4 + c], 0x88), b = _mm512_shuffle_f32x4(u[8 + c], u[12 + c], 0x88);
    const __m512 d = _mm512_shuffle_f32x4(u[c], u[4 + c], 0xdd), e = _mm512_shuffle_f32x4(u[8 + c], u[12 + c], 0xdd);
    row[c].v = _mm512_shuffle_f32x4(a, b, 0x88);
    row[8 + c].v = _mm512_shuffle_f32x4(a, b, 0xdd);
    row[4 + c].v = _mm512_shuffle_f32x4(d, e, 0x88);
    row[12 + c].v = _mm512_shuffle_f32x4(d, e, 0xdd);
  }
}

template <F64 (*Function)(F64)>
INTERMODEL_INLINE F32 viaDouble(F32 x) {
  const F64 low = {_mm512_cvtps_pd(_mm512_castps512_ps256(x.v))};
  const F64 high = {_mm512_cvtps_pd(_mm256_castpd_ps(_mm512_extractf64x4_pd(_mm512_castps_pd(x.v), 1)))};
  const __m256 a = _mm512_cvtpd_ps(Function(low).v), b = _mm512_cvtpd_ps(Function(high).v);
  const __m512d both = _mm512_castpd256_pd512(_mm256_castps_pd(a));
  return {_mm512_castpd_ps(_mm512_insertf64x4(both, _mm256_castps_pd(b), 1))};
}

#elif defined(INTERMODEL_ISA_AVX2)

constexpr size_t kSingleLanes = 8;
struct F32 {
  __m256 v;
};
INTERMODEL_INLINE F32 splat(float x) { return {_mm256_set1_ps(x)}; }
INTERMODEL_INLINE F32 load(const float* p) { return {_mm256_loadu_ps(p)}; }
INTERMODEL_INLINE F32 loadSome(const float* p, size_t count) {
  const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  return {_mm256_maskload_ps(p, _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(count)), lane))};
}
INTERMODEL_INLINE void store(float* p, F32 a) { _mm256_storeu_ps(p, a.v); }
INTERMODEL_INLINE F32 operator+(F32 a, F32 b) { return {_mm256_add_ps(a.v, b.v)}; }
INTERMODEL_INLINE F32 operator-(F32 a, F32 b) { return {_mm256_sub_ps(a.v, b.v)}; }
INTERMODEL_INLINE F32 operator*(F32 a, F32 b) { return {_mm256_mul_ps(a.v, b.v)}; }
INTERMODEL_INLINE F32 operator/(F32 a, F32 b) { return {_mm256_div_ps(a.v, b.v)}; }
INTERMODEL_INLINE F32 fma(F32 a, F32 b, F32 c) { return {_mm256_fmadd_ps(a.v, b.v, c.v)}; }
INTERMODEL_INLINE F32 maximum(F32 a, F32 b) { return {_mm256_max_ps(a.v, b.v)}; }

INTERMODEL_INLINE void transposeSquare(F32* row) {
  __m256 t[8], u[8];
  for (int i = 0; i < 4; i++) {
    t[2 * i] = _mm256_unpacklo_ps(row[2 * i].v, row[2 * i + 1].v);
    t[2 * i + 1] = _mm256_unpackhi_ps(row[2 * i].v, row[2 * i + 1].v);
  }
  for (int i = 0; i < 2; i++) {
    u[4 * i] = _mm256_shuffle_ps(t[4 * i], t[4 * i + 2], 0x44);
    u[4 * i + 1] = _mm256_shuffle_ps(t[4 * i], t[4 * i + 2], 0xee);
    u[4 * i + 2] = _mm256_shuffle_ps(t[4 * i + 1], t[4 * i + 3], 0x44);
    u[4 * i + 3] = _mm256_shuffle_ps(t[4 * i + 1], t[4 * i + 3], 0xee);
  }
  for (int c = 0; c < 4; c++) {
    row[c].v = _mm256_permute2f128_ps(u[c], u[4 + c], 0x20);
    row[4 + c].v = _mm256_permute2f128_ps(u[c], u[4 + c], 0x31);
  }
}

template <F64 (*Function)(F64)>
INTERMODEL_INLINE F32 viaDouble(F32 x) {
  const F64 low = {_mm256_cvtps_pd(_mm256_castps256_ps128(x.v))};
  const F64 high = {_mm256_cvtps_pd(_mm256_extractf128_ps(x.v, 1))};
  return {_mm256_set_m128(_mm256_cvtpd_ps(Function(high).v), _mm256_cvtpd_ps(Function(low).v))};
}

#else

constexpr size_t kSingleLanes = 1;
struct F32 {
  float v;
};
INTERMODEL_INLINE F32 splat(float x) { return {x}; }
INTERMODEL_INLINE F32 load(const float* p) { return {*p}; }
INTERMODEL_INLINE F32 loadSome(const float* p, size_t count) { return {count > 0 ? *p : 0.0f}; }
INTERMODEL_INLINE void store(float* p, F32 a) { *p = a.v; }
INTERMODEL_INLINE F32 operator+(F32 a, F32 b) { return {a.v + b.v}; }
INTERMODEL_INLINE F32 operator-(F32 a, F32 b) { return {a.v - b.v}; }
INTERMODEL_INLINE F32 operator*(F32 a, F32 b) { return {a.v * b.v}; }
INTERMODEL_INLINE F32 operator/(F32 a, F32 b) { return {a.v / b.v}; }
INTERMODEL_INLINE F32 fma(F32 a, F32 b, F32 c) { return {fusedSingle(a.v, b.v, c.v)}; }
INTERMODEL_INLINE F32 maximum(F32 a, F32 b) { return {a.v > b.v ? a.v : b.v}; }
INTERMODEL_INLINE void transposeSquare(F32*) {}

template <F64 (*Function)(F64)>
INTERMODEL_INLINE F32 viaDouble(F32 x) {
  double lane[kLanes];
  store(lane, Function(broadcast(static_cast<double>(x.v))));
  return {static_cast<float>(lane[0])};
}

#endif

INTERMODEL_INLINE F64 splat(double x) { return broadcast(x); }
INTERMODEL_INLINE F64 exponential(F64 x) { return exp(x); }
INTERMODEL_INLINE F32 exponential(F32 x) { return viaDouble<exp>(x); }

/// The vector of a type of number, and its lanes: an enumerator, as nvcc takes no data member with an execution space.
template <class T>
struct VectorOf;
template <>
struct VectorOf<double> {
  using Type = F64;
  enum : size_t { kCount = kLanes };
};
template <>
struct VectorOf<float> {
  using Type = F32;
  enum : size_t { kCount = kSingleLanes };
};
template <class T>
using Vector = typename VectorOf<T>::Type;

}  // namespace
}  // namespace intermodel
