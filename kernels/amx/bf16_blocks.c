// Tiles hold 16 queries × 32 entries (A), 16 lines of a block (B, as they are) and 16 × 16 sums (C), which go
// straight to where they belong. Two tiles of queries meet two blocks at a time, as in the scan.

#if defined(__x86_64__)

#include <stdbool.h>

#include "bf16_blocks.h"
#include "tables.h"
#include "tiles.h"

#pragma clang attribute push(__attribute__((target(TILE_TARGET))), apply_to = function)

#define INLINE static inline __attribute__((always_inline))

enum { PAIR = 2, STEP_LINES = MOULT_TILE_ROWS, STEP_ENTRIES = 2 * STEP_LINES };

// Tiles. C00 is the first tile of queries with the first block, C01 with the second block.
enum { C00, C01, C10, C11, A0, A1, B0, B1 };

/// A K step takes `lines` lines, 1 … 16; the last one may be shorter than the others.
typedef struct product {
  const uint16_t *queries;
  size_t query_stride;
  const uint8_t *blocks;
  size_t lines, block_count;
  float *out;
  size_t out_stride;
} product;

/// Tiles of `query_count` queries and steps of `lines` lines, both 1 … 16.
static void configure(size_t query_count, size_t lines) {
  const uint8_t queries = (uint8_t)query_count, rows = (uint8_t)lines;
  moult_tile_config config = {.palette = 1,
                              .rows = {[C00] = queries, [C01] = queries, [C10] = queries, [C11] = queries,
                                       [A0] = queries, [A1] = queries, [B0] = rows, [B1] = rows}};
  for (size_t tile = 0; tile < MOULT_TILES; tile++) config.row_bytes[tile] = MOULT_TILE_ROW_BYTES;
  config.row_bytes[A0] = config.row_bytes[A1] = (uint16_t)(4 * lines);
  moult_tile_configure(&config);
}

/// Adds the steps from line `first` to before `end` for one or two tiles of queries from query q on and one or
/// two blocks from block b on. Sums begin at 0 with the first line, else with what is there.
INLINE void add_steps(const product *product, size_t q, size_t b, size_t first, size_t end, bool has_two_tiles,
                      bool has_two_blocks) {
  float *const out = product->out + q * product->out_stride + b * MOULT_BF16_ROWS;
  float *const below = out + MOULT_TILE_ROWS * product->out_stride;
  const size_t out_bytes = product->out_stride * sizeof *out;
  if (first == 0) {
    moult_tile_zero(C00);
    if (has_two_blocks) moult_tile_zero(C01);
    if (has_two_tiles) moult_tile_zero(C10);
    if (has_two_tiles && has_two_blocks) moult_tile_zero(C11);
  } else {
    moult_tile_load(C00, out, out_bytes);
    if (has_two_blocks) moult_tile_load(C01, out + MOULT_BF16_ROWS, out_bytes);
    if (has_two_tiles) moult_tile_load(C10, below, out_bytes);
    if (has_two_tiles && has_two_blocks) moult_tile_load(C11, below + MOULT_BF16_ROWS, out_bytes);
  }
  const size_t query_bytes = product->query_stride * sizeof *product->queries;
  const uint16_t *const queries = product->queries + q * product->query_stride;
  const uint8_t *const block = product->blocks + b * product->lines * MOULT_BF16_LINE_BYTES;
  for (size_t line = first; line < end; line += STEP_LINES) {
    const uint8_t *const step = block + line * MOULT_BF16_LINE_BYTES;
    moult_tile_load(B0, step, MOULT_BF16_LINE_BYTES);
    moult_tile_load(A0, queries + 2 * line, query_bytes);
    moult_tile_dot_bf16(C00, A0, B0);
    if (has_two_tiles) {
      moult_tile_load(A1, queries + MOULT_TILE_ROWS * product->query_stride + 2 * line, query_bytes);
      moult_tile_dot_bf16(C10, A1, B0);
    }
    if (has_two_blocks) {
      moult_tile_load(B1, step + product->lines * MOULT_BF16_LINE_BYTES, MOULT_BF16_LINE_BYTES);
      moult_tile_dot_bf16(C01, A0, B1);
      if (has_two_tiles) moult_tile_dot_bf16(C11, A1, B1);
    }
  }
  moult_tile_store(C00, out, out_bytes);
  if (has_two_blocks) moult_tile_store(C01, out + MOULT_BF16_ROWS, out_bytes);
  if (has_two_tiles) moult_tile_store(C10, below, out_bytes);
  if (has_two_tiles && has_two_blocks) moult_tile_store(C11, below + MOULT_BF16_ROWS, out_bytes);
}

/// The same for all blocks and the queries from `q` to before `end`, in tiles as they are configured.
static void add_to_all(const product *product, size_t q, size_t end, size_t first_line, size_t end_line) {
  while (q < end) {
    const bool has_two_tiles = end - q >= PAIR * MOULT_TILE_ROWS;
    for (size_t b = 0; b < product->block_count; b += PAIR) {
      const bool has_two_blocks = product->block_count - b >= PAIR;
      if (has_two_tiles) {
        if (has_two_blocks) add_steps(product, q, b, first_line, end_line, true, true);
        else add_steps(product, q, b, first_line, end_line, true, false);
      } else {
        if (has_two_blocks) add_steps(product, q, b, first_line, end_line, false, true);
        else add_steps(product, q, b, first_line, end_line, false, false);
      }
    }
    q += has_two_tiles ? PAIR * MOULT_TILE_ROWS : MOULT_TILE_ROWS;
  }
}

void moult_amx_dot_bf16_blocks(const uint16_t *queries, size_t query_stride, size_t query_count,
                               const void *blocks, size_t lines, size_t block_count, float *out,
                               size_t out_stride) {
  if (lines == 0 || query_count == 0) {
    moult_scalar_dot_bf16_blocks(queries, query_stride, query_count, blocks, lines, block_count, out, out_stride);
    return;
  }
  const product product = {queries, query_stride, blocks, lines, block_count, out, out_stride};
  const size_t whole_queries = query_count / MOULT_TILE_ROWS * MOULT_TILE_ROWS;
  const size_t whole_lines = lines / STEP_LINES * STEP_LINES;
  // Whole tiles first, then each rest with a configuration of its own.
  for (int rest = 0; rest < 2; rest++) {
    const size_t q = rest ? whole_queries : 0, end = rest ? query_count : whole_queries;
    if (q == end) continue;
    const size_t tile_queries = rest ? end - q : MOULT_TILE_ROWS;
    if (whole_lines > 0) {
      configure(tile_queries, STEP_LINES);
      add_to_all(&product, q, end, 0, whole_lines);
    }
    if (whole_lines < lines) {
      configure(tile_queries, lines - whole_lines);
      add_to_all(&product, q, end, whole_lines, lines);
    }
  }
  moult_tile_release();
}

#pragma clang attribute pop

#endif
