/// Scores of one float query against rows of floats of any width: what distance_f32.c and distance_f16.c
/// share, so that the same row gives the same bits whatever its entries are stored as.
#ifndef MOULT_AVX512_FLOAT_ROWS_H
#define MOULT_AVX512_FLOAT_ROWS_H

#include <immintrin.h>
#include <stdbool.h>

#include "elements.h"
#include "rows.h"

#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512vl,avx512dq"))), \
                             apply_to = function)

#define INLINE static inline __attribute__((always_inline))

// Four sums per row: a fused multiply-add takes four cycles, so fewer chains would leave the unit idle.
enum { LANES = 16, CHAINS = 4, GROUP = 4 };

/// Sixteen entries of a row from number i on; `element` is a constant where this is inlined.
INLINE __m512 load_row(const uint8_t *row, size_t i, __mmask16 mask, moult_element element) {
  if (element == MOULT_ELEMENT_F32) return _mm512_maskz_loadu_ps(mask, row + 4 * i);
  const __m256i halves_u16x16 = _mm256_maskz_loadu_epi16(mask, row + 2 * i);
  if (element == MOULT_ELEMENT_F16) return _mm512_cvtph_ps(halves_u16x16);
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(halves_u16x16), 16));
}

/// `sum` + one term per lane; `squared` is a constant where this is inlined.
INLINE __m512 accumulate(__m512 sum, __m512 a, __m512 b, bool squared) {
  if (!squared) return _mm512_fmadd_ps(a, b, sum);
  const __m512 difference = _mm512_sub_ps(a, b);
  return _mm512_fmadd_ps(difference, difference, sum);
}

/// The totals of four rows, in order. Each quarter of a register is turned into four totals of its own,
/// one per row, and then the quarters are added: fewer shuffles than row by row, and always the same
/// order of additions within a row.
INLINE __m128 totals(const __m512 rows[GROUP]) {
  const __m512 r01 =
      _mm512_add_ps(_mm512_unpacklo_ps(rows[0], rows[1]), _mm512_unpackhi_ps(rows[0], rows[1]));
  const __m512 r23 =
      _mm512_add_ps(_mm512_unpacklo_ps(rows[2], rows[3]), _mm512_unpackhi_ps(rows[2], rows[3]));
  const __m512 r0123 =
      _mm512_add_ps(_mm512_shuffle_ps(r01, r23, 0x44), _mm512_shuffle_ps(r01, r23, 0xEE));
  const __m256 halves = _mm256_add_ps(_mm512_castps512_ps256(r0123), _mm512_extractf32x8_ps(r0123, 1));
  return _mm_add_ps(_mm256_castps256_ps128(halves), _mm256_extractf128_ps(halves, 1));
}

/// Scores `row_count` rows (a constant, 1 or GROUP) together, so that each part of the query is loaded
/// once. A row's result does not depend on how many are scored with it.
INLINE __m128 score(const float *query, const uint8_t *const *rows, size_t row_count, size_t dimension,
                    moult_element element, bool squared) {
  __m512 sums[GROUP][CHAINS];
  for (size_t row = 0; row < row_count; row++) {
    for (size_t chain = 0; chain < CHAINS; chain++) sums[row][chain] = _mm512_setzero_ps();
  }
  size_t i = 0;
  for (; i + CHAINS * LANES <= dimension; i += CHAINS * LANES) {
#pragma clang loop unroll(full)
    for (size_t chain = 0; chain < CHAINS; chain++) {
      const __m512 part = _mm512_loadu_ps(query + i + chain * LANES);
      for (size_t row = 0; row < row_count; row++) {
        const __m512 other = load_row(rows[row], i + chain * LANES, 0xFFFF, element);
        sums[row][chain] = accumulate(sums[row][chain], part, other, squared);
      }
    }
  }
  for (; i + LANES <= dimension; i += LANES) {
    const __m512 part = _mm512_loadu_ps(query + i);
    for (size_t row = 0; row < row_count; row++) {
      sums[row][0] = accumulate(sums[row][0], part, load_row(rows[row], i, 0xFFFF, element), squared);
    }
  }
  if (i < dimension) {
    const __mmask16 mask = (__mmask16)((1u << (dimension - i)) - 1);
    const __m512 part = _mm512_maskz_loadu_ps(mask, query + i);
    for (size_t row = 0; row < row_count; row++) {
      sums[row][1] = accumulate(sums[row][1], part, load_row(rows[row], i, mask, element), squared);
    }
  }
  __m512 sum[GROUP];
  for (size_t row = 0; row < GROUP; row++) {
    const __m512 *const chains = sums[row < row_count ? row : 0];
    sum[row] = _mm512_add_ps(_mm512_add_ps(chains[0], chains[1]), _mm512_add_ps(chains[2], chains[3]));
  }
  return totals(sum);
}

INLINE float score_one(const float *query, const uint8_t *row, size_t dimension, moult_element element,
                       bool squared) {
  return _mm_cvtss_f32(score(query, &row, 1, dimension, element, squared));
}

INLINE void score_rows(const float *query, const void *rows, size_t stride, const uint32_t *indices,
                       size_t count, size_t dimension, moult_element element, bool squared, float *out) {
  size_t i = 0;
  for (; i + GROUP <= count; i += GROUP) {
    moult_prefetch_rows(rows, stride, indices, count, i + GROUP, GROUP,
                        dimension * moult_element_bytes(element));
    const uint8_t *group[GROUP];
    for (size_t row = 0; row < GROUP; row++) group[row] = moult_row(rows, stride, indices, i + row);
    _mm_storeu_ps(out + i, score(query, group, GROUP, dimension, element, squared));
  }
  for (; i < count; i++) {
    out[i] = score_one(query, moult_row(rows, stride, indices, i), dimension, element, squared);
  }
}

#pragma clang attribute pop

#endif
