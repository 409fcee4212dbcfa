#include "hadamard.h"

#if defined(__aarch64__)

#include <arm_neon.h>
#include <stdbool.h>

#include "tables.h"

#define INLINE static inline __attribute__((always_inline))

enum { LANES = 4, RADIX_MAX = 8 };

INLINE float32x4_t load(const float *values) {
  return vreinterpretq_f32_u8(vld1q_u8((const uint8_t *)values));
}

INLINE void store(float *values, float32x4_t v) { vst1q_u8((uint8_t *)values, vreinterpretq_u8_f32(v)); }

/// The two levels inside a register. A lane gets partner + own or partner − own; a multiplication by ±1 is
/// exact, so the fused form rounds once, as an addition does.
INLINE float32x4_t transform_lanes(float32x4_t v) {
  const float32x4_t sign1 = {1, -1, 1, -1}, sign2 = {1, 1, -1, -1};
  v = vfmaq_f32(vrev64q_f32(v), v, sign1);
  return vfmaq_f32(vextq_f32(v, v, 2), v, sign2);
}

/// The levels at distances `half` … `half`·`radix`/2 in one pass over memory, `radix` registers at a time;
/// with `lanes`, the levels inside a register before them. `radix` and `lanes` are constants.
INLINE void pass(float *values, size_t count, size_t half, size_t radix, bool lanes, float scale) {
  for (size_t block = 0; block < count; block += radix * half) {
    for (size_t i = block; i < block + half; i += LANES) {
      float32x4_t v[RADIX_MAX];
      for (size_t k = 0; k < radix; k++) {
        v[k] = load(values + i + k * half);
        if (lanes) v[k] = transform_lanes(v[k]);
      }
#pragma clang loop unroll(full)
      for (size_t distance = 1; distance < radix; distance *= 2) {
#pragma clang loop unroll(full)
        for (size_t k = 0; k < radix; k++) {
          if (k & distance) continue;
          const float32x4_t first = v[k], second = v[k + distance];
          v[k] = vaddq_f32(first, second);
          v[k + distance] = vsubq_f32(first, second);
        }
      }
      for (size_t k = 0; k < radix; k++) store(values + i + k * half, vmulq_n_f32(v[k], scale));
    }
  }
}

/// One pass of the widest radix that fits; returns that radix.
INLINE size_t widest_pass(float *values, size_t count, size_t half, bool lanes) {
  // Whichever pass is the last one multiplies by the scale, the others by 1, which changes nothing.
  const size_t rest = count / half;
  const float scale = rest <= RADIX_MAX ? moult_hadamard_scale(count) : 1;
  if (rest >= 8) return pass(values, count, half, 8, lanes, scale), 8;
  if (rest >= 4) return pass(values, count, half, 4, lanes, scale), 4;
  if (rest >= 2) return pass(values, count, half, 2, lanes, scale), 2;
  return pass(values, count, half, 1, lanes, scale), 1;
}

void moult_neon_hadamard_f32(float *values, size_t count) {
  if (count < LANES) {
    moult_scalar_hadamard_f32(values, count);
    return;
  }
  size_t half = LANES * widest_pass(values, count, LANES, true);
  while (half < count) half *= widest_pass(values, count, half, false);
}

#endif
