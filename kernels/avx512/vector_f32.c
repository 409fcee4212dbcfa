#if defined(__x86_64__)

#include <immintrin.h>

#include "tables.h"

#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512vl,avx512dq"))), \
                             apply_to = function)

enum { LANES = 16 };

void moult_avx512_subtract_f32(const float *values, const float *centre, float *target, size_t count) {
  size_t i = 0;
  for (; i + LANES <= count; i += LANES) {
    _mm512_storeu_ps(target + i, _mm512_sub_ps(_mm512_loadu_ps(values + i), _mm512_loadu_ps(centre + i)));
  }
  if (i < count) {
    const __mmask16 mask = (__mmask16)((1u << (count - i)) - 1);
    const __m512 part = _mm512_maskz_loadu_ps(mask, values + i);
    _mm512_mask_storeu_ps(target + i, mask, _mm512_sub_ps(part, _mm512_maskz_loadu_ps(mask, centre + i)));
  }
}

void moult_avx512_scale_f32(const float *values, float factor, float *target, size_t count) {
  const __m512 factor_f32x16 = _mm512_set1_ps(factor);
  size_t i = 0;
  for (; i + LANES <= count; i += LANES) {
    _mm512_storeu_ps(target + i, _mm512_mul_ps(_mm512_loadu_ps(values + i), factor_f32x16));
  }
  if (i < count) {
    const __mmask16 mask = (__mmask16)((1u << (count - i)) - 1);
    const __m512 part = _mm512_maskz_loadu_ps(mask, values + i);
    _mm512_mask_storeu_ps(target + i, mask, _mm512_mul_ps(part, factor_f32x16));
  }
}

#pragma clang attribute pop

#endif
