// VPERMB looks up 64 bytes in a table of 64, whatever the two bits above an index are. A tile of queries and
// chunks shares its loads: tables stay in the first-level cache while chunks stream past.

#if defined(__x86_64__)

#include <immintrin.h>

#include "tables.h"

#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512vbmi"))), apply_to = function)

#define INLINE static inline __attribute__((always_inline))

enum {
  LINE = 64,
  TILE_QUERIES = 6,  ///< with TILE_CHUNKS 24 sums, which leaves registers for the lines of the chunks
  TILE_CHUNKS = 4,
};

/// What tiles of one call share.
typedef struct sketches {
  const uint8_t *chunks;
  size_t lines, chunk_count;
  const int8_t *tables, *bars;
  uint64_t *masks;
} sketches;

INLINE void add_tile(const sketches *call, size_t first_query, size_t first_chunk, size_t query_count,
                     size_t chunk_count) {
  const size_t lines = call->lines;
  const uint8_t *const chunks = call->chunks + first_chunk * lines * LINE;
  const int8_t *const tables = call->tables + first_query * lines * LINE;
  __m512i sums[TILE_QUERIES][TILE_CHUNKS];
#pragma clang loop unroll(full)
  for (size_t q = 0; q < query_count; q++) {
#pragma clang loop unroll(full)
    for (size_t c = 0; c < chunk_count; c++) sums[q][c] = _mm512_setzero_si512();
  }
  for (size_t g = 0; g < lines; g++) {
    __m512i codes_u8x64[TILE_CHUNKS];
#pragma clang loop unroll(full)
    for (size_t c = 0; c < chunk_count; c++) {
      codes_u8x64[c] = _mm512_load_si512(chunks + (c * lines + g) * LINE);
    }
#pragma clang loop unroll(full)
    for (size_t q = 0; q < query_count; q++) {
      const __m512i table_i8x64 = _mm512_load_si512(tables + (q * lines + g) * LINE);
#pragma clang loop unroll(full)
      for (size_t c = 0; c < chunk_count; c++) {
        sums[q][c] = _mm512_adds_epi8(sums[q][c], _mm512_permutexvar_epi8(codes_u8x64[c], table_i8x64));
      }
    }
  }
#pragma clang loop unroll(full)
  for (size_t q = 0; q < query_count; q++) {
    const size_t at = (first_query + q) * call->chunk_count + first_chunk;
    const __m512i bar_i8x64 = _mm512_set1_epi8(call->bars[first_query + q]);
#pragma clang loop unroll(full)
    for (size_t c = 0; c < chunk_count; c++) {
      call->masks[at + c] = _mm512_cmpge_epi8_mask(sums[q][c], bar_i8x64);
    }
  }
}

/// Registers are counted at compile time, so every number of queries is a function of its own.
#define ADD(query_count)                                                                              \
  static __attribute__((noinline)) void add_##query_count(const sketches *call, size_t first_query) { \
    size_t c = 0;                                                                                     \
    for (; c + TILE_CHUNKS <= call->chunk_count; c += TILE_CHUNKS) {                                  \
      add_tile(call, first_query, c, query_count, TILE_CHUNKS);                                       \
    }                                                                                                 \
    for (; c < call->chunk_count; c++) add_tile(call, first_query, c, query_count, 1);                \
  }
ADD(1)
ADD(2)
ADD(4)
ADD(6)

void moult_avx512_scan_sketches(const uint8_t *chunks, size_t lines, size_t chunk_count,
                                const int8_t *tables, const int8_t *bars, size_t query_count,
                                uint64_t *masks) {
  const sketches call = {chunks, lines, chunk_count, tables, bars, masks};
  size_t q = 0;
  for (; query_count - q >= 6; q += 6) add_6(&call, q);
  for (; query_count - q >= 4; q += 4) add_4(&call, q);
  for (; query_count - q >= 2; q += 2) add_2(&call, q);
  for (; q < query_count; q++) add_1(&call, q);
}

#pragma clang attribute pop

#endif
