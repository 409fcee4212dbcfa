#if defined(__aarch64__)

#include "levels.h"
#include "tables.h"

/// Four words of four rows, transposed: a word of each.
INLINE void transpose(const uint8x16_t rows[4], uint32x4_t words[4]) {
  const uint32x4_t r0 = vreinterpretq_u32_u8(rows[0]), r1 = vreinterpretq_u32_u8(rows[1]);
  const uint32x4_t r2 = vreinterpretq_u32_u8(rows[2]), r3 = vreinterpretq_u32_u8(rows[3]);
  const uint32x4_t even02 = vzip1q_u32(r0, r2), odd02 = vzip2q_u32(r0, r2);
  const uint32x4_t even13 = vzip1q_u32(r1, r3), odd13 = vzip2q_u32(r1, r3);
  words[0] = vzip1q_u32(even02, even13);
  words[1] = vzip2q_u32(even02, even13);
  words[2] = vzip1q_u32(odd02, odd13);
  words[3] = vzip2q_u32(odd02, odd13);
}

void moult_neon_interleave_block(const void *rows, size_t stride, size_t count, size_t bytes, size_t lines,
                                 uint8_t *block) {
  for (size_t line = 0; line < lines; line += MOULT_STEP_WORDS) {
    const size_t offset = 4 * line, here = offset < bytes ? bytes - offset : 0;
    const size_t line_count = lines - line < MOULT_STEP_WORDS ? lines - line : MOULT_STEP_WORDS;
    for (size_t quad = 0; quad < MOULT_BLOCK_ROWS; quad += 4) {
      uint8x16_t parts[4];
      for (size_t r = 0; r < 4; r++) {
        const uint8_t *row = (const uint8_t *)rows + (quad + r) * stride + offset;
        parts[r] = quad + r < count && here ? moult_load_first(row, here) : vdupq_n_u8(0);
      }
      uint32x4_t words[4];
      transpose(parts, words);
      for (size_t w = 0; w < line_count; w++) {
        vst1q_u8(block + (line + w) * MOULT_LINE_BYTES + 4 * quad, vreinterpretq_u8_u32(words[w]));
      }
    }
  }
}

#endif
