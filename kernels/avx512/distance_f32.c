#if defined(__x86_64__)

#include "avx512/float_rows.h"
#include "tables.h"

#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512vl,avx512dq"))), \
                             apply_to = function)

float moult_avx512_dot_f32(const float *a, const float *b, size_t dimension) {
  return score_one(a, (const uint8_t *)b, dimension, MOULT_ELEMENT_F32, false);
}

float moult_avx512_squared_l2_f32(const float *a, const float *b, size_t dimension) {
  return score_one(a, (const uint8_t *)b, dimension, MOULT_ELEMENT_F32, true);
}

void moult_avx512_dot_f32_rows(const float *query, const void *rows, size_t stride, const uint32_t *indices,
                               size_t count, size_t dimension, float *out) {
  score_rows(query, rows, stride, indices, count, dimension, MOULT_ELEMENT_F32, false, out);
}

void moult_avx512_squared_l2_f32_rows(const float *query, const void *rows, size_t stride,
                                      const uint32_t *indices, size_t count, size_t dimension, float *out) {
  score_rows(query, rows, stride, indices, count, dimension, MOULT_ELEMENT_F32, true, out);
}

#pragma clang attribute pop

#endif
