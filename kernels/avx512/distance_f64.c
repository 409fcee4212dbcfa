// The additions of a lane wait for each other, so they are not fused with the products: an addition alone is
// done earlier on some processors, and the same bits come out, products of floats being exact in double.

#if defined(__x86_64__)

#include <immintrin.h>
#include <stdbool.h>

#include "tables.h"

#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512vl,avx512dq"))), \
                             apply_to = function)

#define INLINE static inline __attribute__((always_inline))

enum { LANES = 8 };

INLINE __m512d load(const float *values, __mmask8 mask) {
  return _mm512_cvtps_pd(_mm256_maskz_loadu_ps(mask, values));
}

/// `squared` is a constant where this is inlined.
INLINE __m512d accumulate(__m512d sum, __m512d a, __m512d b, bool squared) {
  if (!squared) return _mm512_add_pd(sum, _mm512_mul_pd(a, b));
  const __m512d difference = _mm512_sub_pd(a, b);
  return _mm512_add_pd(sum, _mm512_mul_pd(difference, difference));
}

INLINE double folded(__m512d sums) {
  const __m256d four = _mm256_add_pd(_mm512_castpd512_pd256(sums), _mm512_extractf64x4_pd(sums, 1));
  const __m128d two = _mm_add_pd(_mm256_castpd256_pd128(four), _mm256_extractf128_pd(four, 1));
  return _mm_cvtsd_f64(_mm_add_sd(two, _mm_unpackhi_pd(two, two)));
}

INLINE double score(const float *a, const float *b, size_t count, bool squared) {
  __m512d sums = _mm512_setzero_pd();
  size_t i = 0;
  for (; i + LANES <= count; i += LANES) {
    sums = accumulate(sums, load(a + i, 0xFF), load(b + i, 0xFF), squared);
  }
  if (i < count) {
    const __mmask8 mask = (__mmask8)((1u << (count - i)) - 1);
    sums = accumulate(sums, load(a + i, mask), load(b + i, mask), squared);
  }
  return folded(sums);
}

double moult_avx512_sum_of_squares_f32(const float *values, size_t count) {
  return score(values, values, count, false);
}

double moult_avx512_dot_f32_f64(const float *a, const float *b, size_t count) {
  return score(a, b, count, false);
}

double moult_avx512_squared_l2_f32_f64(const float *a, const float *b, size_t count) {
  return score(a, b, count, true);
}

void moult_avx512_encode_signs_sums(const float *values, uint8_t *codes, size_t count, double *absolute,
                                    double *square) {
  __m512d absolutes = _mm512_setzero_pd(), squares = _mm512_setzero_pd();
  size_t i = 0;
  for (; i < count; i += LANES) {
    const __mmask8 mask = count - i < LANES ? (__mmask8)((1u << (count - i)) - 1) : 0xFF;
    const __m256 part = _mm256_maskz_loadu_ps(mask, values + i);
    codes[i / LANES] = _mm256_cmp_ps_mask(part, _mm256_setzero_ps(), _CMP_GT_OQ);
    const __m512d wide = _mm512_cvtps_pd(part);
    absolutes = _mm512_add_pd(absolutes, _mm512_abs_pd(wide));
    squares = _mm512_fmadd_pd(wide, wide, squares);
  }
  *absolute = folded(absolutes);
  *square = folded(squares);
}

#pragma clang attribute pop

#endif
