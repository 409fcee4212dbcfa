#include "sqlite_pages.h"

#include <string.h>

static uint64_t rotated(uint64_t word, int bits) { return word << bits | word >> (64 - bits); }

static uint64_t little_endian_word(const uint8_t *bytes) {
  uint64_t word = 0;
  for (int i = 0; i < 8; i++) word |= (uint64_t)bytes[i] << (8 * i);
  return word;
}

static uint32_t big_endian_half(const uint8_t *bytes) {
  return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static uint32_t little_endian_half(const uint8_t *bytes) {
  return (uint32_t)bytes[3] << 24 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[1] << 8 | bytes[0];
}

// Odd, so that multiplying can be undone; their bits are those of the golden ratio and of √2, √3, √5.
static const uint64_t multiplier = 0x9e3779b97f4a7c15;
static const uint64_t starts[4] = {0x9e3779b97f4a7c15, 0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b};

uint64_t moult_page_checksum(const uint8_t *page, size_t size, uint32_t number) {
  uint64_t lanes[4];
  memcpy(lanes, starts, sizeof lanes);
  lanes[0] ^= number;
  size_t place = 0;
  for (; place + 32 <= size; place += 32) {
    for (int lane = 0; lane < 4; lane++) {
      lanes[lane] = rotated((lanes[lane] ^ little_endian_word(page + place + 8 * lane)) * multiplier, 29);
    }
  }
  for (int lane = 0; place + 8 <= size; place += 8, lane++) {
    lanes[lane] = rotated((lanes[lane] ^ little_endian_word(page + place)) * multiplier, 29);
  }
  uint64_t sum = 0;
  for (int lane = 0; lane < 4; lane++) sum = rotated((sum ^ lanes[lane]) * multiplier, 32);
  return sum;
}

bool moult_page_is_sound(const uint8_t *page, uint32_t number) {
  const size_t size = MOULT_PAGE_SIZE - MOULT_PAGE_RESERVED;
  return moult_page_checksum(page, size, number) == little_endian_word(page + size);
}

void moult_log_checksum(const uint8_t *bytes, size_t size, bool bigEndian, uint32_t sums[2]) {
  uint32_t first = sums[0], second = sums[1];
  // Two loops, so that the compiler sees a plain load in the usual one.
  if (bigEndian) {
    for (size_t place = 0; place + 8 <= size; place += 8) {
      first += big_endian_half(bytes + place) + second;
      second += big_endian_half(bytes + place + 4) + first;
    }
  } else {
    for (size_t place = 0; place + 8 <= size; place += 8) {
      first += little_endian_half(bytes + place) + second;
      second += little_endian_half(bytes + place + 4) + first;
    }
  }
  sums[0] = first;
  sums[1] = second;
}
