// Squares of floats are exact in double, so the fused form rounds as often as the plain one; the product with
// the factor is not, and stays apart.

#if defined(__x86_64__)

#include <immintrin.h>

#include "tables.h"

#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512vl,avx512dq"))), \
                             apply_to = function)

#define INLINE static inline __attribute__((always_inline))

enum { LANES = 16 };

typedef struct state {
  __m512d low, high;  ///< sums of the lanes 0 … 7 and 8 … 15
  __m512 most;
} state;

INLINE __m512 add(state *state, __m512 values, __m512 factor, __m512 centre) {
  const __m512 difference = _mm512_sub_ps(_mm512_mul_ps(values, factor), centre);
  const __m512d low = _mm512_cvtps_pd(_mm512_castps512_ps256(difference));
  const __m512d high = _mm512_cvtps_pd(_mm512_extractf32x8_ps(difference, 1));
  state->low = _mm512_fmadd_pd(low, low, state->low);
  state->high = _mm512_fmadd_pd(high, high, state->high);
  state->most = _mm512_max_ps(state->most, _mm512_abs_ps(difference));
  return difference;
}

double moult_avx512_centre_f32(const float *values, float factor, const float *centre, float *target,
                               size_t count, float *largest) {
  const __m512 factor_f32x16 = _mm512_set1_ps(factor);
  state state = {_mm512_setzero_pd(), _mm512_setzero_pd(), _mm512_setzero_ps()};
  size_t i = 0;
  for (; i + LANES <= count; i += LANES) {
    const __m512 part = _mm512_loadu_ps(values + i), mean = _mm512_loadu_ps(centre + i);
    _mm512_storeu_ps(target + i, add(&state, part, factor_f32x16, mean));
  }
  if (i < count) {
    const __mmask16 mask = (__mmask16)((1u << (count - i)) - 1);
    const __m512 part = _mm512_maskz_loadu_ps(mask, values + i);
    const __m512 mean = _mm512_maskz_loadu_ps(mask, centre + i);
    _mm512_mask_storeu_ps(target + i, mask, add(&state, part, factor_f32x16, mean));
  }
  const __m512d eight = _mm512_add_pd(state.low, state.high);
  const __m256d four = _mm256_add_pd(_mm512_castpd512_pd256(eight), _mm512_extractf64x4_pd(eight, 1));
  const __m128d two = _mm_add_pd(_mm256_castpd256_pd128(four), _mm256_extractf128_pd(four, 1));
  *largest = _mm512_reduce_max_ps(state.most);
  return _mm_cvtsd_f64(_mm_add_sd(two, _mm_unpackhi_pd(two, two)));
}

#pragma clang attribute pop

#endif
