#if defined(__x86_64__)

#include <immintrin.h>
#include <stdbool.h>

#include "rows.h"
#include "tables.h"

#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512vl,avx512dq"))), \
                             apply_to = function)

#define INLINE static inline __attribute__((always_inline))

// Four sums per row: a fused multiply-add takes four cycles, so fewer chains would leave the unit idle.
enum { LANES = 16, CHAINS = 4, GROUP = 4 };

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
INLINE __m128 score(const float *query, const float *const *rows, size_t row_count, size_t dimension,
                    bool squared) {
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
        const __m512 other = _mm512_loadu_ps(rows[row] + i + chain * LANES);
        sums[row][chain] = accumulate(sums[row][chain], part, other, squared);
      }
    }
  }
  for (; i + LANES <= dimension; i += LANES) {
    const __m512 part = _mm512_loadu_ps(query + i);
    for (size_t row = 0; row < row_count; row++) {
      sums[row][0] = accumulate(sums[row][0], part, _mm512_loadu_ps(rows[row] + i), squared);
    }
  }
  if (i < dimension) {
    const __mmask16 mask = (__mmask16)((1u << (dimension - i)) - 1);
    const __m512 part = _mm512_maskz_loadu_ps(mask, query + i);
    for (size_t row = 0; row < row_count; row++) {
      sums[row][1] = accumulate(sums[row][1], part, _mm512_maskz_loadu_ps(mask, rows[row] + i), squared);
    }
  }
  __m512 sum[GROUP];
  for (size_t row = 0; row < GROUP; row++) {
    const __m512 *const chains = sums[row < row_count ? row : 0];
    sum[row] = _mm512_add_ps(_mm512_add_ps(chains[0], chains[1]), _mm512_add_ps(chains[2], chains[3]));
  }
  return totals(sum);
}

INLINE float score_one(const float *a, const float *b, size_t dimension, bool squared) {
  return _mm_cvtss_f32(score(a, &b, 1, dimension, squared));
}

INLINE void score_rows(const float *query, const void *rows, size_t stride, const uint32_t *indices,
                       size_t count, size_t dimension, bool squared, float *out) {
  size_t i = 0;
  for (; i + GROUP <= count; i += GROUP) {
    moult_prefetch_rows(rows, stride, indices, count, i + GROUP, GROUP, dimension * sizeof(float));
    const float *group[GROUP];
    for (size_t row = 0; row < GROUP; row++) {
      group[row] = (const float *)moult_row(rows, stride, indices, i + row);
    }
    _mm_storeu_ps(out + i, score(query, group, GROUP, dimension, squared));
  }
  for (; i < count; i++) {
    out[i] = score_one(query, (const float *)moult_row(rows, stride, indices, i), dimension, squared);
  }
}

float moult_avx512_dot_f32(const float *a, const float *b, size_t dimension) {
  return score_one(a, b, dimension, false);
}

float moult_avx512_squared_l2_f32(const float *a, const float *b, size_t dimension) {
  return score_one(a, b, dimension, true);
}

void moult_avx512_dot_f32_rows(const float *query, const void *rows, size_t stride, const uint32_t *indices,
                               size_t count, size_t dimension, float *out) {
  score_rows(query, rows, stride, indices, count, dimension, false, out);
}

void moult_avx512_squared_l2_f32_rows(const float *query, const void *rows, size_t stride,
                                      const uint32_t *indices, size_t count, size_t dimension, float *out) {
  score_rows(query, rows, stride, indices, count, dimension, true, out);
}

#pragma clang attribute pop

#endif
