// Many queries share decoded levels, so a block is decoded once to a panel and multiplied by six queries at a
// time: twelve sums, which hide the latency of VPDPBUSD and leave registers for the operands. One or two
// queries do not pay for the panel and decode in registers.

#if defined(__x86_64__)

#include "avx2/scan_shared.h"
#include "avxvnni/dpbusd.h"
#include "tables.h"

#pragma clang attribute push(__attribute__((target(MOULT_VNNI_TARGET))), apply_to = function)

enum { HALVES = 2, FUSED_QUERIES = 2, TILE_QUERIES = 6 };

/// Sums of the rows 0 … 7 and 8 … 15.
typedef struct row_sums {
  __m256i halves[HALVES];
} row_sums;

typedef struct scan {
  const moult_blocks *blocks;
  const moult_scan_query *queries;
  uint8_t *panel;  ///< of the block at hand
  bool is_decoded;
  moult_scan_hit *hits;
  size_t hit_count;
} scan;

INLINE __m256i broadcast_group(const int8_t *query, size_t g) {
  int32_t word;
  memcpy(&word, query + 4 * g, sizeof word);
  return _mm256_set1_epi32(word);
}

/// Σ query[j]·(level[j] + 128) of some queries over a panel; query_count is a constant.
INLINE void panel_sums(const uint8_t *panel, size_t groups, size_t query_count, const int8_t *const *queries,
                       row_sums *sums) {
  for (size_t g = 0; g < groups; g++) {
    const __m256i *const line = (const __m256i *)(panel + g * MOULT_LINE_BYTES);
    const __m256i low_u8x32 = _mm256_load_si256(line), high_u8x32 = _mm256_load_si256(line + 1);
#pragma clang loop unroll(full)
    for (size_t q = 0; q < query_count; q++) {
      const __m256i query_i8x32 = broadcast_group(queries[q], g);
      sums[q].halves[0] = moult_dpbusd(sums[q].halves[0], low_u8x32, query_i8x32);
      sums[q].halves[1] = moult_dpbusd(sums[q].halves[1], high_u8x32, query_i8x32);
    }
  }
}

/// Adds one zone's products, decoding as it goes. `group` is the zone's first. Every query has sums for even
/// and for odd groups, so that no sum waits for the one before it.
INLINE void add_zone(size_t bits, const moult_zone *zone, const uint8_t *lines, size_t group,
                     size_t query_count, const int8_t *const *queries, row_sums (*sums)[2]) {
  const level_tables tables = make_tables(bits, zone->levels);
  for (size_t s = 0; s < zone->segments; s++) {
#pragma clang loop unroll(full)
    for (size_t g = 0; g < MOULT_SEGMENT_GROUPS; g++) {
      const __m256i low_u8x32 = decode_group(bits, &tables, lines, g, 0);
      const __m256i high_u8x32 = decode_group(bits, &tables, lines, g, 1);
#pragma clang loop unroll(full)
      for (size_t q = 0; q < query_count; q++) {
        const __m256i query_i8x32 = broadcast_group(queries[q], group + g);
        row_sums *const sum = &sums[q][g % 2];
        sum->halves[0] = moult_dpbusd(sum->halves[0], low_u8x32, query_i8x32);
        sum->halves[1] = moult_dpbusd(sum->halves[1], high_u8x32, query_i8x32);
      }
    }
    lines += bits * MOULT_LINE_BYTES;
    group += MOULT_SEGMENT_GROUPS;
  }
}

INLINE void fused_sums(const moult_blocks *blocks, const uint8_t *block, size_t query_count,
                       const int8_t *const *queries, row_sums *totals) {
  row_sums sums[FUSED_QUERIES][2];
  memset(sums, 0, sizeof sums);
  size_t group = 0;
  for (size_t z = 0; z < blocks->zone_count; z++) {
    const moult_zone *const zone = &blocks->zones[z];
    MOULT_WITH_WIDTH(zone->bits, add_zone, zone, block, group, query_count, queries, sums)
    block += (size_t)zone->segments * zone->bits * MOULT_LINE_BYTES;
    group += (size_t)zone->segments * MOULT_SEGMENT_GROUPS;
  }
  for (size_t q = 0; q < query_count; q++) {
    for (size_t half = 0; half < HALVES; half++) {
      totals[q].halves[half] = _mm256_add_epi32(sums[q][0].halves[half], sums[q][1].halves[half]);
    }
  }
}

/// sum2 of the rows of a block that passed stage one.
static void second_sums(scan *scan, const moult_scan_query *query, size_t block_index, uint32_t passed,
                        int32_t sums[MOULT_BLOCK_ROWS]) {
  const moult_blocks *const blocks = scan->blocks;
  if (blocks->tail_zone_count == 0) {
    if (!scan->is_decoded) {
      const uint8_t *const block = blocks->bytes + block_index * moult_block_bytes(blocks);
      decode_block(blocks->zones, blocks->zone_count, block, scan->panel);
      scan->is_decoded = true;
    }
    const __m256i bias = _mm256_set1_epi32(query->second_bias);
    row_sums second = {{bias, bias}};
    panel_sums(scan->panel, blocks->groups, 1, &query->second, &second);
    for (size_t half = 0; half < HALVES; half++) {
      _mm256_storeu_si256((__m256i *)(sums + half * 8), second.halves[half]);
    }
    return;
  }
  uint32_t rows[MOULT_BLOCK_ROWS];
  int32_t results[MOULT_BLOCK_ROWS];
  size_t count = 0;
  for (; passed; passed &= passed - 1) {
    rows[count++] = (uint32_t)(block_index * MOULT_BLOCK_ROWS) + (uint32_t)__builtin_ctz(passed);
  }
  moult_avxvnni_level_dot_rows(blocks->tail_zones, blocks->tail_zone_count, query->second, blocks->tails,
                               blocks->tail_stride, rows, count, results);
  for (size_t i = 0; i < count; i++) sums[rows[i] % MOULT_BLOCK_ROWS] = query->second_bias + results[i];
}

/// What remains to be done for rows that passed stage one.
static __attribute__((noinline)) void keep(scan *scan, size_t query_index, size_t block_index,
                                           uint32_t passed, const int32_t *sums) {
  const moult_blocks *const blocks = scan->blocks;
  const moult_scan_query *const query = &scan->queries[query_index];
  const uint8_t *const block = blocks->bytes + block_index * moult_block_bytes(blocks);
  const float *const factors = (const float *)(block + blocks->lines * MOULT_LINE_BYTES);
  const float *const additives = factors + MOULT_BLOCK_ROWS;
  int32_t finer[MOULT_BLOCK_ROWS] = {0};
  if (query->second) second_sums(scan, query, block_index, passed, finer);
  for (; passed; passed &= passed - 1) {
    const size_t r = (size_t)__builtin_ctz(passed);
    scan->hit_count +=
        moult_scan_refine(query, sums[r], finer[r], factors[r], additives[r], query_index,
                          block_index * MOULT_BLOCK_ROWS + r, scan->hits + scan->hit_count);
  }
}

INLINE void finish(scan *scan, size_t first_query, size_t query_count, size_t block_index,
                   const row_sums *sums) {
  const moult_blocks *const blocks = scan->blocks;
  const uint8_t *const end = blocks->bytes + (block_index + 1) * moult_block_bytes(blocks);
  const float *const factors = (const float *)(end - 2 * MOULT_LINE_BYTES);
  const __m256 factor[HALVES] = {_mm256_load_ps(factors), _mm256_load_ps(factors + 8)};
  const __m256 additive[HALVES] = {_mm256_load_ps(factors + MOULT_BLOCK_ROWS),
                                   _mm256_load_ps(factors + MOULT_BLOCK_ROWS + 8)};
  for (size_t q = 0; q < query_count; q++) {
    const moult_scan_query *const query = &scan->queries[first_query + q];
    const __m256i bias = _mm256_set1_epi32(query->first_bias);
    const __m256i low = _mm256_add_epi32(sums[q].halves[0], bias);
    const __m256i high = _mm256_add_epi32(sums[q].halves[1], bias);
    const uint32_t passed = stage_one(query, low, factor[0], additive[0]) |
                            stage_one(query, high, factor[1], additive[1]) << 8;
    if (__builtin_expect(!passed, 1)) continue;
    int32_t stored[MOULT_BLOCK_ROWS];
    _mm256_storeu_si256((__m256i *)stored, low);
    _mm256_storeu_si256((__m256i *)(stored + 8), high);
    keep(scan, first_query + q, block_index, passed, stored);
  }
}

static void scan_fused(scan *scan, size_t query_count, size_t block_index) {
  const uint8_t *const block = scan->blocks->bytes + block_index * moult_block_bytes(scan->blocks);
  const int8_t *queries[FUSED_QUERIES];
  row_sums sums[FUSED_QUERIES];
  for (size_t q = 0; q < query_count; q++) queries[q] = scan->queries[q].first;
  if (query_count == 1) {
    fused_sums(scan->blocks, block, 1, queries, sums);
  } else {
    fused_sums(scan->blocks, block, FUSED_QUERIES, queries, sums);
  }
  finish(scan, 0, query_count, block_index, sums);
}

static void scan_panel(scan *scan, size_t query_count, size_t block_index) {
  for (size_t first = 0; first < query_count; first += TILE_QUERIES) {
    const size_t left = query_count - first, wanted = left < TILE_QUERIES ? left : TILE_QUERIES;
    const int8_t *queries[TILE_QUERIES];
    row_sums sums[TILE_QUERIES];
    for (size_t q = 0; q < TILE_QUERIES; q++) {
      // An incomplete tile is filled up with its first query; nobody looks at those results.
      queries[q] = scan->queries[first + (q < wanted ? q : 0)].first;
      sums[q].halves[0] = sums[q].halves[1] = _mm256_setzero_si256();
    }
    if (wanted <= TILE_QUERIES / 2) {
      panel_sums(scan->panel, scan->blocks->groups, TILE_QUERIES / 2, queries, sums);
    } else {
      panel_sums(scan->panel, scan->blocks->groups, TILE_QUERIES, queries, sums);
    }
    finish(scan, first, wanted, block_index, sums);
  }
}

size_t moult_avxvnni_scan_blocks(const moult_blocks *blocks, size_t first_block, size_t block_count,
                                 const moult_scan_query *queries, size_t query_count, void *scratch,
                                 moult_scan_hit *hits) {
  scan scan = {.blocks = blocks, .queries = queries, .panel = scratch, .hits = hits};
  for (size_t i = first_block; i < first_block + block_count && query_count > 0; i++) {
    scan.is_decoded = query_count > FUSED_QUERIES;
    if (scan.is_decoded) {
      const uint8_t *const block = blocks->bytes + i * moult_block_bytes(blocks);
      decode_block(blocks->zones, blocks->zone_count, block, scan.panel);
      scan_panel(&scan, query_count, i);
    } else {
      scan_fused(&scan, query_count, i);
    }
  }
  return scan.hit_count;
}

#pragma clang attribute pop

#endif
