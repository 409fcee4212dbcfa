/// Where the high bit of 3- and 5-bit codes goes: what the encoders of several levels share.
#ifndef MOULT_ENCODE_LEVELS_H
#define MOULT_ENCODE_LEVELS_H

#include <stdint.h>

/// The word of a segment's high bits, see moult_zone, from the same bits in natural order.
///
/// 3 bits: byte b holds dimensions 4b … 4b+3 and 16+4b … 16+4b+3, so the nibbles of both halves take turns.
static inline uint32_t moult_high_word_3(uint32_t natural) {
  uint32_t low = natural & 0xFFFF, high = natural >> 16;
  low = (low | low << 8) & 0x00FF00FF;
  high = (high | high << 8) & 0x00FF00FF;
  low = (low | low << 4) & 0x0F0F0F0F;
  high = (high | high << 4) & 0x0F0F0F0F;
  return low | high << 4;
}

/// 5 bits: byte b holds dimensions 8k + 2b and 8k + 2b + 1 for k = 0 … 3: a 4 × 4 matrix of bit pairs,
/// transposed.
static inline uint32_t moult_high_word_5(uint32_t natural) {
  uint32_t swapped = (natural ^ natural >> 6) & 0x00CC00CC;
  natural ^= swapped | swapped << 6;
  swapped = (natural ^ natural >> 12) & 0x0000F0F0;
  return natural ^ (swapped | swapped << 12);
}

#endif
