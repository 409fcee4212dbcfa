#include <string.h>

#include "hadamard.h"
#include "tables.h"

#pragma STDC FP_CONTRACT OFF

static float load(const float *values, size_t i) {
  float result;
  memcpy(&result, (const uint8_t *)values + i * sizeof result, sizeof result);
  return result;
}

static void store(float *values, size_t i, float value) {
  memcpy((uint8_t *)values + i * sizeof value, &value, sizeof value);
}

void moult_scalar_hadamard_f32(float *values, size_t count) {
  for (size_t half = 1; half < count; half *= 2) {
    for (size_t block = 0; block < count; block += 2 * half) {
      for (size_t i = block; i < block + half; i++) {
        const float first = load(values, i), second = load(values, i + half);
        store(values, i, first + second);
        store(values, i + half, first - second);
      }
    }
  }
  const float scale = moult_hadamard_scale(count);
  for (size_t i = 0; i < count; i++) store(values, i, load(values, i) * scale);
}
