#include <string.h>

#include "bf16_blocks.h"
#include "tables.h"

#pragma STDC FP_CONTRACT OFF

static float widened(const void *bits) {
  uint16_t half;
  memcpy(&half, bits, sizeof half);
  const uint32_t word = (uint32_t)half << 16;
  float result;
  memcpy(&result, &word, sizeof result);
  return result;
}

void moult_scalar_dot_bf16_blocks(const uint16_t *queries, size_t query_stride, size_t query_count,
                                  const void *blocks, size_t lines, size_t block_count, float *out,
                                  size_t out_stride) {
  for (size_t q = 0; q < query_count; q++) {
    for (size_t row = 0; row < MOULT_BF16_ROWS * block_count; row++) {
      const uint8_t *const line = (const uint8_t *)blocks + row / MOULT_BF16_ROWS * lines * MOULT_BF16_LINE_BYTES;
      float sum = 0;
      for (size_t j = 0; j < 2 * lines; j++) {
        const size_t place = j / 2 * MOULT_BF16_LINE_BYTES + row % MOULT_BF16_ROWS * 4 + j % 2 * 2;
        const float product = widened(queries + q * query_stride + j) * widened(line + place);
        sum += product;
      }
      out[q * out_stride + row] = sum;
    }
  }
}
