// A bfloat16 is the upper half of a float: the two entries of a pair become floats by a shift and a mask.

#if defined(__x86_64__)

#include <immintrin.h>
#include <string.h>

#include "bf16_blocks.h"
#include "tables.h"

#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)

#define INLINE static inline __attribute__((always_inline))

enum { LANES = 8, PARTS = MOULT_BF16_ROWS / LANES, QUERIES_MAX = 4 };

INLINE __m256 first_of_pair(__m256i pairs) { return _mm256_castsi256_ps(_mm256_slli_epi32(pairs, 16)); }

INLINE __m256 second_of_pair(__m256i pairs) {
  return _mm256_castsi256_ps(_mm256_and_si256(pairs, _mm256_set1_epi32((int)0xFFFF0000)));
}

/// Up to four queries with one block; `query_count` is a constant.
INLINE void dots(const uint16_t *queries, size_t query_stride, size_t query_count, const uint8_t *block,
                 size_t lines, float *out, size_t out_stride) {
  __m256 sums[QUERIES_MAX][PARTS];
  for (size_t q = 0; q < query_count; q++) {
    for (size_t p = 0; p < PARTS; p++) sums[q][p] = _mm256_setzero_ps();
  }
  for (size_t line = 0; line < lines; line++, block += MOULT_BF16_LINE_BYTES) {
    __m256i rows[PARTS];
    for (size_t p = 0; p < PARTS; p++) rows[p] = _mm256_loadu_si256((const __m256i *)block + p);
#pragma clang loop unroll(full)
    for (size_t q = 0; q < query_count; q++) {
      int32_t pair;
      memcpy(&pair, queries + q * query_stride + 2 * line, sizeof pair);
      const __m256i weights = _mm256_set1_epi32(pair);
#pragma clang loop unroll(full)
      for (size_t p = 0; p < PARTS; p++) {
        sums[q][p] = _mm256_fmadd_ps(first_of_pair(weights), first_of_pair(rows[p]), sums[q][p]);
        sums[q][p] = _mm256_fmadd_ps(second_of_pair(weights), second_of_pair(rows[p]), sums[q][p]);
      }
    }
  }
  for (size_t q = 0; q < query_count; q++) {
    for (size_t p = 0; p < PARTS; p++) _mm256_storeu_ps(out + q * out_stride + p * LANES, sums[q][p]);
  }
}

void moult_avx2_dot_bf16_blocks(const uint16_t *queries, size_t query_stride, size_t query_count,
                                const void *blocks, size_t lines, size_t block_count, float *out,
                                size_t out_stride) {
  for (size_t b = 0; b < block_count; b++, out += MOULT_BF16_ROWS) {
    const uint8_t *const block = (const uint8_t *)blocks + b * lines * MOULT_BF16_LINE_BYTES;
    size_t q = 0;
    for (; q + QUERIES_MAX <= query_count; q += QUERIES_MAX) {
      dots(queries + q * query_stride, query_stride, QUERIES_MAX, block, lines, out + q * out_stride, out_stride);
    }
    for (; q < query_count; q++) {
      dots(queries + q * query_stride, query_stride, 1, block, lines, out + q * out_stride, out_stride);
    }
  }
}

#pragma clang attribute pop

#endif
