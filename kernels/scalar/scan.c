// The plain definition: levels are decoded to a panel of bytes, in which a line holds a group of four
// dimensions of 16 rows; sums and scores then know nothing of widths any more. A row is decoded the same
// way, as a block whose words follow each other at once.

#include <string.h>

#include "rows.h"
#include "scan.h"
#include "tables.h"

/// level + 128 of byte b of group g. Word w of the segment begins at `segment + w·word_stride`.
static uint8_t level(const moult_zone *zone, const uint8_t *segment, size_t word_stride, size_t g, size_t b) {
  const size_t fields = moult_groups_per_word(zone->bits), field_bits = moult_field_bits(zone->bits);
  const uint32_t byte = segment[g / fields * word_stride + b];
  uint32_t code = byte >> (g % fields * field_bits) & ((1u << field_bits) - 1);
  if (moult_has_high_bits(zone->bits)) {
    const uint32_t high_bits = segment[(zone->bits - 1) * word_stride + b];
    code |= (high_bits >> g & 1) << field_bits;
  }
  return zone->levels ? zone->levels[code] : (uint8_t)code;
}

/// The levels of one block, groups in order: byte b of group g of row r goes to panel[64g + 4r + b].
static void decode_block(const moult_zone *zones, size_t zone_count, const uint8_t *block, uint8_t *panel) {
  for (size_t z = 0; z < zone_count; z++) {
    for (size_t s = 0; s < zones[z].segments; s++) {
      for (size_t g = 0; g < MOULT_SEGMENT_GROUPS; g++, panel += MOULT_LINE_BYTES) {
        for (size_t i = 0; i < MOULT_LINE_BYTES; i++) {
          panel[i] = level(&zones[z], block + i / 4 * 4, MOULT_LINE_BYTES, g, i % 4);
        }
      }
      block += zones[z].bits * MOULT_LINE_BYTES;
    }
  }
}

/// Σ query[j]·(level[j] + 128) of one row of a panel; the query is in block order.
static int32_t panel_dot(const uint8_t *panel, size_t groups, const int8_t *query, size_t row) {
  int32_t sum = 0;
  for (size_t g = 0; g < groups; g++) {
    for (size_t b = 0; b < 4; b++) sum += panel[g * MOULT_LINE_BYTES + row * 4 + b] * query[g * 4 + b];
  }
  return sum;
}

/// The same for a row of codes and a query in row order.
static int32_t row_dot(const moult_zone *zones, size_t zone_count, const uint8_t *row, const int8_t *query) {
  int32_t sum = 0;
  for (size_t z = 0; z < zone_count; z++) {
    const size_t fields = moult_groups_per_word(zones[z].bits);
    const size_t words = MOULT_SEGMENT_GROUPS / fields;  // of a segment, without that of the high bits
    for (size_t s = 0; s < zones[z].segments; s++) {
      for (size_t g = 0; g < MOULT_SEGMENT_GROUPS; g++) {
        const size_t place = g % fields * words * zones[z].segments + s * words + g / fields;
        for (size_t b = 0; b < 4; b++) sum += level(&zones[z], row, 4, g, b) * query[place * 4 + b];
      }
      row += zones[z].bits * 4;
    }
    query += (size_t)zones[z].segments * MOULT_SEGMENT_GROUPS * 4;
  }
  return sum;
}

void moult_scalar_interleave_block(const void *rows, size_t stride, size_t count, size_t bytes, size_t lines,
                                   uint8_t *block) {
  memset(block, 0, lines * MOULT_LINE_BYTES);
  for (size_t r = 0; r < count; r++) {
    const uint8_t *row = (const uint8_t *)rows + r * stride;
    for (size_t i = 0; i < bytes; i++) block[i / 4 * MOULT_LINE_BYTES + r * 4 + i % 4] = row[i];
  }
}

size_t moult_scalar_scan_blocks(const moult_blocks *blocks, size_t first_block, size_t block_count,
                                const moult_scan_query *queries, size_t query_count, void *scratch,
                                moult_scan_hit *hits) {
  uint8_t *const panel = scratch;
  size_t hit_count = 0;
  for (size_t i = first_block; i < first_block + block_count; i++) {
    const uint8_t *const block = blocks->bytes + i * moult_block_bytes(blocks);
    decode_block(blocks->zones, blocks->zone_count, block, panel);
    const float *const factors = (const float *)(block + blocks->lines * MOULT_LINE_BYTES);
    const float *const additives = factors + MOULT_BLOCK_ROWS;
    for (size_t q = 0; q < query_count; q++) {
      const moult_scan_query *const query = &queries[q];
      for (size_t r = 0; r < MOULT_BLOCK_ROWS; r++) {
        const int32_t sum1 = query->first_bias + panel_dot(panel, blocks->groups, query->first, r);
        const float optimistic = moult_scan_estimate(query, sum1) + query->slack;
        if (!(moult_scan_score(optimistic, factors[r], additives[r]) >= query->bar)) continue;
        const size_t row = i * MOULT_BLOCK_ROWS + r;
        int32_t sum2 = 0;
        if (query->second && blocks->tail_zone_count > 0) {
          const uint8_t *const tail = blocks->tails + row * blocks->tail_stride;
          sum2 = row_dot(blocks->tail_zones, blocks->tail_zone_count, tail, query->second);
          sum2 += query->second_bias;
        } else if (query->second) {
          sum2 = query->second_bias + panel_dot(panel, blocks->groups, query->second, r);
        }
        hit_count += moult_scan_refine(query, sum1, sum2, factors[r], additives[r], q, row, hits + hit_count);
      }
    }
  }
  return hit_count;
}

void moult_scalar_level_dot_rows(const moult_zone *zones, size_t zone_count, const int8_t *query,
                                 const void *rows, size_t stride, const uint32_t *indices, size_t count,
                                 int32_t *out) {
  for (size_t i = 0; i < count; i++) {
    out[i] = row_dot(zones, zone_count, moult_row(rows, stride, indices, i), query);
  }
}
