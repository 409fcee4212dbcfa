#include <string.h>

#include "tables.h"

#pragma STDC FP_CONTRACT OFF

enum { LANES = 32 };

static double value(const float *values, size_t i) {
  float result;
  memcpy(&result, (const uint8_t *)values + i * sizeof result, sizeof result);
  return result;
}

static double folded(double sums[LANES]) {
  for (size_t half = LANES / 2; half > 0; half /= 2) {
    for (size_t lane = 0; lane < half; lane++) sums[lane] += sums[lane + half];
  }
  return sums[0];
}

double moult_scalar_sum_of_squares_f32(const float *values, size_t count) {
  return moult_scalar_dot_f32_f64(values, values, count);
}

double moult_scalar_dot_f32_f64(const float *a, const float *b, size_t count) {
  double sums[LANES] = {0};
  for (size_t i = 0; i < count; i++) sums[i % LANES] += value(a, i) * value(b, i);
  return folded(sums);
}

double moult_scalar_squared_l2_f32_f64(const float *a, const float *b, size_t count) {
  double sums[LANES] = {0};
  for (size_t i = 0; i < count; i++) {
    const double difference = value(a, i) - value(b, i);
    sums[i % LANES] += difference * difference;
  }
  return folded(sums);
}

void moult_scalar_encode_signs_sums(const float *values, uint8_t *codes, size_t count, double *absolute,
                                    double *square) {
  double absolutes[LANES] = {0};
  for (size_t i = 0; i < count; i++) {
    const double own = value(values, i);
    absolutes[i % LANES] += own < 0 ? -own : own;
  }
  moult_scalar_encode_signs(values, codes, count);
  *absolute = folded(absolutes);
  *square = moult_scalar_sum_of_squares_f32(values, count);
}
