#include <string.h>

#include "tables.h"

#pragma STDC FP_CONTRACT OFF

enum { LANES = 16, SEGMENT = 32 };

static float value(const float *values, size_t i) {
  float result;
  memcpy(&result, (const uint8_t *)values + i * sizeof result, sizeof result);
  return result;
}

/// To the nearest integer, ties to even, within ±127.
static int32_t rounded_level(float scaled) {
  const float magnitude = scaled < 0 ? -scaled : scaled;
  if (magnitude >= 127) return scaled < 0 ? -127 : 127;
  int32_t whole = (int32_t)magnitude;
  const float rest = magnitude - (float)whole;  // exact
  whole += rest > 0.5f || (rest == 0.5f && (whole & 1));
  return scaled < 0 ? -whole : whole;
}

static uint32_t code_of(float scaled, const moult_levels *levels) {
  if (levels->bits == 8) return (uint32_t)(rounded_level(scaled) + 128);
  const uint32_t threshold_count = (1u << levels->bits) - 1;
  uint32_t code = 0;
  for (uint32_t i = 0; i < threshold_count; i++) code += value(levels->thresholds, i) <= scaled;
  return code;
}

/// Puts the code of dimension `place` (0 … 31) into its segment, which was zero.
static void pack(uint32_t code, uint32_t bits, uint32_t place, uint8_t *segment) {
  switch (bits) {
    case 8: segment[place] = (uint8_t)code; break;
    case 1: segment[place / 8] |= (uint8_t)(code << place % 8); break;
    case 2: segment[place / 4] |= (uint8_t)(code << 2 * (place % 4)); break;
    case 4: segment[place / 2] |= (uint8_t)(code << 4 * (place % 2)); break;
    case 3: {
      const uint32_t byte = place / 4 % 4, group = place / 16 * 4 + place % 4;
      segment[place / 4] |= (uint8_t)((code & 3) << 2 * (place % 4));
      segment[8 + byte] |= (uint8_t)((code >> 2) << group);
      break;
    }
    case 5: {
      const uint32_t byte = place / 2 % 4, group = place / 8 * 2 + place % 2;
      segment[place / 2] |= (uint8_t)((code & 15) << 4 * (place % 2));
      segment[16 + byte] |= (uint8_t)((code >> 4) << group);
      break;
    }
  }
}

void moult_scalar_encode_levels(const float *values, float scale, size_t count, const moult_levels *levels,
                                uint8_t *codes, float *dot, int64_t *square) {
  const uint32_t bits = levels->bits;
  float sums[LANES] = {0};
  int64_t squares = 0;
  memset(codes, 0, count / SEGMENT * 4 * bits);
  for (size_t i = 0; i < count; i++) {
    const float own = value(values, i);
    const uint32_t code = code_of(own * scale, levels);
    pack(code, bits, i % SEGMENT, codes + i / SEGMENT * 4 * bits);
    const int32_t level = bits == 8 ? (int32_t)code - 128 : levels->levels[code];
    sums[i % LANES] += own * (float)level;
    squares += level * level;
  }
  for (size_t half = LANES / 2; half > 0; half /= 2) {
    for (size_t lane = 0; lane < half; lane++) sums[lane] += sums[lane + half];
  }
  *dot = sums[0];
  *square = squares;
}
