// AVX2 multiplies unsigned by signed bytes only with sums that saturate at 16 bits, which levels reach. So
// decoded levels and the query's words are split into even and odd bytes of 16 bits and multiplied there:
// exact. Decoding and splitting is shared by several queries.

#if defined(__x86_64__)

#include "avx2/scan_shared.h"
#include "rows.h"
#include "tables.h"

#pragma clang attribute push(__attribute__((target("avx2"))), apply_to = function)

enum { TILE_QUERIES = 4, HALVES = 2, HALF_ROWS = 8 };

/// Adds 32 products as 8 sums of four, from even and odd bytes in 16 bits each.
INLINE __m256i accumulate(__m256i sum_i32x8, __m256i even, __m256i odd, __m256i query_even,
                          __m256i query_odd) {
  sum_i32x8 = _mm256_add_epi32(sum_i32x8, _mm256_madd_epi16(even, query_even));
  return _mm256_add_epi32(sum_i32x8, _mm256_madd_epi16(odd, query_odd));
}

/// Adds a panel's products with a few queries in block order.
INLINE void add_panel(const uint8_t *panel, size_t groups, const int8_t *const *queries, size_t query_count,
                      __m256i (*sums)[HALVES]) {
  const __m256i low_bytes = _mm256_set1_epi16(0xFF);
  for (size_t g = 0; g < groups; g++) {
    const __m256i levels0 = load(panel + g * MOULT_LINE_BYTES);
    const __m256i levels1 = load(panel + g * MOULT_LINE_BYTES + 32);
    const __m256i even0 = _mm256_and_si256(levels0, low_bytes), odd0 = _mm256_srli_epi16(levels0, 8);
    const __m256i even1 = _mm256_and_si256(levels1, low_bytes), odd1 = _mm256_srli_epi16(levels1, 8);
#pragma clang loop unroll(full)
    for (size_t q = 0; q < query_count; q++) {
      int32_t word;
      memcpy(&word, queries[q] + g * 4, sizeof word);
      const __m256i both = _mm256_set1_epi32(word), odd = _mm256_srai_epi16(both, 8);
      const __m256i even = _mm256_srai_epi16(_mm256_slli_epi16(both, 8), 8);
      sums[q][0] = accumulate(sums[q][0], even0, odd0, even, odd);
      sums[q][1] = accumulate(sums[q][1], even1, odd1, even, odd);
    }
  }
}

/// Up to 16 bytes, filled up with zeros.
INLINE __m128i load_part(const void *bytes, size_t count) {
  if (count >= 16) return _mm_loadu_si128((const __m128i *)bytes);
  uint8_t part[16] = {0};
  memcpy(part, bytes, count);
  return _mm_loadu_si128((const __m128i *)part);
}

/// 16 bytes of fields at a time, or one segment's where high bits stand between them; they meet as many of
/// the query for each of their groups, which lie together there.
INLINE void add_zone_of_row(size_t bits, const moult_zone *zone, const int8_t *query, const uint8_t *row,
                            __m256i *sum_i32x8) {
  const level_tables tables = make_tables(bits, zone->levels);
  const size_t fields = moult_groups_per_word(bits), segment_bytes = 32 / fields;
  const size_t plane_bytes = zone->segments * segment_bytes;
  const bool has_high_bits = moult_has_high_bits(bits);
  const size_t step = has_high_bits ? segment_bytes : 16;
  // Group F·w + f keeps its high bits in bit F·w + f of the high word; they go to bit 7.
  const int32_t by_word = (int32_t)fields;
  const __m128i to_sign = _mm_setr_epi32(7, 7 - by_word, 7 - 2 * by_word, 7 - 3 * by_word);
  for (size_t done = 0; done < plane_bytes; done += step) {
    const size_t left = plane_bytes - done, count = left < step ? left : step;
    const __m256i words = _mm256_castsi128_si256(load_part(row, count));
    __m128i high = _mm_setzero_si128();
    if (has_high_bits) {
      int32_t word;
      memcpy(&word, row + count, sizeof word);
      high = _mm_set1_epi32(word);
    }
    row += has_high_bits ? count + 4 : count;
#pragma clang loop unroll(full)
    for (size_t f = 0; f < fields; f++) {
      const __m128i by = _mm_sub_epi32(to_sign, _mm_set1_epi32((int32_t)f));
      const __m256i sign = _mm256_castsi128_si256(_mm_sllv_epi32(high, by));
      const __m256i levels = decode(bits, &tables, words, sign, f);
      const __m256i levels_i16x16 = _mm256_cvtepu8_epi16(_mm256_castsi256_si128(levels));
      const __m256i query_i16x16 = _mm256_cvtepi8_epi16(load_part(query + f * plane_bytes + done, count));
      *sum_i32x8 = _mm256_add_epi32(*sum_i32x8, _mm256_madd_epi16(levels_i16x16, query_i16x16));
    }
  }
}

INLINE int32_t total(__m256i sum_i32x8) {
  __m128i sum = _mm_add_epi32(_mm256_castsi256_si128(sum_i32x8), _mm256_extracti128_si256(sum_i32x8, 1));
  sum = _mm_add_epi32(sum, _mm_unpackhi_epi64(sum, sum));
  return _mm_cvtsi128_si32(_mm_add_epi32(sum, _mm_shuffle_epi32(sum, 1)));
}

static int32_t row_dot(const moult_zone *zones, size_t zone_count, const uint8_t *row, const int8_t *query) {
  __m256i sum_i32x8 = _mm256_setzero_si256();
  for (size_t z = 0; z < zone_count; z++) {
    MOULT_WITH_WIDTH(zones[z].bits, add_zone_of_row, &zones[z], query, row, &sum_i32x8)
    row += (size_t)4 * zones[z].segments * zones[z].bits;
    query += (size_t)zones[z].segments * 32;
  }
  return total(sum_i32x8);
}

/// What the tiles of one call share.
typedef struct scan {
  const moult_blocks *blocks;
  const moult_scan_query *queries;
  moult_scan_hit *hits;
  size_t hit_count;
} scan;

/// Stage two of the rows of a block that passed stage one: bit r of `rows` for each.
static __attribute__((noinline)) void refine(scan *scan, size_t query_index, size_t block_index,
                                             uint32_t rows, const int32_t *sums, const float *factors,
                                             const uint8_t *panel) {
  const moult_blocks *const blocks = scan->blocks;
  const moult_scan_query *const query = &scan->queries[query_index];
  int32_t finer[MOULT_BLOCK_ROWS];
  const bool has_tails = blocks->tail_zone_count > 0;
  if (query->second && !has_tails) {
    __m256i halves[1][HALVES] = {{_mm256_setzero_si256(), _mm256_setzero_si256()}};
    add_panel(panel, blocks->groups, &query->second, 1, halves);
    memcpy(finer, halves, sizeof finer);
  }
  for (; rows; rows &= rows - 1) {
    const size_t r = (size_t)__builtin_ctz(rows), row = block_index * MOULT_BLOCK_ROWS + r;
    int32_t sum2 = 0;
    if (query->second && has_tails) {
      const uint8_t *const tail = blocks->tails + row * blocks->tail_stride;
      sum2 = query->second_bias + row_dot(blocks->tail_zones, blocks->tail_zone_count, tail, query->second);
    } else if (query->second) {
      sum2 = query->second_bias + finer[r];
    }
    scan->hit_count += moult_scan_refine(query, sums[r], sum2, factors[r], factors[MOULT_BLOCK_ROWS + r],
                                         query_index, row, scan->hits + scan->hit_count);
  }
}

INLINE void tile(scan *scan, size_t first_query, size_t query_count, size_t block_index, const uint8_t *block,
                 const uint8_t *panel) {
  const int8_t *first[TILE_QUERIES];
  __m256i sums[TILE_QUERIES][HALVES];
#pragma clang loop unroll(full)
  for (size_t q = 0; q < query_count; q++) {
    first[q] = scan->queries[first_query + q].first;
    sums[q][0] = sums[q][1] = _mm256_set1_epi32(scan->queries[first_query + q].first_bias);
  }
  add_panel(panel, scan->blocks->groups, first, query_count, sums);
  const float *const factors = (const float *)(block + scan->blocks->lines * MOULT_LINE_BYTES);
#pragma clang loop unroll(full)
  for (size_t q = 0; q < query_count; q++) {
    uint32_t passed = 0;
#pragma clang loop unroll(full)
    for (size_t half = 0; half < HALVES; half++) {
      const float *const of_half = factors + half * HALF_ROWS;
      const __m256 factor = _mm256_load_ps(of_half), additive = _mm256_load_ps(of_half + MOULT_BLOCK_ROWS);
      const moult_scan_query *const query = &scan->queries[first_query + q];
      passed |= stage_one(query, sums[q][half], factor, additive) << half * HALF_ROWS;
    }
    if (__builtin_expect(passed != 0, 0)) {
      int32_t stored[MOULT_BLOCK_ROWS];
      memcpy(stored, sums[q], sizeof stored);
      refine(scan, first_query + q, block_index, passed, stored, factors, panel);
    }
  }
}

size_t moult_avx2_scan_blocks(const moult_blocks *blocks, size_t first_block, size_t block_count,
                              const moult_scan_query *queries, size_t query_count, void *scratch,
                              moult_scan_hit *hits) {
  scan scan = {.blocks = blocks, .queries = queries, .hits = hits};
  uint8_t *const panel = scratch;
  for (size_t b = first_block; b < first_block + block_count; b++) {
    const uint8_t *const block = blocks->bytes + b * moult_block_bytes(blocks);
    decode_block(blocks->zones, blocks->zone_count, block, panel);
    size_t q = 0;
    for (; q + TILE_QUERIES <= query_count; q += TILE_QUERIES) {
      tile(&scan, q, TILE_QUERIES, b, block, panel);
    }
    for (; q < query_count; q++) tile(&scan, q, 1, b, block, panel);
  }
  return scan.hit_count;
}

void moult_avx2_level_dot_rows(const moult_zone *zones, size_t zone_count, const int8_t *query,
                               const void *rows, size_t stride, const uint32_t *indices, size_t count,
                               int32_t *out) {
  enum { AHEAD = 4 };
  const size_t bytes = moult_zones_bytes(zones, zone_count);
  moult_prefetch_rows(rows, stride, indices, count, 0, AHEAD, bytes);
  for (size_t i = 0; i < count; i++) {
    moult_prefetch_rows(rows, stride, indices, count, i + AHEAD, 1, bytes);
    out[i] = row_dot(zones, zone_count, moult_row(rows, stride, indices, i), query);
  }
}

void moult_avx2_interleave_block(const void *rows, size_t stride, size_t count, size_t bytes, size_t lines,
                                 uint8_t *block) {
  // 4 words of 4 rows at a time: a transposition in two steps.
  for (size_t r = 0; r < MOULT_BLOCK_ROWS; r += 4) {
    for (size_t w = 0; w < lines; w += 4) {
      __m128i words[4];
      for (size_t i = 0; i < 4; i++) {
        const uint8_t *const row = (const uint8_t *)rows + (r + i) * stride;
        const size_t left = r + i < count && w * 4 < bytes ? bytes - w * 4 : 0;
        words[i] = left > 0 ? load_part(row + w * 4, left) : _mm_setzero_si128();
      }
      const __m128i low01 = _mm_unpacklo_epi32(words[0], words[1]);
      const __m128i low23 = _mm_unpacklo_epi32(words[2], words[3]);
      const __m128i high01 = _mm_unpackhi_epi32(words[0], words[1]);
      const __m128i high23 = _mm_unpackhi_epi32(words[2], words[3]);
      const __m128i columns[4] = {_mm_unpacklo_epi64(low01, low23), _mm_unpackhi_epi64(low01, low23),
                                  _mm_unpacklo_epi64(high01, high23), _mm_unpackhi_epi64(high01, high23)};
      for (size_t i = 0; i < 4 && w + i < lines; i++) {
        _mm_store_si128((__m128i *)(block + (w + i) * MOULT_LINE_BYTES + r * 4), columns[i]);
      }
    }
  }
}

#pragma clang attribute pop

#endif
