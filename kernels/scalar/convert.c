// binary32: 1 sign, 8 exponent (bias 127), 23 fraction bits. binary16: 1, 5 (bias 15), 10. bfloat16 is the
// upper half of a binary32.

#include <string.h>

#include "tables.h"

static uint32_t load32(const float *source, size_t i) {
  uint32_t bits;
  memcpy(&bits, (const uint8_t *)source + i * sizeof bits, sizeof bits);
  return bits;
}

static void store32(float *target, size_t i, uint32_t bits) {
  memcpy((uint8_t *)target + i * sizeof bits, &bits, sizeof bits);
}

static uint16_t load16(const uint16_t *source, size_t i) {
  uint16_t bits;
  memcpy(&bits, (const uint8_t *)source + i * sizeof bits, sizeof bits);
  return bits;
}

static void store16(uint16_t *target, size_t i, uint16_t bits) {
  memcpy((uint8_t *)target + i * sizeof bits, &bits, sizeof bits);
}

static uint32_t widen_f16(uint16_t half) {
  const uint32_t sign = (uint32_t)(half & 0x8000) << 16;
  const uint32_t exponent = half >> 10 & 0x1F;
  uint32_t fraction = half & 0x3FF;
  if (exponent == 0x1F) {  // infinity, or a NaN, which is made quiet
    return sign | 0x7F800000 | fraction << 13 | (fraction ? 0x00400000 : 0);
  }
  if (exponent > 0) return sign | (exponent + 127 - 15) << 23 | fraction << 13;
  if (fraction == 0) return sign;
  // A denormal is fraction · 2⁻²⁴. Move its leading bit to where a normal number hides it.
  uint32_t shift = 0;
  for (; !(fraction & 0x400); fraction <<= 1) shift++;
  return sign | (127 - 14 - shift) << 23 | (fraction & 0x3FF) << 13;
}

/// value / 2^shift to the nearest integer, ties to even; 1 ≤ shift ≤ 31.
static uint32_t shift_right_rounding(uint32_t value, uint32_t shift) {
  const uint32_t quotient = value >> shift;
  const uint32_t rest = value & ((1u << shift) - 1);
  const uint32_t half = 1u << (shift - 1);
  return quotient + (rest > half || (rest == half && (quotient & 1)));
}

static uint16_t narrow_f16(uint32_t bits) {
  const uint16_t sign = (uint16_t)(bits >> 16 & 0x8000);
  const uint32_t magnitude = bits & 0x7FFFFFFF;
  if (magnitude > 0x7F800000) return (uint16_t)(sign | 0x7E00 | (magnitude >> 13 & 0x3FF));
  const uint32_t exponent = magnitude >> 23;
  if (exponent >= 127 + 16) return sign | 0x7C00;  // at least 2¹⁶
  if (exponent >= 127 - 14) {
    // Rounding may carry into the exponent, which is right: 65 520 and above become infinity.
    return (uint16_t)(sign | shift_right_rounding(magnitude - ((127u - 15) << 23), 13));
  }
  if (exponent < 127 - 25) return sign;  // below 2⁻²⁵, half of the smallest denormal
  const uint32_t significand = (magnitude & 0x7FFFFF) | 0x800000;
  return (uint16_t)(sign | shift_right_rounding(significand, 127 - 14 - exponent + 13));
}

static uint16_t narrow_bf16(uint32_t bits) {
  if ((bits & 0x7FFFFFFF) > 0x7F800000) return (uint16_t)(bits >> 16 | 0x40);
  return (uint16_t)shift_right_rounding(bits, 16);
}

void moult_scalar_f16_to_f32(const uint16_t *source, float *target, size_t count) {
  for (size_t i = 0; i < count; i++) store32(target, i, widen_f16(load16(source, i)));
}

void moult_scalar_f32_to_f16(const float *source, uint16_t *target, size_t count) {
  for (size_t i = 0; i < count; i++) store16(target, i, narrow_f16(load32(source, i)));
}

void moult_scalar_bf16_to_f32(const uint16_t *source, float *target, size_t count) {
  for (size_t i = 0; i < count; i++) store32(target, i, (uint32_t)load16(source, i) << 16);
}

void moult_scalar_f32_to_bf16(const float *source, uint16_t *target, size_t count) {
  for (size_t i = 0; i < count; i++) store16(target, i, narrow_bf16(load32(source, i)));
}
