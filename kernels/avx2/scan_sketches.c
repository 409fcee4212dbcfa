// VPSHUFB looks up 16 bytes; bits 4 and 5 of an index choose between the results of four such tables.

#if defined(__x86_64__)

#include <immintrin.h>

#include "tables.h"

#pragma clang attribute push(__attribute__((target("avx2"))), apply_to = function)

enum { LINE = 64, HALF = 32, TILE_CHUNKS = 4 };

static inline __attribute__((always_inline)) __m256i broadcast(const int8_t *bytes) {
  return _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)bytes));
}

/// `sums` of up to four chunks for one query, whose table of a line is loaded once.
static inline __attribute__((always_inline)) void add_chunks(const uint8_t *chunks, size_t lines,
                                                             const int8_t *tables, size_t chunk_count,
                                                             __m256i (*sums)[2]) {
  for (size_t c = 0; c < chunk_count; c++) sums[c][0] = sums[c][1] = _mm256_setzero_si256();
  for (size_t g = 0; g < lines; g++) {
    const int8_t *const table = tables + g * LINE;
    const __m256i table0 = broadcast(table), table1 = broadcast(table + 16);
    const __m256i table2 = broadcast(table + 32), table3 = broadcast(table + 48);
    for (size_t c = 0; c < chunk_count; c++) {
      for (size_t half = 0; half < 2; half++) {
        const uint8_t *const from = chunks + (c * lines + g) * LINE + half * HALF;
        const __m256i codes_u8x32 = _mm256_loadu_si256((const __m256i *)from);
        const __m256i index = _mm256_and_si256(codes_u8x32, _mm256_set1_epi8(15));
        // A blend looks at the highest bit of a byte; what a shift brings in from the next one is below it.
        const __m256i bit4 = _mm256_slli_epi16(codes_u8x32, 3), bit5 = _mm256_slli_epi16(codes_u8x32, 2);
        const __m256i low =
            _mm256_blendv_epi8(_mm256_shuffle_epi8(table0, index), _mm256_shuffle_epi8(table1, index), bit4);
        const __m256i high =
            _mm256_blendv_epi8(_mm256_shuffle_epi8(table2, index), _mm256_shuffle_epi8(table3, index), bit4);
        sums[c][half] = _mm256_adds_epi8(sums[c][half], _mm256_blendv_epi8(low, high, bit5));
      }
    }
  }
}

void moult_avx2_scan_sketches(const uint8_t *chunks, size_t lines, size_t chunk_count, const int8_t *tables,
                              const int8_t *bars, size_t query_count, uint64_t *masks) {
  for (size_t q = 0; q < query_count; q++) {
    const int8_t *const table = tables + q * lines * LINE;
    const __m256i bar_i8x32 = _mm256_set1_epi8(bars[q]);
    for (size_t c = 0; c < chunk_count; c += TILE_CHUNKS) {
      const size_t now = chunk_count - c < TILE_CHUNKS ? chunk_count - c : TILE_CHUNKS;
      __m256i own[TILE_CHUNKS][2];
      if (now == TILE_CHUNKS) {
        add_chunks(chunks + c * lines * LINE, lines, table, TILE_CHUNKS, own);
      } else {
        for (size_t i = 0; i < now; i++) add_chunks(chunks + (c + i) * lines * LINE, lines, table, 1, own + i);
      }
      for (size_t i = 0; i < now; i++) {
        const size_t at = q * chunk_count + c + i;
        uint64_t mask = 0;
        for (size_t half = 0; half < 2; half++) {
          // sum ≥ bar where the larger of the two is the sum.
          const __m256i passes = _mm256_cmpeq_epi8(_mm256_max_epi8(own[i][half], bar_i8x32), own[i][half]);
          mask |= (uint64_t)(uint32_t)_mm256_movemask_epi8(passes) << (half * HALF);
        }
        masks[at] = mask;
      }
    }
  }
}

#pragma clang attribute pop

#endif
