/// Decoding and stage two of a scan with AVX-512, for the levels whose sums of stage one differ.
///
/// A field of a code becomes a level by one VPERMB, which looks at the low six bits of each byte: where the
/// field lies among the six, and what its neighbours hold, is a matter of the table. So most fields need
/// no shift and no mask.
#ifndef MOULT_AVX512_SCAN_SHARED_H
#define MOULT_AVX512_SCAN_SHARED_H

#include <immintrin.h>
#include <string.h>

#include "rows.h"
#include "scan.h"

#pragma clang attribute push(                                                              \
    __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx512vbmi"))), \
    apply_to = function)

#define INLINE static inline __attribute__((always_inline))

/// Calls `operation(bits, …)` with a constant in the place of `width`.
#define MOULT_WITH_WIDTH(width, operation, ...)    \
  switch (width) {                                 \
    case 1: operation(1, __VA_ARGS__); break;      \
    case 2: operation(2, __VA_ARGS__); break;      \
    case 3: operation(3, __VA_ARGS__); break;      \
    case 4: operation(4, __VA_ARGS__); break;      \
    case 5: operation(5, __VA_ARGS__); break;      \
    default: operation(8, __VA_ARGS__); break;     \
  }

INLINE __m512i load(const void *bytes) { return _mm512_loadu_si512(bytes); }

INLINE __mmask64 first_bytes(size_t count) { return count < 64 ? (1ull << count) - 1 : ~0ull; }

INLINE __m512i counting_u8x64(void) {
  return _mm512_set_epi64(0x3f3e3d3c3b3a3938, 0x3736353433323130, 0x2f2e2d2c2b2a2928, 0x2726252423222120,
                          0x1f1e1d1c1b1a1918, 0x1716151413121110, 0x0f0e0d0c0b0a0908, 0x0706050403020100);
}

/// Shifts 16-bit lanes: what comes in from the neighbouring byte must not matter.
INLINE __m512i shift_right(__m512i bytes, unsigned by) { return _mm512_srli_epi16(bytes, by); }
INLINE __m512i shift_left(__m512i bytes, unsigned by) { return _mm512_slli_epi16(bytes, by); }

INLINE __m512i blend_bits(uint8_t bits, __m512i where_set, __m512i elsewhere) {
  return _mm512_ternarylogic_epi64(_mm512_set1_epi8((char)bits), where_set, elsewhere, 0xCA);
}

/// For each six bits the level of the field that begins at bit `field_at`, its high bit at `high_at`.
INLINE __m512i level_table(size_t bits, __m512i levels_u8x64, unsigned field_at, unsigned high_at) {
  const unsigned field_bits = (unsigned)moult_field_bits(bits);
  const __m512i index = counting_u8x64();
  const __m512i field_mask = _mm512_set1_epi8((char)((1u << field_bits) - 1));
  __m512i code = _mm512_and_si512(shift_right(index, field_at), field_mask);
  if (moult_has_high_bits(bits)) {
    const __m512i high = _mm512_and_si512(shift_right(index, high_at), _mm512_set1_epi8(1));
    code = _mm512_or_si512(code, shift_left(high, field_bits));
  }
  return _mm512_permutexvar_epi8(code, levels_u8x64);
}

typedef struct level_tables {
  __m512i at[7];
} level_tables;

INLINE level_tables make_tables(size_t bits, const uint8_t *levels) {
  level_tables tables = {0};
  __m512i all = _mm512_setzero_si512();
  if (bits == 8) return tables;
  if (bits == 5) {
    all = _mm512_broadcast_i64x4(_mm256_loadu_si256((const __m256i *)levels));
  } else if (bits == 4) {
    all = _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)levels));
  } else {
    int64_t word = 0;
    memcpy(&word, levels, (size_t)1 << bits);
    all = _mm512_set1_epi64(word);
  }
  if (bits == 1) {
    for (unsigned t = 0; t < 6; t++) tables.at[t] = level_table(1, all, t, 0);
  } else if (bits == 2) {
    for (unsigned t = 0; t < 3; t++) tables.at[t] = level_table(2, all, 2 * t, 0);
  } else if (bits == 3) {
    static const unsigned field_at[7] = {0, 2, 4, 0, 0, 2, 4}, high_at[7] = {2, 1, 2, 3, 4, 5, 0};
#pragma clang loop unroll(full)
    for (unsigned t = 0; t < 7; t++) tables.at[t] = level_table(3, all, field_at[t], high_at[t]);
  } else if (bits == 4) {
    tables.at[0] = all;
  } else {
    tables.at[0] = level_table(5, all, 0, 4);
    tables.at[1] = level_table(5, all, 0, 5);
  }
  return tables;
}

/// The levels of group g in every 4 bytes: `words` holds its word, `high` the word of the high bits.
INLINE __m512i decode(size_t bits, const level_tables *tables, __m512i words, __m512i high, size_t g) {
  __m512i index = words;
  size_t table = 0;
  if (bits == 8) return words;
  if (bits == 1) {
    if (g >= 6) index = shift_right(words, 6);
    table = g % 6;
  } else if (bits == 2) {
    if (g % 4 == 3) index = shift_right(words, 6);
    table = g % 4 % 3;
  } else if (bits == 4) {
    if (g % 2 == 1) index = shift_right(words, 4);
  } else if (bits == 3) {
    static const unsigned words_by[8] = {0, 0, 0, 6, 0, 0, 0, 4};
    static const uint8_t field[8] = {0x03, 0x0C, 0x30, 0x03, 0x03, 0x0C, 0x30, 0x0C};
    if (words_by[g]) words = shift_right(words, words_by[g]);
    if (g == 0) high = shift_left(high, 2);
    if (g >= 6) high = shift_right(high, 6);
    index = blend_bits(field[g], words, high);
    table = g == 7 ? 1 : g;
  } else {
    if (g % 2 == 1) words = shift_right(words, 4);
    if (g < 4) high = shift_left(high, g < 2 ? 4 : 2);
    if (g >= 6) high = shift_right(high, 2);
    index = blend_bits(0x0F, words, high);
    table = g % 2;
  }
  return _mm512_permutexvar_epi8(index, tables->at[table]);
}

/// Group g of a segment of a block.
INLINE __m512i decode_group(size_t bits, const level_tables *tables, const uint8_t *segment, size_t g) {
  const __m512i words = load(segment + g / moult_groups_per_word(bits) * MOULT_LINE_BYTES);
  const __m512i high = moult_has_high_bits(bits) ? load(segment + (bits - 1) * MOULT_LINE_BYTES) : words;
  return decode(bits, tables, words, high, g);
}

INLINE void decode_zone(size_t bits, const moult_zone *zone, const uint8_t *lines, uint8_t *panel) {
  const level_tables tables = make_tables(bits, zone->levels);
  for (size_t s = 0; s < zone->segments; s++) {
#pragma clang loop unroll(full)
    for (size_t g = 0; g < MOULT_SEGMENT_GROUPS; g++) {
      _mm512_store_si512(panel + g * MOULT_LINE_BYTES, decode_group(bits, &tables, lines, g));
    }
    lines += bits * MOULT_LINE_BYTES;
    panel += MOULT_SEGMENT_GROUPS * MOULT_LINE_BYTES;
  }
}

/// The levels of a block, a line for each group: 4 bytes of 16 rows, as VPDPBUSD and tiles take them.
static inline void decode_block(const moult_zone *zones, size_t zone_count, const uint8_t *block,
                                uint8_t *panel) {
  for (size_t z = 0; z < zone_count; z++) {
    MOULT_WITH_WIDTH(zones[z].bits, decode_zone, &zones[z], block, panel)
    block += (size_t)zones[z].segments * zones[z].bits * MOULT_LINE_BYTES;
    panel += (size_t)zones[z].segments * MOULT_SEGMENT_GROUPS * MOULT_LINE_BYTES;
  }
}

/// Adds one zone's products of a few rows to 16 sums for each row. 64 bytes of fields meet as many of the
/// query for each of their F groups; in the query those lie together.
INLINE void add_zone_of_rows(size_t bits, const moult_zone *zone, const int8_t *const *queries,
                             size_t query_offset, size_t query_count, const uint8_t *const *rows,
                             size_t offset, size_t row_count, __m512i *sums) {
  const level_tables tables = make_tables(bits, zone->levels);
  const size_t fields = moult_groups_per_word(bits), segment_bytes = 32 / fields;
  const size_t plane_bytes = zone->segments * segment_bytes;
  // Where fields and high bits of a segment take turns, these bring 64 bytes of fields together, and
  // for each the byte of its high bits; those of word w of a segment begin at bit F·w.
  const __m512i index = counting_u8x64();
  const __m512i in_segment = _mm512_and_si512(index, _mm512_set1_epi8((char)(segment_bytes - 1)));
  const __m512i in_word = _mm512_and_si512(index, _mm512_set1_epi8(3));
  const __m512i segment = _mm512_and_si512(shift_right(index, segment_bytes == 8 ? 3 : 4),
                                           _mm512_set1_epi8(7));
  const __m512i field_index = _mm512_add_epi8(index, shift_left(segment, 2));
  const __m512i high_index =
      _mm512_add_epi8(_mm512_sub_epi8(field_index, in_segment),
                      _mm512_add_epi8(in_word, _mm512_set1_epi8((char)segment_bytes)));
  const __m512i high_by = _mm512_srli_epi32(
      _mm512_mullo_epi32(_mm512_and_si512(in_segment, _mm512_set1_epi32(0xFF)),
                         _mm512_set1_epi32((int)fields)), 2);

  for (size_t done = 0; done < plane_bytes; done += 64) {
    const __mmask64 mask = first_bytes(plane_bytes - done);
    __m512i words[4], high[4];
    for (size_t r = 0; r < row_count; r++) {
      if (moult_has_high_bits(bits)) {
        const size_t at = done * bits / (bits - 1), left = plane_bytes * bits / (bits - 1) - at;
        const uint8_t *const row = rows[r] + offset + at;
        const __m512i front = _mm512_maskz_loadu_epi8(first_bytes(left), row);
        const __m512i back = _mm512_maskz_loadu_epi8(left > 64 ? first_bytes(left - 64) : 0, row + 64);
        words[r] = _mm512_permutex2var_epi8(front, field_index, back);
        high[r] = _mm512_srlv_epi32(_mm512_permutex2var_epi8(front, high_index, back), high_by);
      } else {
        words[r] = high[r] = _mm512_maskz_loadu_epi8(mask, rows[r] + offset + done);
      }
    }
#pragma clang loop unroll(full)
    for (size_t f = 0; f < fields; f++) {
      for (size_t r = 0; r < row_count; r++) {
        const int8_t *const query = queries[query_count == 1 ? 0 : r] + query_offset;
        const __m512i query_i8x64 = _mm512_maskz_loadu_epi8(mask, query + f * plane_bytes + done);
        sums[r] = _mm512_dpbusd_epi32(sums[r], decode(bits, &tables, words[r], high[r], f), query_i8x64);
      }
    }
  }
}

/// The totals of four rows, in order: a transposition that adds on its way costs fewer shuffles than
/// four separate reductions.
INLINE __m128i totals(const __m512i rows[4]) {
  const __m512i r01 =
      _mm512_add_epi32(_mm512_unpacklo_epi32(rows[0], rows[1]), _mm512_unpackhi_epi32(rows[0], rows[1]));
  const __m512i r23 =
      _mm512_add_epi32(_mm512_unpacklo_epi32(rows[2], rows[3]), _mm512_unpackhi_epi32(rows[2], rows[3]));
  const __m512i r0123 = _mm512_add_epi32(_mm512_unpacklo_epi64(r01, r23), _mm512_unpackhi_epi64(r01, r23));
  const __m256i halves =
      _mm256_add_epi32(_mm512_castsi512_si256(r0123), _mm512_extracti32x8_epi32(r0123, 1));
  return _mm_add_epi32(_mm256_castsi256_si128(halves), _mm256_extracti128_si256(halves, 1));
}

enum { ROWS_AT_ONCE = 4 };

/// Σ query[j]·(level[j] + 128) of four rows, with one query (query_count 1) or with one for each.
INLINE __m128i dot_rows(const moult_zone *zones, size_t zone_count, const int8_t *const *queries,
                        size_t query_count, const uint8_t *const *rows) {
  __m512i sums[ROWS_AT_ONCE];
  for (size_t r = 0; r < ROWS_AT_ONCE; r++) sums[r] = _mm512_setzero_si512();
  size_t offset = 0, query_offset = 0;
  for (size_t z = 0; z < zone_count; z++) {
    MOULT_WITH_WIDTH(zones[z].bits, add_zone_of_rows, &zones[z], queries, query_offset, query_count, rows,
                     offset, ROWS_AT_ONCE, sums)
    offset += (size_t)4 * zones[z].segments * zones[z].bits;
    query_offset += (size_t)zones[z].segments * 32;
  }
  return totals(sums);
}

/// Σ query[j]·(level[j] + 128) for the 16 rows of a panel; the query is in block order.
INLINE __m512i panel_dots(const uint8_t *panel, size_t groups, const int8_t *query) {
  __m512i sums[4];
  for (size_t chain = 0; chain < 4; chain++) sums[chain] = _mm512_setzero_si512();
  for (size_t g = 0; g < groups; g += 4) {  // groups is a multiple of 8
    for (size_t chain = 0; chain < 4; chain++) {
      int32_t word;
      memcpy(&word, query + (g + chain) * 4, sizeof word);
      const __m512i levels_u8x64 = load(panel + (g + chain) * MOULT_LINE_BYTES);
      sums[chain] = _mm512_dpbusd_epi32(sums[chain], levels_u8x64, _mm512_set1_epi32(word));
    }
  }
  return _mm512_add_epi32(_mm512_add_epi32(sums[0], sums[1]), _mm512_add_epi32(sums[2], sums[3]));
}

/// Which of 16 rows pass stage one.
INLINE __mmask16 stage_one(const moult_scan_query *query, __m512i sums_i32x16, __m512 factor,
                           __m512 additive) {
  __m512 estimate = _mm512_mul_ps(_mm512_cvtepi32_ps(sums_i32x16), _mm512_set1_ps(query->scale));
  estimate = _mm512_add_ps(estimate, _mm512_set1_ps(query->offset));
  estimate = _mm512_add_ps(estimate, _mm512_set1_ps(query->slack));
  const __m512 score = _mm512_add_ps(_mm512_mul_ps(factor, estimate), additive);
  return _mm512_cmp_ps_mask(score, _mm512_set1_ps(query->bar), _CMP_GE_OQ);
}

/// Rows that passed stage one, noted where the hits will stand, with sum1 in the place of the score.
typedef struct survivors {
  moult_scan_hit *hits;
  size_t count;  ///< never more than every pair
  const uint8_t *tails;  ///< NULL where there are none
  size_t tail_stride, tail_bytes;
} survivors;

static inline survivors start_survivors(const moult_blocks *blocks, moult_scan_hit *hits) {
  return (survivors){.hits = hits,
                     .tails = blocks->tail_zone_count > 0 ? blocks->tails : NULL,
                     .tail_stride = blocks->tail_stride,
                     .tail_bytes = moult_zones_bytes(blocks->tail_zones, blocks->tail_zone_count)};
}

enum { NOTED_QUERIES = 4 };

INLINE void prefetch_tail(const survivors *survivors, size_t row) {
  const uint8_t *const tail = survivors->tails + row * survivors->tail_stride;
  for (size_t at = 0; at < survivors->tail_bytes && at < 512; at += 64) moult_prefetch(tail + at);
  moult_prefetch(tail + survivors->tail_bytes - 1);
}

/// Notes the pairs of four queries and a block that passed: bit 16·q + r of `pairs` is query first_query + q
/// with row r of the block, sums[16·q + r] their sum.
INLINE void note_survivors(survivors *survivors, uint64_t pairs, const int32_t *sums, size_t first_query,
                           size_t block) {
  size_t count = survivors->count;  // in a register: hits might lie anywhere, for all the compiler knows
  for (; pairs; pairs &= pairs - 1) {
    const size_t pair = (size_t)__builtin_ctzll(pairs);
    moult_scan_hit *const hit = &survivors->hits[count++];
    hit->query = (uint32_t)(first_query + pair / MOULT_BLOCK_ROWS);
    hit->row = (uint32_t)(block * MOULT_BLOCK_ROWS + pair % MOULT_BLOCK_ROWS);
    memcpy(&hit->score, &sums[pair], sizeof sums[pair]);
    // Other blocks are scanned before the tail is read: by then it is there.
    if (survivors->tails) prefetch_tail(survivors, hit->row);
  }
  survivors->count = count;
}

/// Σ second[j]·(level[j] + 128) over the tails of up to four survivors; 0 for queries without second.
INLINE void dot_tails(const moult_blocks *blocks, const moult_scan_query *queries, const survivors *survivors,
                      size_t first, int32_t *sums) {
  const uint8_t *rows[ROWS_AT_ONCE];
  const int8_t *limbs[ROWS_AT_ONCE];
  size_t wanted = 0, at[ROWS_AT_ONCE];
  for (size_t i = 0; i < ROWS_AT_ONCE; i++) sums[i] = 0;
  for (size_t i = 0; i < ROWS_AT_ONCE && first + i < survivors->count; i++) {
    const moult_scan_hit *const hit = &survivors->hits[first + i];
    if (!queries[hit->query].second) continue;
    at[wanted] = i;
    rows[wanted] = blocks->tails + hit->row * blocks->tail_stride;
    limbs[wanted++] = queries[hit->query].second;
  }
  if (wanted == 0) return;
  // Filled up with the first; nobody looks at those results.
  for (size_t i = wanted; i < ROWS_AT_ONCE; i++) rows[i] = rows[0], limbs[i] = limbs[0];
  int32_t all[ROWS_AT_ONCE];
  const __m128i dots = dot_rows(blocks->tail_zones, blocks->tail_zone_count, limbs, ROWS_AT_ONCE, rows);
  _mm_storeu_si128((__m128i *)all, dots);
  for (size_t i = 0; i < wanted; i++) sums[at[i]] = all[i];
}

/// Stage two of noted rows, in place; returns how many are kept. The panel either holds all blocks from
/// `first_block` on (`decoded`), or is filled where it is needed: then rows of a block should follow
/// each other.
static inline size_t refine_survivors(const moult_blocks *blocks, size_t first_block,
                                      const moult_scan_query *queries, uint8_t *panel, bool decoded,
                                      const survivors *survivors) {
  moult_scan_hit *const hits = survivors->hits;
  const bool has_tails = survivors->tails != NULL;
  const size_t block_bytes = moult_block_bytes(blocks);
  size_t kept = 0, finer_query = SIZE_MAX, finer_block = SIZE_MAX, panel_block = SIZE_MAX;
  int32_t finer[MOULT_BLOCK_ROWS], tail_sums[ROWS_AT_ONCE] = {0};
  for (size_t i = 0; i < survivors->count; i++) {
    if (has_tails && i % ROWS_AT_ONCE == 0) {
      dot_tails(blocks, queries, survivors, i, tail_sums);
    }
    const size_t q = hits[i].query, row = hits[i].row, lane = row % MOULT_BLOCK_ROWS;
    const size_t block_index = row / MOULT_BLOCK_ROWS;
    const moult_scan_query *const query = &queries[q];
    const uint8_t *const block = blocks->bytes + block_index * block_bytes;
    const float *const factors = (const float *)(block + block_bytes - 2 * MOULT_LINE_BYTES);
    int32_t sum1, sum2 = tail_sums[i % ROWS_AT_ONCE];
    memcpy(&sum1, &hits[i].score, sizeof sum1);
    if (query->second && !has_tails) {
      uint8_t *const levels = panel + (block_index - first_block) * blocks->groups * MOULT_LINE_BYTES;
      if (!decoded && panel_block != block_index) {
        decode_block(blocks->zones, blocks->zone_count, block, levels);
        panel_block = block_index;
      }
      if (finer_query != q || finer_block != block_index) {
        _mm512_storeu_si512(finer, panel_dots(levels, blocks->groups, query->second));
        finer_query = q;
        finer_block = block_index;
      }
      sum2 = finer[lane];
    }
    kept += moult_scan_refine(query, sum1, query->second_bias + sum2, factors[lane],
                              factors[MOULT_BLOCK_ROWS + lane], q, row, hits + kept);
  }
  return kept;
}

#pragma clang attribute pop

#endif
