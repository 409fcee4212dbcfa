// Squares of floats are exact in double, so the fused form rounds as often as the plain one; the product with
// the factor is not, and stays apart.

#if defined(__x86_64__)

#include <immintrin.h>
#include <string.h>

#include "tables.h"

#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)

#define INLINE static inline __attribute__((always_inline))

enum { LANES = 16, QUARTERS = 4, HALF = 8 };

typedef struct state {
  __m256d sums[QUARTERS];  ///< of the lanes 0 … 3, 4 … 7 …
  __m256 most;
} state;

INLINE __m256d add_quarter(__m256d sum, __m128 values) {
  const __m256d wide = _mm256_cvtps_pd(values);
  return _mm256_fmadd_pd(wide, wide, sum);
}

/// Sixteen values.
INLINE void add(state *state, const float *values, __m256 factor, const float *centre, float *target) {
#pragma clang loop unroll(full)
  for (size_t h = 0; h < 2; h++) {
    const __m256 product = _mm256_mul_ps(_mm256_loadu_ps(values + h * HALF), factor);
    const __m256 difference = _mm256_sub_ps(product, _mm256_loadu_ps(centre + h * HALF));
    _mm256_storeu_ps(target + h * HALF, difference);
    state->most = _mm256_max_ps(state->most, _mm256_andnot_ps(_mm256_set1_ps(-0.0f), difference));
    state->sums[2 * h] = add_quarter(state->sums[2 * h], _mm256_castps256_ps128(difference));
    state->sums[2 * h + 1] = add_quarter(state->sums[2 * h + 1], _mm256_extractf128_ps(difference, 1));
  }
}

double moult_avx2_centre_f32(const float *values, float factor, const float *centre, float *target,
                             size_t count, float *largest) {
  const __m256 factor_f32x8 = _mm256_set1_ps(factor);
  const __m256d zero = _mm256_setzero_pd();
  state state = {{zero, zero, zero, zero}, _mm256_setzero_ps()};
  size_t i = 0;
  for (; i + LANES <= count; i += LANES) add(&state, values + i, factor_f32x8, centre + i, target + i);
  if (i < count) {
    const size_t rest = (count - i) * sizeof *values;
    float padded_values[LANES] = {0}, padded_centre[LANES] = {0}, padded_target[LANES];
    memcpy(padded_values, values + i, rest);
    memcpy(padded_centre, centre + i, rest);
    add(&state, padded_values, factor_f32x8, padded_centre, padded_target);
    memcpy(target + i, padded_target, rest);
  }
  const __m256d four = _mm256_add_pd(_mm256_add_pd(state.sums[0], state.sums[2]),
                                     _mm256_add_pd(state.sums[1], state.sums[3]));
  const __m128d two = _mm_add_pd(_mm256_castpd256_pd128(four), _mm256_extractf128_pd(four, 1));
  float most[HALF];
  _mm256_storeu_ps(most, state.most);
  *largest = 0;
  for (size_t lane = 0; lane < HALF; lane++) *largest = most[lane] > *largest ? most[lane] : *largest;
  return _mm_cvtsd_f64(_mm_add_sd(two, _mm_unpackhi_pd(two, two)));
}

#pragma clang attribute pop

#endif
