/// The few tile operations in use. Internal to amx/.
///
/// With MOULT_EMULATE_TILES they are plain C that does what Intel's manual says of each instruction, limits
/// included, so that the kernels' logic is tested on machines without tiles (kernels/check-emulated).
#ifndef MOULT_AMX_TILES_H
#define MOULT_AMX_TILES_H

#include <immintrin.h>
#include <stdint.h>

enum { MOULT_TILE_ROWS = 16, MOULT_TILE_ROW_BYTES = 64, MOULT_TILE_BYTES = 1024, MOULT_TILES = 8 };

/// The operand of LDTILECFG. A tile that is not used has 0 rows of 0 bytes.
typedef struct moult_tile_config {
  uint8_t palette;
  uint8_t start_row;
  uint8_t reserved[14];
  uint16_t row_bytes[16];
  uint8_t rows[16];
} moult_tile_config;

#if !defined(MOULT_EMULATE_TILES)

#define TILE_TARGET "amx-tile,amx-int8,amx-bf16"

/// Tiles are named by constants, 0 … 7. Configuring sets all of them to zero.
#define moult_tile_configure(config) _tile_loadconfig(config)
#define moult_tile_release() _tile_release()
#define moult_tile_zero(tile) _tile_zero(tile)
#define moult_tile_load(tile, memory, stride) _tile_loadd(tile, memory, stride)
#define moult_tile_store(tile, memory, stride) _tile_stored(tile, memory, stride)
/// c[m][n] += Σ a[m][4k + b]·b[k][4n + b], a signed and b unsigned bytes, c 32-bit integers.
#define moult_tile_dot(c, a, b) _tile_dpbsud(c, a, b)
/// c[m][n] += Σ a[m][2k + b]·b[k][2n + b], bfloat16, c floats; denormal numbers count as 0.
#define moult_tile_dot_bf16(c, a, b) _tile_dpbf16ps(c, a, b)

#else

#include <stdlib.h>
#include <string.h>

#define TILE_TARGET "avx512f"  // nothing more

static struct {
  moult_tile_config config;
  uint8_t bytes[MOULT_TILES][MOULT_TILE_ROWS][MOULT_TILE_ROW_BYTES];
} moult_tiles;

/// What the processor answers with an exception.
static inline void moult_tile_require(int holds) {
  if (!holds) abort();
}

static inline void moult_tile_configure(const moult_tile_config *config) {
  static const moult_tile_config nothing;
  moult_tile_require(config->palette == 1 && config->start_row == 0);
  moult_tile_require(!memcmp(config->reserved, nothing.reserved, sizeof nothing.reserved));
  for (size_t tile = 0; tile < 16; tile++) {
    const size_t rows = config->rows[tile], row_bytes = config->row_bytes[tile];
    moult_tile_require(rows <= MOULT_TILE_ROWS && row_bytes <= MOULT_TILE_ROW_BYTES);
    moult_tile_require((rows == 0) == (row_bytes == 0) && (tile < MOULT_TILES || rows == 0));
  }
  memset(&moult_tiles, 0, sizeof moult_tiles);
  moult_tiles.config = *config;
}

static inline void moult_tile_release(void) { memset(&moult_tiles, 0, sizeof moult_tiles); }

static inline void moult_tile_zero(size_t tile) {
  moult_tile_require(moult_tiles.config.rows[tile] > 0);
  memset(moult_tiles.bytes[tile], 0, sizeof moult_tiles.bytes[tile]);
}

/// Rows and bytes beyond the configured ones become zero.
static inline void moult_tile_load(size_t tile, const void *memory, size_t stride) {
  moult_tile_zero(tile);
  const size_t row_bytes = moult_tiles.config.row_bytes[tile];
  for (size_t row = 0; row < moult_tiles.config.rows[tile]; row++) {
    memcpy(moult_tiles.bytes[tile][row], (const uint8_t *)memory + row * stride, row_bytes);
  }
}

static inline void moult_tile_store(size_t tile, void *memory, size_t stride) {
  moult_tile_require(moult_tiles.config.rows[tile] > 0);
  const size_t row_bytes = moult_tiles.config.row_bytes[tile];
  for (size_t row = 0; row < moult_tiles.config.rows[tile]; row++) {
    memcpy((uint8_t *)memory + row * stride, moult_tiles.bytes[tile][row], row_bytes);
  }
}

/// What every product asks of the shapes of its tiles.
static inline void moult_tile_require_shapes(size_t c, size_t a, size_t b) {
  const moult_tile_config *const config = &moult_tiles.config;
  moult_tile_require(c != a && c != b && a != b);
  moult_tile_require(config->rows[c] > 0 && config->rows[c] == config->rows[a]);
  moult_tile_require(config->row_bytes[c] > 0 && config->row_bytes[c] == config->row_bytes[b]);
  moult_tile_require(config->row_bytes[a] == 4 * config->rows[b] && config->row_bytes[c] % 4 == 0);
}

static inline void moult_tile_dot(size_t c, size_t a, size_t b) {
  moult_tile_require_shapes(c, a, b);
  const moult_tile_config *const config = &moult_tiles.config;
  for (size_t m = 0; m < config->rows[c]; m++) {
    for (size_t n = 0; n < config->row_bytes[c] / 4; n++) {
      uint32_t sum;
      memcpy(&sum, &moult_tiles.bytes[c][m][4 * n], 4);
      for (size_t k = 0; k < config->row_bytes[a] / 4; k++) {
        for (size_t byte = 0; byte < 4; byte++) {
          const int32_t level = moult_tiles.bytes[b][k][4 * n + byte];
          sum += (uint32_t)((int8_t)moult_tiles.bytes[a][m][4 * k + byte] * level);
        }
      }
      memcpy(&moult_tiles.bytes[c][m][4 * n], &sum, 4);
    }
  }
}

/// Denormals are zeros on the way in and out.
static inline float moult_tile_flushed(float value) {
  return value > -0x1p-126f && value < 0x1p-126f ? 0 : value;
}

static inline float moult_tile_bf16(const void *bits) {
  uint16_t half;
  memcpy(&half, bits, sizeof half);
  const uint32_t word = (uint32_t)half << 16;
  float value;
  memcpy(&value, &word, sizeof value);
  return moult_tile_flushed(value);
}

/// Sums of even and odd entries by themselves, joined at the end.
static inline void moult_tile_dot_bf16(size_t c, size_t a, size_t b) {
  moult_tile_require_shapes(c, a, b);
  const moult_tile_config *const config = &moult_tiles.config;
  for (size_t m = 0; m < config->rows[c]; m++) {
    for (size_t n = 0; n < config->row_bytes[c] / 4; n++) {
      float sums[2] = {0, 0}, sum;
      memcpy(&sum, &moult_tiles.bytes[c][m][4 * n], 4);
      for (size_t k = 0; k < config->row_bytes[a] / 4; k++) {
        for (size_t half = 0; half < 2; half++) {
          const float left = moult_tile_bf16(&moult_tiles.bytes[a][m][4 * k + 2 * half]);
          const float right = moult_tile_bf16(&moult_tiles.bytes[b][k][4 * n + 2 * half]);
          sums[half] = moult_tile_flushed(__builtin_fmaf(left, right, sums[half]));
        }
      }
      sum = moult_tile_flushed(moult_tile_flushed(sum) + moult_tile_flushed(sums[0] + sums[1]));
      memcpy(&moult_tiles.bytes[c][m][4 * n], &sum, 4);
    }
  }
}

#endif

#endif
