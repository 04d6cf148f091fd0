/// Dense rows of the ledger for the instruction set of the including file.
#pragma once

#include "ledger.hpp"

#if defined(INTERMODEL_ISA_AVX2) || defined(INTERMODEL_ISA_AVX512)
#include <immintrin.h>
#define INTERMODEL_LEDGER_AVX2
#endif

namespace intermodel {
namespace {
namespace ledger {

constexpr int kLimbBits = 22;
constexpr std::uint32_t kLimbMask = (1u << kLimbBits) - 1;
constexpr std::size_t kGroup = 8;  // rows that share one pass over the accumulators

inline std::uint32_t limbOf(std::uint64_t stake, int limb) {
  return static_cast<std::uint32_t>(stake >> (kLimbBits * limb)) & kLimbMask;
}

/// Columns from `column` on, one by one.
template <int Limbs>
void addColumns(const std::uint32_t* weights, std::size_t stride, std::size_t rows, const std::uint32_t (*factor)[3],
                std::size_t column, std::uint64_t* limbs) {
  for (; column < stride; ++column) {
    for (int l = 0; l < Limbs; ++l) {
      std::uint64_t sum = limbs[static_cast<std::size_t>(l) * stride + column];
      for (std::size_t r = 0; r < rows; ++r)
        sum += static_cast<std::uint64_t>(factor[r][l]) * weights[r * stride + column];
      limbs[static_cast<std::size_t>(l) * stride + column] = sum;
    }
  }
}

#ifdef INTERMODEL_LEDGER_AVX2
template <int Limbs>
void addGroup(const std::uint32_t* weights, std::size_t stride, const std::uint32_t (*factor)[3],
              std::uint64_t* limbs) {
  __m256i f[kGroup][Limbs];
  for (std::size_t r = 0; r < kGroup; ++r) {
    for (int l = 0; l < Limbs; ++l) f[r][l] = _mm256_set1_epi64x(factor[r][l]);
  }
  std::size_t column = 0;
  for (; column + 4 <= stride; column += 4) {
    __m256i sum[Limbs];
    for (int l = 0; l < Limbs; ++l) {
      sum[l] =
          _mm256_loadu_si256(reinterpret_cast<const __m256i*>(limbs + static_cast<std::size_t>(l) * stride + column));
    }
    for (std::size_t r = 0; r < kGroup; ++r) {
      const __m256i w =
          _mm256_cvtepu32_epi64(_mm_loadu_si128(reinterpret_cast<const __m128i*>(weights + r * stride + column)));
      for (int l = 0; l < Limbs; ++l) sum[l] = _mm256_add_epi64(sum[l], _mm256_mul_epu32(w, f[r][l]));
    }
    for (int l = 0; l < Limbs; ++l) {
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(limbs + static_cast<std::size_t>(l) * stride + column), sum[l]);
    }
  }
  addColumns<Limbs>(weights, stride, kGroup, factor, column, limbs);
}
#else
template <int Limbs>
void addGroup(const std::uint32_t* weights, std::size_t stride, const std::uint32_t (*factor)[3],
              std::uint64_t* limbs) {
  addColumns<Limbs>(weights, stride, kGroup, factor, 0, limbs);
}
#endif

template <int Limbs>
void addRows(const std::uint32_t* weights, std::size_t stride, std::size_t rows, const std::uint64_t* stake,
             std::uint64_t* limbs) {
  for (std::size_t row = 0; row < rows; row += kGroup) {
    const std::size_t count = rows - row < kGroup ? rows - row : kGroup;
    std::uint32_t factor[kGroup][3];
    for (std::size_t r = 0; r < count; ++r) {
      for (int l = 0; l < 3; ++l) factor[r][l] = limbOf(stake[row + r], l);
    }
    const std::uint32_t* group = weights + row * stride;
    if (count == kGroup) {
      addGroup<Limbs>(group, stride, factor, limbs);
    } else {
      addColumns<Limbs>(group, stride, count, factor, 0, limbs);
    }
  }
}

inline void addDenseRows(const std::uint32_t* weights, std::size_t stride, std::size_t rows, const std::uint64_t* stake,
                         std::uint64_t* limbs, int limb_count) {
  if (limb_count <= 1) {
    addRows<1>(weights, stride, rows, stake, limbs);
  } else if (limb_count == 2) {
    addRows<2>(weights, stride, rows, stake, limbs);
  } else {
    addRows<3>(weights, stride, rows, stake, limbs);
  }
}

inline std::uint64_t readWords(const std::uint32_t* words, std::size_t count) {
  std::uint64_t sum = 0;
  std::size_t at = 0;
#ifdef INTERMODEL_LEDGER_AVX2
  __m256i a = _mm256_setzero_si256(), b = a, c = a, d = a;
  for (; at + 32 <= count; at += 32) {
    const auto* from = reinterpret_cast<const __m256i*>(words + at);
    a = _mm256_add_epi32(a, _mm256_loadu_si256(from));
    b = _mm256_add_epi32(b, _mm256_loadu_si256(from + 1));
    c = _mm256_add_epi32(c, _mm256_loadu_si256(from + 2));
    d = _mm256_add_epi32(d, _mm256_loadu_si256(from + 3));
  }
  a = _mm256_add_epi32(_mm256_add_epi32(a, b), _mm256_add_epi32(c, d));
  alignas(32) std::uint32_t lanes[8];
  _mm256_store_si256(reinterpret_cast<__m256i*>(lanes), a);
  for (const std::uint32_t lane : lanes) sum += lane;
#endif
  for (; at < count; ++at) sum += words[at];
  return sum;
}

}  // namespace ledger

constexpr LedgerKernels ledgerKernels() {
  return {.addDenseRows = ledger::addDenseRows, .readWords = ledger::readWords};
}

}  // namespace
}  // namespace intermodel
