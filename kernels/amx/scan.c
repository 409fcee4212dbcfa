// Tiles hold 16 queries × 64 dimensions (A), 64 dimensions × 16 rows (B, a block's panel as it is) and
// 16 × 16 sums (C). Two tiles of queries meet two blocks at a time: every load is used twice, and all eight
// tiles are in use.

#if defined(__x86_64__)

#include "avx512/scan_shared.h"
#include "tables.h"
#include "tiles.h"

#pragma clang attribute push(                                                                        \
    __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx512vbmi," TILE_TARGET))), \
    apply_to = function)

/// With fewer queries most of a tile's products would be for nobody.
enum { QUERIES_MIN = 16, PAIR = 2, PAIR_QUERIES = PAIR * MOULT_TILE_ROWS };

enum { STEP_GROUPS = 16 };  // of a K step: 64 dimensions

// Tiles. C00 is the first tile of queries with the first block, C01 with the second block.
enum { C00, C01, C10, C11, A0, A1, B0, B1 };

/// The limbs of a tile of queries, step by step.
typedef struct moult_limbs {
  const int8_t *start;
  size_t step_bytes;   ///< from one K step to the next
  ptrdiff_t stride;    ///< from one query to the next
  const int8_t *last;  ///< the last half step of 8 groups, filled up with zeros; NULL where there is none
} moult_limbs;

/// One call's queries and space.
typedef struct moult_amx_scan {
  const moult_blocks *blocks;
  const moult_scan_query *queries;
  size_t whole_steps, steps;  ///< K steps, without and with the half one
  uint8_t *panels;            ///< one a block
  int8_t *packed;             ///< limbs in tiles; only the half steps where the queries are equally far apart
  bool is_spaced;
  int32_t (*sums)[PAIR][MOULT_TILE_ROWS][MOULT_BLOCK_ROWS];  ///< by tile of queries and block
  survivors survivors;
} moult_amx_scan;

/// The blocks of one round, `count` of them, from `index` on.
typedef struct moult_block_pair {
  const uint8_t *blocks[PAIR];
  const uint8_t *panels[PAIR];
  size_t index, count;
} moult_block_pair;

static bool are_equally_spaced(const moult_scan_query *queries, size_t count) {
  const uintptr_t first = (uintptr_t)queries[0].first, spacing = (uintptr_t)queries[1].first - first;
  for (size_t q = 2; q < count; q++) {
    if ((uintptr_t)queries[q].first != first + q * spacing) return false;
  }
  return true;
}

/// Copies the limbs of up to 16 queries from K step `from` on: a tile a step, zeros beyond the dimensions.
static void pack(const moult_amx_scan *scan, const moult_scan_query *queries, size_t count, size_t from,
                 int8_t *tiles) {
  const size_t limb_bytes = 4 * scan->blocks->groups;
  for (size_t q = 0; q < count; q++) {
    for (size_t k = from; k < scan->steps; k++) {
      const size_t offset = k * MOULT_TILE_ROW_BYTES, left = limb_bytes - offset;
      const __mmask64 lanes = left < MOULT_TILE_ROW_BYTES ? (1ull << left) - 1 : ~0ull;
      _mm512_storeu_si512(tiles + (k - from) * MOULT_TILE_BYTES + q * MOULT_TILE_ROW_BYTES,
                          _mm512_maskz_loadu_epi8(lanes, queries[q].first + offset));
    }
  }
}

static void pack_all(const moult_amx_scan *scan, size_t query_count) {
  const size_t from = scan->is_spaced ? scan->whole_steps : 0;
  const size_t tile_bytes = (scan->steps - from) * MOULT_TILE_BYTES;
  for (size_t q = 0; q < query_count; q += MOULT_TILE_ROWS) {
    const size_t count = query_count - q < MOULT_TILE_ROWS ? query_count - q : MOULT_TILE_ROWS;
    pack(scan, scan->queries + q, count, from, scan->packed + q / MOULT_TILE_ROWS * tile_bytes);
  }
}

/// The limbs of the tile of queries that begins with query q.
static moult_limbs limbs_of(const moult_amx_scan *scan, size_t q) {
  const size_t tile = q / MOULT_TILE_ROWS;
  const bool has_half_step = scan->steps > scan->whole_steps;
  if (scan->is_spaced) {
    const int8_t *const half_step = scan->packed + tile * MOULT_TILE_BYTES;
    return (moult_limbs){.start = scan->queries[q].first,
                         .step_bytes = MOULT_TILE_ROW_BYTES,
                         .stride = scan->queries[1].first - scan->queries[0].first,
                         .last = has_half_step ? half_step : NULL};
  }
  const int8_t *const tiles = scan->packed + tile * scan->steps * MOULT_TILE_BYTES;
  return (moult_limbs){.start = tiles,
                       .step_bytes = MOULT_TILE_BYTES,
                       .stride = MOULT_TILE_ROW_BYTES,
                       .last = has_half_step ? tiles + scan->whole_steps * MOULT_TILE_BYTES : NULL};
}

/// Adds `steps` K steps. The order is what keeps the multiplier busy: tiles are not renamed, so each load
/// comes right before its first use, and a multiplication lies between it and the next.
INLINE void multiply(size_t steps, const uint8_t *const panels[PAIR], const int8_t *const limbs[PAIR],
                     size_t step_bytes, ptrdiff_t stride, bool has_two_tiles, bool has_two_blocks) {
  for (size_t k = 0; k < steps; k++) {
    moult_tile_load(B0, panels[0] + k * MOULT_TILE_BYTES, MOULT_TILE_ROW_BYTES);
    moult_tile_load(A0, limbs[0] + k * step_bytes, stride);
    moult_tile_dot(C00, A0, B0);
    if (has_two_tiles) {
      moult_tile_load(A1, limbs[1] + k * step_bytes, stride);
      moult_tile_dot(C10, A1, B0);
    }
    if (has_two_blocks) {
      moult_tile_load(B1, panels[1] + k * MOULT_TILE_BYTES, MOULT_TILE_ROW_BYTES);
      moult_tile_dot(C01, A0, B1);
      if (has_two_tiles) moult_tile_dot(C11, A1, B1);
    }
  }
}

/// Sums of one or two tiles of queries over one or two blocks.
INLINE void sum(const moult_amx_scan *scan, const moult_limbs limbs[PAIR], moult_block_pair pair,
                bool has_two_tiles, bool has_two_blocks) {
  moult_tile_zero(C00);
  if (has_two_tiles) moult_tile_zero(C10);
  if (has_two_blocks) moult_tile_zero(C01);
  if (has_two_tiles && has_two_blocks) moult_tile_zero(C11);
  const int8_t *const starts[PAIR] = {limbs[0].start, limbs[1].start};
  multiply(scan->whole_steps, pair.panels, starts, limbs[0].step_bytes, limbs[0].stride, has_two_tiles,
           has_two_blocks);
  if (limbs[0].last) {
    const size_t offset = scan->whole_steps * MOULT_TILE_BYTES;
    const uint8_t *const panels[PAIR] = {pair.panels[0] + offset,
                                         has_two_blocks ? pair.panels[1] + offset : NULL};
    const int8_t *const lasts[PAIR] = {limbs[0].last, limbs[1].last};
    multiply(1, panels, lasts, 0, MOULT_TILE_ROW_BYTES, has_two_tiles, has_two_blocks);
  }
  moult_tile_store(C00, scan->sums[0][0], MOULT_LINE_BYTES);
  if (has_two_tiles) moult_tile_store(C10, scan->sums[1][0], MOULT_LINE_BYTES);
  if (has_two_blocks) moult_tile_store(C01, scan->sums[0][1], MOULT_LINE_BYTES);
  if (has_two_tiles && has_two_blocks) moult_tile_store(C11, scan->sums[1][1], MOULT_LINE_BYTES);
}

/// Stage one for one block and the tile of queries `first_query ..< end_query`.
INLINE void finish_tile(moult_amx_scan *scan, size_t first_query, size_t end_query, size_t block_index,
                        const uint8_t *block, int32_t (*sums)[MOULT_BLOCK_ROWS]) {
  const float *const factors = (const float *)(block + scan->blocks->lines * MOULT_LINE_BYTES);
  const __m512 factor = _mm512_load_ps(factors), additive = _mm512_load_ps(factors + MOULT_BLOCK_ROWS);
  for (size_t q = first_query; q < end_query; q += NOTED_QUERIES, sums += NOTED_QUERIES) {
    const size_t count = end_query - q < NOTED_QUERIES ? end_query - q : NOTED_QUERIES;
    uint64_t passed = 0;
    for (size_t i = 0; i < count; i++) {
      const moult_scan_query *const query = &scan->queries[q + i];
      const __m512i bias = _mm512_set1_epi32(query->first_bias);
      const __m512i biased = _mm512_add_epi32(_mm512_load_si512(sums[i]), bias);
      _mm512_store_si512(sums[i], biased);
      passed |= (uint64_t)stage_one(query, biased, factor, additive) << i * MOULT_BLOCK_ROWS;
    }
    if (__builtin_expect(!passed, 1)) continue;
    note_survivors(&scan->survivors, passed, sums[0], q, block_index);
  }
}

/// Stage one for a round's blocks and up to 32 queries.
static void scan_pair(moult_amx_scan *scan, moult_block_pair pair, size_t first_query, size_t query_count) {
  const bool has_two_tiles = query_count > MOULT_TILE_ROWS;
  const size_t second_query = first_query + MOULT_TILE_ROWS, end_query = first_query + query_count;
  const moult_limbs limbs[PAIR] = {limbs_of(scan, first_query),
                                   limbs_of(scan, has_two_tiles ? second_query : first_query)};
  if (has_two_tiles) {
    pair.count == PAIR ? sum(scan, limbs, pair, true, true) : sum(scan, limbs, pair, true, false);
  } else {
    pair.count == PAIR ? sum(scan, limbs, pair, false, true) : sum(scan, limbs, pair, false, false);
  }
  for (size_t b = 0; b < pair.count; b++) {
    finish_tile(scan, first_query, has_two_tiles ? second_query : end_query, pair.index + b, pair.blocks[b],
                scan->sums[0][b]);
    if (has_two_tiles) {
      finish_tile(scan, second_query, end_query, pair.index + b, pair.blocks[b], scan->sums[1][b]);
    }
  }
}

/// Tiles for `query_count` queries at a time, 1 … 32.
static void configure(size_t query_count) {
  const size_t rest = query_count > MOULT_TILE_ROWS ? query_count - MOULT_TILE_ROWS : MOULT_TILE_ROWS;
  const uint8_t first = query_count < MOULT_TILE_ROWS ? (uint8_t)query_count : MOULT_TILE_ROWS;
  const uint8_t second = (uint8_t)rest;  // not used with one tile
  moult_tile_config config = {
      .palette = 1,
      .rows = {[C00] = first, [C01] = first, [C10] = second, [C11] = second, [A0] = first, [A1] = second,
               [B0] = MOULT_TILE_ROWS, [B1] = MOULT_TILE_ROWS}};
  for (size_t tile = 0; tile < MOULT_TILES; tile++) config.row_bytes[tile] = MOULT_TILE_ROW_BYTES;
  moult_tile_configure(&config);
}

/// Stage one of all blocks for the queries `first_query ..< end_query`. With `decodes` the panels are written
/// on the way.
static void scan_queries(moult_amx_scan *scan, size_t first_block, size_t block_count, size_t first_query,
                         size_t end_query, bool decodes) {
  const moult_blocks *const blocks = scan->blocks;
  const size_t left = end_query - first_query, at_once = left < PAIR_QUERIES ? left : PAIR_QUERIES;
  configure(at_once);
  for (size_t i = 0; i < block_count; i += PAIR) {
    moult_block_pair pair = {.index = first_block + i, .count = block_count - i < PAIR ? 1 : PAIR};
    for (size_t b = 0; b < pair.count; b++) {
      uint8_t *const panel = scan->panels + (i + b) * blocks->groups * MOULT_LINE_BYTES;
      pair.blocks[b] = blocks->bytes + (pair.index + b) * moult_block_bytes(blocks);
      pair.panels[b] = panel;
      if (decodes) decode_block(blocks->zones, blocks->zone_count, pair.blocks[b], panel);
    }
    for (size_t q = first_query; q < end_query; q += at_once) scan_pair(scan, pair, q, at_once);
  }
}

size_t moult_amx_scan_blocks(const moult_blocks *blocks, size_t first_block, size_t block_count,
                             const moult_scan_query *queries, size_t query_count, void *scratch,
                             moult_scan_hit *hits) {
  if (query_count < QUERIES_MIN) {
    return moult_avx512_scan_blocks(blocks, first_block, block_count, queries, query_count, scratch, hits);
  }
  moult_amx_scan scan = {.blocks = blocks,
                         .queries = queries,
                         .whole_steps = blocks->groups / STEP_GROUPS,
                         .steps = (blocks->groups + STEP_GROUPS - 1) / STEP_GROUPS,
                         .is_spaced = are_equally_spaced(queries, query_count),
                         .sums = scratch,
                         .survivors = start_survivors(blocks, hits)};
  scan.packed = (int8_t *)scratch + PAIR * sizeof *scan.sums;
  const size_t tile_count = (query_count + MOULT_TILE_ROWS - 1) / MOULT_TILE_ROWS;
  // The last half step of a panel is loaded whole: what follows the panel, of the next one or of nothing,
  // meets the zeros of the queries' half step.
  scan.panels = (uint8_t *)scan.packed + tile_count * scan.steps * MOULT_TILE_BYTES;
  pack_all(&scan, query_count);

  // Whole pairs of tiles first, the rest with a configuration of its own.
  const size_t whole = query_count / PAIR_QUERIES * PAIR_QUERIES;
  if (whole > 0) scan_queries(&scan, first_block, block_count, 0, whole, true);
  if (whole < query_count) scan_queries(&scan, first_block, block_count, whole, query_count, whole == 0);
  moult_tile_release();
  return refine_survivors(blocks, first_block, queries, scan.panels, true, &scan.survivors);
}

#pragma clang attribute pop

#endif
