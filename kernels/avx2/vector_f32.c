#if defined(__x86_64__)

#include <immintrin.h>

#include "tables.h"

#pragma clang attribute push(__attribute__((target("avx2"))), apply_to = function)

enum { LANES = 8 };

void moult_avx2_subtract_f32(const float *values, const float *centre, float *target, size_t count) {
  size_t i = 0;
  for (; i + LANES <= count; i += LANES) {
    _mm256_storeu_ps(target + i, _mm256_sub_ps(_mm256_loadu_ps(values + i), _mm256_loadu_ps(centre + i)));
  }
  moult_scalar_subtract_f32(values + i, centre + i, target + i, count - i);
}

void moult_avx2_scale_f32(const float *values, float factor, float *target, size_t count) {
  const __m256 factor_f32x8 = _mm256_set1_ps(factor);
  size_t i = 0;
  for (; i + LANES <= count; i += LANES) {
    _mm256_storeu_ps(target + i, _mm256_mul_ps(_mm256_loadu_ps(values + i), factor_f32x8));
  }
  moult_scalar_scale_f32(values + i, factor, target + i, count - i);
}

#pragma clang attribute pop

#endif
