#include <string.h>

#include "tables.h"

#pragma STDC FP_CONTRACT OFF

enum { LANES = 16 };

static float value(const float *values, size_t i) {
  float result;
  memcpy(&result, (const uint8_t *)values + i * sizeof result, sizeof result);
  return result;
}

double moult_scalar_centre_f32(const float *values, float factor, const float *centre, float *target,
                               size_t count, float *largest) {
  double sums[LANES] = {0};
  float most = 0;
  for (size_t i = 0; i < count; i++) {
    const float product = value(values, i) * factor;
    const float difference = product - value(centre, i);
    memcpy((uint8_t *)target + i * sizeof difference, &difference, sizeof difference);
    const float magnitude = difference < 0 ? -difference : difference;
    if (magnitude > most) most = magnitude;
    sums[i % LANES] += (double)difference * (double)difference;
  }
  for (size_t half = LANES / 2; half > 0; half /= 2) {
    for (size_t lane = 0; lane < half; lane++) sums[lane] += sums[lane + half];
  }
  *largest = most;
  return sums[0];
}
