#if defined(__aarch64__)

#include "neon/float_rows.h"
#include "tables.h"

void moult_neon_dot_f16_rows(const float *query, const void *rows, size_t stride, const uint32_t *indices,
                             size_t count, size_t dimension, float *out) {
  score_rows(query, rows, stride, indices, count, dimension, MOULT_ELEMENT_F16, false, out);
}

void moult_neon_squared_l2_f16_rows(const float *query, const void *rows, size_t stride,
                                    const uint32_t *indices, size_t count, size_t dimension, float *out) {
  score_rows(query, rows, stride, indices, count, dimension, MOULT_ELEMENT_F16, true, out);
}

void moult_neon_dot_bf16_rows(const float *query, const void *rows, size_t stride, const uint32_t *indices,
                              size_t count, size_t dimension, float *out) {
  score_rows(query, rows, stride, indices, count, dimension, MOULT_ELEMENT_BF16, false, out);
}

void moult_neon_squared_l2_bf16_rows(const float *query, const void *rows, size_t stride,
                                     const uint32_t *indices, size_t count, size_t dimension, float *out) {
  score_rows(query, rows, stride, indices, count, dimension, MOULT_ELEMENT_BF16, true, out);
}

#endif
