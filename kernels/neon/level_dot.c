// One row after the other, decoded on the way; twice: for every AArch64 processor, and with SDOT.

#if defined(__aarch64__)

#include "levels.h"
#include "rows.h"
#include "tables.h"

/// Four words of a row from word `word` of a zone on; words of high bits are not counted. `left` is how many
/// words the zone has from there on: what is missing of the four is 0.
INLINE moult_words row_words(const uint8_t *zone, size_t bits, size_t word, size_t left) {
  if (!moult_has_high_bits(bits)) {
    return (moult_words){.fields = moult_load_first(zone + 4 * word, 4 * left)};
  }
  const uint8_t *const segment = zone + word / (bits - 1) * (4 * bits);
  if (bits == 5) {
    static const uint8_t first[MOULT_STEP] = {1, 1, 1, 1, 4, 4, 4, 4, 16, 16, 16, 16, 64, 64, 64, 64};
    const uint32x4_t high_bits = vdupq_n_u32(moult_load_word(segment + 16));
    return (moult_words){moult_load(segment), vreinterpretq_u8_u32(high_bits), moult_load(first)};
  }
  // Two segments of two words and one of high bits.
  static const uint8_t first[MOULT_STEP] = {1, 1, 1, 1, 16, 16, 16, 16, 1, 1, 1, 1, 16, 16, 16, 16};
  const uint8_t *const next = left > 2 ? segment + 12 : segment;  // of a segment alone: multiplied by 0
  const uint32x2_t high_bits[2] = {vdup_n_u32(moult_load_word(segment + 8)),
                                   vdup_n_u32(moult_load_word(next + 8))};
  return (moult_words){vcombine_u8(vld1_u8(segment), vld1_u8(next)),
                       vreinterpretq_u8_u32(vcombine_u32(high_bits[0], high_bits[1])), moult_load(first)};
}

/// The query's bytes for field f of four words, filled up with zeros.
INLINE int8x16_t query_part(const int8_t *query, size_t words, size_t f, size_t word) {
  return vreinterpretq_s8_u8(moult_load_first(query + 4 * (f * words + word), 4 * (words - word)));
}

INLINE size_t zone_words(size_t segments, size_t bits) {
  return segments * MOULT_SEGMENT_GROUPS / moult_groups_per_word(bits);
}

/// Adds 16 products as four sums.
INLINE int32x4_t accumulate(int32x4_t sum, int8x16_t a, int8x16_t b) {
  sum = vpadalq_s16(sum, vmull_s8(vget_low_s8(a), vget_low_s8(b)));
  return vpadalq_s16(sum, vmull_high_s8(a, b));
}

INLINE int32x4_t zone_dot(int32x4_t sum, const moult_zone *zone, size_t bits, const uint8_t *row,
                          const int8_t *query) {
  const uint8x16x2_t levels = moult_signed_levels(zone);
  const size_t words = zone_words(zone->segments, bits);
  for (size_t word = 0; word < words; word += MOULT_STEP_WORDS) {
    const moult_words codes = row_words(row, bits, word, words - word);
    for (size_t f = 0; f < moult_groups_per_word(bits); f++) {
      sum = accumulate(sum, moult_levels_of(codes, bits, f, levels), query_part(query, words, f, word));
    }
  }
  return sum;
}

static int32x4_t zone_dot_any(int32x4_t sum, const moult_zone *zone, const uint8_t *row,
                              const int8_t *query) {
  switch (zone->bits) {
    case 1: return zone_dot(sum, zone, 1, row, query);
    case 2: return zone_dot(sum, zone, 2, row, query);
    case 3: return zone_dot(sum, zone, 3, row, query);
    case 4: return zone_dot(sum, zone, 4, row, query);
    case 5: return zone_dot(sum, zone, 5, row, query);
    default: return zone_dot(sum, zone, 8, row, query);
  }
}

#pragma clang attribute push(__attribute__((target("dotprod"))), apply_to = function)

INLINE int32x4_t zone_dot_dotprod(int32x4_t sum, const moult_zone *zone, size_t bits, const uint8_t *row,
                                  const int8_t *query) {
  const uint8x16x2_t levels = moult_signed_levels(zone);
  const size_t words = zone_words(zone->segments, bits);
  for (size_t word = 0; word < words; word += MOULT_STEP_WORDS) {
    const moult_words codes = row_words(row, bits, word, words - word);
    for (size_t f = 0; f < moult_groups_per_word(bits); f++) {
      sum = vdotq_s32(sum, moult_levels_of(codes, bits, f, levels), query_part(query, words, f, word));
    }
  }
  return sum;
}

static int32x4_t zone_dot_any_dotprod(int32x4_t sum, const moult_zone *zone, const uint8_t *row,
                                      const int8_t *query) {
  switch (zone->bits) {
    case 1: return zone_dot_dotprod(sum, zone, 1, row, query);
    case 2: return zone_dot_dotprod(sum, zone, 2, row, query);
    case 3: return zone_dot_dotprod(sum, zone, 3, row, query);
    case 4: return zone_dot_dotprod(sum, zone, 4, row, query);
    case 5: return zone_dot_dotprod(sum, zone, 5, row, query);
    default: return zone_dot_dotprod(sum, zone, 8, row, query);
  }
}

#pragma clang attribute pop

typedef int32x4_t zone_dot_function(int32x4_t sum, const moult_zone *zone, const uint8_t *row,
                                    const int8_t *query);

INLINE void level_dot_rows(const moult_zone *zones, size_t zone_count, const int8_t *query, const void *rows,
                           size_t stride, const uint32_t *indices, size_t count, int32_t *out,
                           zone_dot_function *dot) {
  const size_t bytes = moult_zones_bytes(zones, zone_count);
  size_t dimension = 0;
  for (size_t z = 0; z < zone_count; z++) dimension += (size_t)4 * MOULT_SEGMENT_GROUPS * zones[z].segments;
  const int32_t query_sum = moult_query_sum(query, dimension);
  for (size_t i = 0; i < count; i++) {
    moult_prefetch_rows(rows, stride, indices, count, i + 4, 1, bytes);
    const uint8_t *row = moult_row(rows, stride, indices, i);
    const int8_t *part = query;
    int32x4_t sum = vdupq_n_s32(0);
    for (size_t z = 0; z < zone_count; z++) {
      sum = dot(sum, &zones[z], row, part);
      row += (size_t)4 * zones[z].segments * zones[z].bits;
      part += (size_t)4 * MOULT_SEGMENT_GROUPS * zones[z].segments;
    }
    out[i] = vaddvq_s32(sum) + 128 * query_sum;
  }
}

void moult_neon_level_dot_rows(const moult_zone *zones, size_t zone_count, const int8_t *query,
                               const void *rows, size_t stride, const uint32_t *indices, size_t count,
                               int32_t *out) {
  level_dot_rows(zones, zone_count, query, rows, stride, indices, count, out, zone_dot_any);
}

void moult_neon_dotprod_level_dot_rows(const moult_zone *zones, size_t zone_count, const int8_t *query,
                                       const void *rows, size_t stride, const uint32_t *indices,
                                       size_t count, int32_t *out) {
  level_dot_rows(zones, zone_count, query, rows, stride, indices, count, out, zone_dot_any_dotprod);
}

#endif
