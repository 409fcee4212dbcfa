// AVX2's instruction for unsigned times signed bytes saturates its sums at 16 bits, which real codes
// reach. So both sides are widened to 16 bits and multiplied there: exact, and still 16 products at once.

#if defined(__x86_64__)

#include <immintrin.h>
#include <stdbool.h>

#include "rows.h"
#include "tables.h"

#pragma clang attribute push(__attribute__((target("avx2"))), apply_to = function)

#define INLINE static inline __attribute__((always_inline))

enum { STEP = 16 };

INLINE __m256i widen(const void *bytes, bool is_signed) {
  const __m128i u8x16 = _mm_loadu_si128((const __m128i *)bytes);
  return is_signed ? _mm256_cvtepi8_epi16(u8x16) : _mm256_cvtepu8_epi16(u8x16);
}

/// Up to 15 bytes, filled up with zeros, which add nothing to a product.
INLINE __m256i widen_tail(const uint8_t *bytes, size_t count, bool is_signed) {
  uint8_t padded[STEP] = {0};
  for (size_t i = 0; i < count; i++) padded[i] = bytes[i];
  return widen(padded, is_signed);
}

/// Adds 16 products as 8 sums of two. A sum of two is below 2¹⁸; that the lanes wrap on the way does not
/// matter, since the end result fits.
INLINE __m256i accumulate(__m256i sum_i32x8, __m256i a_i16x16, __m256i b_i16x16) {
  return _mm256_add_epi32(sum_i32x8, _mm256_madd_epi16(a_i16x16, b_i16x16));
}

INLINE int32_t total(__m256i sum_i32x8) {
  __m128i sum = _mm_add_epi32(_mm256_castsi256_si128(sum_i32x8), _mm256_extracti128_si256(sum_i32x8, 1));
  sum = _mm_add_epi32(sum, _mm_unpackhi_epi64(sum, sum));
  return _mm_cvtsi128_si32(_mm_add_epi32(sum, _mm_shuffle_epi32(sum, 1)));
}

/// The totals of four rows, in order.
INLINE __m128i totals(const __m256i sums[4]) {
  const __m256i four = _mm256_hadd_epi32(_mm256_hadd_epi32(sums[0], sums[1]),
                                         _mm256_hadd_epi32(sums[2], sums[3]));
  return _mm_add_epi32(_mm256_castsi256_si128(four), _mm256_extracti128_si256(four, 1));
}

/// `b_signed` is a constant where this is inlined; `a` is unsigned.
INLINE int32_t dot(const uint8_t *a, const uint8_t *b, bool b_signed, size_t dimension) {
  __m256i even = _mm256_setzero_si256(), odd = _mm256_setzero_si256();
  size_t i = 0;
  for (; i + 2 * STEP <= dimension; i += 2 * STEP) {
    even = accumulate(even, widen(a + i, false), widen(b + i, b_signed));
    odd = accumulate(odd, widen(a + i + STEP, false), widen(b + i + STEP, b_signed));
  }
  if (i + STEP <= dimension) {
    even = accumulate(even, widen(a + i, false), widen(b + i, b_signed));
    i += STEP;
  }
  if (i < dimension) {
    const size_t rest = dimension - i;
    odd = accumulate(odd, widen_tail(a + i, rest, false), widen_tail(b + i, rest, b_signed));
  }
  return total(_mm256_add_epi32(even, odd));
}

uint32_t moult_avx2_dot_u8(const uint8_t *a, const uint8_t *b, size_t dimension) {
  return (uint32_t)dot(a, b, false, dimension);
}

void moult_avx2_dot_u8_i8x2_rows(const int8_t *query_high, const int8_t *query_low, const void *rows,
                                 size_t stride, const uint32_t *indices, size_t count, size_t dimension,
                                 int32_t *high, int32_t *low) {
  enum { GROUP = 4 };
  const uint8_t *const limb_high = (const uint8_t *)query_high, *const limb_low = (const uint8_t *)query_low;
  size_t i = 0;
  for (; i + GROUP <= count; i += GROUP) {
    moult_prefetch_rows(rows, stride, indices, count, i + GROUP, GROUP, dimension);
    const uint8_t *group[GROUP];
    __m256i sums_high[GROUP], sums_low[GROUP];
    for (size_t row = 0; row < GROUP; row++) {
      group[row] = moult_row(rows, stride, indices, i + row);
      sums_high[row] = sums_low[row] = _mm256_setzero_si256();
    }
    size_t j = 0;
    for (; j + STEP <= dimension; j += STEP) {
      const __m256i high_i16x16 = widen(limb_high + j, true), low_i16x16 = widen(limb_low + j, true);
      for (size_t row = 0; row < GROUP; row++) {
        const __m256i row_i16x16 = widen(group[row] + j, false);
        sums_high[row] = accumulate(sums_high[row], row_i16x16, high_i16x16);
        sums_low[row] = accumulate(sums_low[row], row_i16x16, low_i16x16);
      }
    }
    if (j < dimension) {
      const size_t rest = dimension - j;
      const __m256i high_i16x16 = widen_tail(limb_high + j, rest, true);
      const __m256i low_i16x16 = widen_tail(limb_low + j, rest, true);
      for (size_t row = 0; row < GROUP; row++) {
        const __m256i row_i16x16 = widen_tail(group[row] + j, rest, false);
        sums_high[row] = accumulate(sums_high[row], row_i16x16, high_i16x16);
        sums_low[row] = accumulate(sums_low[row], row_i16x16, low_i16x16);
      }
    }
    _mm_storeu_si128((__m128i *)(high + i), totals(sums_high));
    _mm_storeu_si128((__m128i *)(low + i), totals(sums_low));
  }
  for (; i < count; i++) {
    const uint8_t *row = moult_row(rows, stride, indices, i);
    high[i] = dot(row, limb_high, true, dimension);
    low[i] = dot(row, limb_low, true, dimension);
  }
}

#pragma clang attribute pop

#endif
