// Products of floats are exact in double, so the fused form of the first two rounds as often as the plain one.

#if defined(__x86_64__)

#include <immintrin.h>
#include <stdbool.h>
#include <string.h>

#include "tables.h"

#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)

#define INLINE static inline __attribute__((always_inline))

enum { PART = 4, PARTS = 8, LANES = PART * PARTS };

/// `squared` is a constant where this is inlined.
INLINE __m256d accumulate_part(__m256d sum, __m128 a, __m128 b, bool squared) {
  const __m256d wide_a = _mm256_cvtps_pd(a), wide_b = _mm256_cvtps_pd(b);
  if (!squared) return _mm256_fmadd_pd(wide_a, wide_b, sum);
  const __m256d difference = _mm256_sub_pd(wide_a, wide_b);
  return _mm256_add_pd(sum, _mm256_mul_pd(difference, difference));
}

INLINE void accumulate(__m256d sums[PARTS], const float *a, const float *b, bool squared) {
#pragma clang loop unroll(full)
  for (size_t p = 0; p < PARTS; p++) {
    sums[p] = accumulate_part(sums[p], _mm_loadu_ps(a + p * PART), _mm_loadu_ps(b + p * PART), squared);
  }
}

INLINE double folded(const __m256d sums[PARTS]) {
  __m256d half[4];
  for (size_t p = 0; p < 4; p++) half[p] = _mm256_add_pd(sums[p], sums[p + 4]);
  const __m256d four = _mm256_add_pd(_mm256_add_pd(half[0], half[2]), _mm256_add_pd(half[1], half[3]));
  const __m128d two = _mm_add_pd(_mm256_castpd256_pd128(four), _mm256_extractf128_pd(four, 1));
  return _mm_cvtsd_f64(_mm_add_sd(two, _mm_unpackhi_pd(two, two)));
}

INLINE double score(const float *a, const float *b, size_t count, bool squared) {
  __m256d sums[PARTS];
  for (size_t p = 0; p < PARTS; p++) sums[p] = _mm256_setzero_pd();
  size_t i = 0;
  for (; i + LANES <= count; i += LANES) accumulate(sums, a + i, b + i, squared);
  if (i < count) {
    float padded_a[LANES] = {0}, padded_b[LANES] = {0};
    memcpy(padded_a, a + i, (count - i) * sizeof *a);
    memcpy(padded_b, b + i, (count - i) * sizeof *b);
    accumulate(sums, padded_a, padded_b, squared);
  }
  return folded(sums);
}

double moult_avx2_sum_of_squares_f32(const float *values, size_t count) {
  return score(values, values, count, false);
}

double moult_avx2_dot_f32_f64(const float *a, const float *b, size_t count) {
  return score(a, b, count, false);
}

double moult_avx2_squared_l2_f32_f64(const float *a, const float *b, size_t count) {
  return score(a, b, count, true);
}

INLINE __m256d absolute_f64x4(__m256d values) { return _mm256_andnot_pd(_mm256_set1_pd(-0.0), values); }

void moult_avx2_encode_signs_sums(const float *values, uint8_t *codes, size_t count, double *absolute,
                                  double *square) {
  __m256d absolutes[PARTS], squares[PARTS];
  for (size_t p = 0; p < PARTS; p++) absolutes[p] = squares[p] = _mm256_setzero_pd();
  for (size_t i = 0; i < count; i += LANES) {
    float padded[LANES] = {0};
    const float *part = values + i;
    if (count - i < LANES) part = memcpy(padded, part, (count - i) * sizeof *part);
#pragma clang loop unroll(full)
    for (size_t p = 0; p < PARTS; p++) {
      const __m256d wide = _mm256_cvtps_pd(_mm_loadu_ps(part + p * PART));
      absolutes[p] = _mm256_add_pd(absolutes[p], absolute_f64x4(wide));
      squares[p] = _mm256_fmadd_pd(wide, wide, squares[p]);
    }
  }
  moult_avx2_encode_signs(values, codes, count);
  *absolute = folded(absolutes);
  *square = folded(squares);
}

#pragma clang attribute pop

#endif
