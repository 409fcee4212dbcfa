#if defined(__aarch64__)

#include <arm_neon.h>

#include "tables.h"

#define INLINE static inline __attribute__((always_inline))

enum { LANES = 4 };

INLINE float32x4_t load(const float *values) {
  return vreinterpretq_f32_u8(vld1q_u8((const uint8_t *)values));
}

/// The conversion saturates at 0, takes a NaN for 0, and rounds to nearest even.
INLINE uint16x4_t scaled_code(const float *values, float32x4_t lower, float inverse_step) {
  const float32x4_t scaled = vmulq_n_f32(vsubq_f32(load(values), lower), inverse_step);
  return vmovn_u32(vminq_u32(vcvtnq_u32_f32(scaled), vdupq_n_u32(255)));
}

uint64_t moult_neon_encode_u8(const float *values, float lower, float inverse_step, uint8_t *codes,
                              size_t count) {
  const float32x4_t lower_f32x4 = vdupq_n_f32(lower);
  uint64_t sum = 0;
  size_t i = 0;
  for (; i + 2 * LANES <= count; i += 2 * LANES) {
    const uint16x8_t both = vcombine_u16(scaled_code(values + i, lower_f32x4, inverse_step),
                                         scaled_code(values + i + LANES, lower_f32x4, inverse_step));
    const uint8x8_t packed = vmovn_u16(both);
    vst1_u8(codes + i, packed);
    sum += vaddlv_u8(packed);
  }
  return sum + moult_scalar_encode_u8(values + i, lower, inverse_step, codes + i, count - i);
}

void moult_neon_encode_signs(const float *values, uint8_t *codes, size_t count) {
  const uint32x4_t low_bits = {1, 2, 4, 8}, high_bits = {16, 32, 64, 128};
  size_t i = 0;
  for (; i + 2 * LANES <= count; i += 2 * LANES) {
    const uint32x4_t low = vandq_u32(vcgtzq_f32(load(values + i)), low_bits);
    const uint32x4_t high = vandq_u32(vcgtzq_f32(load(values + i + LANES)), high_bits);
    codes[i / 8] = (uint8_t)vaddvq_u32(vorrq_u32(low, high));
  }
  moult_scalar_encode_signs(values + i, codes + i / 8, count - i);
}

#endif
