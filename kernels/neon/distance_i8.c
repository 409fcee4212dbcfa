// Twice: for every AArch64 processor, and with SDOT and UDOT, which multiply bytes and add four products to
// each 32-bit lane in one go.

#if defined(__aarch64__)

#include <arm_neon.h>
#include <string.h>

#include "rows.h"
#include "tables.h"

#define INLINE static inline __attribute__((always_inline))

enum { STEP = 16, GROUP = 4 };

INLINE int8x16_t load_i8(const void *bytes) { return vld1q_s8((const int8_t *)bytes); }

INLINE uint8x16_t load_u8(const void *bytes) { return vld1q_u8((const uint8_t *)bytes); }

/// The last 1 … 15 bytes, filled up with zeros, which add nothing to a product.
INLINE uint8x16_t load_tail(const void *bytes, size_t count) {
  uint8_t padded[STEP] = {0};
  memcpy(padded, bytes, count);
  return load_u8(padded);
}

INLINE int8x16_t load_tail_i8(const void *bytes, size_t count) {
  return vreinterpretq_s8_u8(load_tail(bytes, count));
}

// Without the dot product: 8 products of 16 bits, added in pairs to 32-bit lanes.

INLINE uint32x4_t accumulate_u8(uint32x4_t sum, uint8x16_t a, uint8x16_t b) {
  sum = vpadalq_u16(sum, vmull_u8(vget_low_u8(a), vget_low_u8(b)));
  return vpadalq_u16(sum, vmull_high_u8(a, b));
}

typedef struct {
  int16x8_t low, high;
} widened;

INLINE widened widen_i8(int8x16_t bytes) {
  return (widened){vmovl_s8(vget_low_s8(bytes)), vmovl_high_s8(bytes)};
}

INLINE widened widen_u8(uint8x16_t bytes) {
  return (widened){vreinterpretq_s16_u16(vmovl_u8(vget_low_u8(bytes))),
                   vreinterpretq_s16_u16(vmovl_high_u8(bytes))};
}

/// Unsigned times signed has no instruction and needs 17 bits: both sides are widened first.
INLINE int32x4_t accumulate_widened(int32x4_t sum, widened a, widened b) {
  sum = vmlal_s16(sum, vget_low_s16(a.low), vget_low_s16(b.low));
  sum = vmlal_high_s16(sum, a.low, b.low);
  sum = vmlal_s16(sum, vget_low_s16(a.high), vget_low_s16(b.high));
  return vmlal_high_s16(sum, a.high, b.high);
}

uint32_t moult_neon_dot_u8(const uint8_t *a, const uint8_t *b, size_t dimension) {
  uint32x4_t sum = vdupq_n_u32(0);
  size_t i = 0;
  for (; i + STEP <= dimension; i += STEP) sum = accumulate_u8(sum, load_u8(a + i), load_u8(b + i));
  if (i < dimension) {
    const size_t rest = dimension - i;
    sum = accumulate_u8(sum, load_tail(a + i, rest), load_tail(b + i, rest));
  }
  return vaddvq_u32(sum);
}

void moult_neon_dot_u8_i8x2_rows(const int8_t *query_high, const int8_t *query_low, const void *rows,
                                 size_t stride, const uint32_t *indices, size_t count, size_t dimension,
                                 int32_t *high, int32_t *low) {
  const size_t whole = dimension / STEP * STEP, rest = dimension - whole;
  for (size_t i = 0; i < count; i++) {
    moult_prefetch_rows(rows, stride, indices, count, i + 4, 1, dimension);
    const uint8_t *row = moult_row(rows, stride, indices, i);
    int32x4_t sum_high = vdupq_n_s32(0), sum_low = vdupq_n_s32(0);
    for (size_t j = 0; j < whole; j += STEP) {
      const widened row_i16x16 = widen_u8(load_u8(row + j));
      sum_high = accumulate_widened(sum_high, row_i16x16, widen_i8(load_i8(query_high + j)));
      sum_low = accumulate_widened(sum_low, row_i16x16, widen_i8(load_i8(query_low + j)));
    }
    if (rest) {
      const widened row_i16x16 = widen_u8(load_tail(row + whole, rest));
      sum_high = accumulate_widened(sum_high, row_i16x16, widen_i8(load_tail_i8(query_high + whole, rest)));
      sum_low = accumulate_widened(sum_low, row_i16x16, widen_i8(load_tail_i8(query_low + whole, rest)));
    }
    high[i] = vaddvq_s32(sum_high);
    low[i] = vaddvq_s32(sum_low);
  }
}

#pragma clang attribute push(__attribute__((target("dotprod"))), apply_to = function)

/// Adds up 16 bytes as four lanes.
INLINE int32x4_t accumulate_sum(int32x4_t sum, int8x16_t bytes) {
  return vdotq_s32(sum, bytes, vdupq_n_s8(1));
}

/// The unsigned byte x as the signed byte x − 128. SDOT wants both sides signed; the difference is put
/// back at the end: a·b = (a − 128)·b + 128·Σb. Lanes may wrap on the way; modulo 2³² the result is right.
INLINE int8x16_t move_by_128(uint8x16_t bytes) {
  return vreinterpretq_s8_u8(veorq_u8(bytes, vdupq_n_u8(0x80)));
}

INLINE int32_t put_back(int32x4_t moved, int32x4_t sum_b) {
  return vaddvq_s32(vaddq_s32(moved, vshlq_n_s32(sum_b, 7)));
}

uint32_t moult_neon_dotprod_dot_u8(const uint8_t *a, const uint8_t *b, size_t dimension) {
  uint32x4_t even = vdupq_n_u32(0), odd = vdupq_n_u32(0);
  size_t i = 0;
  for (; i + 2 * STEP <= dimension; i += 2 * STEP) {
    even = vdotq_u32(even, load_u8(a + i), load_u8(b + i));
    odd = vdotq_u32(odd, load_u8(a + i + STEP), load_u8(b + i + STEP));
  }
  if (i + STEP <= dimension) {
    even = vdotq_u32(even, load_u8(a + i), load_u8(b + i));
    i += STEP;
  }
  if (i < dimension) {
    const size_t rest = dimension - i;
    odd = vdotq_u32(odd, load_tail(a + i, rest), load_tail(b + i, rest));
  }
  return vaddvq_u32(vaddq_u32(even, odd));
}

void moult_neon_dotprod_dot_u8_i8x2_rows(const int8_t *query_high, const int8_t *query_low, const void *rows,
                                         size_t stride, const uint32_t *indices, size_t count,
                                         size_t dimension, int32_t *high, int32_t *low) {
  const size_t whole = dimension / STEP * STEP, rest = dimension - whole;
  const int8x16_t tail_high = load_tail_i8(query_high + whole, rest);
  const int8x16_t tail_low = load_tail_i8(query_low + whole, rest);
  // What put_back needs depends on the query alone.
  int32x4_t query_sum_high = accumulate_sum(vdupq_n_s32(0), tail_high);
  int32x4_t query_sum_low = accumulate_sum(vdupq_n_s32(0), tail_low);
  for (size_t j = 0; j < whole; j += STEP) {
    query_sum_high = accumulate_sum(query_sum_high, load_i8(query_high + j));
    query_sum_low = accumulate_sum(query_sum_low, load_i8(query_low + j));
  }
  for (size_t i = 0; i < count; i += GROUP) {
    moult_prefetch_rows(rows, stride, indices, count, i + GROUP, GROUP, dimension);
    const size_t group_count = count - i < GROUP ? count - i : GROUP;
    const uint8_t *group[GROUP];
    int32x4_t sums_high[GROUP], sums_low[GROUP];
    for (size_t row = 0; row < GROUP; row++) {
      // An incomplete group is filled up with its first row; nobody looks at those results.
      group[row] = moult_row(rows, stride, indices, i + (row < group_count ? row : 0));
      sums_high[row] = sums_low[row] = vdupq_n_s32(0);
    }
    for (size_t j = 0; j < whole; j += STEP) {
      const int8x16_t part_high = load_i8(query_high + j), part_low = load_i8(query_low + j);
      for (size_t row = 0; row < GROUP; row++) {
        const int8x16_t row_i8x16 = move_by_128(load_u8(group[row] + j));
        sums_high[row] = vdotq_s32(sums_high[row], row_i8x16, part_high);
        sums_low[row] = vdotq_s32(sums_low[row], row_i8x16, part_low);
      }
    }
    if (rest) {
      for (size_t row = 0; row < GROUP; row++) {
        const int8x16_t row_i8x16 = move_by_128(load_tail(group[row] + whole, rest));
        sums_high[row] = vdotq_s32(sums_high[row], row_i8x16, tail_high);
        sums_low[row] = vdotq_s32(sums_low[row], row_i8x16, tail_low);
      }
    }
    for (size_t row = 0; row < group_count; row++) {
      high[i + row] = put_back(sums_high[row], query_sum_high);
      low[i + row] = put_back(sums_low[row], query_sum_low);
    }
  }
}

#pragma clang attribute pop

#endif
