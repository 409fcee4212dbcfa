#include "encode_levels.h"

#if defined(__x86_64__)

#include <immintrin.h>
#include <string.h>

#include "tables.h"

#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512vl,avx512dq"))), \
                             apply_to = function)

#define INLINE static inline __attribute__((always_inline))

enum {
  LANES = 16,
  SEGMENT = 32,
  BITS_MAX = 5,        ///< of codes with a table of levels
  PART_MAX = LANES << 10,  ///< dimensions whose squares, at most 2¹⁴ each, 16 floats sum up exactly
};

/// What a width needs in registers. Step s of the search looks up threshold number `code + width − 1`, where
/// `width` is the value of the bit in question; shifting the table by as much makes `code` the index.
typedef struct search {
  __m512 low[BITS_MAX], high[BITS_MAX];  ///< thresholds for each bit; `high` from index 16 on
  __m512 first, second_low, second_high;  ///< the only ones of the highest bit and the one below it
  __m512 low_levels, high_levels;
} search;

/// Sixteen of `count` thresholds from number i on. Those past the end are looked up by no code.
INLINE __m512 thresholds_from(const moult_levels *levels, size_t i, size_t count) {
  const size_t left = i < count ? count - i : 0;
  return _mm512_maskz_loadu_ps(left < LANES ? (__mmask16)((1u << left) - 1) : 0xFFFF, levels->thresholds + i);
}

INLINE __m512 levels_from(const moult_levels *levels, size_t i, size_t count) {
  const size_t left = i < count ? count - i : 0;
  const __mmask16 mask = left < LANES ? (__mmask16)((1u << left) - 1) : 0xFFFF;
  const __m128i bytes = _mm_maskz_loadu_epi8(mask, levels->levels + i);
  return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(bytes));
}

INLINE search prepare(const moult_levels *levels, uint32_t bits) {
  const size_t level_count = (size_t)1 << bits, count = level_count - 1;
  search result;
#pragma clang loop unroll(full)
  for (uint32_t bit = 0; bit < bits; bit++) {
    const size_t shift = ((size_t)1 << bit) - 1;
    result.low[bit] = thresholds_from(levels, shift, count);
    result.high[bit] = thresholds_from(levels, shift + LANES, count);
  }
  const float *const middle = levels->thresholds + level_count / 2 - 1;
  result.first = _mm512_set1_ps(middle[0]);
  result.second_low = _mm512_set1_ps(middle[-(ptrdiff_t)(level_count / 4)]);
  result.second_high = _mm512_set1_ps(middle[level_count / 4]);
  result.low_levels = levels_from(levels, 0, level_count);
  result.high_levels = levels_from(levels, LANES, level_count);
  return result;
}

INLINE __m512 look_up(__m512i code, __m512 low, __m512 high, uint32_t bits) {
  return bits > 4 ? _mm512_permutex2var_ps(low, code, high) : _mm512_permutexvar_ps(code, low);
}

/// The number of thresholds that are at most `scaled`, by bisection from the highest bit down.
INLINE __m512i code_of(__m512 scaled, const search *table, uint32_t bits) {
  const __mmask16 first = _mm512_cmp_ps_mask(table->first, scaled, _CMP_LE_OQ);
  __m512i code = _mm512_maskz_mov_epi32(first, _mm512_set1_epi32(1 << (bits - 1)));
#pragma clang loop unroll(full)
  for (uint32_t bit = bits - 1; bit-- > 0;) {
    const __m512 threshold = bit == bits - 2
                                 ? _mm512_mask_blend_ps(first, table->second_low, table->second_high)
                                 : look_up(code, table->low[bit], table->high[bit], bits);
    const __mmask16 reached = _mm512_cmp_ps_mask(threshold, scaled, _CMP_LE_OQ);
    code = _mm512_mask_add_epi32(code, reached, code, _mm512_set1_epi32(1 << bit));
  }
  return code;
}

/// The low 1, 2 or 4 bits of 32 codes in natural order, low bits first.
INLINE void store_packed(__m256i codes_u8x32, uint32_t bits, uint8_t *target) {
  if (bits == 4) {
    const __m256i bytes = _mm256_maddubs_epi16(codes_u8x32, _mm256_set1_epi16(0x1001));
    _mm_storeu_si128((__m128i *)target, _mm256_cvtepi16_epi8(bytes));
  } else {
    const __m256i nibbles = _mm256_maddubs_epi16(codes_u8x32, _mm256_set1_epi16(0x0401));
    const __m256i bytes = _mm256_madd_epi16(nibbles, _mm256_set1_epi32(0x00100001));
    _mm_storel_epi64((__m128i *)target, _mm256_cvtepi32_epi8(bytes));
  }
}

INLINE void store_word(uint32_t word, uint8_t *target) { memcpy(target, &word, sizeof word); }

INLINE void store_segment(__m256i codes_u8x32, uint32_t bits, uint8_t *target) {
  if (bits == 3) {
    store_packed(_mm256_and_si256(codes_u8x32, _mm256_set1_epi8(3)), 2, target);
    store_word(moult_high_word_3(_mm256_test_epi8_mask(codes_u8x32, _mm256_set1_epi8(4))), target + 8);
  } else if (bits == 5) {
    store_packed(_mm256_and_si256(codes_u8x32, _mm256_set1_epi8(15)), 4, target);
    store_word(moult_high_word_5(_mm256_test_epi8_mask(codes_u8x32, _mm256_set1_epi8(16))), target + 16);
  } else {
    store_packed(codes_u8x32, bits, target);
  }
}

INLINE __m256i bytes_of(__m512i low, __m512i high) {
  return _mm256_set_m128i(_mm512_cvtepi32_epi8(high), _mm512_cvtepi32_epi8(low));
}

INLINE __m512 added_product(__m512 sums, __m512 values, __m512 levels) {
  const __m512 product = _mm512_mul_ps(values, levels);
  return _mm512_add_ps(sums, product);
}

INLINE int64_t total(__m512 squares) {
  float sums[LANES];
  _mm512_storeu_ps(sums, squares);
  int64_t result = 0;
  for (size_t lane = 0; lane < LANES; lane++) result += (int64_t)sums[lane];
  return result;
}

INLINE float folded(__m512 sums) {
  const __m256 eight = _mm256_add_ps(_mm512_castps512_ps256(sums), _mm512_extractf32x8_ps(sums, 1));
  const __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}

/// Codes of 2 … 5 bits; `bits` is a constant.
INLINE void encode_by_search(const float *values, float scale, size_t count, const moult_levels *levels,
                             uint32_t bits, uint8_t *codes, float *dot, int64_t *square) {
  const search table = prepare(levels, bits);
  const __m512 scale_f32x16 = _mm512_set1_ps(scale);
  __m512 sums = _mm512_setzero_ps();
  int64_t squares = 0;
  for (size_t start = 0; start < count; start += PART_MAX) {
    const size_t end = count - start < PART_MAX ? count : start + PART_MAX;
    __m512 part_squares = _mm512_setzero_ps();
    for (size_t i = start; i < end; i += SEGMENT) {
      const __m512 first = _mm512_loadu_ps(values + i), second = _mm512_loadu_ps(values + i + LANES);
      const __m512i first_codes = code_of(_mm512_mul_ps(first, scale_f32x16), &table, bits);
      const __m512i second_codes = code_of(_mm512_mul_ps(second, scale_f32x16), &table, bits);
      const __m512 first_level = look_up(first_codes, table.low_levels, table.high_levels, bits);
      const __m512 second_level = look_up(second_codes, table.low_levels, table.high_levels, bits);
      sums = added_product(sums, first, first_level);
      sums = added_product(sums, second, second_level);
      part_squares = _mm512_fmadd_ps(first_level, first_level, part_squares);
      part_squares = _mm512_fmadd_ps(second_level, second_level, part_squares);
      store_segment(bytes_of(first_codes, second_codes), bits, codes);
      codes += 4 * bits;
    }
    squares += total(part_squares);
  }
  *dot = folded(sums);
  *square = squares;
}

INLINE void encode_bits(const float *values, float scale, size_t count, const moult_levels *levels,
                        uint8_t *codes, float *dot, int64_t *square) {
  const __m512 scale_f32x16 = _mm512_set1_ps(scale), threshold = _mm512_set1_ps(levels->thresholds[0]);
  const int64_t low_level = levels->levels[0], high_level = levels->levels[1];
  const __m512 low = _mm512_set1_ps(levels->levels[0]), high = _mm512_set1_ps(levels->levels[1]);
  __m512 sums = _mm512_setzero_ps();
  int64_t set = 0;
  for (size_t i = 0; i < count; i += SEGMENT) {
    const __m512 first = _mm512_loadu_ps(values + i), second = _mm512_loadu_ps(values + i + LANES);
    const __mmask16 first_code =
        _mm512_cmp_ps_mask(threshold, _mm512_mul_ps(first, scale_f32x16), _CMP_LE_OQ);
    const __mmask16 second_code =
        _mm512_cmp_ps_mask(threshold, _mm512_mul_ps(second, scale_f32x16), _CMP_LE_OQ);
    sums = added_product(sums, first, _mm512_mask_blend_ps(first_code, low, high));
    sums = added_product(sums, second, _mm512_mask_blend_ps(second_code, low, high));
    const uint32_t word = first_code | (uint32_t)second_code << 16;
    store_word(word, codes + i / 8);
    set += __builtin_popcount(word);
  }
  *dot = folded(sums);
  *square = set * high_level * high_level + ((int64_t)count - set) * low_level * low_level;
}

/// Clamped before it is rounded: the ends are integers, so the order does not matter.
INLINE __m512 rounded_level(__m512 values, __m512 scale) {
  const __m512 scaled = _mm512_mul_ps(values, scale);
  const __m512 clamped = _mm512_min_ps(_mm512_max_ps(scaled, _mm512_set1_ps(-127)), _mm512_set1_ps(127));
  return _mm512_roundscale_ps(clamped, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}

INLINE void encode_bytes(const float *values, float scale, size_t count, uint8_t *codes, float *dot,
                         int64_t *square) {
  const __m512 scale_f32x16 = _mm512_set1_ps(scale);
  __m512 sums = _mm512_setzero_ps();
  int64_t squares = 0;
  for (size_t start = 0; start < count; start += PART_MAX) {
    const size_t end = count - start < PART_MAX ? count : start + PART_MAX;
    __m512 part_squares = _mm512_setzero_ps();
    for (size_t i = start; i < end; i += SEGMENT) {
      const __m512 first = _mm512_loadu_ps(values + i), second = _mm512_loadu_ps(values + i + LANES);
      const __m512 first_level = rounded_level(first, scale_f32x16);
      const __m512 second_level = rounded_level(second, scale_f32x16);
      sums = added_product(sums, first, first_level);
      sums = added_product(sums, second, second_level);
      part_squares = _mm512_fmadd_ps(first_level, first_level, part_squares);
      part_squares = _mm512_fmadd_ps(second_level, second_level, part_squares);
      const __m256i packed = bytes_of(_mm512_cvtps_epi32(first_level), _mm512_cvtps_epi32(second_level));
      // Adding 128 to a byte is turning its highest bit.
      _mm256_storeu_si256((__m256i *)(codes + i), _mm256_xor_si256(packed, _mm256_set1_epi8(-128)));
    }
    squares += total(part_squares);
  }
  *dot = folded(sums);
  *square = squares;
}

void moult_avx512_encode_levels(const float *values, float scale, size_t count, const moult_levels *levels,
                                uint8_t *codes, float *dot, int64_t *square) {
  switch (levels->bits) {
    case 1: encode_bits(values, scale, count, levels, codes, dot, square); break;
    case 2: encode_by_search(values, scale, count, levels, 2, codes, dot, square); break;
    case 3: encode_by_search(values, scale, count, levels, 3, codes, dot, square); break;
    case 4: encode_by_search(values, scale, count, levels, 4, codes, dot, square); break;
    case 5: encode_by_search(values, scale, count, levels, 5, codes, dot, square); break;
    case 8: encode_bytes(values, scale, count, codes, dot, square); break;
  }
}

#pragma clang attribute pop

#endif
