/// Compares the products of bfloat16 vectors of one level with sums in double; for the checks that need no Swift.
#ifndef MOULT_COMPARE_PRODUCTS_H
#define MOULT_COMPARE_PRODUCTS_H

#include <math.h>
#include <string.h>

#include "compare_encode.h"

enum { PRODUCT_QUERIES_MAX = 50, PRODUCT_BLOCKS_MAX = 3, PRODUCT_LINES_MAX = 40, PRODUCT_ROWS_MAX = 48 };

static double product_value(uint16_t bits) {
  const uint32_t word = (uint32_t)bits << 16;
  float value;
  memcpy(&value, &word, sizeof value);
  return value;
}

/// Any sign, exponents from 2⁻³ to 2⁴; or small whole numbers, whose sums are exact in any order.
static uint16_t product_random(int is_whole) {
  if (!is_whole) return (uint16_t)((encode_random() & 0x807F) | (124 + encode_random() % 8) << 7);
  const float value = (float)((int)(encode_random() % 31) - 15);
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  return (uint16_t)(bits >> 16);
}

static void compare_products(const moult_kernels *fast, int (*expect)(int holds, const char *what)) {
  static uint16_t queries[PRODUCT_QUERIES_MAX][2 * PRODUCT_LINES_MAX];
  static uint16_t rows[PRODUCT_ROWS_MAX][2 * PRODUCT_LINES_MAX];
  static _Alignas(64) uint8_t blocks[PRODUCT_BLOCKS_MAX * PRODUCT_LINES_MAX * 64];
  static float out[PRODUCT_QUERIES_MAX][PRODUCT_ROWS_MAX];
  for (size_t lines = 0; lines <= PRODUCT_LINES_MAX; lines++) {
    for (size_t query_count = 0; query_count <= PRODUCT_QUERIES_MAX; query_count += query_count < 18 ? 1 : 8) {
      const size_t block_count = lines % (PRODUCT_BLOCKS_MAX + 1);
      const int is_whole = query_count % 2;
      for (size_t i = 0; i < sizeof queries / 2; i++) queries[0][i] = product_random(is_whole);
      for (size_t i = 0; i < sizeof rows / 2; i++) rows[0][i] = product_random(is_whole);
      for (size_t b = 0; b < block_count; b++) {
        fast->interleave_block(rows[16 * b], sizeof rows[0], 16, 4 * lines, lines, blocks + b * lines * 64);
      }
      for (size_t i = 0; i < sizeof out / 4; i++) out[0][i] = -1;
      fast->dot_bf16_blocks(queries[0], 2 * PRODUCT_LINES_MAX, query_count, blocks, lines, block_count, out[0],
                            PRODUCT_ROWS_MAX);
      int holds = 1;
      for (size_t q = 0; q < PRODUCT_QUERIES_MAX; q++) {
        for (size_t row = 0; row < PRODUCT_ROWS_MAX; row++) {
          if (q >= query_count || row >= 16 * block_count) {
            holds &= out[q][row] == -1;
            continue;
          }
          double sum = 0, magnitudes = 0;
          for (size_t j = 0; j < 2 * lines; j++) {
            const double product = product_value(queries[q][j]) * product_value(rows[row][j]);
            sum += product, magnitudes += fabs(product);
          }
          const double bound = is_whole ? 0 : 2 * (double)lines * 0x1p-24 * magnitudes;
          holds &= fabs(out[q][row] - sum) <= bound;
        }
      }
      expect(holds, "dot_bf16_blocks");
    }
  }
}

#endif
