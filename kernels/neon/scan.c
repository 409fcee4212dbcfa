// Blocks are decoded to a panel of levels (levels.h) and multiplied by a few queries at a time. Three times
// over: for every AArch64 processor; with SDOT, four dimensions of four rows an instruction; with SMMLA,
// eight dimensions of two rows and two queries, for which the panel's lines are woven in pairs.

#if defined(__aarch64__)

#include "levels.h"
#include "tables.h"

/// How a level multiplies.
typedef struct moult_method {
  size_t query_count;  ///< that `multiply` takes at once, at most MAX_QUERIES
  /// sums[q][r] = Σ query q · level of row r over a panel of `groups` lines.
  void (*multiply)(const int8_t *panel, size_t groups, const int8_t *const *queries, int32_t (*sums)[16]);
  void (*arrange)(int8_t *panel, size_t groups);  ///< puts a decoded panel in the order it wants, or NULL
  void (*level_dot_rows)(const moult_zone *zones, size_t zone_count, const int8_t *query, const void *rows,
                         size_t stride, const uint32_t *indices, size_t count, int32_t *out);
} moult_method;

enum { MAX_QUERIES = 4, QUARTERS = MOULT_LINE_BYTES / MOULT_STEP };

INLINE void decode_zone(const moult_zone *zone, size_t bits, const uint8_t *lines, int8_t *panel) {
  const uint8x16x2_t levels = moult_signed_levels(zone);
  const size_t fields = moult_groups_per_word(bits), words = MOULT_SEGMENT_GROUPS / fields;
  for (size_t s = 0; s < zone->segments; s++) {
    for (size_t w = 0; w < words; w++) {
      for (size_t quarter = 0; quarter < QUARTERS; quarter++) {
        const uint8_t *const from = lines + quarter * MOULT_STEP;
        moult_words codes = {.fields = moult_load(from + w * MOULT_LINE_BYTES)};
        if (moult_has_high_bits(bits)) {
          codes.high_bits = moult_load(from + words * MOULT_LINE_BYTES);
          codes.first = vdupq_n_u8((uint8_t)(1u << (w * fields)));
        }
        for (size_t f = 0; f < fields; f++) {
          vst1q_s8(panel + (w * fields + f) * MOULT_LINE_BYTES + quarter * MOULT_STEP,
                   moult_levels_of(codes, bits, f, levels));
        }
      }
    }
    lines += bits * MOULT_LINE_BYTES;
    panel += MOULT_SEGMENT_GROUPS * MOULT_LINE_BYTES;
  }
}

static void decode_block(const moult_blocks *blocks, const uint8_t *block, int8_t *panel) {
  for (size_t z = 0; z < blocks->zone_count; z++) {
    const moult_zone *const zone = &blocks->zones[z];
    switch (zone->bits) {
      case 1: decode_zone(zone, 1, block, panel); break;
      case 2: decode_zone(zone, 2, block, panel); break;
      case 3: decode_zone(zone, 3, block, panel); break;
      case 4: decode_zone(zone, 4, block, panel); break;
      case 5: decode_zone(zone, 5, block, panel); break;
      default: decode_zone(zone, 8, block, panel); break;
    }
    block += (size_t)zone->segments * zone->bits * MOULT_LINE_BYTES;
    panel += (size_t)zone->segments * MOULT_SEGMENT_GROUPS * MOULT_LINE_BYTES;
  }
}

/// Lanes that pass stage one, as bits.
static uint32_t stage_one(const moult_scan_query *query, const int32_t *sums, const float *factors,
                          const float *additives) {
  static const uint32_t lane_bits[4] = {1, 2, 4, 8};
  const float32x4_t bar = vdupq_n_f32(query->bar);
  uint32_t kept = 0;
  for (size_t r = 0; r < MOULT_BLOCK_ROWS; r += 4) {
    const float32x4_t product = vmulq_n_f32(vcvtq_f32_s32(vld1q_s32(sums + r)), query->scale);
    const float32x4_t estimate = vaddq_f32(product, vdupq_n_f32(query->offset));
    const float32x4_t optimistic = vaddq_f32(estimate, vdupq_n_f32(query->slack));
    const float32x4_t scaled = vmulq_f32(vld1q_f32(factors + r), optimistic);
    const uint32x4_t passes = vcgeq_f32(vaddq_f32(scaled, vld1q_f32(additives + r)), bar);
    kept |= vaddvq_u32(vandq_u32(passes, vld1q_u32(lane_bits))) << r;
  }
  return kept;
}

/// What stage two needs of one block.
typedef struct moult_block_view {
  const uint8_t *block;
  const int8_t *panel;
  size_t index;
} moult_block_view;

/// sum2 of the kept lanes.
static void second_sums(const moult_blocks *blocks, moult_block_view view, const moult_scan_query *query,
                        uint32_t kept, const moult_method *method, int32_t sums[MOULT_BLOCK_ROWS]) {
  if (blocks->tail_zone_count == 0) {
    const int8_t *seconds[MAX_QUERIES];
    int32_t results[MAX_QUERIES][MOULT_BLOCK_ROWS];
    for (size_t q = 0; q < MAX_QUERIES; q++) seconds[q] = query->second;
    method->multiply(view.panel, blocks->groups, seconds, results);
    const int32_t bias = query->second_bias + 128 * moult_query_sum(query->second, 4 * blocks->groups);
    for (size_t r = 0; r < MOULT_BLOCK_ROWS; r++) sums[r] = results[0][r] + bias;
    return;
  }
  uint32_t rows[MOULT_BLOCK_ROWS];
  int32_t results[MOULT_BLOCK_ROWS];
  size_t count = 0;
  for (uint32_t rest = kept; rest; rest &= rest - 1) {
    rows[count++] = (uint32_t)(view.index * MOULT_BLOCK_ROWS) + (uint32_t)__builtin_ctz(rest);
  }
  method->level_dot_rows(blocks->tail_zones, blocks->tail_zone_count, query->second, blocks->tails,
                         blocks->tail_stride, rows, count, results);
  for (size_t i = 0; i < count; i++) sums[rows[i] % MOULT_BLOCK_ROWS] = query->second_bias + results[i];
}

static size_t keep(const moult_blocks *blocks, moult_block_view view, const moult_scan_query *query,
                   size_t query_index, const int32_t *sums, const moult_method *method,
                   moult_scan_hit *hits) {
  const float *const factors = (const float *)(view.block + blocks->lines * MOULT_LINE_BYTES);
  const float *const additives = factors + MOULT_BLOCK_ROWS;
  uint32_t kept = stage_one(query, sums, factors, additives);
  if (!kept) return 0;
  int32_t finer[MOULT_BLOCK_ROWS] = {0};
  if (query->second) second_sums(blocks, view, query, kept, method, finer);
  size_t hit_count = 0;
  for (; kept; kept &= kept - 1) {
    const size_t r = (size_t)__builtin_ctz(kept);
    hit_count += moult_scan_refine(query, sums[r], finer[r], factors[r], additives[r], query_index,
                                   view.index * MOULT_BLOCK_ROWS + r, hits + hit_count);
  }
  return hit_count;
}

static size_t scan(const moult_blocks *blocks, size_t first_block, size_t block_count,
                   const moult_scan_query *queries, size_t query_count, int8_t *panels, moult_scan_hit *hits,
                   const moult_method *method) {
  const size_t panel_bytes = blocks->groups * MOULT_LINE_BYTES;
  const uint8_t *const first = blocks->bytes + first_block * moult_block_bytes(blocks);
  for (size_t i = 0; i < block_count; i++) {
    decode_block(blocks, first + i * moult_block_bytes(blocks), panels + i * panel_bytes);
    if (method->arrange) method->arrange(panels + i * panel_bytes, blocks->groups);
  }
  size_t hit_count = 0;
  for (size_t q = 0; q < query_count; q += method->query_count) {
    const size_t here = query_count - q < method->query_count ? query_count - q : method->query_count;
    const int8_t *limbs[MAX_QUERIES];
    int32_t biases[MAX_QUERIES];
    for (size_t k = 0; k < method->query_count; k++) {
      // Missing queries are filled up with the first of the group; nobody looks at those results.
      const moult_scan_query *const query = &queries[q + (k < here ? k : 0)];
      limbs[k] = query->first;
      biases[k] = query->first_bias + 128 * moult_query_sum(query->first, 4 * blocks->groups);
    }
    for (size_t i = 0; i < block_count; i++) {
      const moult_block_view view = {.block = first + i * moult_block_bytes(blocks),
                                     .panel = panels + i * panel_bytes,
                                     .index = first_block + i};
      int32_t sums[MAX_QUERIES][MOULT_BLOCK_ROWS];
      method->multiply(view.panel, blocks->groups, limbs, sums);
      for (size_t k = 0; k < here; k++) {
        for (size_t r = 0; r < MOULT_BLOCK_ROWS; r++) sums[k][r] += biases[k];
        hit_count += keep(blocks, view, &queries[q + k], q + k, sums[k], method, hits + hit_count);
      }
    }
  }
  return hit_count;
}

/// Products of 16 bits, added in pairs: a register of sums holds two rows, two dimensions apart.
static void multiply(const int8_t *panel, size_t groups, const int8_t *const *queries, int32_t (*sums)[16]) {
  int32x4_t pairs[2 * QUARTERS];
  for (size_t i = 0; i < 2 * QUARTERS; i++) pairs[i] = vdupq_n_s32(0);
  for (size_t g = 0; g < groups; g++) {
    const uint32_t word = moult_load_word((const uint8_t *)queries[0] + 4 * g);
    const int8x8_t query = vreinterpret_s8_u32(vdup_n_u32(word));
    for (size_t i = 0; i < 2 * QUARTERS; i++) {
      const int8x8_t levels = vld1_s8(panel + g * MOULT_LINE_BYTES + 8 * i);
      pairs[i] = vpadalq_s16(pairs[i], vmull_s8(levels, query));
    }
  }
  for (size_t quarter = 0; quarter < QUARTERS; quarter++) {
    vst1q_s32(sums[0] + 4 * quarter, vpaddq_s32(pairs[2 * quarter], pairs[2 * quarter + 1]));
  }
}

size_t moult_neon_scan_blocks(const moult_blocks *blocks, size_t first_block, size_t block_count,
                              const moult_scan_query *queries, size_t query_count, void *scratch,
                              moult_scan_hit *hits) {
  static const moult_method method = {1, multiply, NULL, moult_neon_level_dot_rows};
  return scan(blocks, first_block, block_count, queries, query_count, scratch, hits, &method);
}

#pragma clang attribute push(__attribute__((target("dotprod"))), apply_to = function)

/// One line of the panel: group `lane` of the four groups that the query registers hold.
#define ADD_LINE(lane)                                                                         \
  for (size_t quarter = 0; quarter < QUARTERS; quarter++) {                                    \
    const int8x16_t levels = vld1q_s8(line + lane * MOULT_LINE_BYTES + quarter * MOULT_STEP);  \
    for (size_t q = 0; q < query_count; q++) {                                                 \
      totals[q][quarter] = vdotq_laneq_s32(totals[q][quarter], levels, parts[q], lane);        \
    }                                                                                          \
  }

INLINE void multiply_with_sdot(size_t query_count, const int8_t *panel, size_t groups,
                               const int8_t *const *queries, int32_t (*sums)[16]) {
  int32x4_t totals[MAX_QUERIES][QUARTERS];
  for (size_t q = 0; q < query_count; q++) {
    for (size_t quarter = 0; quarter < QUARTERS; quarter++) totals[q][quarter] = vdupq_n_s32(0);
  }
  for (size_t g = 0; g < groups; g += 4) {
    const int8_t *const line = panel + g * MOULT_LINE_BYTES;
    int8x16_t parts[MAX_QUERIES];
    for (size_t q = 0; q < query_count; q++) parts[q] = vld1q_s8(queries[q] + 4 * g);
    ADD_LINE(0)
    ADD_LINE(1)
    ADD_LINE(2)
    ADD_LINE(3)
  }
  for (size_t q = 0; q < query_count; q++) {
    for (size_t quarter = 0; quarter < QUARTERS; quarter++) {
      vst1q_s32(sums[q] + 4 * quarter, totals[q][quarter]);
    }
  }
}

static void multiply_1(const int8_t *panel, size_t groups, const int8_t *const *queries,
                       int32_t (*sums)[16]) {
  multiply_with_sdot(1, panel, groups, queries, sums);
}

static void multiply_4(const int8_t *panel, size_t groups, const int8_t *const *queries,
                       int32_t (*sums)[16]) {
  multiply_with_sdot(4, panel, groups, queries, sums);
}

size_t moult_neon_dotprod_scan_blocks(const moult_blocks *blocks, size_t first_block, size_t block_count,
                                      const moult_scan_query *queries, size_t query_count, void *scratch,
                                      moult_scan_hit *hits) {
  static const moult_method one = {1, multiply_1, NULL, moult_neon_dotprod_level_dot_rows};
  static const moult_method four = {4, multiply_4, NULL, moult_neon_dotprod_level_dot_rows};
  return scan(blocks, first_block, block_count, queries, query_count, scratch, hits,
              query_count == 1 ? &one : &four);
}

#pragma clang attribute pop

/// Two lines, each four dimensions of four rows a quarter, become quarters of eight dimensions of two rows.
static void weave(int8_t *panel, size_t groups) {
  for (size_t g = 0; g < groups; g += 2) {
    int32_t *const lines = (int32_t *)(panel + g * MOULT_LINE_BYTES);
    int32x4_t near[QUARTERS], far[QUARTERS];
    for (size_t quarter = 0; quarter < QUARTERS; quarter++) {
      near[quarter] = vld1q_s32(lines + 4 * quarter);
      far[quarter] = vld1q_s32(lines + 16 + 4 * quarter);
    }
    for (size_t quarter = 0; quarter < QUARTERS; quarter++) {
      vst1q_s32(lines + 8 * quarter, vzip1q_s32(near[quarter], far[quarter]));
      vst1q_s32(lines + 8 * quarter + 4, vzip2q_s32(near[quarter], far[quarter]));
    }
  }
}

#pragma clang attribute push(__attribute__((target("dotprod,i8mm"))), apply_to = function)

/// Lanes of a register of totals: row, query; row, next query; next row, query; next row, next query.
static void multiply_woven(const int8_t *panel, size_t groups, const int8_t *const *queries,
                           int32_t (*sums)[16]) {
  int32x4_t totals[2][2 * QUARTERS];
  for (size_t pair = 0; pair < 2; pair++) {
    for (size_t i = 0; i < 2 * QUARTERS; i++) totals[pair][i] = vdupq_n_s32(0);
  }
  for (size_t g = 0; g < groups; g += 2) {
    int8x16_t parts[2];
    for (size_t pair = 0; pair < 2; pair++) {
      parts[pair] = vcombine_s8(vld1_s8(queries[2 * pair] + 4 * g), vld1_s8(queries[2 * pair + 1] + 4 * g));
    }
    for (size_t i = 0; i < 2 * QUARTERS; i++) {
      const int8x16_t levels = vld1q_s8(panel + g * MOULT_LINE_BYTES + i * MOULT_STEP);
      totals[0][i] = vmmlaq_s32(totals[0][i], levels, parts[0]);
      totals[1][i] = vmmlaq_s32(totals[1][i], levels, parts[1]);
    }
  }
  for (size_t pair = 0; pair < 2; pair++) {
    for (size_t i = 0; i < QUARTERS; i++) {
      const int32x4_t first = totals[pair][2 * i], second = totals[pair][2 * i + 1];
      vst1q_s32(sums[2 * pair] + 4 * i, vuzp1q_s32(first, second));
      vst1q_s32(sums[2 * pair + 1] + 4 * i, vuzp2q_s32(first, second));
    }
  }
}

/// A single query leaves half of SMMLA's products unused; SDOT is as fast and needs no weaving.
size_t moult_neon_i8mm_scan_blocks(const moult_blocks *blocks, size_t first_block, size_t block_count,
                                   const moult_scan_query *queries, size_t query_count, void *scratch,
                                   moult_scan_hit *hits) {
  static const moult_method woven = {4, multiply_woven, weave, moult_neon_dotprod_level_dot_rows};
  if (query_count == 1) {
    return moult_neon_dotprod_scan_blocks(blocks, first_block, block_count, queries, 1, scratch, hits);
  }
  return scan(blocks, first_block, block_count, queries, query_count, scratch, hits, &woven);
}

#pragma clang attribute pop

#endif
