#include "encode_levels.h"

#if defined(__x86_64__)

#include <immintrin.h>
#include <string.h>

#include "tables.h"

#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)

#define INLINE static inline __attribute__((always_inline))

enum {
  LANES = 8,
  SUMS = 2,  ///< registers for the sixteen sums of the contract
  SEGMENT = 32,
  BITS_MAX = 5,           ///< of codes with a table of levels
  PART_MAX = 16 << 10,    ///< dimensions whose squares, at most 2¹⁴ each, 16 floats sum up exactly
};

/// What a width needs in registers. A code is found bit by bit, the highest first; the thresholds for a bit
/// stand in the order of the bits before it, eight a register, the last bit of five in two.
typedef struct search {
  __m256 thresholds[BITS_MAX + 1];
  __m256 levels[4];
} search;

INLINE search prepare(const moult_levels *levels, uint32_t bits) {
  search result;
#pragma clang loop unroll(full)
  for (uint32_t step = 0; step < bits; step++) {
    float thresholds[2 * LANES] = {0};
    const uint32_t width = 1u << (bits - 1 - step);
    for (uint32_t before = 0; before < 1u << step; before++) {
      memcpy(&thresholds[before], &levels->thresholds[(2 * before + 1) * width - 1], sizeof *thresholds);
    }
    result.thresholds[step] = step ? _mm256_loadu_ps(thresholds) : _mm256_set1_ps(thresholds[0]);
    if (step == BITS_MAX - 1) result.thresholds[BITS_MAX] = _mm256_loadu_ps(thresholds + LANES);
  }
  int8_t bytes[SEGMENT] = {0};
  memcpy(bytes, levels->levels, (size_t)1 << bits);
#pragma clang loop unroll(full)
  for (uint32_t part = 0; part < 4; part++) {
    const __m128i part_bytes = _mm_loadl_epi64((const __m128i *)(bytes + LANES * part));
    result.levels[part] = _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(part_bytes));
  }
  return result;
}

/// One of up to 32 entries; a table of more than eight is chosen by the code's bits above the third, which a
/// shift puts where the blend looks for them.
INLINE __m256 look_up(__m256i code, const __m256 *table, uint32_t bits) {
  if (bits <= 3) return _mm256_permutevar8x32_ps(table[0], code);
  const __m256 third = _mm256_castsi256_ps(_mm256_slli_epi32(code, 28));
  const __m256 low = _mm256_blendv_ps(_mm256_permutevar8x32_ps(table[0], code),
                                      _mm256_permutevar8x32_ps(table[1], code), third);
  if (bits == 4) return low;
  const __m256 high = _mm256_blendv_ps(_mm256_permutevar8x32_ps(table[2], code),
                                       _mm256_permutevar8x32_ps(table[3], code), third);
  return _mm256_blendv_ps(low, high, _mm256_castsi256_ps(_mm256_slli_epi32(code, 27)));
}

/// The number of thresholds that are at most `scaled`.
INLINE __m256i code_of(__m256 scaled, const search *table, uint32_t bits) {
  __m256i code = _mm256_setzero_si256();
#pragma clang loop unroll(full)
  for (uint32_t step = 0; step < bits; step++) {
    const __m256 threshold =
        step ? look_up(code, table->thresholds + step, step) : table->thresholds[0];
    const __m256i reached = _mm256_castps_si256(_mm256_cmp_ps(threshold, scaled, _CMP_LE_OQ));
    code = _mm256_sub_epi32(_mm256_add_epi32(code, code), reached);
  }
  return code;
}

/// The packing instructions work in each half by itself; the permutation puts the fours back in order.
INLINE __m256i bytes_of(const __m256i codes[4]) {
  const __m256i first = _mm256_packs_epi32(codes[0], codes[1]);
  const __m256i second = _mm256_packs_epi32(codes[2], codes[3]);
  const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
  return _mm256_permutevar8x32_epi32(_mm256_packs_epi16(first, second), order);
}

/// The low 2 or 4 bits of 32 codes in natural order, low bits first.
INLINE void store_packed(__m256i codes_u8x32, uint32_t bits, uint8_t *target) {
  if (bits == 4) {
    const __m256i bytes = _mm256_maddubs_epi16(codes_u8x32, _mm256_set1_epi16(0x1001));
    const __m128i packed =
        _mm_packus_epi16(_mm256_castsi256_si128(bytes), _mm256_extracti128_si256(bytes, 1));
    _mm_storeu_si128((__m128i *)target, packed);
  } else {
    const __m256i nibbles = _mm256_maddubs_epi16(codes_u8x32, _mm256_set1_epi16(0x0401));
    const __m256i bytes = _mm256_madd_epi16(nibbles, _mm256_set1_epi32(0x00100001));
    const __m128i words =
        _mm_packs_epi32(_mm256_castsi256_si128(bytes), _mm256_extracti128_si256(bytes, 1));
    _mm_storel_epi64((__m128i *)target, _mm_packus_epi16(words, words));
  }
}

INLINE void store_word(uint32_t word, uint8_t *target) { memcpy(target, &word, sizeof word); }

INLINE void store_segment(__m256i codes_u8x32, uint32_t bits, uint8_t *target) {
  if (bits == 3) {
    store_packed(_mm256_and_si256(codes_u8x32, _mm256_set1_epi8(3)), 2, target);
    const uint32_t natural = (uint32_t)_mm256_movemask_epi8(_mm256_slli_epi16(codes_u8x32, 5));
    store_word(moult_high_word_3(natural), target + 8);
  } else if (bits == 5) {
    store_packed(_mm256_and_si256(codes_u8x32, _mm256_set1_epi8(15)), 4, target);
    const uint32_t natural = (uint32_t)_mm256_movemask_epi8(_mm256_slli_epi16(codes_u8x32, 3));
    store_word(moult_high_word_5(natural), target + 16);
  } else {
    store_packed(codes_u8x32, bits, target);
  }
}

INLINE __m256 added_product(__m256 sum, __m256 values, __m256 levels) {
  const __m256 product = _mm256_mul_ps(values, levels);
  return _mm256_add_ps(sum, product);
}

INLINE float folded(const __m256 sums[SUMS]) {
  const __m256 eight = _mm256_add_ps(sums[0], sums[1]);
  const __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}

INLINE int64_t total(const __m256 squares[SUMS]) {
  float sums[SUMS * LANES];
  for (size_t i = 0; i < SUMS; i++) _mm256_storeu_ps(sums + i * LANES, squares[i]);
  int64_t result = 0;
  for (size_t lane = 0; lane < SUMS * LANES; lane++) result += (int64_t)sums[lane];
  return result;
}

/// Codes of 2 … 5 bits; `bits` is a constant.
INLINE void encode_by_search(const float *values, float scale, size_t count, const moult_levels *levels,
                             uint32_t bits, uint8_t *codes, float *dot, int64_t *square) {
  const search table = prepare(levels, bits);
  const __m256 scale_f32x8 = _mm256_set1_ps(scale);
  __m256 sums[SUMS] = {_mm256_setzero_ps(), _mm256_setzero_ps()};
  int64_t squares = 0;
  for (size_t start = 0; start < count; start += PART_MAX) {
    const size_t end = count - start < PART_MAX ? count : start + PART_MAX;
    __m256 part_squares[SUMS] = {_mm256_setzero_ps(), _mm256_setzero_ps()};
    for (size_t i = start; i < end; i += SEGMENT) {
      __m256i segment[SEGMENT / LANES];
#pragma clang loop unroll(full)
      for (size_t part = 0; part < SEGMENT / LANES; part++) {
        const __m256 own = _mm256_loadu_ps(values + i + part * LANES);
        segment[part] = code_of(_mm256_mul_ps(own, scale_f32x8), &table, bits);
        const __m256 level = look_up(segment[part], table.levels, bits);
        sums[part % SUMS] = added_product(sums[part % SUMS], own, level);
        part_squares[part % SUMS] = _mm256_fmadd_ps(level, level, part_squares[part % SUMS]);
      }
      store_segment(bytes_of(segment), bits, codes);
      codes += 4 * bits;
    }
    squares += total(part_squares);
  }
  *dot = folded(sums);
  *square = squares;
}

INLINE void encode_bits(const float *values, float scale, size_t count, const moult_levels *levels,
                        uint8_t *codes, float *dot, int64_t *square) {
  const __m256 scale_f32x8 = _mm256_set1_ps(scale), threshold = _mm256_set1_ps(levels->thresholds[0]);
  const int64_t low_level = levels->levels[0], high_level = levels->levels[1];
  const __m256 low = _mm256_set1_ps(levels->levels[0]), high = _mm256_set1_ps(levels->levels[1]);
  __m256 sums[SUMS] = {_mm256_setzero_ps(), _mm256_setzero_ps()};
  int64_t set = 0;
  for (size_t i = 0; i < count; i += SEGMENT) {
    uint32_t word = 0;
#pragma clang loop unroll(full)
    for (size_t part = 0; part < SEGMENT / LANES; part++) {
      const __m256 own = _mm256_loadu_ps(values + i + part * LANES);
      const __m256 reached = _mm256_cmp_ps(threshold, _mm256_mul_ps(own, scale_f32x8), _CMP_LE_OQ);
      sums[part % SUMS] = added_product(sums[part % SUMS], own, _mm256_blendv_ps(low, high, reached));
      word |= (uint32_t)_mm256_movemask_ps(reached) << part * LANES;
    }
    store_word(word, codes + i / 8);
    set += __builtin_popcount(word);
  }
  *dot = folded(sums);
  *square = set * high_level * high_level + ((int64_t)count - set) * low_level * low_level;
}

/// Clamped before it is rounded: the ends are integers, so the order does not matter.
INLINE __m256 rounded_level(__m256 values, __m256 scale) {
  const __m256 scaled = _mm256_mul_ps(values, scale);
  const __m256 clamped = _mm256_min_ps(_mm256_max_ps(scaled, _mm256_set1_ps(-127)), _mm256_set1_ps(127));
  return _mm256_round_ps(clamped, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}

INLINE void encode_bytes(const float *values, float scale, size_t count, uint8_t *codes, float *dot,
                         int64_t *square) {
  const __m256 scale_f32x8 = _mm256_set1_ps(scale);
  __m256 sums[SUMS] = {_mm256_setzero_ps(), _mm256_setzero_ps()};
  int64_t squares = 0;
  for (size_t start = 0; start < count; start += PART_MAX) {
    const size_t end = count - start < PART_MAX ? count : start + PART_MAX;
    __m256 part_squares[SUMS] = {_mm256_setzero_ps(), _mm256_setzero_ps()};
    for (size_t i = start; i < end; i += SEGMENT) {
      __m256i segment[SEGMENT / LANES];
#pragma clang loop unroll(full)
      for (size_t part = 0; part < SEGMENT / LANES; part++) {
        const __m256 own = _mm256_loadu_ps(values + i + part * LANES);
        const __m256 level = rounded_level(own, scale_f32x8);
        segment[part] = _mm256_cvtps_epi32(level);
        sums[part % SUMS] = added_product(sums[part % SUMS], own, level);
        part_squares[part % SUMS] = _mm256_fmadd_ps(level, level, part_squares[part % SUMS]);
      }
      // Adding 128 to a byte is turning its highest bit.
      const __m256i bytes = _mm256_xor_si256(bytes_of(segment), _mm256_set1_epi8(-128));
      _mm256_storeu_si256((__m256i *)(codes + i), bytes);
    }
    squares += total(part_squares);
  }
  *dot = folded(sums);
  *square = squares;
}

void moult_avx2_encode_levels(const float *values, float scale, size_t count, const moult_levels *levels,
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
