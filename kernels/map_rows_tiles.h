/// Rows through a matrix in tiles of registers, for the levels with fused multiply-adds of several lanes. It is code,
/// not declarations: a map_rows.c includes it after it has defined
///
///     LANES                   lanes of a register, a part of a block's 16
///     TILE_ROWS, TILE_BLOCKS  a tile: rows that share what is loaded of the matrix, beside so many of its blocks
///     FEW_ROWS, FEW_BLOCKS    where there are only so many rows, 2: more blocks, so that enough sums do not wait
///                             for each other
///     vector, zero, load, store, spread, fused    a register; one number in all lanes; a·b + c, rounded once
///
/// A tile's sums stay in registers over DEPTH inputs and wait in `out` for the next ones, so that each is one chain
/// from input 0 on, whatever the tiles are. That much of a block, 16 KiB, stays in the first-level cache while the rows
/// go by, and that much of ROWS rows, 96 KiB, in the second-level cache while the blocks do.

#include <stdbool.h>
#include <string.h>

#include "rows.h"

enum { BLOCK_LANES = 16, PARTS = BLOCK_LANES / LANES, DEPTH = 256, ROWS = 96 };

/// Some inputs of some rows: what the tiles of one pass have in common.
typedef struct map_pass {
  const float *blocks;  ///< from the first of these inputs on
  size_t block_floats;  ///< from one block to the next
  size_t depth;         ///< how many inputs
  bool begins;          ///< whether they are the first ones; else sums go on from what is in the results
  const uint8_t *rows;  ///< from the first of these inputs on
  size_t stride, row_count;
} map_pass;

INLINE vector spread_entry(const uint8_t *entry) {
  float value;
  memcpy(&value, entry, sizeof value);
  return spread(value);
}

/// `row_count` and `block_count` are constants.
INLINE void map_tile(const map_pass *pass, size_t row, size_t block, size_t row_count, size_t block_count,
                     float *out, size_t out_stride) {
  const float *const lines = pass->blocks + block * pass->block_floats;
  const uint8_t *const rows = pass->rows + row * pass->stride;
  const size_t block_floats = pass->block_floats, stride = pass->stride, depth = pass->depth;
  const size_t vectors = block_count * PARTS;
  vector sums[TILE_ROWS][FEW_BLOCKS * PARTS];
#pragma clang loop unroll(full)
  for (size_t r = 0; r < row_count; r++) {
#pragma clang loop unroll(full)
    for (size_t v = 0; v < vectors; v++) sums[r][v] = pass->begins ? zero() : load(out + r * out_stride + v * LANES);
  }
#pragma clang loop unroll_count(4)
  for (size_t j = 0; j < depth; j++) {
    vector line[FEW_BLOCKS * PARTS];
#pragma clang loop unroll(full)
    for (size_t v = 0; v < vectors; v++) {
      line[v] = load(lines + v / PARTS * block_floats + j * BLOCK_LANES + v % PARTS * LANES);
    }
#pragma clang loop unroll(full)
    for (size_t r = 0; r < row_count; r++) {
      const vector entry = spread_entry(rows + r * stride + j * sizeof(float));
#pragma clang loop unroll(full)
      for (size_t v = 0; v < vectors; v++) sums[r][v] = fused(entry, line[v], sums[r][v]);
    }
  }
#pragma clang loop unroll(full)
  for (size_t r = 0; r < row_count; r++) {
#pragma clang loop unroll(full)
    for (size_t v = 0; v < vectors; v++) store(out + r * out_stride + v * LANES, sums[r][v]);
  }
}

/// All rows of a pass with the blocks from `block` on; `block_count` is a constant.
INLINE void map_blocks(const map_pass *pass, size_t block, size_t block_count, float *out, size_t out_stride) {
  size_t groups_left = (pass->row_count + TILE_ROWS - 1) / TILE_ROWS;
  for (size_t row = 0; row < pass->row_count; groups_left--) {
    // Groups of about the same size: one of a single row would keep few sums going.
    const size_t now = (pass->row_count - row + groups_left - 1) / groups_left;
    float *const target = out + row * out_stride;
    switch (now) {
#define TILE(rows) \
  case rows: map_tile(pass, row, block, rows, block_count, target, out_stride); break
      TILE(1);
      TILE(2);
      TILE(3);
      TILE(4);
      TILE(5);
      TILE(6);
#if MOULT_MAP_TILES_OF_12
      TILE(7);
      TILE(8);
      TILE(9);
      TILE(10);
      TILE(11);
      TILE(12);
#endif
#undef TILE
    }
    row += now;
  }
}

static void map_one_block(const map_pass *pass, size_t block, float *out, size_t out_stride) {
  map_blocks(pass, block, 1, out, out_stride);
}

/// A block of which only some lanes are outputs, by way of memory where all of them may be written.
static void map_last_block(const map_pass *pass, size_t block, size_t lanes, float *out, size_t out_stride) {
  float whole[ROWS * BLOCK_LANES] = {0};
  const size_t bytes = lanes * sizeof *out;
  for (size_t r = 0; r < pass->row_count; r++) memcpy(whole + r * BLOCK_LANES, out + r * out_stride, bytes);
  map_one_block(pass, block, whole, BLOCK_LANES);
  for (size_t r = 0; r < pass->row_count; r++) memcpy(out + r * out_stride, whole + r * BLOCK_LANES, bytes);
}

static void map_pass_of(const map_pass *pass, size_t outputs, float *out) {
  const size_t block_count = outputs / BLOCK_LANES, lanes_left = outputs % BLOCK_LANES;
  size_t block = 0;
  if (pass->row_count <= FEW_ROWS) {
    for (; block + FEW_BLOCKS <= block_count; block += FEW_BLOCKS) {
      float *const target = out + block * BLOCK_LANES;
      if (pass->row_count == 1) map_tile(pass, 0, block, 1, FEW_BLOCKS, target, outputs);
      else map_tile(pass, 0, block, 2, FEW_BLOCKS, target, outputs);
    }
  }
  if (TILE_BLOCKS > 1) {
    for (; block + TILE_BLOCKS <= block_count; block += TILE_BLOCKS) {
      map_blocks(pass, block, TILE_BLOCKS, out + block * BLOCK_LANES, outputs);
    }
  }
  for (; block < block_count; block++) map_one_block(pass, block, out + block * BLOCK_LANES, outputs);
  if (lanes_left) map_last_block(pass, block, lanes_left, out + block * BLOCK_LANES, outputs);
}

static void map_in_tiles(const float *blocks, size_t inputs, size_t outputs, const float *rows, size_t stride,
                         size_t count, float *out) {
  for (size_t first = 0; first < count; first += ROWS) {
    size_t input = 0;
    do {  // once without inputs: results are zeros then
      const map_pass pass = {
          .blocks = blocks + input * BLOCK_LANES,
          .block_floats = inputs * BLOCK_LANES,
          .depth = inputs - input < DEPTH ? inputs - input : DEPTH,
          .begins = input == 0,
          .rows = moult_row(rows, stride, NULL, first) + input * sizeof *rows,
          .stride = stride,
          .row_count = count - first < ROWS ? count - first : ROWS,
      };
      map_pass_of(&pass, outputs, out + first * outputs);
      input += DEPTH;
    } while (input < inputs);
  }
}
