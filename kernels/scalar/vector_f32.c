#include <string.h>

#include "tables.h"

static float value(const float *values, size_t i) {
  float result;
  memcpy(&result, (const uint8_t *)values + i * sizeof result, sizeof result);
  return result;
}

void moult_scalar_subtract_f32(const float *values, const float *centre, float *target, size_t count) {
  for (size_t i = 0; i < count; i++) {
    const float difference = value(values, i) - value(centre, i);
    memcpy((uint8_t *)target + i * sizeof difference, &difference, sizeof difference);
  }
}

void moult_scalar_scale_f32(const float *values, float factor, float *target, size_t count) {
  for (size_t i = 0; i < count; i++) {
    const float product = value(values, i) * factor;
    memcpy((uint8_t *)target + i * sizeof product, &product, sizeof product);
  }
}
