#if defined(__aarch64__)

#include <arm_neon.h>
#include <string.h>

#include "tables.h"

#define INLINE static inline __attribute__((always_inline))

enum { LANES = 4 };

INLINE uint16x4_t load16(const uint16_t *source) {
  return vreinterpret_u16_u8(vld1_u8((const uint8_t *)source));
}

INLINE uint32x4_t load32(const float *source) {
  return vreinterpretq_u32_u8(vld1q_u8((const uint8_t *)source));
}

INLINE void store16(uint16_t *target, uint16x4_t bits) {
  vst1_u8((uint8_t *)target, vreinterpret_u8_u16(bits));
}

INLINE void store32(float *target, uint32x4_t bits) {
  vst1q_u8((uint8_t *)target, vreinterpretq_u8_u32(bits));
}

INLINE uint32x4_t widen_f16(uint16x4_t half) {
  return vreinterpretq_u32_f32(vcvt_f32_f16(vreinterpret_f16_u16(half)));
}

INLINE uint16x4_t narrow_f16(uint32x4_t bits) {
  return vreinterpret_u16_f16(vcvt_f16_f32(vreinterpretq_f32_u32(bits)));
}

INLINE uint32x4_t widen_bf16(uint16x4_t upper) { return vshll_n_u16(upper, 16); }

INLINE uint16x4_t narrow_bf16(uint32x4_t bits) {
  // Adding just under half of the last place, and one more where that place is odd, carries exactly when
  // rounding to nearest even goes up.
  const uint32x4_t is_odd = vandq_u32(vshrq_n_u32(bits, 16), vdupq_n_u32(1));
  const uint32x4_t rounded = vaddq_u32(bits, vaddq_u32(is_odd, vdupq_n_u32(0x7FFF)));
  // The carry could turn a NaN into an infinity or flip its sign; a NaN gets its quiet bit instead.
  const uint32x4_t quiet = vorrq_u32(bits, vdupq_n_u32(0x00400000));
  const float32x4_t values = vreinterpretq_f32_u32(bits);
  return vshrn_n_u32(vbslq_u32(vceqq_f32(values, values), rounded, quiet), 16);
}

void moult_neon_f16_to_f32(const uint16_t *source, float *target, size_t count) {
  size_t i = 0;
  for (; i + LANES <= count; i += LANES) store32(target + i, widen_f16(load16(source + i)));
  moult_scalar_f16_to_f32(source + i, target + i, count - i);
}

void moult_neon_bf16_to_f32(const uint16_t *source, float *target, size_t count) {
  size_t i = 0;
  for (; i + LANES <= count; i += LANES) store32(target + i, widen_bf16(load16(source + i)));
  moult_scalar_bf16_to_f32(source + i, target + i, count - i);
}

void moult_neon_f32_to_f16(const float *source, uint16_t *target, size_t count) {
  size_t i = 0;
  for (; i + LANES <= count; i += LANES) store16(target + i, narrow_f16(load32(source + i)));
  moult_scalar_f32_to_f16(source + i, target + i, count - i);
}

void moult_neon_f32_to_bf16(const float *source, uint16_t *target, size_t count) {
  size_t i = 0;
  for (; i + LANES <= count; i += LANES) store16(target + i, narrow_bf16(load32(source + i)));
  moult_scalar_f32_to_bf16(source + i, target + i, count - i);
}

#endif
