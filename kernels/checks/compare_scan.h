/// Holds the scan kernels of a level against another's on random codes, for the check scripts: it needs no
/// Swift and runs under an emulator. Every operand ends in front of a page that may not be touched.
#ifndef MOULT_COMPARE_SCAN_H
#define MOULT_COMPARE_SCAN_H

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "scan.h"

static uint64_t scan_random_state;
static uint64_t scan_random(void) {
  uint64_t z = scan_random_state += 0x9E3779B97F4A7C15;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
  return z ^ (z >> 31);
}
static size_t scan_below(size_t end) { return scan_random() % end; }
static float scan_unit(void) { return (float)(scan_random() >> 40) * 0x1p-23f - 1; }  // −1 ..< 1

enum { SCAN_ALLOCATIONS_MAX = 256, SCAN_ZONES_MAX = 3 };
static struct {
  void *start;
  size_t bytes;
} scan_allocations[SCAN_ALLOCATIONS_MAX];
static size_t scan_allocation_count;

/// Memory that ends where its last byte ends.
static void *scan_guarded(size_t bytes) {
  const size_t page = (size_t)sysconf(_SC_PAGESIZE), used = (bytes + page - 1) / page * page;
  uint8_t *start = mmap(NULL, used + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (start == MAP_FAILED || scan_allocation_count == SCAN_ALLOCATIONS_MAX) abort();
  if (mprotect(start + used, page, PROT_NONE) != 0) abort();
  scan_allocations[scan_allocation_count].start = start;
  scan_allocations[scan_allocation_count++].bytes = used + page;
  return start + used - bytes;
}

static void *scan_random_bytes(size_t bytes) {
  uint8_t *target = scan_guarded(bytes);
  for (size_t i = 0; i < bytes; i++) target[i] = (uint8_t)scan_random();
  return target;
}

static void scan_free_all(void) {
  while (scan_allocation_count > 0) {
    scan_allocation_count--;
    munmap(scan_allocations[scan_allocation_count].start, scan_allocations[scan_allocation_count].bytes);
  }
}

/// `zone_count` zones of random widths, except that the first has `bits`; returns their segments.
static size_t scan_random_zones(moult_zone *zones, size_t zone_count, uint32_t bits) {
  static const uint32_t widths[] = {1, 2, 3, 4, 5, 8};
  size_t segments = 0;
  for (size_t z = 0; z < zone_count; z++) {
    zones[z].bits = z == 0 ? bits : widths[scan_below(6)];
    zones[z].segments = (uint32_t)(1 + scan_below(7));
    zones[z].levels = zones[z].bits == 8 ? NULL : scan_random_bytes((size_t)1 << zones[z].bits);
    segments += zones[z].segments;
  }
  return segments;
}

/// So that a comparison of nothing with nothing does not pass.
static size_t scan_scored, scan_kept;

/// One trial. Scattered queries lie anywhere, others equally far apart in one matrix.
static void scan_trial(const moult_kernels *fast, const moult_kernels *slow, uint32_t bits,
                       size_t query_count, int is_scattered, int (*expect)(int holds, const char *what)) {
  moult_zone zones[SCAN_ZONES_MAX], tail_zones[SCAN_ZONES_MAX];
  moult_blocks blocks = {.zones = zones, .zone_count = 1 + scan_below(SCAN_ZONES_MAX)};
  blocks.groups = MOULT_SEGMENT_GROUPS * scan_random_zones(zones, blocks.zone_count, bits);
  blocks.lines = moult_zones_bytes(zones, blocks.zone_count) / 4;
  const size_t first_block = scan_below(3), block_count = 1 + scan_below(5);
  const size_t row_count = (first_block + block_count) * MOULT_BLOCK_ROWS - scan_below(MOULT_BLOCK_ROWS);

  // A second limb over the head, over a tail, or none.
  size_t tail_groups = 0;
  if (scan_below(2)) {
    blocks.tail_zone_count = 1 + scan_below(SCAN_ZONES_MAX);
    tail_groups = MOULT_SEGMENT_GROUPS * scan_random_zones(tail_zones, blocks.tail_zone_count, bits);
    blocks.tail_zones = tail_zones;
    const size_t tail_bytes = moult_zones_bytes(tail_zones, blocks.tail_zone_count);
    blocks.tail_stride = tail_bytes + scan_below(9);
    blocks.tails = scan_random_bytes((row_count - 1) * blocks.tail_stride + tail_bytes);
  }

  const size_t bytes = 4 * blocks.lines, stride = bytes + scan_below(5);
  const uint8_t *const rows = scan_random_bytes((row_count - 1) * stride + bytes);
  const size_t block_bytes = moult_block_bytes(&blocks);
  uint8_t *const all = scan_guarded((first_block + block_count) * block_bytes);
  uint8_t *const other = scan_guarded(block_bytes);
  for (size_t i = 0; i < first_block + block_count; i++) {
    const size_t from = i * MOULT_BLOCK_ROWS, left = row_count - from;
    const size_t here = left < MOULT_BLOCK_ROWS ? left : MOULT_BLOCK_ROWS;
    uint8_t *const block = all + i * block_bytes;
    slow->interleave_block(rows + from * stride, stride, here, bytes, blocks.lines, block);
    fast->interleave_block(rows + from * stride, stride, here, bytes, blocks.lines, other);
    expect(!memcmp(block, other, bytes * MOULT_BLOCK_ROWS), "interleave_block");
    float *const factors = (float *)(block + blocks.lines * MOULT_LINE_BYTES);
    for (size_t r = 0; r < MOULT_BLOCK_ROWS; r++) {
      static const float special[] = {NAN, INFINITY, -INFINITY, 0};
      factors[r] = scan_below(32) ? scan_unit() : special[scan_below(4)];
      factors[MOULT_BLOCK_ROWS + r] = scan_below(32) ? scan_unit() : special[scan_below(4)];
      if (r >= here) factors[MOULT_BLOCK_ROWS + r] = NAN;
    }
  }
  blocks.bytes = all;

  const size_t limb_bytes = 4 * blocks.groups, spacing = limb_bytes + scan_below(3);
  const int8_t *const matrix = scan_random_bytes((query_count - 1) * spacing + limb_bytes);
  const size_t second_bytes = tail_groups ? 4 * tail_groups : limb_bytes;
  moult_scan_query *const queries = calloc(query_count, sizeof *queries);
  for (size_t q = 0; q < query_count; q++) {
    queries[q] = (moult_scan_query){
        .first = is_scattered ? scan_random_bytes(limb_bytes) : matrix + q * spacing,
        .second = scan_below(2) ? scan_random_bytes(second_bytes) : NULL,
        .first_bias = (int32_t)scan_below(2000) - 1000,
        .second_bias = (int32_t)scan_below(2000) - 1000,
        .scale = scan_unit() * 1e-4f,
        .second_scale = scan_unit() * 1e-6f,
        .offset = scan_unit(),
        .slack = scan_below(2) ? 0.1f : 0,
        .bar = scan_below(8) ? scan_unit() * 2 : -INFINITY,
    };
  }

  // 64-byte aligned, and as much as the contract promises.
  const size_t scratch_bytes = moult_scan_scratch_bytes(blocks.groups, block_count, query_count);
  uint8_t *const scratch = scan_guarded(scratch_bytes);
  const size_t found_bytes = query_count * row_count * sizeof(float);
  const size_t room = MOULT_BLOCK_ROWS * block_count * query_count;
  float *const found[2] = {malloc(found_bytes), malloc(found_bytes)};
  for (int side = 0; side < 2; side++) {
    memset(found[side], 0xFF, found_bytes);  // a NaN no kernel writes
    moult_scan_hit *const hits = scan_guarded(room * sizeof *hits);
    const moult_kernels *const kernels = side ? slow : fast;
    const size_t count =
        kernels->scan_blocks(&blocks, first_block, block_count, queries, query_count, scratch, hits);
    size_t distinct = 0;
    for (size_t i = 0; i < count && i < room; i++) {
      if (hits[i].query >= query_count || hits[i].row >= row_count) continue;
      uint32_t *const place = (uint32_t *)&found[side][hits[i].query * row_count + hits[i].row];
      distinct += *place == UINT32_MAX;
      memcpy(place, &hits[i].score, 4);
    }
    scan_kept += count;
    expect(distinct == count, "hits of scan_blocks are in range and distinct, which");
  }
  expect(!memcmp(found[0], found[1], found_bytes), "scan_blocks");
  scan_scored += query_count * block_count * MOULT_BLOCK_ROWS;

  uint32_t gather[7];
  int32_t sums[2][7];
  const size_t gathered = scan_below(8);
  for (size_t i = 0; i < 7; i++) gather[i] = (uint32_t)scan_below(row_count);
  for (int is_gathered = 0; is_gathered < 2; is_gathered++) {
    const size_t count = is_gathered || gathered < row_count ? gathered : row_count;
    for (int side = 0; side < 2; side++) {
      (side ? slow : fast)
          ->level_dot_rows(zones, blocks.zone_count, matrix, rows, stride, is_gathered ? gather : NULL, count,
                           sums[side]);
    }
    expect(!memcmp(sums[0], sums[1], count * sizeof(int32_t)), "level_dot_rows");
  }
  free(found[0]), free(found[1]), free(queries);
  scan_free_all();
}

/// All widths, 1 … 47 queries.
static void compare_scan(const moult_kernels *fast, const moult_kernels *slow,
                         int (*expect)(int holds, const char *what)) {
  static const uint32_t widths[] = {1, 2, 3, 4, 5, 8};
  scan_random_state = 42;
  for (size_t w = 0; w < sizeof widths / sizeof *widths; w++) {
    for (size_t query_count = 1; query_count <= 47; query_count++) {
      // Few queries go other ways than many, and see little in one trial.
      const int trials = query_count <= 8 ? 16 : 2;
      for (int trial = 0; trial < trials; trial++) {
        scan_trial(fast, slow, widths[w], query_count, trial % 2, expect);
      }
    }
  }
  expect(scan_kept > scan_scored / 10 && scan_kept < scan_scored * 19 / 10, "the part of rows kept");
}

static void sketch_trial(const moult_kernels *fast, const moult_kernels *slow,
                         int (*expect)(int holds, const char *what)) {
  const size_t lines = 1 + scan_below(40), chunk_count = scan_below(10), query_count = scan_below(14);
  const uint8_t *const chunks = scan_random_bytes(chunk_count * lines * 64);
  int8_t *const tables = scan_random_bytes(query_count * lines * 64);
  const int8_t divisor = scan_below(2) ? 8 : 1;  // sums inside their bytes, and sums that leave them
  for (size_t i = 0; i < query_count * lines * 64; i++) tables[i] /= divisor;
  const int8_t *const bars = scan_random_bytes(query_count);
  const size_t bytes = query_count * chunk_count * sizeof(uint64_t);
  uint64_t *const masks[2] = {scan_guarded(bytes), scan_guarded(bytes)};
  fast->scan_sketches(chunks, lines, chunk_count, tables, bars, query_count, masks[0]);
  slow->scan_sketches(chunks, lines, chunk_count, tables, bars, query_count, masks[1]);
  expect(!memcmp(masks[0], masks[1], bytes), "scan_sketches");
  scan_free_all();
}

/// Sketches of 1 … 40 lines, up to 9 chunks and 13 queries.
static void compare_sketches(const moult_kernels *fast, const moult_kernels *slow,
                             int (*expect)(int holds, const char *what)) {
  scan_random_state = 43;
  for (int trial = 0; trial < 200; trial++) sketch_trial(fast, slow, expect);
}

#endif
