#include <stdbool.h>
#include <string.h>

#include "rows.h"
#include "tables.h"

#pragma STDC FP_CONTRACT OFF

// The same chains, in the same order, as in distance_f32.c: the results are to be the same bits. Rows are
// widened a part at a time; a part holds whole turns of the chains.
enum { CHAINS = 8, PART = 16 * CHAINS };

typedef void (*widening)(const uint16_t *source, float *target, size_t count);

static float total(const float sums[CHAINS]) {
  return ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]));
}

static float score(const float *query, const uint8_t *row, size_t dimension, widening widen, bool squared) {
  float sums[CHAINS] = {0};
  for (size_t start = 0; start < dimension; start += PART) {
    const size_t count = dimension - start < PART ? dimension - start : PART;
    float own[PART], other[PART];
    memcpy(own, (const uint8_t *)query + start * sizeof *own, count * sizeof *own);
    widen((const uint16_t *)(row + start * sizeof(uint16_t)), other, count);
    for (size_t i = 0; i < count; i++) {
      const float difference = own[i] - other[i];
      sums[i % CHAINS] += squared ? difference * difference : own[i] * other[i];
    }
  }
  return total(sums);
}

static void score_rows(const float *query, const void *rows, size_t stride, const uint32_t *indices,
                       size_t count, size_t dimension, widening widen, bool squared, float *out) {
  for (size_t i = 0; i < count; i++) {
    moult_prefetch_rows(rows, stride, indices, count, i + 1, 1, dimension * sizeof(uint16_t));
    out[i] = score(query, moult_row(rows, stride, indices, i), dimension, widen, squared);
  }
}

void moult_scalar_dot_f16_rows(const float *query, const void *rows, size_t stride, const uint32_t *indices,
                               size_t count, size_t dimension, float *out) {
  score_rows(query, rows, stride, indices, count, dimension, moult_scalar_f16_to_f32, false, out);
}

void moult_scalar_squared_l2_f16_rows(const float *query, const void *rows, size_t stride,
                                      const uint32_t *indices, size_t count, size_t dimension, float *out) {
  score_rows(query, rows, stride, indices, count, dimension, moult_scalar_f16_to_f32, true, out);
}

void moult_scalar_dot_bf16_rows(const float *query, const void *rows, size_t stride, const uint32_t *indices,
                                size_t count, size_t dimension, float *out) {
  score_rows(query, rows, stride, indices, count, dimension, moult_scalar_bf16_to_f32, false, out);
}

void moult_scalar_squared_l2_bf16_rows(const float *query, const void *rows, size_t stride,
                                       const uint32_t *indices, size_t count, size_t dimension, float *out) {
  score_rows(query, rows, stride, indices, count, dimension, moult_scalar_bf16_to_f32, true, out);
}
