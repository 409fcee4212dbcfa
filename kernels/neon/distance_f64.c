// Products of floats are exact in double, so the fused form of the first two rounds as often as the plain one.

#if defined(__aarch64__)

#include <arm_neon.h>
#include <stdbool.h>
#include <string.h>

#include "tables.h"

#define INLINE static inline __attribute__((always_inline))

enum { LANES = 32, PAIRS = LANES / 2 };

INLINE float32x4_t load(const float *values) {
  return vreinterpretq_f32_u8(vld1q_u8((const uint8_t *)values));
}

/// LANES values in double, two a register.
INLINE void widen(const float *values, float64x2_t wide[PAIRS]) {
  for (size_t pair = 0; pair < PAIRS; pair += 2) {
    const float32x4_t four = load(values + 2 * pair);
    wide[pair] = vcvt_f64_f32(vget_low_f32(four));
    wide[pair + 1] = vcvt_high_f64_f32(four);
  }
}

/// `squared` is a constant where this is inlined.
INLINE void accumulate(float64x2_t sums[PAIRS], const float *a, const float *b, bool squared) {
  float64x2_t wide_a[PAIRS], wide_b[PAIRS];
  widen(a, wide_a);
  widen(b, wide_b);
  for (size_t pair = 0; pair < PAIRS; pair++) {
    if (!squared) {
      sums[pair] = vfmaq_f64(sums[pair], wide_a[pair], wide_b[pair]);
    } else {
      const float64x2_t difference = vsubq_f64(wide_a[pair], wide_b[pair]);
      const float64x2_t product = vmulq_f64(difference, difference);
      sums[pair] = vaddq_f64(sums[pair], product);
    }
  }
}

INLINE double folded(const float64x2_t sums[PAIRS]) {
  float64x2_t half[PAIRS];
  for (size_t pair = 0; pair < PAIRS; pair++) half[pair] = sums[pair];
  for (size_t left = PAIRS / 2; left > 0; left /= 2) {
    for (size_t pair = 0; pair < left; pair++) half[pair] = vaddq_f64(half[pair], half[pair + left]);
  }
  return vaddvq_f64(half[0]);
}

INLINE double score(const float *a, const float *b, size_t count, bool squared) {
  float64x2_t sums[PAIRS];
  for (size_t pair = 0; pair < PAIRS; pair++) sums[pair] = vdupq_n_f64(0);
  size_t i = 0;
  for (; i + LANES <= count; i += LANES) accumulate(sums, a + i, b + i, squared);
  if (i < count) {
    float padded_a[LANES] = {0}, padded_b[LANES] = {0};
    memcpy(padded_a, (const uint8_t *)(a + i), (count - i) * sizeof *a);
    memcpy(padded_b, (const uint8_t *)(b + i), (count - i) * sizeof *b);
    accumulate(sums, padded_a, padded_b, squared);
  }
  return folded(sums);
}

double moult_neon_sum_of_squares_f32(const float *values, size_t count) {
  return score(values, values, count, false);
}

double moult_neon_dot_f32_f64(const float *a, const float *b, size_t count) {
  return score(a, b, count, false);
}

double moult_neon_squared_l2_f32_f64(const float *a, const float *b, size_t count) {
  return score(a, b, count, true);
}

void moult_neon_encode_signs_sums(const float *values, uint8_t *codes, size_t count, double *absolute,
                                  double *square) {
  float64x2_t absolutes[PAIRS], squares[PAIRS];
  for (size_t pair = 0; pair < PAIRS; pair++) absolutes[pair] = squares[pair] = vdupq_n_f64(0);
  for (size_t i = 0; i < count; i += LANES) {
    float part[LANES] = {0};
    memcpy(part, (const uint8_t *)(values + i), (count - i < LANES ? count - i : LANES) * sizeof *part);
    float64x2_t wide[PAIRS];
    widen(part, wide);
    for (size_t pair = 0; pair < PAIRS; pair++) {
      absolutes[pair] = vaddq_f64(absolutes[pair], vabsq_f64(wide[pair]));
      squares[pair] = vfmaq_f64(squares[pair], wide[pair], wide[pair]);
    }
  }
  moult_neon_encode_signs(values, codes, count);
  *absolute = folded(absolutes);
  *square = folded(squares);
}

#endif
