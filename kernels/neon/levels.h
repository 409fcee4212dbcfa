/// Decoding codes to signed levels, 16 bytes at a time. Internal to neon/.
///
/// NEON's products want both sides signed. So the panel holds level[j], not level[j] + 128, and sums take
/// 128·Σ query[j] more at the end.
#ifndef MOULT_NEON_LEVELS_H
#define MOULT_NEON_LEVELS_H

#include <arm_neon.h>
#include <string.h>

#include "scan.h"

#define INLINE static inline __attribute__((always_inline))

enum { MOULT_STEP = 16, MOULT_STEP_WORDS = 4 };

INLINE uint8x16_t moult_load(const void *bytes) { return vld1q_u8((const uint8_t *)bytes); }

/// The first `count` bytes, at most 16, filled up with zeros.
INLINE uint8x16_t moult_load_first(const void *bytes, size_t count) {
  if (count >= MOULT_STEP) return moult_load(bytes);
  uint8_t padded[MOULT_STEP] = {0};
  memcpy(padded, bytes, count);
  return moult_load(padded);
}

INLINE uint32_t moult_load_word(const uint8_t *bytes) {
  uint32_t word;
  memcpy(&word, bytes, sizeof word);
  return word;
}

/// The levels of a zone as signed bytes, up to 32.
INLINE uint8x16x2_t moult_signed_levels(const moult_zone *zone) {
  uint8_t levels[2 * MOULT_STEP] = {0};
  if (zone->levels) memcpy(levels, zone->levels, (size_t)1 << zone->bits);
  const uint8x16_t half = vdupq_n_u8(0x80);
  return (uint8x16x2_t){
      {veorq_u8(moult_load(levels), half), veorq_u8(moult_load(levels + MOULT_STEP), half)}};
}

/// Σ query[j]; count a multiple of 32.
INLINE int32_t moult_query_sum(const int8_t *query, size_t count) {
  int32x4_t sum = vdupq_n_s32(0);
  for (size_t j = 0; j < count; j += MOULT_STEP) sum = vpadalq_s16(sum, vpaddlq_s8(vld1q_s8(query + j)));
  return vaddvq_s32(sum);
}

/// Bytes of four words of codes: four rows' word w of a block, or four words of one row.
typedef struct moult_words {
  uint8x16_t fields;     ///< the low bits of the codes
  uint8x16_t high_bits;  ///< of 3 and 5 bits: the word of high bits that belongs to each word
  uint8x16_t first;      ///< of 3 and 5 bits: the high bit of field 0; field f has that bit shifted by f
} moult_words;

/// Field f of every byte, as levels. `bits` is a constant where this is inlined.
INLINE int8x16_t moult_levels_of(moult_words words, size_t bits, size_t f, uint8x16x2_t levels) {
  if (bits == 8) return vreinterpretq_s8_u8(veorq_u8(words.fields, vdupq_n_u8(0x80)));
  const size_t field_bits = moult_field_bits(bits);
  const uint8x16_t shifted = vshlq_u8(words.fields, vdupq_n_s8(-(int8_t)(f * field_bits)));
  uint8x16_t codes = vandq_u8(shifted, vdupq_n_u8((uint8_t)((1u << field_bits) - 1)));
  if (moult_has_high_bits(bits)) {
    const uint8x16_t is_set = vtstq_u8(words.high_bits, vshlq_u8(words.first, vdupq_n_s8((int8_t)f)));
    codes = vorrq_u8(codes, vandq_u8(is_set, vdupq_n_u8((uint8_t)(1u << field_bits))));
  }
  return vreinterpretq_s8_u8(bits == 5 ? vqtbl2q_u8(levels, codes) : vqtbl1q_u8(levels.val[0], codes));
}

#endif
