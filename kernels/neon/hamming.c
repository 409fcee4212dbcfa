#if defined(__aarch64__)

#include <arm_neon.h>
#include <string.h>

#include "rows.h"
#include "tables.h"

#define INLINE static inline __attribute__((always_inline))

enum { STEP = 16 };

INLINE uint8x16_t load_tail(const uint8_t *bits, size_t count) {
  uint8_t padded[STEP] = {0};
  memcpy(padded, bits, count);
  return vld1q_u8(padded);
}

/// Adds the ones in 16 bytes to four lanes.
INLINE uint32x4_t accumulate_ones(uint32x4_t sum, uint8x16_t bits) {
  return vpadalq_u16(sum, vpaddlq_u8(vcntq_u8(bits)));
}

INLINE uint32_t hamming(const uint8_t *a, const uint8_t *b, size_t bytes) {
  uint32x4_t even = vdupq_n_u32(0), odd = vdupq_n_u32(0);
  size_t i = 0;
  for (; i + 2 * STEP <= bytes; i += 2 * STEP) {
    even = accumulate_ones(even, veorq_u8(vld1q_u8(a + i), vld1q_u8(b + i)));
    odd = accumulate_ones(odd, veorq_u8(vld1q_u8(a + i + STEP), vld1q_u8(b + i + STEP)));
  }
  if (i + STEP <= bytes) {
    even = accumulate_ones(even, veorq_u8(vld1q_u8(a + i), vld1q_u8(b + i)));
    i += STEP;
  }
  if (i < bytes) {
    odd = accumulate_ones(odd, veorq_u8(load_tail(a + i, bytes - i), load_tail(b + i, bytes - i)));
  }
  return vaddvq_u32(vaddq_u32(even, odd));
}

void moult_neon_hamming_rows(const uint8_t *query, const void *rows, size_t stride, const uint32_t *indices,
                             size_t count, size_t bytes, uint32_t *out) {
  for (size_t i = 0; i < count; i++) {
    moult_prefetch_rows(rows, stride, indices, count, i + 8, 1, bytes);
    out[i] = hamming(query, moult_row(rows, stride, indices, i), bytes);
  }
}

/// Σ_p 2^p · popcount over 16 bytes, in eight lanes. Doubled and added from the most significant plane
/// down; a lane stays at or below 16 · 255 = 4080.
INLINE uint16x8_t weighted_ones(uint8x16_t row, const uint8_t *planes, size_t plane_count, size_t bytes,
                                size_t step_bytes) {
  uint16x8_t sum = vdupq_n_u16(0);
  for (size_t plane = plane_count; plane-- > 0;) {
    const uint8_t *bits = planes + plane * bytes;
    const uint8x16_t bits_u8x16 = step_bytes == STEP ? vld1q_u8(bits) : load_tail(bits, step_bytes);
    sum = vpadalq_u8(vshlq_n_u16(sum, 1), vcntq_u8(vandq_u8(row, bits_u8x16)));
  }
  return sum;
}

void moult_neon_bit_plane_dot_rows(const uint8_t *planes, size_t plane_count, const void *rows, size_t stride,
                                   const uint32_t *indices, size_t count, size_t bytes, uint32_t *out) {
  for (size_t i = 0; i < count; i++) {
    moult_prefetch_rows(rows, stride, indices, count, i + 4, 1, bytes);
    const uint8_t *row = moult_row(rows, stride, indices, i);
    uint32x4_t sum = vdupq_n_u32(0);
    size_t j = 0;
    for (; j + STEP <= bytes; j += STEP) {
      sum = vpadalq_u16(sum, weighted_ones(vld1q_u8(row + j), planes + j, plane_count, bytes, STEP));
    }
    if (j < bytes) {  // eight bytes
      const uint8x16_t tail = load_tail(row + j, 8);
      sum = vpadalq_u16(sum, weighted_ones(tail, planes + j, plane_count, bytes, 8));
    }
    out[i] = vaddvq_u32(sum);
  }
}

#endif
