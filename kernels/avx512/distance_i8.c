// VPDPBUSD multiplies unsigned by signed bytes and adds four products to each 32-bit lane, without
// saturation. Where both sides are unsigned, one is moved by 128 and the move is undone at the end:
// a·b = a·(b − 128) + 128·Σa. Lanes may wrap on the way; modulo 2³² the result is right, and it fits.

#if defined(__x86_64__)

#include <immintrin.h>

#include "rows.h"
#include "tables.h"

#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512vnni"))), \
                             apply_to = function)

#define INLINE static inline __attribute__((always_inline))

enum { LANES = 64, GROUP = 4 };

INLINE __m512i load(const void *bytes) { return _mm512_loadu_si512(bytes); }

/// The last 1 … 63 bytes, filled up with zeros, which add nothing to a product.
INLINE __mmask64 first_lanes(size_t count) { return (1ull << count) - 1; }

INLINE __m512i load_tail(const void *bytes, __mmask64 mask) { return _mm512_maskz_loadu_epi8(mask, bytes); }

/// Swaps the unsigned byte x and the signed byte x − 128.
INLINE __m512i move_by_128(__m512i bytes) { return _mm512_xor_si512(bytes, _mm512_set1_epi8(-128)); }

uint32_t moult_avx512_dot_u8(const uint8_t *a, const uint8_t *b, size_t dimension) {
  const __m512i ones_i8x64 = _mm512_set1_epi8(1);
  __m512i moved[2] = {_mm512_setzero_si512(), _mm512_setzero_si512()};
  __m512i sum_a[2] = {_mm512_setzero_si512(), _mm512_setzero_si512()};
  size_t i = 0;
  for (; i + 2 * LANES <= dimension; i += 2 * LANES) {
    const __m512i a0 = load(a + i), a1 = load(a + i + LANES);
    moved[0] = _mm512_dpbusd_epi32(moved[0], a0, move_by_128(load(b + i)));
    moved[1] = _mm512_dpbusd_epi32(moved[1], a1, move_by_128(load(b + i + LANES)));
    sum_a[0] = _mm512_dpbusd_epi32(sum_a[0], a0, ones_i8x64);
    sum_a[1] = _mm512_dpbusd_epi32(sum_a[1], a1, ones_i8x64);
  }
  for (; i < dimension; i += LANES) {
    const __mmask64 mask = dimension - i < LANES ? first_lanes(dimension - i) : ~0ull;
    const __m512i a0 = load_tail(a + i, mask);
    moved[0] = _mm512_dpbusd_epi32(moved[0], a0, move_by_128(load_tail(b + i, mask)));
    sum_a[0] = _mm512_dpbusd_epi32(sum_a[0], a0, ones_i8x64);
  }
  const __m512i correction = _mm512_slli_epi32(_mm512_add_epi32(sum_a[0], sum_a[1]), 7);
  const __m512i sum = _mm512_add_epi32(_mm512_add_epi32(moved[0], moved[1]), correction);
  return (uint32_t)_mm512_reduce_add_epi32(sum);
}

/// The totals of four rows, in order: a transposition that adds on its way costs fewer shuffles than
/// four separate reductions.
INLINE __m128i totals(const __m512i rows[GROUP]) {
  const __m512i r01 =
      _mm512_add_epi32(_mm512_unpacklo_epi32(rows[0], rows[1]), _mm512_unpackhi_epi32(rows[0], rows[1]));
  const __m512i r23 =
      _mm512_add_epi32(_mm512_unpacklo_epi32(rows[2], rows[3]), _mm512_unpackhi_epi32(rows[2], rows[3]));
  const __m512i r0123 = _mm512_add_epi32(_mm512_unpacklo_epi64(r01, r23), _mm512_unpackhi_epi64(r01, r23));
  const __m256i halves =
      _mm256_add_epi32(_mm512_castsi512_si256(r0123), _mm512_extracti32x8_epi32(r0123, 1));
  return _mm_add_epi32(_mm256_castsi256_si128(halves), _mm256_extracti128_si256(halves, 1));
}

void moult_avx512_dot_u8_i8x2_rows(const int8_t *query_high, const int8_t *query_low, const void *rows,
                                   size_t stride, const uint32_t *indices, size_t count, size_t dimension,
                                   int32_t *high, int32_t *low) {
  const size_t whole = dimension / LANES * LANES;
  const __mmask64 tail = first_lanes(dimension - whole);
  for (size_t i = 0; i < count; i += GROUP) {
    moult_prefetch_rows(rows, stride, indices, count, i + GROUP, GROUP, dimension);
    const size_t group_count = count - i < GROUP ? count - i : GROUP;
    const uint8_t *group[GROUP];
    __m512i sums_high[GROUP], sums_low[GROUP];
    for (size_t row = 0; row < GROUP; row++) {
      // An incomplete group is filled up with its first row; nobody looks at those results.
      group[row] = moult_row(rows, stride, indices, i + (row < group_count ? row : 0));
      sums_high[row] = sums_low[row] = _mm512_setzero_si512();
    }
    for (size_t j = 0; j < whole; j += LANES) {
      const __m512i high_i8x64 = load(query_high + j), low_i8x64 = load(query_low + j);
      for (size_t row = 0; row < GROUP; row++) {
        const __m512i row_u8x64 = load(group[row] + j);
        sums_high[row] = _mm512_dpbusd_epi32(sums_high[row], row_u8x64, high_i8x64);
        sums_low[row] = _mm512_dpbusd_epi32(sums_low[row], row_u8x64, low_i8x64);
      }
    }
    if (tail) {
      const __m512i high_i8x64 = load_tail(query_high + whole, tail);
      const __m512i low_i8x64 = load_tail(query_low + whole, tail);
      for (size_t row = 0; row < GROUP; row++) {
        const __m512i row_u8x64 = load_tail(group[row] + whole, tail);
        sums_high[row] = _mm512_dpbusd_epi32(sums_high[row], row_u8x64, high_i8x64);
        sums_low[row] = _mm512_dpbusd_epi32(sums_low[row], row_u8x64, low_i8x64);
      }
    }
    const __mmask8 wanted = (__mmask8)((1u << group_count) - 1);
    _mm_mask_storeu_epi32(high + i, wanted, totals(sums_high));
    _mm_mask_storeu_epi32(low + i, wanted, totals(sums_low));
  }
}

#pragma clang attribute pop

#endif
