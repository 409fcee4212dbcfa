#include "rotate.h"

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

void moult_scalar_rotate_kac_f32(float *values, const uint64_t *signs, size_t dimension) {
  const size_t transformed = moult_rotate_transformed(dimension), half = dimension / 2;
  for (size_t round = 0; round < MOULT_ROTATE_ROUNDS; round++) {
    const uint64_t *const flips = signs + round * (dimension / 64);
    for (size_t i = 0; i < dimension; i++) {
      if (flips[i / 64] >> i % 64 & 1) store(values, i, -load(values, i));
    }
    const size_t start = round % 2 ? dimension - transformed : 0;
    moult_scalar_hadamard_f32((float *)((uint8_t *)values + start * sizeof *values), transformed);
    if (transformed == dimension) continue;
    for (size_t i = 0; i < half; i++) {
      const float a = load(values, i), b = load(values, i + half);
      store(values, i, (a + b) * MOULT_ROTATE_TURN);
      store(values, i + half, (a - b) * MOULT_ROTATE_TURN);
    }
  }
}
