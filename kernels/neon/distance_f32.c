#if defined(__aarch64__)

#include <arm_neon.h>
#include <stdbool.h>
#include <string.h>

#include "rows.h"
#include "tables.h"

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

/// `sum` + one term per lane; `squared` is a constant where this is inlined.
INLINE float32x4_t accumulate(float32x4_t sum, float32x4_t a, float32x4_t b, bool squared) {
  if (!squared) return vfmaq_f32(sum, a, b);
  const float32x4_t difference = vsubq_f32(a, b);
  return vfmaq_f32(sum, difference, difference);
}

/// Scores `row_count` rows (a constant) together, so that each part of the query is loaded once. A row's
/// result does not depend on how many are scored with it.
INLINE void score(const float *query, const float *const *rows, size_t row_count, size_t dimension,
                  bool squared, float *out) {
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
        const float32x4_t other = load(rows[row] + i + chain * LANES);
        sums[row][chain] = accumulate(sums[row][chain], part, other, squared);
      }
    }
  }
  for (; i + LANES <= dimension; i += LANES) {
    const float32x4_t part = load(query + i);
    for (size_t row = 0; row < row_count; row++) {
      sums[row][0] = accumulate(sums[row][0], part, load(rows[row] + i), squared);
    }
  }
  if (i < dimension) {
    const float32x4_t part = load_tail(query + i, dimension - i);
    for (size_t row = 0; row < row_count; row++) {
      const float32x4_t other = load_tail(rows[row] + i, dimension - i);
      sums[row][1] = accumulate(sums[row][1], part, other, squared);
    }
  }
  for (size_t row = 0; row < row_count; row++) {
    const float32x4_t *const chains = sums[row];
    out[row] = vaddvq_f32(vaddq_f32(vaddq_f32(chains[0], chains[1]), vaddq_f32(chains[2], chains[3])));
  }
}

INLINE void score_rows(const float *query, const void *rows, size_t stride, const uint32_t *indices,
                       size_t count, size_t dimension, bool squared, float *out) {
  size_t i = 0;
  for (; i + GROUP <= count; i += GROUP) {
    moult_prefetch_rows(rows, stride, indices, count, i + GROUP, GROUP, dimension * sizeof(float));
    const float *group[GROUP];
    for (size_t row = 0; row < GROUP; row++) {
      group[row] = (const float *)moult_row(rows, stride, indices, i + row);
    }
    score(query, group, GROUP, dimension, squared, out + i);
  }
  for (; i < count; i++) {
    const float *const row = (const float *)moult_row(rows, stride, indices, i);
    score(query, &row, 1, dimension, squared, out + i);
  }
}

float moult_neon_dot_f32(const float *a, const float *b, size_t dimension) {
  float result;
  score(a, &b, 1, dimension, false, &result);
  return result;
}

float moult_neon_squared_l2_f32(const float *a, const float *b, size_t dimension) {
  float result;
  score(a, &b, 1, dimension, true, &result);
  return result;
}

void moult_neon_dot_f32_rows(const float *query, const void *rows, size_t stride, const uint32_t *indices,
                             size_t count, size_t dimension, float *out) {
  score_rows(query, rows, stride, indices, count, dimension, false, out);
}

void moult_neon_squared_l2_f32_rows(const float *query, const void *rows, size_t stride,
                                    const uint32_t *indices, size_t count, size_t dimension, float *out) {
  score_rows(query, rows, stride, indices, count, dimension, true, out);
}

#endif
