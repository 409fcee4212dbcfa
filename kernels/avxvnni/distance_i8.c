// As in AVX-512, half as wide: where both sides are unsigned, one is moved by 128 and the move is undone at the
// end, a·b = a·(b − 128) + 128·Σa. Lanes may wrap on the way; modulo 2³² the result is right, and it fits.

#if defined(__x86_64__)

#include <string.h>

#include "avxvnni/dpbusd.h"
#include "rows.h"
#include "tables.h"

#pragma clang attribute push(__attribute__((target(MOULT_VNNI_TARGET))), apply_to = function)

#define INLINE static inline __attribute__((always_inline))

enum { LANES = 32, GROUP = 4 };

INLINE __m256i load(const void *bytes) { return _mm256_loadu_si256((const __m256i *)bytes); }

/// Up to 31 bytes, filled up with zeros, which add nothing to a product.
INLINE __m256i load_tail(const void *bytes, size_t count) {
  uint8_t padded[LANES] = {0};
  memcpy(padded, bytes, count);
  return load(padded);
}

/// Swaps the unsigned byte x and the signed byte x − 128.
INLINE __m256i move_by_128(__m256i bytes) { return _mm256_xor_si256(bytes, _mm256_set1_epi8(-128)); }

INLINE int32_t total(__m256i sum_i32x8) {
  __m128i sum = _mm_add_epi32(_mm256_castsi256_si128(sum_i32x8), _mm256_extracti128_si256(sum_i32x8, 1));
  sum = _mm_add_epi32(sum, _mm_unpackhi_epi64(sum, sum));
  return _mm_cvtsi128_si32(_mm_add_epi32(sum, _mm_shuffle_epi32(sum, 1)));
}

/// The totals of four rows, in order.
INLINE __m128i totals(const __m256i sums[GROUP]) {
  const __m256i four = _mm256_hadd_epi32(_mm256_hadd_epi32(sums[0], sums[1]),
                                         _mm256_hadd_epi32(sums[2], sums[3]));
  return _mm_add_epi32(_mm256_castsi256_si128(four), _mm256_extracti128_si256(four, 1));
}

uint32_t moult_avxvnni_dot_u8(const uint8_t *a, const uint8_t *b, size_t dimension) {
  const __m256i ones_i8x32 = _mm256_set1_epi8(1);
  __m256i moved[2] = {_mm256_setzero_si256(), _mm256_setzero_si256()};
  __m256i sum_a[2] = {_mm256_setzero_si256(), _mm256_setzero_si256()};
  size_t i = 0;
  for (; i + 2 * LANES <= dimension; i += 2 * LANES) {
    const __m256i a0 = load(a + i), a1 = load(a + i + LANES);
    moved[0] = moult_dpbusd(moved[0], a0, move_by_128(load(b + i)));
    moved[1] = moult_dpbusd(moved[1], a1, move_by_128(load(b + i + LANES)));
    sum_a[0] = moult_dpbusd(sum_a[0], a0, ones_i8x32);
    sum_a[1] = moult_dpbusd(sum_a[1], a1, ones_i8x32);
  }
  for (; i < dimension; i += LANES) {
    const size_t rest = dimension - i;
    const __m256i a0 = rest < LANES ? load_tail(a + i, rest) : load(a + i);
    const __m256i b0 = rest < LANES ? load_tail(b + i, rest) : load(b + i);
    moved[0] = moult_dpbusd(moved[0], a0, move_by_128(b0));
    sum_a[0] = moult_dpbusd(sum_a[0], a0, ones_i8x32);
  }
  const __m256i correction = _mm256_slli_epi32(_mm256_add_epi32(sum_a[0], sum_a[1]), 7);
  return (uint32_t)total(_mm256_add_epi32(_mm256_add_epi32(moved[0], moved[1]), correction));
}

void moult_avxvnni_dot_u8_i8x2_rows(const int8_t *query_high, const int8_t *query_low, const void *rows,
                                    size_t stride, const uint32_t *indices, size_t count, size_t dimension,
                                    int32_t *high, int32_t *low) {
  const size_t whole = dimension / LANES * LANES, rest = dimension - whole;
  const __m256i tail_high = load_tail(query_high + whole, rest);
  const __m256i tail_low = load_tail(query_low + whole, rest);
  for (size_t i = 0; i < count; i += GROUP) {
    moult_prefetch_rows(rows, stride, indices, count, i + GROUP, GROUP, dimension);
    const size_t group_count = count - i < GROUP ? count - i : GROUP;
    const uint8_t *group[GROUP];
    __m256i sums_high[GROUP], sums_low[GROUP];
    for (size_t row = 0; row < GROUP; row++) {
      // An incomplete group is filled up with its first row; nobody looks at those results.
      group[row] = moult_row(rows, stride, indices, i + (row < group_count ? row : 0));
      sums_high[row] = sums_low[row] = _mm256_setzero_si256();
    }
    for (size_t j = 0; j < whole; j += LANES) {
      const __m256i high_i8x32 = load(query_high + j), low_i8x32 = load(query_low + j);
      for (size_t row = 0; row < GROUP; row++) {
        const __m256i row_u8x32 = load(group[row] + j);
        sums_high[row] = moult_dpbusd(sums_high[row], row_u8x32, high_i8x32);
        sums_low[row] = moult_dpbusd(sums_low[row], row_u8x32, low_i8x32);
      }
    }
    for (size_t row = 0; row < GROUP && rest; row++) {
      const __m256i row_u8x32 = load_tail(group[row] + whole, rest);
      sums_high[row] = moult_dpbusd(sums_high[row], row_u8x32, tail_high);
      sums_low[row] = moult_dpbusd(sums_low[row], row_u8x32, tail_low);
    }
    int32_t group_high[GROUP], group_low[GROUP];
    _mm_storeu_si128((__m128i *)group_high, totals(sums_high));
    _mm_storeu_si128((__m128i *)group_low, totals(sums_low));
    memcpy(high + i, group_high, group_count * sizeof *high);
    memcpy(low + i, group_low, group_count * sizeof *low);
  }
}

#pragma clang attribute pop

#endif
