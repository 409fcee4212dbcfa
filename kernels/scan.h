/// What the scans of all levels share: how codes lie in words, and the float arithmetic of a score.
#ifndef MOULT_SCAN_H
#define MOULT_SCAN_H

#include <stdbool.h>

#include "moult/kernels.h"

enum {
  MOULT_BLOCK_ROWS = 16,
  MOULT_LINE_BYTES = 64,     ///< 4 bytes of each row of a block
  MOULT_SEGMENT_GROUPS = 8,  ///< a segment is 8 groups of 4 dimensions
};

/// 3- and 5-bit codes keep their high bits in a word of their own.
static inline bool moult_has_high_bits(size_t bits) { return bits == 3 || bits == 5; }

/// The bits of a code that lie together: 1, 2, 4 or 8.
static inline size_t moult_field_bits(size_t bits) { return moult_has_high_bits(bits) ? bits - 1 : bits; }

/// F of moult_scan_query: the groups that share a word, one field of each byte for each.
static inline size_t moult_groups_per_word(size_t bits) { return 8 / moult_field_bits(bits); }

/// Σ 4·segments·bits.
static inline size_t moult_zones_bytes(const moult_zone *zones, size_t zone_count) {
  size_t bytes = 0;
  for (size_t z = 0; z < zone_count; z++) bytes += (size_t)4 * zones[z].segments * zones[z].bits;
  return bytes;
}

static inline size_t moult_block_bytes(const moult_blocks *blocks) {
  return (blocks->lines + 2) * MOULT_LINE_BYTES;  // a line of factors and one of additives
}

/// Fusing would round once where other levels round twice, and they would keep different vectors.
#pragma STDC FP_CONTRACT OFF

/// t = scale·sum1 + offset.
static inline float moult_scan_estimate(const moult_scan_query *query, int32_t sum1) {
  const float product = query->scale * (float)sum1;
  return product + query->offset;
}

static inline float moult_scan_score(float estimate, float factor, float additive) {
  const float product = factor * estimate;
  return product + additive;
}

/// Stage two of a row that passed stage one. Writes the hit to `hit` and returns 1, or 0 if it is not kept.
static inline size_t moult_scan_refine(const moult_scan_query *query, int32_t sum1, int32_t sum2,
                                       float factor, float additive, size_t query_index, size_t row,
                                       moult_scan_hit *hit) {
  float estimate = moult_scan_estimate(query, sum1);
  if (query->second) {
    const float finer = query->second_scale * (float)sum2;
    estimate = estimate + finer;
  }
  const float score = moult_scan_score(estimate, factor, additive);
  if (query->second && !(score >= query->bar)) return 0;
  *hit = (moult_scan_hit){.query = (uint32_t)query_index, .row = (uint32_t)row, .score = score};
  return 1;
}

#endif
