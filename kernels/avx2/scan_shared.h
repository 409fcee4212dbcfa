/// Decoding and stage one of a scan in 256 bits, for the levels whose sums of stage one differ.
///
/// VPSHUFB looks up 16 levels; the high bit of a 3- or 5-bit code chooses between two such tables.
#ifndef MOULT_AVX2_SCAN_SHARED_H
#define MOULT_AVX2_SCAN_SHARED_H

#include <immintrin.h>
#include <string.h>

#include "scan.h"

#pragma clang attribute push(__attribute__((target("avx2"))), apply_to = function)

#define INLINE static inline __attribute__((always_inline))

/// Calls `operation(bits, …)` with a constant in the place of `width`.
#define MOULT_WITH_WIDTH(width, operation, ...)  \
  switch (width) {                               \
    case 1: operation(1, __VA_ARGS__); break;    \
    case 2: operation(2, __VA_ARGS__); break;    \
    case 3: operation(3, __VA_ARGS__); break;    \
    case 4: operation(4, __VA_ARGS__); break;    \
    case 5: operation(5, __VA_ARGS__); break;    \
    default: operation(8, __VA_ARGS__); break;   \
  }

INLINE __m256i load(const void *bytes) { return _mm256_loadu_si256((const __m256i *)bytes); }

/// Levels by the low bits of a code, for codes without and with the high bit.
typedef struct level_tables {
  __m256i low, high;
} level_tables;

INLINE level_tables make_tables(size_t bits, const uint8_t *levels) {
  uint8_t low[16] = {0}, high[16] = {0};
  const size_t count = (size_t)1 << moult_field_bits(bits);
  if (bits < 8) memcpy(low, levels, count);
  if (moult_has_high_bits(bits)) memcpy(high, levels + count, count);
  return (level_tables){_mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)low)),
                        _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)high))};
}

/// The levels of field f in every byte of `words`. Bit 7 of a byte of `high` tells whether it has the high
/// bit.
INLINE __m256i decode(size_t bits, const level_tables *tables, __m256i words, __m256i high, size_t f) {
  if (bits == 8) return words;
  const size_t field_bits = moult_field_bits(bits);
  // Shifts 16-bit lanes: what comes in from the neighbouring byte is masked away.
  const __m256i index = _mm256_and_si256(_mm256_srli_epi16(words, (int)(f * field_bits)),
                                         _mm256_set1_epi8((char)((1u << field_bits) - 1)));
  const __m256i level = _mm256_shuffle_epi8(tables->low, index);
  if (!moult_has_high_bits(bits)) return level;
  return _mm256_blendv_epi8(level, _mm256_shuffle_epi8(tables->high, index), high);
}

/// Group g of rows 0 … 7 or 8 … 15 (`half` 0 or 1) of a segment of a block.
INLINE __m256i decode_group(size_t bits, const level_tables *tables, const uint8_t *segment, size_t g,
                            size_t half) {
  const size_t fields = moult_groups_per_word(bits);
  const uint8_t *const rows = segment + half * (MOULT_LINE_BYTES / 2);
  const __m256i words = load(rows + g / fields * MOULT_LINE_BYTES);
  if (!moult_has_high_bits(bits)) return decode(bits, tables, words, words, g % fields);
  const __m256i high = _mm256_slli_epi16(load(rows + (bits - 1) * MOULT_LINE_BYTES), (int)(7 - g));
  return decode(bits, tables, words, high, g % fields);
}

INLINE void decode_zone(size_t bits, const moult_zone *zone, const uint8_t *lines, uint8_t *panel) {
  const level_tables tables = make_tables(bits, zone->levels);
  for (size_t s = 0; s < zone->segments; s++) {
#pragma clang loop unroll(full)
    for (size_t g = 0; g < MOULT_SEGMENT_GROUPS; g++) {
      __m256i *const line = (__m256i *)(panel + g * MOULT_LINE_BYTES);
      _mm256_store_si256(line, decode_group(bits, &tables, lines, g, 0));
      _mm256_store_si256(line + 1, decode_group(bits, &tables, lines, g, 1));
    }
    lines += bits * MOULT_LINE_BYTES;
    panel += MOULT_SEGMENT_GROUPS * MOULT_LINE_BYTES;
  }
}

/// The levels of a block, a line for each group: 4 bytes of 16 rows.
static inline void decode_block(const moult_zone *zones, size_t zone_count, const uint8_t *block,
                                uint8_t *panel) {
  for (size_t z = 0; z < zone_count; z++) {
    MOULT_WITH_WIDTH(zones[z].bits, decode_zone, &zones[z], block, panel)
    block += (size_t)zones[z].segments * zones[z].bits * MOULT_LINE_BYTES;
    panel += (size_t)zones[z].segments * MOULT_SEGMENT_GROUPS * MOULT_LINE_BYTES;
  }
}

/// Which of eight rows pass stage one, a bit for each.
INLINE uint32_t stage_one(const moult_scan_query *query, __m256i sums_i32x8, __m256 factor, __m256 additive) {
  __m256 estimate = _mm256_mul_ps(_mm256_cvtepi32_ps(sums_i32x8), _mm256_set1_ps(query->scale));
  estimate = _mm256_add_ps(estimate, _mm256_set1_ps(query->offset));
  estimate = _mm256_add_ps(estimate, _mm256_set1_ps(query->slack));
  const __m256 score = _mm256_add_ps(_mm256_mul_ps(factor, estimate), additive);
  return (uint32_t)_mm256_movemask_ps(_mm256_cmp_ps(score, _mm256_set1_ps(query->bar), _CMP_GE_OQ));
}

#pragma clang attribute pop

#endif
