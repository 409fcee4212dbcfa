// Products of floats are exact in double, so the fused form of the first two rounds as often as the plain one.

#if defined(__x86_64__)

#include <immintrin.h>
#include <stdbool.h>
#include <string.h>

#include "tables.h"

#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)

#define INLINE static inline __attribute__((always_inline))

enum { LANES = 8 };

/// The eight sums: lanes 0 … 3 and 4 … 7.
typedef struct sums {
  __m256d low, high;
} sums;

/// `squared` is a constant where this is inlined.
INLINE __m256d accumulate_half(__m256d sum, __m128 a, __m128 b, bool squared) {
  const __m256d wide_a = _mm256_cvtps_pd(a), wide_b = _mm256_cvtps_pd(b);
  if (!squared) return _mm256_fmadd_pd(wide_a, wide_b, sum);
  const __m256d difference = _mm256_sub_pd(wide_a, wide_b);
  return _mm256_add_pd(sum, _mm256_mul_pd(difference, difference));
}

INLINE sums accumulate(sums sum, const float *a, const float *b, bool squared) {
  return (sums){
      accumulate_half(sum.low, _mm_loadu_ps(a), _mm_loadu_ps(b), squared),
      accumulate_half(sum.high, _mm_loadu_ps(a + 4), _mm_loadu_ps(b + 4), squared),
  };
}

INLINE double folded(sums sum) {
  const __m256d four = _mm256_add_pd(sum.low, sum.high);
  const __m128d two = _mm_add_pd(_mm256_castpd256_pd128(four), _mm256_extractf128_pd(four, 1));
  return _mm_cvtsd_f64(_mm_add_sd(two, _mm_unpackhi_pd(two, two)));
}

INLINE double score(const float *a, const float *b, size_t count, bool squared) {
  sums sum = {_mm256_setzero_pd(), _mm256_setzero_pd()};
  size_t i = 0;
  for (; i + LANES <= count; i += LANES) sum = accumulate(sum, a + i, b + i, squared);
  if (i < count) {
    float padded_a[LANES] = {0}, padded_b[LANES] = {0};
    memcpy(padded_a, a + i, (count - i) * sizeof *a);
    memcpy(padded_b, b + i, (count - i) * sizeof *b);
    sum = accumulate(sum, padded_a, padded_b, squared);
  }
  return folded(sum);
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
  const __m256d zero = _mm256_setzero_pd();
  sums absolutes = {zero, zero}, squares = {zero, zero};
  for (size_t i = 0; i < count; i += LANES) {
    float padded[LANES] = {0};
    const float *part = values + i;
    if (count - i < LANES) part = memcpy(padded, part, (count - i) * sizeof *part);
    const __m256 both = _mm256_loadu_ps(part);
    codes[i / LANES] = (uint8_t)_mm256_movemask_ps(_mm256_cmp_ps(both, _mm256_setzero_ps(), _CMP_GT_OQ));
    const __m256d low = _mm256_cvtps_pd(_mm256_castps256_ps128(both));
    const __m256d high = _mm256_cvtps_pd(_mm256_extractf128_ps(both, 1));
    absolutes.low = _mm256_add_pd(absolutes.low, absolute_f64x4(low));
    absolutes.high = _mm256_add_pd(absolutes.high, absolute_f64x4(high));
    squares.low = _mm256_fmadd_pd(low, low, squares.low);
    squares.high = _mm256_fmadd_pd(high, high, squares.high);
  }
  *absolute = folded(absolutes);
  *square = folded(squares);
}

#pragma clang attribute pop

#endif
