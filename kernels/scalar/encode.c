#include <string.h>

#include "tables.h"

#pragma STDC FP_CONTRACT OFF

static float value(const float *values, size_t i) {
  float result;
  memcpy(&result, (const uint8_t *)values + i * sizeof result, sizeof result);
  return result;
}

static uint8_t round_and_clamp(float scaled) {
  if (!(scaled > 0)) return 0;  // a NaN too
  if (scaled >= 255) return 255;
  const uint32_t whole = (uint32_t)scaled;
  const float rest = scaled - (float)whole;  // exact
  return (uint8_t)(whole + (rest > 0.5f || (rest == 0.5f && (whole & 1))));
}

uint64_t moult_scalar_encode_u8(const float *values, float lower, float inverse_step, uint8_t *codes,
                                size_t count) {
  uint64_t sum = 0;
  for (size_t i = 0; i < count; i++) {
    codes[i] = round_and_clamp((value(values, i) - lower) * inverse_step);
    sum += codes[i];
  }
  return sum;
}

void moult_scalar_encode_signs(const float *values, uint8_t *codes, size_t count) {
  memset(codes, 0, count / 8 + (count % 8 != 0));
  for (size_t i = 0; i < count; i++) codes[i / 8] |= (uint8_t)((value(values, i) > 0) << i % 8);
}
