// A record is one cache line or two, so its bytes are loaded once and taken apart in registers; the weights
// stay in registers for all rows.

#if defined(__x86_64__)

#include "avx512/scan_shared.h"
#include "guide.h"
#include "tables.h"

#pragma clang attribute push(                                                              \
    __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx512vbmi"))), \
    apply_to = function)

/// `lines` is a constant where this is used.
INLINE void score_rows(const moult_guide_query *query, const uint8_t *records, const uint32_t *indices,
                       size_t count, float *scores, size_t lines) {
  const size_t bytes = lines * MOULT_LINE_BYTES;
  const __m512i low_bits = _mm512_set1_epi8(3);
  __m512i weights_i8x64[2][4];
#pragma clang loop unroll(full)
  for (size_t w = 0; w < lines * 4; w++) {
    weights_i8x64[w / 4][w % 4] = _mm512_load_si512(query->weights + w * MOULT_LINE_BYTES);
  }
  for (size_t i = 0; i < count; i += ROWS_AT_ONCE) {
    const size_t wanted = count - i < ROWS_AT_ONCE ? count - i : ROWS_AT_ONCE;
    __m512i sums[ROWS_AT_ONCE];
    __m128i sides[ROWS_AT_ONCE];
#pragma clang loop unroll(full)
    for (size_t r = 0; r < ROWS_AT_ONCE; r++) {
      // An incomplete group is filled up with its first row; nobody looks at those results.
      const uint8_t *const record = records + (size_t)indices[i + (r < wanted ? r : 0)] * bytes;
      __m512i even = _mm512_setzero_si512(), odd = _mm512_setzero_si512();
#pragma clang loop unroll(full)
      for (size_t line = 0; line < lines; line++) {
        const __m512i codes = _mm512_load_si512(record + line * MOULT_LINE_BYTES);
#pragma clang loop unroll(full)
        for (int plane = 0; plane < 4; plane++) {
          const __m512i cells_u8x64 = _mm512_and_si512(_mm512_srli_epi16(codes, 2 * plane), low_bits);
          __m512i *const sum = plane % 2 ? &odd : &even;
          *sum = _mm512_dpbusd_epi32(*sum, cells_u8x64, weights_i8x64[line][plane]);
        }
      }
      sums[r] = _mm512_add_epi32(even, odd);
      sides[r] = _mm_loadl_epi64((const __m128i *)(record + bytes - 8));
    }
    const __m128i first = _mm_unpacklo_epi32(sides[0], sides[1]), second = _mm_unpacklo_epi32(sides[2], sides[3]);
    const __m128 factor = _mm_castsi128_ps(_mm_unpacklo_epi64(first, second));
    const __m128 additive = _mm_castsi128_ps(_mm_unpackhi_epi64(first, second));
    __m128 score = _mm_mul_ps(_mm_cvtepi32_ps(totals(sums)), _mm_set1_ps(query->scale));
    score = _mm_mul_ps(_mm_add_ps(score, _mm_set1_ps(query->offset)), factor);
    _mm_mask_storeu_ps(scores + i, (__mmask8)((1u << wanted) - 1), _mm_add_ps(score, additive));
  }
}

void moult_avx512_guide_score_rows(const moult_guide_query *query, const void *records,
                                    const uint32_t *indices, size_t count, float *scores) {
  if (query->lines == 1) {
    score_rows(query, records, indices, count, scores, 1);
  } else {
    score_rows(query, records, indices, count, scores, 2);
  }
}

#pragma clang attribute pop

#endif
