// VDPBF16PS multiplies a pair of a query with the pairs of sixteen rows. Only on processors that have it: the
// others of this level use AVX2's kernel.

#if defined(__x86_64__)

#include <immintrin.h>
#include <stdbool.h>
#include <string.h>

#include "bf16_blocks.h"
#include "tables.h"

#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512vl,avx512bf16"))), \
                             apply_to = function)

#define INLINE static inline __attribute__((always_inline))

enum { PAIR = 2, QUERIES_MAX = 12 };

/// `query_count` queries with one block or two; both counts are constants. 24 sums, and every load is used
/// at least twice.
INLINE void dots(const uint16_t *queries, size_t query_stride, size_t query_count, const uint8_t *block,
                 size_t lines, size_t block_count, float *out, size_t out_stride) {
  __m512 sums[QUERIES_MAX][PAIR];
#pragma clang loop unroll(full)
  for (size_t q = 0; q < query_count; q++) sums[q][0] = sums[q][1] = _mm512_setzero_ps();
  for (size_t line = 0; line < lines; line++, block += MOULT_BF16_LINE_BYTES) {
    __m512bh rows[PAIR];
#pragma clang loop unroll(full)
    for (size_t b = 0; b < block_count; b++) {
      rows[b] = (__m512bh)_mm512_loadu_si512(block + b * lines * MOULT_BF16_LINE_BYTES);
    }
#pragma clang loop unroll(full)
    for (size_t q = 0; q < query_count; q++) {
      int32_t pair;
      memcpy(&pair, queries + q * query_stride + 2 * line, sizeof pair);
      const __m512bh weights = (__m512bh)_mm512_set1_epi32(pair);
#pragma clang loop unroll(full)
      for (size_t b = 0; b < block_count; b++) sums[q][b] = _mm512_dpbf16_ps(sums[q][b], weights, rows[b]);
    }
  }
#pragma clang loop unroll(full)
  for (size_t q = 0; q < query_count; q++) {
    for (size_t b = 0; b < block_count; b++) {
      _mm512_storeu_ps(out + q * out_stride + b * MOULT_BF16_ROWS, sums[q][b]);
    }
  }
}

/// All queries with one block or two; `block_count` is a constant.
INLINE void dots_of_all(const uint16_t *queries, size_t query_stride, size_t query_count, const uint8_t *block,
                        size_t lines, size_t block_count, float *out, size_t out_stride) {
#define DOTS(count)                                                                         \
  for (; query_count >= count; query_count -= count) {                                      \
    dots(queries, query_stride, count, block, lines, block_count, out, out_stride);         \
    queries += count * query_stride, out += count * out_stride;                             \
  }
  DOTS(QUERIES_MAX)
  DOTS(4)
  DOTS(1)
#undef DOTS
}

void moult_avx512_bf16_dot_bf16_blocks(const uint16_t *queries, size_t query_stride, size_t query_count,
                                       const void *blocks, size_t lines, size_t block_count, float *out,
                                       size_t out_stride) {
  const uint8_t *block = blocks;
  for (; block_count >= PAIR; block_count -= PAIR) {
    dots_of_all(queries, query_stride, query_count, block, lines, PAIR, out, out_stride);
    block += PAIR * lines * MOULT_BF16_LINE_BYTES, out += PAIR * MOULT_BF16_ROWS;
  }
  if (block_count) dots_of_all(queries, query_stride, query_count, block, lines, 1, out, out_stride);
}

#pragma clang attribute pop

#endif
