#include <string.h>

#include "rows.h"
#include "tables.h"

#pragma STDC FP_CONTRACT OFF

// Vectors may lie at any address, so they are read as bytes; compilers make a plain load of it.
static float value(const void *vector, size_t i) {
  float result;
  memcpy(&result, (const uint8_t *)vector + i * sizeof result, sizeof result);
  return result;
}

// Eight sums instead of one: each addition waits for the one before it, and eight chains can overlap.
enum { CHAINS = 8 };

static float total(const float sums[CHAINS]) {
  return ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]));
}

static float dot(const void *a, const void *b, size_t dimension) {
  float sums[CHAINS] = {0};
  size_t i = 0;
  for (; i + CHAINS <= dimension; i += CHAINS) {
    for (size_t chain = 0; chain < CHAINS; chain++) {
      sums[chain] += value(a, i + chain) * value(b, i + chain);
    }
  }
  for (; i < dimension; i++) sums[i % CHAINS] += value(a, i) * value(b, i);
  return total(sums);
}

static float squared_l2(const void *a, const void *b, size_t dimension) {
  float sums[CHAINS] = {0};
  size_t i = 0;
  for (; i + CHAINS <= dimension; i += CHAINS) {
    for (size_t chain = 0; chain < CHAINS; chain++) {
      const float difference = value(a, i + chain) - value(b, i + chain);
      sums[chain] += difference * difference;
    }
  }
  for (; i < dimension; i++) {
    const float difference = value(a, i) - value(b, i);
    sums[i % CHAINS] += difference * difference;
  }
  return total(sums);
}

float moult_scalar_dot_f32(const float *a, const float *b, size_t dimension) { return dot(a, b, dimension); }

float moult_scalar_squared_l2_f32(const float *a, const float *b, size_t dimension) {
  return squared_l2(a, b, dimension);
}

void moult_scalar_dot_f32_rows(const float *query, const void *rows, size_t stride, const uint32_t *indices,
                               size_t count, size_t dimension, float *out) {
  for (size_t i = 0; i < count; i++) {
    moult_prefetch_rows(rows, stride, indices, count, i + 1, 1, dimension * sizeof(float));
    out[i] = dot(query, moult_row(rows, stride, indices, i), dimension);
  }
}

void moult_scalar_squared_l2_f32_rows(const float *query, const void *rows, size_t stride,
                                      const uint32_t *indices, size_t count, size_t dimension, float *out) {
  for (size_t i = 0; i < count; i++) {
    moult_prefetch_rows(rows, stride, indices, count, i + 1, 1, dimension * sizeof(float));
    out[i] = squared_l2(query, moult_row(rows, stride, indices, i), dimension);
  }
}
