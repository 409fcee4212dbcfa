// TBL looks up 16 bytes in a table of 64.

#if defined(__aarch64__)

#include <arm_neon.h>

#include "tables.h"

enum { LINE = 64, QUARTER = 16 };

void moult_neon_scan_sketches(const uint8_t *chunks, size_t lines, size_t chunk_count, const int8_t *tables,
                              const int8_t *bars, size_t query_count, uint64_t *masks) {
  for (size_t q = 0; q < query_count; q++) {
    const int8x16_t bar_i8x16 = vdupq_n_s8(bars[q]);
    for (size_t c = 0; c < chunk_count; c++) {
      int8x16_t own[4] = {vdupq_n_s8(0), vdupq_n_s8(0), vdupq_n_s8(0), vdupq_n_s8(0)};
      for (size_t g = 0; g < lines; g++) {
        const int8x16x4_t table = vld1q_s8_x4(tables + (q * lines + g) * LINE);
        const uint8_t *const codes = chunks + (c * lines + g) * LINE;
        for (size_t quarter = 0; quarter < 4; quarter++) {
          const uint8x16_t index = vandq_u8(vld1q_u8(codes + quarter * QUARTER), vdupq_n_u8(63));
          own[quarter] = vqaddq_s8(own[quarter], vqtbl4q_s8(table, index));
        }
      }
      // Each byte keeps the bit of its place among eight, then eights are summed.
      const uint8x16_t places = vreinterpretq_u8_u64(vdupq_n_u64(0x8040201008040201));
      uint64_t mask = 0;
      for (size_t quarter = 0; quarter < 4; quarter++) {
        const uint8x16_t bits = vandq_u8(vcgeq_s8(own[quarter], bar_i8x16), places);
        mask |= (uint64_t)vaddv_u8(vget_low_u8(bits)) << (quarter * QUARTER);
        mask |= (uint64_t)vaddv_u8(vget_high_u8(bits)) << (quarter * QUARTER + 8);
      }
      masks[q * chunk_count + c] = mask;
    }
  }
}

#endif
