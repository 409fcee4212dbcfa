// The additions of a lane wait for each other: four registers of lanes hide that. Products of floats are exact
// in double, so the fused form rounds as often as the plain one.

#if defined(__x86_64__)

#include <immintrin.h>
#include <stdbool.h>

#include "tables.h"

#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512vl,avx512dq"))), \
                             apply_to = function)

#define INLINE static inline __attribute__((always_inline))

enum { PART = 8, PARTS = 4, LANES = PART * PARTS };

INLINE __mmask8 part_mask(size_t count, size_t first) {
  return count >= first + PART ? 0xFF : count > first ? (__mmask8)((1u << (count - first)) - 1) : 0;
}

INLINE __m512d load(const float *values, __mmask8 mask) {
  return _mm512_cvtps_pd(_mm256_maskz_loadu_ps(mask, values));
}

/// `squared` is a constant where this is inlined.
INLINE __m512d accumulate(__m512d sum, __m512d a, __m512d b, bool squared) {
  if (!squared) return _mm512_fmadd_pd(a, b, sum);
  const __m512d difference = _mm512_sub_pd(a, b);
  return _mm512_add_pd(sum, _mm512_mul_pd(difference, difference));
}

INLINE double folded(const __m512d sums[PARTS]) {
  const __m512d eight = _mm512_add_pd(_mm512_add_pd(sums[0], sums[2]), _mm512_add_pd(sums[1], sums[3]));
  const __m256d four = _mm256_add_pd(_mm512_castpd512_pd256(eight), _mm512_extractf64x4_pd(eight, 1));
  const __m128d two = _mm_add_pd(_mm256_castpd256_pd128(four), _mm256_extractf128_pd(four, 1));
  return _mm_cvtsd_f64(_mm_add_sd(two, _mm_unpackhi_pd(two, two)));
}

INLINE double score(const float *a, const float *b, size_t count, bool squared) {
  __m512d sums[PARTS];
  for (size_t p = 0; p < PARTS; p++) sums[p] = _mm512_setzero_pd();
  size_t i = 0;
  for (; i + LANES <= count; i += LANES) {
#pragma clang loop unroll(full)
    for (size_t p = 0; p < PARTS; p++) {
      sums[p] = accumulate(sums[p], load(a + i + p * PART, 0xFF), load(b + i + p * PART, 0xFF), squared);
    }
  }
  if (i < count) {
#pragma clang loop unroll(full)
    for (size_t p = 0; p < PARTS; p++) {
      const __mmask8 mask = part_mask(count - i, p * PART);
      sums[p] = accumulate(sums[p], load(a + i + p * PART, mask), load(b + i + p * PART, mask), squared);
    }
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

/// Codes and sums of up to 32 values; `is_whole` is a constant.
INLINE void encode_part(const float *values, uint8_t *codes, size_t count, bool is_whole,
                        __m512d absolutes[PARTS], __m512d squares[PARTS]) {
#pragma clang loop unroll(full)
  for (size_t p = 0; p < PARTS; p++) {
    const __mmask8 mask = is_whole ? 0xFF : part_mask(count, p * PART);
    const float *const from = values + p * PART;
    const __m256 part = is_whole ? _mm256_loadu_ps(from) : _mm256_maskz_loadu_ps(mask, from);
    if (mask) codes[p] = _mm256_cmp_ps_mask(part, _mm256_setzero_ps(), _CMP_GT_OQ);
    const __m512d wide = _mm512_cvtps_pd(part);
    absolutes[p] = _mm512_add_pd(absolutes[p], _mm512_abs_pd(wide));
    squares[p] = _mm512_fmadd_pd(wide, wide, squares[p]);
  }
}

void moult_avx512_encode_signs_sums(const float *values, uint8_t *codes, size_t count, double *absolute,
                                    double *square) {
  __m512d absolutes[PARTS], squares[PARTS];
  for (size_t p = 0; p < PARTS; p++) absolutes[p] = squares[p] = _mm512_setzero_pd();
  size_t i = 0;
  for (; i + LANES <= count; i += LANES) {
    encode_part(values + i, codes + i / PART, LANES, true, absolutes, squares);
  }
  if (i < count) encode_part(values + i, codes + i / PART, count - i, false, absolutes, squares);
  *absolute = folded(absolutes);
  *square = folded(squares);
}

/// Up to 8 values and their sums; `sums` and `is_whole` are constants.
INLINE void centre_part(const float *values, __m256 factor, const float *centre, float *target,
                        __mmask8 mask, bool sums, bool is_whole, __m512d *square, __m512d *along) {
  const __m256 given = is_whole ? _mm256_loadu_ps(values) : _mm256_maskz_loadu_ps(mask, values);
  const __m256 mean = is_whole ? _mm256_loadu_ps(centre) : _mm256_maskz_loadu_ps(mask, centre);
  const __m256 difference = _mm256_sub_ps(_mm256_mul_ps(given, factor), mean);
  if (is_whole) _mm256_storeu_ps(target, difference);
  else _mm256_mask_storeu_ps(target, mask, difference);
  if (!sums) return;
  const __m512d wide = _mm512_cvtps_pd(difference);
  *square = _mm512_fmadd_pd(wide, wide, *square);
  *along = _mm512_fmadd_pd(wide, _mm512_cvtps_pd(mean), *along);
}

/// `sums` is a constant.
INLINE double centre_values(const float *values, float factor, const float *centre, float *target,
                            size_t count, bool sums, double *along) {
  const __m256 factors = _mm256_set1_ps(factor);
  __m512d squares[PARTS], products[PARTS];
  for (size_t p = 0; p < PARTS; p++) squares[p] = products[p] = _mm512_setzero_pd();
  size_t i = 0;
  for (; i + LANES <= count; i += LANES) {
#pragma clang loop unroll(full)
    for (size_t p = 0; p < PARTS; p++) {
      const size_t at = i + p * PART;
      centre_part(values + at, factors, centre + at, target + at, 0xFF, sums, true, &squares[p], &products[p]);
    }
  }
  for (size_t p = 0; i + p * PART < count; p++) {
    const size_t at = i + p * PART;
    const __mmask8 mask = part_mask(count - i, p * PART);
    centre_part(values + at, factors, centre + at, target + at, mask, sums, false, &squares[p], &products[p]);
  }
  if (!sums) return 0;
  *along = folded(products);
  return folded(squares);
}

double moult_avx512_centre_sums_f32(const float *values, float factor, const float *centre, float *target,
                                    size_t count, double *along) {
  return along ? centre_values(values, factor, centre, target, count, true, along)
               : centre_values(values, factor, centre, target, count, false, NULL);
}

#pragma clang attribute pop

#endif
