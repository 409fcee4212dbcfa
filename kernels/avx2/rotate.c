#if defined(__x86_64__)

#include <immintrin.h>

#include "tables.h"

#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)

#define INLINE static inline __attribute__((always_inline))

enum { LANES = 8, RADIX_MAX = 8 };

typedef __m256 vector;

INLINE vector load(const float *values) { return _mm256_loadu_ps(values); }
INLINE void store(float *values, vector v) { _mm256_storeu_ps(values, v); }
INLINE vector added(vector a, vector b) { return _mm256_add_ps(a, b); }
INLINE vector subtracted(vector a, vector b) { return _mm256_sub_ps(a, b); }
INLINE vector scaled(vector v, float scale) { return _mm256_mul_ps(v, _mm256_set1_ps(scale)); }

/// Each lane shifts its own bit of the byte up to where a float has its sign.
INLINE vector flipped(vector v, const uint64_t *signs, size_t i) {
  const __m256i shifts = _mm256_setr_epi32(31, 30, 29, 28, 27, 26, 25, 24);
  const __m256i byte = _mm256_set1_epi32(((const uint8_t *)signs)[i / 8]);
  const __m256 bits = _mm256_castsi256_ps(_mm256_sllv_epi32(byte, shifts));
  return _mm256_xor_ps(v, _mm256_and_ps(bits, _mm256_set1_ps(-0.0f)));
}

/// One butterfly inside a register: `partner` holds for each lane the value it is joined with, `sign` is
/// 1 in the lower lane of two, which gets partner + own, and −1 in the upper one, which gets partner − own.
/// A multiplication by ±1 is exact, so the fused form rounds once, as an addition does, and the units for
/// additions stay free.
INLINE vector butterfly(vector own, vector partner, vector sign) {
  return _mm256_fmadd_ps(own, sign, partner);
}

INLINE vector transform_lanes(vector v) {
  const vector sign1 = _mm256_setr_ps(1, -1, 1, -1, 1, -1, 1, -1);
  const vector sign2 = _mm256_setr_ps(1, 1, -1, -1, 1, 1, -1, -1);
  const vector sign4 = _mm256_setr_ps(1, 1, 1, 1, -1, -1, -1, -1);
  v = butterfly(v, _mm256_permute_ps(v, _MM_SHUFFLE(2, 3, 0, 1)), sign1);
  v = butterfly(v, _mm256_permute_ps(v, _MM_SHUFFLE(1, 0, 3, 2)), sign2);
  return butterfly(v, _mm256_permute2f128_ps(v, v, 1), sign4);
}

#include "rotate_passes.h"

void moult_avx2_hadamard_f32(float *values, size_t count) {
  if (count < 2 * LANES) moult_scalar_hadamard_f32(values, count);
  else transform_in_passes(values, count);
}

void moult_avx2_rotate_kac_f32(float *values, const uint64_t *signs, size_t dimension) {
  rotate_in_passes(values, signs, dimension);
}

#pragma clang attribute pop

#endif
