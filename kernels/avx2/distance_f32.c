#if defined(__x86_64__)

#include <immintrin.h>
#include <stdbool.h>

#include "rows.h"
#include "tables.h"

#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)

#define INLINE static inline __attribute__((always_inline))

// Four sums per row: a fused multiply-add takes four cycles, so fewer chains would leave the unit idle.
enum { LANES = 8, CHAINS = 4 };

/// Where a vector ends inside a register: the lanes in use, the others 0 and not read.
INLINE __m256i first_lanes(size_t count) {
  static const int32_t window[2 * LANES] = {-1, -1, -1, -1, -1, -1, -1, -1};
  return _mm256_loadu_si256((const __m256i *)(window + LANES - count));
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
INLINE void score(const float *query, const float *const *rows, size_t row_count, size_t dimension,
                  bool squared, float *out) {
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
        const __m256 other = _mm256_loadu_ps(rows[row] + i + chain * LANES);
        sums[row][chain] = accumulate(sums[row][chain], part, other, squared);
      }
    }
  }
  for (; i + LANES <= dimension; i += LANES) {
    const __m256 part = _mm256_loadu_ps(query + i);
    for (size_t row = 0; row < row_count; row++) {
      sums[row][0] = accumulate(sums[row][0], part, _mm256_loadu_ps(rows[row] + i), squared);
    }
  }
  if (i < dimension) {
    const __m256i mask = first_lanes(dimension - i);
    const __m256 part = _mm256_maskload_ps(query + i, mask);
    for (size_t row = 0; row < row_count; row++) {
      sums[row][1] = accumulate(sums[row][1], part, _mm256_maskload_ps(rows[row] + i, mask), squared);
    }
  }
  for (size_t row = 0; row < row_count; row++) out[row] = total(sums[row]);
}

INLINE void score_rows(const float *query, const void *rows, size_t stride, const uint32_t *indices,
                       size_t count, size_t dimension, bool squared, float *out) {
  enum { GROUP = 2 };  // 2 · 4 sums and their operands fill the sixteen registers
  size_t i = 0;
  for (; i + GROUP <= count; i += GROUP) {
    moult_prefetch_rows(rows, stride, indices, count, i + GROUP, GROUP, dimension * sizeof(float));
    const float *const group[GROUP] = {
        (const float *)moult_row(rows, stride, indices, i),
        (const float *)moult_row(rows, stride, indices, i + 1),
    };
    score(query, group, GROUP, dimension, squared, out + i);
  }
  if (i < count) {
    const float *const last = (const float *)moult_row(rows, stride, indices, i);
    score(query, &last, 1, dimension, squared, out + i);
  }
}

float moult_avx2_dot_f32(const float *a, const float *b, size_t dimension) {
  float result;
  score(a, &b, 1, dimension, false, &result);
  return result;
}

float moult_avx2_squared_l2_f32(const float *a, const float *b, size_t dimension) {
  float result;
  score(a, &b, 1, dimension, true, &result);
  return result;
}

void moult_avx2_dot_f32_rows(const float *query, const void *rows, size_t stride, const uint32_t *indices,
                             size_t count, size_t dimension, float *out) {
  score_rows(query, rows, stride, indices, count, dimension, false, out);
}

void moult_avx2_squared_l2_f32_rows(const float *query, const void *rows, size_t stride,
                                    const uint32_t *indices, size_t count, size_t dimension, float *out) {
  score_rows(query, rows, stride, indices, count, dimension, true, out);
}

#pragma clang attribute pop

#endif
