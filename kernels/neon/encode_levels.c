#include "encode_levels.h"

#if defined(__aarch64__)

#include <arm_neon.h>
#include <string.h>

#include "tables.h"

#define INLINE static inline __attribute__((always_inline))

enum {
  LANES = 4,
  SUMS = 4,  ///< registers for the sixteen sums of the contract
  SEGMENT = 32,
};

INLINE float32x4_t load(const float *values) {
  return vreinterpretq_f32_u8(vld1q_u8((const uint8_t *)values));
}

/// The number of thresholds that are at most `scaled`; a comparison that holds is −1.
INLINE uint32x4_t code_of(float32x4_t scaled, const moult_levels *levels, uint32_t bits) {
  uint32x4_t code = vdupq_n_u32(0);
  for (uint32_t i = 0; i < (1u << bits) - 1; i++) {
    code = vsubq_u32(code, vcleq_f32(vdupq_n_f32(levels->thresholds[i]), scaled));
  }
  return code;
}

/// code + 128 of 8-bit codes. Clamped before it is rounded: the ends are integers, so the order does not
/// matter.
INLINE uint32x4_t byte_code_of(float32x4_t scaled) {
  const float32x4_t clamped = vminq_f32(vmaxq_f32(scaled, vdupq_n_f32(-127)), vdupq_n_f32(127));
  return vreinterpretq_u32_s32(vaddq_s32(vcvtnq_s32_f32(clamped), vdupq_n_s32(128)));
}

INLINE float32x4_t added_product(float32x4_t sum, float32x4_t values, float32x4_t levels) {
  const float32x4_t product = vmulq_f32(values, levels);
  return vaddq_f32(sum, product);
}

INLINE float folded(const float32x4_t sums[SUMS]) {
  const float32x4_t four = vaddq_f32(vaddq_f32(sums[0], sums[2]), vaddq_f32(sums[1], sums[3]));
  const float32x2_t two = vadd_f32(vget_low_f32(four), vget_high_f32(four));
  return vget_lane_f32(two, 0) + vget_lane_f32(two, 1);
}

/// Bit j of the result is set where byte j has a bit of `wanted`.
INLINE uint32_t gathered(const uint8x16_t codes[2], uint8_t wanted) {
  static const uint8_t weights[16] = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
  uint32_t result = 0;
  for (uint32_t part = 0; part < 2; part++) {
    const uint8x16_t set = vandq_u8(vtstq_u8(codes[part], vdupq_n_u8(wanted)), vld1q_u8(weights));
    const uint32_t low = vaddv_u8(vget_low_u8(set)), high = vaddv_u8(vget_high_u8(set));
    result |= (low | high << 8) << 16 * part;
  }
  return result;
}

/// Neighbours, of `width` bits each, joined into one byte, the first one low.
INLINE uint8x16_t joined(uint8x16_t first, uint8x16_t second, uint32_t width) {
  const uint8x16_t even = vuzp1q_u8(first, second), odd = vuzp2q_u8(first, second);
  return width == 4 ? vsliq_n_u8(even, odd, 4) : vsliq_n_u8(even, odd, 2);
}

/// The low 2 or 4 bits of 32 codes in natural order, low bits first.
INLINE void store_packed(uint8x16_t first, uint8x16_t second, uint32_t bits, uint8_t *target) {
  const uint8x16_t pairs = joined(first, second, bits);
  if (bits == 4) {
    vst1q_u8(target, pairs);
  } else {
    vst1_u8(target, vget_low_u8(joined(pairs, pairs, 4)));
  }
}

INLINE void store_word(uint32_t word, uint8_t *target) { memcpy(target, &word, sizeof word); }

INLINE void store_segment(const uint8x16_t codes[2], uint32_t bits, uint8_t *target) {
  const uint32_t packed_bits = bits == 3 ? 2 : bits == 5 ? 4 : bits;
  const uint8x16_t low_bits = vdupq_n_u8((uint8_t)((1u << packed_bits) - 1));
  switch (bits) {
    case 1: store_word(gathered(codes, 1), target); return;
    case 8: memcpy(target, codes, SEGMENT); return;
    case 3: store_word(moult_high_word_3(gathered(codes, 4)), target + 8); break;
    case 5: store_word(moult_high_word_5(gathered(codes, 16)), target + 16); break;
  }
  store_packed(vandq_u8(codes[0], low_bits), vandq_u8(codes[1], low_bits), packed_bits, target);
}

INLINE int64_t sum_of_squares(int8x16_t levels) {
  const int16x8_t low = vmull_s8(vget_low_s8(levels), vget_low_s8(levels));
  return vaddlvq_s16(low) + vaddlvq_s16(vmull_high_s8(levels, levels));
}

/// `bits` is a constant.
INLINE void encode(const float *values, float scale, size_t count, const moult_levels *levels, uint32_t bits,
                   uint8_t *codes, float *dot, int64_t *square) {
  uint8_t bytes[SEGMENT] = {0};
  if (bits < 8) memcpy(bytes, levels->levels, (size_t)1 << bits);
  const uint8x16x2_t table = {{vld1q_u8(bytes), vld1q_u8(bytes + 16)}};
  float32x4_t sums[SUMS] = {vdupq_n_f32(0), vdupq_n_f32(0), vdupq_n_f32(0), vdupq_n_f32(0)};
  int64_t squares = 0;
  for (size_t i = 0; i < count; i += SEGMENT) {
    uint8x16_t segment[2];
    for (size_t half = 0; half < 2; half++) {
      const float *const part = values + i + half * SEGMENT / 2;
      uint32x4_t wide[4];
      for (size_t k = 0; k < 4; k++) {
        const float32x4_t scaled = vmulq_n_f32(load(part + k * LANES), scale);
        wide[k] = bits == 8 ? byte_code_of(scaled) : code_of(scaled, levels, bits);
      }
      const uint16x8_t first = vcombine_u16(vmovn_u32(wide[0]), vmovn_u32(wide[1]));
      const uint16x8_t second = vcombine_u16(vmovn_u32(wide[2]), vmovn_u32(wide[3]));
      const uint8x16_t own = vcombine_u8(vmovn_u16(first), vmovn_u16(second));
      segment[half] = own;
      const int8x16_t level = vreinterpretq_s8_u8(bits == 8 ? veorq_u8(own, vdupq_n_u8(128))
                                                            : vqtbl2q_u8(table, own));
      squares += sum_of_squares(level);
      const int16x8_t low = vmovl_s8(vget_low_s8(level)), high = vmovl_high_s8(level);
      const int32x4_t quarters[4] = {vmovl_s16(vget_low_s16(low)), vmovl_high_s16(low),
                                     vmovl_s16(vget_low_s16(high)), vmovl_high_s16(high)};
      for (size_t k = 0; k < 4; k++) {
        sums[k] = added_product(sums[k], load(part + k * LANES), vcvtq_f32_s32(quarters[k]));
      }
    }
    store_segment(segment, bits, codes);
    codes += 4 * bits;
  }
  *dot = folded(sums);
  *square = squares;
}

void moult_neon_encode_levels(const float *values, float scale, size_t count, const moult_levels *levels,
                              uint8_t *codes, float *dot, int64_t *square) {
  switch (levels->bits) {
    case 1: encode(values, scale, count, levels, 1, codes, dot, square); break;
    case 2: encode(values, scale, count, levels, 2, codes, dot, square); break;
    case 3: encode(values, scale, count, levels, 3, codes, dot, square); break;
    case 4: encode(values, scale, count, levels, 4, codes, dot, square); break;
    case 5: encode(values, scale, count, levels, 5, codes, dot, square); break;
    case 8: encode(values, scale, count, levels, 8, codes, dot, square); break;
  }
}

#endif
