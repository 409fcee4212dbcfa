#if defined(__aarch64__)

#include <arm_neon.h>

#include "tables.h"

#define INLINE static inline __attribute__((always_inline))

enum { LANES = 4 };

INLINE float32x4_t load(const float *values) {
  return vreinterpretq_f32_u8(vld1q_u8((const uint8_t *)values));
}

void moult_neon_subtract_f32(const float *values, const float *centre, float *target, size_t count) {
  size_t i = 0;
  for (; i + LANES <= count; i += LANES) {
    const float32x4_t difference = vsubq_f32(load(values + i), load(centre + i));
    vst1q_u8((uint8_t *)(target + i), vreinterpretq_u8_f32(difference));
  }
  moult_scalar_subtract_f32(values + i, centre + i, target + i, count - i);
}

void moult_neon_scale_f32(const float *values, float factor, float *target, size_t count) {
  size_t i = 0;
  for (; i + LANES <= count; i += LANES) {
    vst1q_u8((uint8_t *)(target + i), vreinterpretq_u8_f32(vmulq_n_f32(load(values + i), factor)));
  }
  moult_scalar_scale_f32(values + i, factor, target + i, count - i);
}

#endif
