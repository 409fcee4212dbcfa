/// Scores of one float query against rows of floats of any width: what distance_f32.c and distance_f16.c
/// share, so that the same row gives the same bits whatever its entries are stored as.
#ifndef MOULT_AVX2_FLOAT_ROWS_H
#define MOULT_AVX2_FLOAT_ROWS_H

#include <immintrin.h>
#include <stdbool.h>
#include <string.h>

#include "elements.h"
#include "rows.h"

#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)

#define INLINE static inline __attribute__((always_inline))

// Four sums per row: a fused multiply-add takes four cycles, so fewer chains would leave the unit idle.
enum { LANES = 8, CHAINS = 4 };

/// Where a vector ends inside a register: the lanes in use, the others 0 and not read.
INLINE __m256i first_lanes(size_t count) {
  static const int32_t window[2 * LANES] = {-1, -1, -1, -1, -1, -1, -1, -1};
  return _mm256_loadu_si256((const __m256i *)(window + LANES - count));
}

/// Eight entries of a row from number i on; `element` is a constant where this is inlined.
INLINE __m256 load_row(const uint8_t *row, size_t i, moult_element element) {
  if (element == MOULT_ELEMENT_F32) return _mm256_loadu_ps((const float *)(row + 4 * i));
  const __m128i halves_u16x8 = _mm_loadu_si128((const __m128i *)(row + 2 * i));
  if (element == MOULT_ELEMENT_F16) return _mm256_cvtph_ps(halves_u16x8);
  return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(halves_u16x8), 16));
}

/// Likewise the last `count` of a row, filled up with zeros.
INLINE __m256 load_row_tail(const uint8_t *row, size_t i, size_t count, moult_element element) {
  if (element == MOULT_ELEMENT_F32) {
    return _mm256_maskload_ps((const float *)(row + 4 * i), first_lanes(count));
  }
  uint16_t padded[LANES] = {0};
  memcpy(padded, row + 2 * i, count * sizeof *padded);
  return load_row((const uint8_t *)padded, 0, element);
}

/// `sum` + one term per lane; `squared` is a constant where this is inlined.
INLINE __m256 accumulate(__m256 sum, __m256 a, __m256 b, bool squared) {
  if (!squared) return _mm256_fmadd_ps(a, b, sum);
  const __m256 difference = _mm256_sub_ps(a, b);
  return _mm256_fmadd_ps(difference, difference, sum);
}

INLINE float total(const __m256 sums[CHAINS]) {
  const __m256 sum = _mm256_add_ps(_mm256_add_ps(sums[0], sums[1]), _mm256_add_ps(sums[2], sums[3]));
  const __m128 four = _mm_add_ps(_mm256_castps256_ps128(sum), _mm256_extractf128_ps(sum, 1));
  const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}

/// Scores `row_count` rows (a constant) together, so that each part of the query is loaded once. A row's
/// result does not depend on how many are scored with it.
INLINE void score(const float *query, const uint8_t *const *rows, size_t row_count, size_t dimension,
                  moult_element element, bool squared, float *out) {
  __m256 sums[2][CHAINS];
  for (size_t row = 0; row < row_count; row++) {
    for (size_t chain = 0; chain < CHAINS; chain++) sums[row][chain] = _mm256_setzero_ps();
  }
  size_t i = 0;
  for (; i + CHAINS * LANES <= dimension; i += CHAINS * LANES) {
#pragma clang loop unroll(full)
    for (size_t chain = 0; chain < CHAINS; chain++) {
      const __m256 part = _mm256_loadu_ps(query + i + chain * LANES);
      for (size_t row = 0; row < row_count; row++) {
        const __m256 other = load_row(rows[row], i + chain * LANES, element);
        sums[row][chain] = accumulate(sums[row][chain], part, other, squared);
      }
    }
  }
  for (; i + LANES <= dimension; i += LANES) {
    const __m256 part = _mm256_loadu_ps(query + i);
    for (size_t row = 0; row < row_count; row++) {
      sums[row][0] = accumulate(sums[row][0], part, load_row(rows[row], i, element), squared);
    }
  }
  if (i < dimension) {
    const __m256 part = _mm256_maskload_ps(query + i, first_lanes(dimension - i));
    for (size_t row = 0; row < row_count; row++) {
      const __m256 other = load_row_tail(rows[row], i, dimension - i, element);
      sums[row][1] = accumulate(sums[row][1], part, other, squared);
    }
  }
  for (size_t row = 0; row < row_count; row++) out[row] = total(sums[row]);
}

INLINE void score_rows(const float *query, const void *rows, size_t stride, const uint32_t *indices,
                       size_t count, size_t dimension, moult_element element, bool squared, float *out) {
  enum { GROUP = 2 };  // 2 · 4 sums and their operands fill the sixteen registers
  size_t i = 0;
  for (; i + GROUP <= count; i += GROUP) {
    moult_prefetch_rows(rows, stride, indices, count, i + GROUP, GROUP,
                        dimension * moult_element_bytes(element));
    const uint8_t *const group[GROUP] = {
        moult_row(rows, stride, indices, i),
        moult_row(rows, stride, indices, i + 1),
    };
    score(query, group, GROUP, dimension, element, squared, out + i);
  }
  if (i < count) {
    const uint8_t *const last = moult_row(rows, stride, indices, i);
    score(query, &last, 1, dimension, element, squared, out + i);
  }
}

INLINE float score_one(const float *query, const float *row, size_t dimension, bool squared) {
  const uint8_t *const rows = (const uint8_t *)row;
  float result;
  score(query, &rows, 1, dimension, MOULT_ELEMENT_F32, squared, &result);
  return result;
}

#pragma clang attribute pop

#endif
