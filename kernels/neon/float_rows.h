/// Scores of one float query against rows of floats of any width: what distance_f32.c and distance_f16.c
/// share, so that the same row gives the same bits whatever its entries are stored as.
#ifndef MOULT_NEON_FLOAT_ROWS_H
#define MOULT_NEON_FLOAT_ROWS_H

#include <arm_neon.h>
#include <stdbool.h>
#include <string.h>

#include "elements.h"
#include "rows.h"

#define INLINE static inline __attribute__((always_inline))

// Four sums per row: a fused multiply-add takes four cycles, so fewer chains would leave the units idle.
enum { LANES = 4, CHAINS = 4, GROUP = 4 };

INLINE float32x4_t load(const float *values) {
  return vreinterpretq_f32_u8(vld1q_u8((const uint8_t *)values));
}

/// The last 1 … 3 values, filled up with zeros, which add nothing.
INLINE float32x4_t load_tail(const float *values, size_t count) {
  float padded[LANES] = {0};
  memcpy(padded, values, count * sizeof *values);
  return load(padded);
}

/// Four entries of a row from number i on; `element` is a constant where this is inlined.
INLINE float32x4_t load_row(const uint8_t *row, size_t i, moult_element element) {
  if (element == MOULT_ELEMENT_F32) return vreinterpretq_f32_u8(vld1q_u8(row + 4 * i));
  const uint8x8_t halves = vld1_u8(row + 2 * i);
  if (element == MOULT_ELEMENT_F16) return vcvt_f32_f16(vreinterpret_f16_u8(halves));
  return vreinterpretq_f32_u32(vshll_n_u16(vreinterpret_u16_u8(halves), 16));
}

/// Likewise the last `count` of a row, filled up with zeros.
INLINE float32x4_t load_row_tail(const uint8_t *row, size_t i, size_t count, moult_element element) {
  const size_t width = moult_element_bytes(element);
  uint8_t padded[LANES * sizeof(float)] = {0};
  memcpy(padded, row + width * i, width * count);
  return load_row(padded, 0, element);
}

/// `sum` + one term per lane; `squared` is a constant where this is inlined.
INLINE float32x4_t accumulate(float32x4_t sum, float32x4_t a, float32x4_t b, bool squared) {
  if (!squared) return vfmaq_f32(sum, a, b);
  const float32x4_t difference = vsubq_f32(a, b);
  return vfmaq_f32(sum, difference, difference);
}

/// Scores `row_count` rows (a constant) together, so that each part of the query is loaded once. A row's
/// result does not depend on how many are scored with it.
INLINE void score(const float *query, const uint8_t *const *rows, size_t row_count, size_t dimension,
                  moult_element element, bool squared, float *out) {
  float32x4_t sums[GROUP][CHAINS];
  for (size_t row = 0; row < row_count; row++) {
    for (size_t chain = 0; chain < CHAINS; chain++) sums[row][chain] = vdupq_n_f32(0);
  }
  size_t i = 0;
  for (; i + CHAINS * LANES <= dimension; i += CHAINS * LANES) {
#pragma clang loop unroll(full)
    for (size_t chain = 0; chain < CHAINS; chain++) {
      const float32x4_t part = load(query + i + chain * LANES);
      for (size_t row = 0; row < row_count; row++) {
        const float32x4_t other = load_row(rows[row], i + chain * LANES, element);
        sums[row][chain] = accumulate(sums[row][chain], part, other, squared);
      }
    }
  }
  for (; i + LANES <= dimension; i += LANES) {
    const float32x4_t part = load(query + i);
    for (size_t row = 0; row < row_count; row++) {
      sums[row][0] = accumulate(sums[row][0], part, load_row(rows[row], i, element), squared);
    }
  }
  if (i < dimension) {
    const float32x4_t part = load_tail(query + i, dimension - i);
    for (size_t row = 0; row < row_count; row++) {
      const float32x4_t other = load_row_tail(rows[row], i, dimension - i, element);
      sums[row][1] = accumulate(sums[row][1], part, other, squared);
    }
  }
  for (size_t row = 0; row < row_count; row++) {
    const float32x4_t *const chains = sums[row];
    out[row] = vaddvq_f32(vaddq_f32(vaddq_f32(chains[0], chains[1]), vaddq_f32(chains[2], chains[3])));
  }
}

INLINE void score_rows(const float *query, const void *rows, size_t stride, const uint32_t *indices,
                       size_t count, size_t dimension, moult_element element, bool squared, float *out) {
  size_t i = 0;
  for (; i + GROUP <= count; i += GROUP) {
    moult_prefetch_rows(rows, stride, indices, count, i + GROUP, GROUP,
                        dimension * moult_element_bytes(element));
    const uint8_t *group[GROUP];
    for (size_t row = 0; row < GROUP; row++) group[row] = moult_row(rows, stride, indices, i + row);
    score(query, group, GROUP, dimension, element, squared, out + i);
  }
  for (; i < count; i++) {
    const uint8_t *const row = moult_row(rows, stride, indices, i);
    score(query, &row, 1, dimension, element, squared, out + i);
  }
}

INLINE float score_one(const float *query, const float *row, size_t dimension, bool squared) {
  const uint8_t *const rows = (const uint8_t *)row;
  float result;
  score(query, &rows, 1, dimension, MOULT_ELEMENT_F32, squared, &result);
  return result;
}

#endif
