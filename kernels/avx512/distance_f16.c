#if defined(__x86_64__)

#include "avx512/float_rows.h"
#include "tables.h"

#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512vl,avx512dq"))), \
                             apply_to = function)

void moult_avx512_dot_f16_rows(const float *query, const void *rows, size_t stride, const uint32_t *indices,
                               size_t count, size_t dimension, float *out) {
  score_rows(query, rows, stride, indices, count, dimension, MOULT_ELEMENT_F16, false, out);
}

void moult_avx512_squared_l2_f16_rows(const float *query, const void *rows, size_t stride,
                                      const uint32_t *indices, size_t count, size_t dimension, float *out) {
  score_rows(query, rows, stride, indices, count, dimension, MOULT_ELEMENT_F16, true, out);
}

void moult_avx512_dot_bf16_rows(const float *query, const void *rows, size_t stride,
                                const uint32_t *indices, size_t count, size_t dimension, float *out) {
  score_rows(query, rows, stride, indices, count, dimension, MOULT_ELEMENT_BF16, false, out);
}

void moult_avx512_squared_l2_bf16_rows(const float *query, const void *rows, size_t stride,
                                       const uint32_t *indices, size_t count, size_t dimension,
                                       float *out) {
  score_rows(query, rows, stride, indices, count, dimension, MOULT_ELEMENT_BF16, true, out);
}

#pragma clang attribute pop

#endif
