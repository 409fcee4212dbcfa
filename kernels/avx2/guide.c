#if defined(__x86_64__)

#include <immintrin.h>

#include "guide.h"
#include "tables.h"

#pragma clang attribute push(__attribute__((target("avx2"))), apply_to = function)

void moult_avx2_guide_score_rows(const moult_guide_query *query, const void *records, const uint32_t *indices,
                                  size_t count, float *scores) {
  const size_t bytes = query->lines * MOULT_LINE_BYTES;
  const __m256i low_bits = _mm256_set1_epi8(3), ones = _mm256_set1_epi16(1);
  for (size_t i = 0; i < count; i++) {
    const uint8_t *const record = (const uint8_t *)records + (size_t)indices[i] * bytes;
    __m256i sum = _mm256_setzero_si256();
    for (size_t half = 0; half < 2 * query->lines; half++) {
      const __m256i codes = _mm256_load_si256((const __m256i *)(record + 32 * half));
      const int8_t *const weights = query->weights + half / 2 * 4 * MOULT_LINE_BYTES + half % 2 * 32;
      __m256i pairs = _mm256_setzero_si256();  // at most 4·2·3·128 in 16 bits
      for (int plane = 0; plane < 4; plane++) {
        const __m256i cells = _mm256_and_si256(_mm256_srli_epi16(codes, 2 * plane), low_bits);
        const __m256i own = _mm256_load_si256((const __m256i *)(weights + plane * MOULT_LINE_BYTES));
        pairs = _mm256_add_epi16(pairs, _mm256_maddubs_epi16(cells, own));
      }
      sum = _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, ones));
    }
    __m128i quarter = _mm_add_epi32(_mm256_castsi256_si128(sum), _mm256_extracti128_si256(sum, 1));
    quarter = _mm_add_epi32(quarter, _mm_unpackhi_epi64(quarter, quarter));
    quarter = _mm_add_epi32(quarter, _mm_shuffle_epi32(quarter, 1));
    float side[2];
    memcpy(side, record + bytes - sizeof side, sizeof side);
    scores[i] = moult_guide_score(query, _mm_cvtsi128_si32(quarter), side[0], side[1]);
  }
}

#pragma clang attribute pop

#endif
