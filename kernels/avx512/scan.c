// Many queries share decoded levels, so blocks are decoded once to a panel in the first-level cache, and the
// rest is a matrix product that keeps VPDPBUSD busy. A few queries do not pay for the panel: they decode in
// registers, several blocks at once to hide the latency.

#if defined(__x86_64__)

#include "avx512/scan_shared.h"
#include "tables.h"

#pragma clang attribute push(                                                              \
    __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx512vbmi"))), \
    apply_to = function)

enum {
  FUSED_QUERIES = 8,  ///< up to so many decode in registers, four at a time
  TILE_QUERIES = 8,   ///< with TILE_BLOCKS 16 accumulators
  TILE_BLOCKS = 2,
  MOST_CHAINS = 8,
  MOST_BLOCKS = 4,    ///< of any tile
};

/// What tiles of one call share.
typedef struct scan {
  const moult_blocks *blocks;
  const moult_scan_query *queries;
  survivors survivors;
} scan;

INLINE __m512i broadcast_group(const int8_t *query, size_t g) {
  int32_t word;
  memcpy(&word, query + g * 4, sizeof word);
  return _mm512_set1_epi32(word);
}

INLINE const uint8_t *block_at(const moult_blocks *blocks, size_t index) {
  return blocks->bytes + index * moult_block_bytes(blocks);
}

/// Stage one of a tile, from its sums. `wanted` queries count: the others repeat one of them.
INLINE void finish_tile(scan *scan, size_t first_query, size_t query_count, size_t wanted, size_t first_block,
                        size_t block_count, __m512i (*sums)[MOST_BLOCKS]) {
  __m512 factor[MOST_BLOCKS], additive[MOST_BLOCKS];
#pragma clang loop unroll(full)
  for (size_t b = 0; b < block_count; b++) {
    const uint8_t *const end = block_at(scan->blocks, first_block + b + 1);
    factor[b] = _mm512_load_ps(end - 2 * MOULT_LINE_BYTES);
    additive[b] = _mm512_load_ps(end - MOULT_LINE_BYTES);
  }
  // 16 bits a query; queries past `wanted` are never noted.
  uint64_t passed[MOST_BLOCKS][TILE_QUERIES / NOTED_QUERIES] = {0}, any = 0;
#pragma clang loop unroll(full)
  for (size_t q = 0; q < query_count; q++) {
    const moult_scan_query *const query = &scan->queries[first_query + (q < wanted ? q : 0)];
#pragma clang loop unroll(full)
    for (size_t b = 0; b < block_count; b++) {
      const uint64_t rows = stage_one(query, sums[q][b], factor[b], additive[b]);
      passed[b][q / NOTED_QUERIES] |= rows << q % NOTED_QUERIES * MOULT_BLOCK_ROWS;
      any |= rows;
    }
  }
  if (__builtin_expect(!any, 1)) return;
  int32_t stored[TILE_QUERIES][MOULT_BLOCK_ROWS];
#pragma clang loop unroll(full)
  for (size_t b = 0; b < block_count; b++) {
#pragma clang loop unroll(full)
    for (size_t q = 0; q < query_count; q++) _mm512_storeu_si512(stored[q], sums[q][b]);
#pragma clang loop unroll(full)
    for (size_t q = 0; q < query_count && q < wanted; q += NOTED_QUERIES) {
      const uint64_t pairs = passed[b][q / NOTED_QUERIES] & first_bytes((wanted - q) * MOULT_BLOCK_ROWS);
      note_survivors(&scan->survivors, pairs, stored[q], first_query + q, first_block + b);
    }
  }
}

INLINE void start_tile(const scan *scan, size_t first_query, size_t query_count, size_t wanted,
                       size_t block_count, const int8_t **first, __m512i (*sums)[MOST_BLOCKS]) {
#pragma clang loop unroll(full)
  for (size_t q = 0; q < query_count; q++) {
    const moult_scan_query *const query = &scan->queries[first_query + (q < wanted ? q : 0)];
    first[q] = query->first;
#pragma clang loop unroll(full)
    for (size_t b = 0; b < block_count; b++) sums[q][b] = _mm512_set1_epi32(query->first_bias);
  }
}

/// A tile of decoded blocks; `panel` holds the levels of the first.
INLINE void panel_tile(scan *scan, size_t first_query, size_t query_count, size_t wanted, size_t first_block,
                       size_t block_count, const uint8_t *panel) {
  const size_t groups = scan->blocks->groups;
  const int8_t *first[TILE_QUERIES];
  __m512i sums[TILE_QUERIES][MOST_BLOCKS];
  start_tile(scan, first_query, query_count, wanted, block_count, first, sums);
  for (size_t g = 0; g < groups; g++) {
    __m512i levels_u8x64[MOST_BLOCKS];
#pragma clang loop unroll(full)
    for (size_t b = 0; b < block_count; b++) {
      levels_u8x64[b] = _mm512_load_si512(panel + (b * groups + g) * MOULT_LINE_BYTES);
    }
#pragma clang loop unroll(full)
    for (size_t q = 0; q < query_count; q++) {
      const __m512i query_i8x64 = broadcast_group(first[q], g);
#pragma clang loop unroll(full)
      for (size_t b = 0; b < block_count; b++) {
        sums[q][b] = _mm512_dpbusd_epi32(sums[q][b], levels_u8x64[b], query_i8x64);
      }
    }
  }
  finish_tile(scan, first_query, query_count, wanted, first_block, block_count, sums);
}

/// VPDPBUSD takes four or five cycles and one or two begin in each.
INLINE size_t chains_for(size_t query_count, size_t block_count) {
  const size_t sums = query_count * block_count;
  return sums >= 8 ? 1 : sums >= 4 ? 2 : sums >= 2 ? 4 : 8;
}

/// Adds the products of one zone. `lines` is where it begins in the first block, `group` its first group.
INLINE void add_zone_of_blocks(size_t bits, const moult_zone *zone, const uint8_t *lines, size_t block_bytes,
                               size_t group, size_t query_count, size_t block_count,
                               const int8_t *const *first, __m512i (*sums)[MOST_BLOCKS]) {
  const level_tables tables = make_tables(bits, zone->levels);
  const size_t chains = chains_for(query_count, block_count);
  __m512i parts[TILE_QUERIES][MOST_BLOCKS][MOST_CHAINS];
#pragma clang loop unroll(full)
  for (size_t q = 0; q < query_count; q++) {
#pragma clang loop unroll(full)
    for (size_t b = 0; b < block_count; b++) {
#pragma clang loop unroll(full)
      for (size_t chain = 1; chain < chains; chain++) parts[q][b][chain] = _mm512_setzero_si512();
      parts[q][b][0] = sums[q][b];
    }
  }
  for (size_t s = 0; s < zone->segments; s++) {
#pragma clang loop unroll(full)
    for (size_t b = 0; b < block_count; b++) {
      const uint8_t *const ahead = lines + (b + MOST_BLOCKS) * block_bytes;  // may lie past the end: a hint
#pragma clang loop unroll(full)
      for (size_t w = 0; w < bits; w++) moult_prefetch(ahead + w * MOULT_LINE_BYTES);
    }
#pragma clang loop unroll(full)
    for (size_t g = 0; g < MOULT_SEGMENT_GROUPS; g++) {
      __m512i levels_u8x64[MOST_BLOCKS];
#pragma clang loop unroll(full)
      for (size_t b = 0; b < block_count; b++) {
        levels_u8x64[b] = decode_group(bits, &tables, lines + b * block_bytes, g);
      }
#pragma clang loop unroll(full)
      for (size_t q = 0; q < query_count; q++) {
        const __m512i query_i8x64 = broadcast_group(first[q], group + g);
#pragma clang loop unroll(full)
        for (size_t b = 0; b < block_count; b++) {
          __m512i *const sum = &parts[q][b][g % chains];
          *sum = _mm512_dpbusd_epi32(*sum, levels_u8x64[b], query_i8x64);
        }
      }
    }
    lines += bits * MOULT_LINE_BYTES;
    group += MOULT_SEGMENT_GROUPS;
  }
#pragma clang loop unroll(full)
  for (size_t q = 0; q < query_count; q++) {
#pragma clang loop unroll(full)
    for (size_t b = 0; b < block_count; b++) {
      sums[q][b] = parts[q][b][0];
#pragma clang loop unroll(full)
      for (size_t chain = 1; chain < chains; chain++) {
        sums[q][b] = _mm512_add_epi32(sums[q][b], parts[q][b][chain]);
      }
    }
  }
}

/// A tile that decodes as it goes.
INLINE void fused_tile(scan *scan, size_t first_query, size_t query_count, size_t first_block,
                       size_t block_count) {
  const moult_blocks *const blocks = scan->blocks;
  const size_t block_bytes = moult_block_bytes(blocks);
  const int8_t *first[TILE_QUERIES];
  __m512i sums[TILE_QUERIES][MOST_BLOCKS];
  start_tile(scan, first_query, query_count, query_count, block_count, first, sums);
  const uint8_t *lines = block_at(blocks, first_block);
  size_t group = 0;
  for (size_t z = 0; z < blocks->zone_count; z++) {
    const moult_zone *const zone = &blocks->zones[z];
    MOULT_WITH_WIDTH(zone->bits, add_zone_of_blocks, zone, lines, block_bytes, group, query_count,
                     block_count, first, sums)
    lines += (size_t)zone->segments * zone->bits * MOULT_LINE_BYTES;
    group += (size_t)zone->segments * MOULT_SEGMENT_GROUPS;
  }
  finish_tile(scan, first_query, query_count, query_count, first_block, block_count, sums);
}

/// Registers are counted at compile time, so every shape of a tile is a function of its own.
#define FUSED(query_count, blocks_at_once)                                                              \
  static __attribute__((noinline)) void fused_##query_count(scan *scan, size_t first_query, size_t block, \
                                                            size_t end) {                               \
    for (; block + blocks_at_once <= end; block += blocks_at_once) {                                    \
      fused_tile(scan, first_query, query_count, block, blocks_at_once);                                \
    }                                                                                                   \
    for (; block < end; block++) fused_tile(scan, first_query, query_count, block, 1);                  \
  }
FUSED(1, 4)
FUSED(2, 2)
FUSED(3, 2)
FUSED(4, 2)

#define PANEL(query_count, block_count)                                                                    \
  static __attribute__((noinline)) void panel_##query_count##_##block_count(                               \
      scan *scan, size_t first_query, size_t wanted, size_t block, const uint8_t *panel) {                 \
    panel_tile(scan, first_query, query_count, wanted, block, block_count, panel);                         \
  }
PANEL(8, 2)
PANEL(4, 2)
PANEL(8, 1)

static void scan_panel(scan *scan, size_t query_count, size_t first_block, size_t block_count,
                       const uint8_t *panel) {
  const size_t panel_bytes = scan->blocks->groups * MOULT_LINE_BYTES;
  size_t b = 0;
  for (; b < block_count; b += TILE_BLOCKS) {
    const uint8_t *const levels = panel + b * panel_bytes;
    for (size_t q = 0; q < query_count; q += TILE_QUERIES) {
      const size_t wanted = query_count - q < TILE_QUERIES ? query_count - q : TILE_QUERIES;
      if (block_count - b < TILE_BLOCKS) {
        panel_8_1(scan, q, wanted, first_block + b, levels);
      } else if (wanted > TILE_QUERIES / 2) {
        panel_8_2(scan, q, wanted, first_block + b, levels);
      } else {
        panel_4_2(scan, q, wanted, first_block + b, levels);
      }
    }
  }
}

size_t moult_avx512_scan_blocks(const moult_blocks *blocks, size_t first_block, size_t block_count,
                                const moult_scan_query *queries, size_t query_count, void *scratch,
                                moult_scan_hit *hits) {
  scan scan = {.blocks = blocks, .queries = queries};
  scan.survivors = start_survivors(blocks, hits);
  const size_t end = first_block + block_count;
  const bool decoded = query_count > FUSED_QUERIES;
  if (decoded) {
    for (size_t b = 0; b < block_count; b++) {
      decode_block(blocks->zones, blocks->zone_count, block_at(blocks, first_block + b),
                   (uint8_t *)scratch + b * blocks->groups * MOULT_LINE_BYTES);
    }
    scan_panel(&scan, query_count, first_block, block_count, scratch);
  } else {
    for (size_t q = 0; q < query_count; q += NOTED_QUERIES) {
      switch (query_count - q) {
        case 1: fused_1(&scan, q, first_block, end); break;
        case 2: fused_2(&scan, q, first_block, end); break;
        case 3: fused_3(&scan, q, first_block, end); break;
        default: fused_4(&scan, q, first_block, end); break;
      }
    }
  }
  return refine_survivors(blocks, first_block, queries, scratch, decoded, &scan.survivors);
}

void moult_avx512_level_dot_rows(const moult_zone *zones, size_t zone_count, const int8_t *query,
                                 const void *rows, size_t stride, const uint32_t *indices, size_t count,
                                 int32_t *out) {
  enum { GROUP = ROWS_AT_ONCE };
  const size_t bytes = moult_zones_bytes(zones, zone_count);
  for (size_t i = 0; i < count; i += GROUP) {
    moult_prefetch_rows(rows, stride, indices, count, i + GROUP, GROUP, bytes);
    const size_t wanted = count - i < GROUP ? count - i : GROUP;
    const uint8_t *group[GROUP];
    for (size_t r = 0; r < GROUP; r++) {
      // An incomplete group is filled up with its first row; nobody looks at those results.
      group[r] = moult_row(rows, stride, indices, i + (r < wanted ? r : 0));
    }
    const __m128i dots = dot_rows(zones, zone_count, &query, 1, group);
    _mm_mask_storeu_epi32(out + i, (__mmask8)((1u << wanted) - 1), dots);
  }
}

void moult_avx512_interleave_block(const void *rows, size_t stride, size_t count, size_t bytes, size_t lines,
                                   uint8_t *block) {
  // 16 words of 16 rows at a time: a transposition in four steps.
  for (size_t w = 0; w < lines; w += 16) {
    const __mmask64 mask = w * 4 < bytes ? first_bytes(bytes - w * 4) : 0;
    __m512i a[16], b[16];
    for (size_t r = 0; r < 16; r++) {
      const uint8_t *const row = (const uint8_t *)rows + r * stride + w * 4;
      a[r] = r < count ? _mm512_maskz_loadu_epi8(mask, row) : _mm512_setzero_si512();
    }
#pragma clang loop unroll(full)
    for (size_t r = 0; r < 16; r += 2) {
      b[r] = _mm512_unpacklo_epi32(a[r], a[r + 1]);
      b[r + 1] = _mm512_unpackhi_epi32(a[r], a[r + 1]);
    }
#pragma clang loop unroll(full)
    for (size_t r = 0; r < 16; r += 4) {
      a[r] = _mm512_unpacklo_epi64(b[r], b[r + 2]);
      a[r + 1] = _mm512_unpackhi_epi64(b[r], b[r + 2]);
      a[r + 2] = _mm512_unpacklo_epi64(b[r + 1], b[r + 3]);
      a[r + 3] = _mm512_unpackhi_epi64(b[r + 1], b[r + 3]);
    }
    // a[4k + i] has word 4j + i of rows 4k … 4k + 3 in its quarter j.
#pragma clang loop unroll(full)
    for (size_t i = 0; i < 4; i++) {
      const __m512i low01 = _mm512_shuffle_i32x4(a[i], a[4 + i], 0x44);
      const __m512i high01 = _mm512_shuffle_i32x4(a[i], a[4 + i], 0xEE);
      const __m512i low23 = _mm512_shuffle_i32x4(a[8 + i], a[12 + i], 0x44);
      const __m512i high23 = _mm512_shuffle_i32x4(a[8 + i], a[12 + i], 0xEE);
      b[i] = _mm512_shuffle_i32x4(low01, low23, 0x88);
      b[4 + i] = _mm512_shuffle_i32x4(low01, low23, 0xDD);
      b[8 + i] = _mm512_shuffle_i32x4(high01, high23, 0x88);
      b[12 + i] = _mm512_shuffle_i32x4(high01, high23, 0xDD);
    }
    const size_t end = lines - w < 16 ? lines - w : 16;
    for (size_t i = 0; i < end; i++) _mm512_store_si512(block + (w + i) * MOULT_LINE_BYTES, b[i]);
  }
}

#pragma clang attribute pop

#endif
