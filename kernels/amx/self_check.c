// A hypervisor that emulates or mismanages tiles would spoil results silently. So before they are used at
// all, a scan and products through every tile and both kinds of K steps have to give what the scalar kernels
// give.

#if defined(__x86_64__)

#include <string.h>

#include "scan.h"
#include "tables.h"

/// 40 queries are two whole tiles and half a one, 3 blocks a pair and one alone, 40 groups two K steps and a
/// half.
enum { QUERIES = 40, BLOCKS = 3, SEGMENTS_4 = 3, SEGMENTS_8 = 2, GROUPS = 8 * (SEGMENTS_4 + SEGMENTS_8) };
enum { LINES = 4 * SEGMENTS_4 + 8 * SEGMENTS_8, ROWS = BLOCKS * MOULT_BLOCK_ROWS, LIMB_BYTES = 4 * GROUPS };
enum { SCRATCH_BYTES = 64 * (GROUPS + 8) * BLOCKS + 4 * (GROUPS + 16) * 64 + 8192 };

typedef struct check_block {
  uint8_t lines[LINES][MOULT_LINE_BYTES];
  float factors[MOULT_BLOCK_ROWS], additives[MOULT_BLOCK_ROWS];
} check_block;

/// Bytes in which no value is rarer than others; the same ones every time.
static void fill(void *bytes, size_t count, uint32_t state) {
  for (size_t i = 0; i < count; i++) {
    state = state * 1664525 + 1013904223;
    ((uint8_t *)bytes)[i] = (uint8_t)(state >> 24);
  }
}

typedef size_t scan_function(const moult_blocks *blocks, size_t first_block, size_t block_count,
                             const moult_scan_query *queries, size_t query_count, void *scratch,
                             moult_scan_hit *hits);

/// The score of each query and row; rows that are not found stay 0.
static void scores(scan_function *scan, const moult_blocks *blocks, const moult_scan_query *queries,
                   float table[QUERIES][ROWS]) {
  _Alignas(64) uint8_t scratch[SCRATCH_BYTES];
  moult_scan_hit hits[QUERIES * ROWS];
  memset(table, 0, sizeof(float[QUERIES][ROWS]));
  const size_t count = scan(blocks, 0, BLOCKS, queries, QUERIES, scratch, hits);
  for (size_t i = 0; i < count; i++) table[hits[i].query % QUERIES][hits[i].row % ROWS] = hits[i].score;
}

static bool scan_is_right(void) {
  _Alignas(64) check_block check_blocks[BLOCKS];
  uint8_t levels[16];
  int8_t limbs[QUERIES][LIMB_BYTES];
  fill(levels, sizeof levels, 1);
  fill(limbs, sizeof limbs, 2);
  for (uint32_t b = 0; b < BLOCKS; b++) {
    fill(check_blocks[b].lines, sizeof check_blocks[b].lines, 3 + b);
    for (size_t r = 0; r < MOULT_BLOCK_ROWS; r++) {
      check_blocks[b].factors[r] = 1;
      check_blocks[b].additives[r] = (float)r;
    }
  }
  const moult_zone zones[] = {{.segments = SEGMENTS_8, .bits = 8},
                              {.segments = SEGMENTS_4, .bits = 4, .levels = levels}};
  const moult_blocks blocks = {.bytes = (const uint8_t *)check_blocks,
                               .zones = zones,
                               .zone_count = sizeof zones / sizeof *zones,
                               .lines = LINES,
                               .groups = GROUPS};
  moult_scan_query queries[QUERIES];
  for (size_t q = 0; q < QUERIES; q++) {
    queries[q] = (moult_scan_query){.first = limbs[q], .scale = 1, .bar = -1e30f};
  }
  _Static_assert(sizeof(check_block) == (LINES + 2) * MOULT_LINE_BYTES, "blocks follow each other");

  enum { SWAPPED = 7 };  // the second time the queries are not equally far apart, and are packed
  float expected[QUERIES][ROWS], found[QUERIES][ROWS];
  for (int way = 0; way < 2; way++) {
    scores(moult_scalar_scan_blocks, &blocks, queries, expected);
    scores(moult_amx_scan_blocks, &blocks, queries, found);
    if (memcmp(expected, found, sizeof found) != 0) return false;
    queries[0].first = limbs[SWAPPED];
    queries[SWAPPED].first = limbs[0];
  }
  return true;
}

/// 50 queries are a pair of tiles, one and a rest; 3 blocks a pair and one; 21 lines a K step and a rest.
enum { PRODUCT_QUERIES = 50, PRODUCT_LINES = 21, PRODUCT_ROWS = BLOCKS * MOULT_BLOCK_ROWS };

/// Products of small whole numbers, whose sums are exact in any order.
static bool products_are_right(void) {
  uint16_t queries[PRODUCT_QUERIES][2 * PRODUCT_LINES], blocks[BLOCKS][PRODUCT_LINES][2 * MOULT_BLOCK_ROWS];
  uint8_t bytes[sizeof queries / 2 + sizeof blocks / 2];
  fill(bytes, sizeof bytes, 7);
  for (size_t i = 0; i < sizeof bytes; i++) {
    const float value = (float)((int)(bytes[i] % 31) - 15);
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    const size_t rest = i - sizeof queries / 2;
    if (i < sizeof queries / 2) ((uint16_t *)queries)[i] = (uint16_t)(bits >> 16);
    else ((uint16_t *)blocks)[rest] = (uint16_t)(bits >> 16);
  }
  float expected[PRODUCT_QUERIES][PRODUCT_ROWS], found[PRODUCT_QUERIES][PRODUCT_ROWS];
  moult_scalar_dot_bf16_blocks(queries[0], 2 * PRODUCT_LINES, PRODUCT_QUERIES, blocks, PRODUCT_LINES, BLOCKS,
                               expected[0], PRODUCT_ROWS);
  moult_amx_dot_bf16_blocks(queries[0], 2 * PRODUCT_LINES, PRODUCT_QUERIES, blocks, PRODUCT_LINES, BLOCKS,
                            found[0], PRODUCT_ROWS);
  return memcmp(expected, found, sizeof found) == 0;
}

bool moult_amx_is_right(void) { return scan_is_right() && products_are_right(); }

#endif
