#include "hadamard.h"

#if defined(__x86_64__)

#include <immintrin.h>
#include <stdbool.h>

#include "tables.h"

#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)

#define INLINE static inline __attribute__((always_inline))

enum { LANES = 8, RADIX_MAX = 8 };

/// One butterfly inside a register: `partner` holds for each lane the value it is joined with, `sign` is
/// 1 in the lower lane of two, which gets partner + own, and −1 in the upper one, which gets partner − own.
/// A multiplication by ±1 is exact, so the fused form rounds once, as an addition does, and the units for
/// additions stay free.
INLINE __m256 butterfly(__m256 own, __m256 partner, __m256 sign) {
  return _mm256_fmadd_ps(own, sign, partner);
}

INLINE __m256 transform_lanes(__m256 v) {
  const __m256 sign1 = _mm256_setr_ps(1, -1, 1, -1, 1, -1, 1, -1);
  const __m256 sign2 = _mm256_setr_ps(1, 1, -1, -1, 1, 1, -1, -1);
  const __m256 sign4 = _mm256_setr_ps(1, 1, 1, 1, -1, -1, -1, -1);
  v = butterfly(v, _mm256_permute_ps(v, _MM_SHUFFLE(2, 3, 0, 1)), sign1);
  v = butterfly(v, _mm256_permute_ps(v, _MM_SHUFFLE(1, 0, 3, 2)), sign2);
  return butterfly(v, _mm256_permute2f128_ps(v, v, 1), sign4);
}

/// The levels at distances `half` … `half`·`radix`/2 in one pass over memory, `radix` registers at a time;
/// with `lanes`, the levels inside a register before them. `radix` and `lanes` are constants.
INLINE void pass(float *values, size_t count, size_t half, size_t radix, bool lanes, __m256 scale) {
  for (size_t block = 0; block < count; block += radix * half) {
    for (size_t i = block; i < block + half; i += LANES) {
      __m256 v[RADIX_MAX];
      for (size_t k = 0; k < radix; k++) {
        v[k] = _mm256_loadu_ps(values + i + k * half);
        if (lanes) v[k] = transform_lanes(v[k]);
      }
#pragma clang loop unroll(full)
      for (size_t distance = 1; distance < radix; distance *= 2) {
#pragma clang loop unroll(full)
        for (size_t k = 0; k < radix; k++) {
          if (k & distance) continue;
          const __m256 first = v[k], second = v[k + distance];
          v[k] = _mm256_add_ps(first, second);
          v[k + distance] = _mm256_sub_ps(first, second);
        }
      }
      for (size_t k = 0; k < radix; k++) {
        _mm256_storeu_ps(values + i + k * half, _mm256_mul_ps(v[k], scale));
      }
    }
  }
}

/// One pass of the widest radix that fits; returns that radix.
INLINE size_t widest_pass(float *values, size_t count, size_t half, bool lanes) {
  // Whichever pass is the last one multiplies by the scale, the others by 1, which changes nothing.
  const size_t rest = count / half;
  const __m256 scale = _mm256_set1_ps(rest <= RADIX_MAX ? moult_hadamard_scale(count) : 1);
  if (rest >= 8) return pass(values, count, half, 8, lanes, scale), 8;
  if (rest >= 4) return pass(values, count, half, 4, lanes, scale), 4;
  if (rest >= 2) return pass(values, count, half, 2, lanes, scale), 2;
  return pass(values, count, half, 1, lanes, scale), 1;
}

void moult_avx2_hadamard_f32(float *values, size_t count) {
  if (count < LANES) {
    moult_scalar_hadamard_f32(values, count);
    return;
  }
  size_t half = LANES * widest_pass(values, count, LANES, true);
  while (half < count) half *= widest_pass(values, count, half, false);
}

#pragma clang attribute pop

#endif
