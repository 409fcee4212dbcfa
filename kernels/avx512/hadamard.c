#include "hadamard.h"

#if defined(__x86_64__)

#include <immintrin.h>
#include <stdbool.h>

#include "tables.h"

#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512vl,avx512dq"))), \
                             apply_to = function)

#define INLINE static inline __attribute__((always_inline))

enum { LANES = 16, RADIX_MAX = 8 };

/// One butterfly inside a register: `partner` holds for each lane the value it is joined with. The lower
/// lane of two gets partner + own, the upper one partner − own. A multiplication by ±1 is exact, so the
/// fused form rounds once, as an addition does, and the units for additions stay free.
INLINE __m512 butterfly(__m512 own, __m512 partner, __mmask16 upper) {
  const __m512 sign = _mm512_mask_blend_ps(upper, _mm512_set1_ps(1), _mm512_set1_ps(-1));
  return _mm512_fmadd_ps(own, sign, partner);
}

INLINE __m512 transform_lanes(__m512 v) {
  v = butterfly(v, _mm512_permute_ps(v, _MM_SHUFFLE(2, 3, 0, 1)), 0xAAAA);
  v = butterfly(v, _mm512_permute_ps(v, _MM_SHUFFLE(1, 0, 3, 2)), 0xCCCC);
  v = butterfly(v, _mm512_shuffle_f32x4(v, v, _MM_SHUFFLE(2, 3, 0, 1)), 0xF0F0);
  return butterfly(v, _mm512_shuffle_f32x4(v, v, _MM_SHUFFLE(1, 0, 3, 2)), 0xFF00);
}

/// The levels at distances `half` … `half`·`radix`/2 in one pass over memory, `radix` registers at a time;
/// with `lanes`, the levels inside a register before them. `radix` and `lanes` are constants.
INLINE void pass(float *values, size_t count, size_t half, size_t radix, bool lanes, __m512 scale) {
  for (size_t block = 0; block < count; block += radix * half) {
    for (size_t i = block; i < block + half; i += LANES) {
      __m512 v[RADIX_MAX];
      for (size_t k = 0; k < radix; k++) {
        v[k] = _mm512_loadu_ps(values + i + k * half);
        if (lanes) v[k] = transform_lanes(v[k]);
      }
#pragma clang loop unroll(full)
      for (size_t distance = 1; distance < radix; distance *= 2) {
#pragma clang loop unroll(full)
        for (size_t k = 0; k < radix; k++) {
          if (k & distance) continue;
          const __m512 first = v[k], second = v[k + distance];
          v[k] = _mm512_add_ps(first, second);
          v[k + distance] = _mm512_sub_ps(first, second);
        }
      }
      for (size_t k = 0; k < radix; k++) {
        _mm512_storeu_ps(values + i + k * half, _mm512_mul_ps(v[k], scale));
      }
    }
  }
}

/// One pass of the widest radix that fits; returns that radix.
INLINE size_t widest_pass(float *values, size_t count, size_t half, bool lanes) {
  // Whichever pass is the last one multiplies by the scale, the others by 1, which changes nothing.
  const size_t rest = count / half;
  const __m512 scale = _mm512_set1_ps(rest <= RADIX_MAX ? moult_hadamard_scale(count) : 1);
  if (rest >= 8) return pass(values, count, half, 8, lanes, scale), 8;
  if (rest >= 4) return pass(values, count, half, 4, lanes, scale), 4;
  if (rest >= 2) return pass(values, count, half, 2, lanes, scale), 2;
  return pass(values, count, half, 1, lanes, scale), 1;
}

void moult_avx512_hadamard_f32(float *values, size_t count) {
  if (count < LANES) {
    moult_avx2_hadamard_f32(values, count);
    return;
  }
  size_t half = LANES * widest_pass(values, count, LANES, true);
  while (half < count) half *= widest_pass(values, count, half, false);
}

#pragma clang attribute pop

#endif
