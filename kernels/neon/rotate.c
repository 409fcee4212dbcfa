#if defined(__aarch64__)

#include <arm_neon.h>

#include "tables.h"

#define INLINE static inline __attribute__((always_inline))

enum { LANES = 4, RADIX_MAX = 8 };

typedef float32x4_t vector;

INLINE vector load(const float *values) { return vreinterpretq_f32_u8(vld1q_u8((const uint8_t *)values)); }
INLINE void store(float *values, vector v) { vst1q_u8((uint8_t *)values, vreinterpretq_u8_f32(v)); }
INLINE vector added(vector a, vector b) { return vaddq_f32(a, b); }
INLINE vector subtracted(vector a, vector b) { return vsubq_f32(a, b); }
INLINE vector scaled(vector v, float scale) { return vmulq_n_f32(v, scale); }

/// Each lane shifts its own bit of the four up to where a float has its sign.
INLINE vector flipped(vector v, const uint64_t *signs, size_t i) {
  const int32x4_t shifts = {31, 30, 29, 28};
  const uint32x4_t bits = vshlq_u32(vdupq_n_u32((uint32_t)(signs[i / 64] >> i % 64)), shifts);
  const uint32x4_t flips = vandq_u32(bits, vdupq_n_u32(0x80000000));
  return vreinterpretq_f32_u32(veorq_u32(vreinterpretq_u32_f32(v), flips));
}

/// The two levels inside a register. A lane gets partner + own or partner − own; a multiplication by ±1 is
/// exact, so the fused form rounds once, as an addition does.
INLINE vector transform_lanes(vector v) {
  const vector sign1 = {1, -1, 1, -1}, sign2 = {1, 1, -1, -1};
  v = vfmaq_f32(vrev64q_f32(v), v, sign1);
  return vfmaq_f32(vextq_f32(v, v, 2), v, sign2);
}

#include "rotate_passes.h"

void moult_neon_hadamard_f32(float *values, size_t count) {
  if (count < 2 * LANES) moult_scalar_hadamard_f32(values, count);
  else transform_in_passes(values, count);
}

void moult_neon_rotate_kac_f32(float *values, const uint64_t *signs, size_t dimension) {
  rotate_in_passes(values, signs, dimension);
}

#endif
