#include <string.h>

#include "rows.h"
#include "tables.h"

static uint64_t word(const uint8_t *bits, size_t offset) {
  uint64_t result;
  memcpy(&result, bits + offset, sizeof result);
  return result;
}

static uint32_t hamming(const uint8_t *a, const uint8_t *b, size_t bytes) {
  uint32_t count = 0;
  size_t i = 0;
  for (; i + 8 <= bytes; i += 8) count += (uint32_t)__builtin_popcountll(word(a, i) ^ word(b, i));
  for (; i < bytes; i++) count += (uint32_t)__builtin_popcount((uint32_t)(a[i] ^ b[i]));
  return count;
}

void moult_scalar_hamming_rows(const uint8_t *query, const void *rows, size_t stride,
                               const uint32_t *indices, size_t count, size_t bytes, uint32_t *out) {
  for (size_t i = 0; i < count; i++) {
    moult_prefetch_rows(rows, stride, indices, count, i + 8, 1, bytes);
    out[i] = hamming(query, moult_row(rows, stride, indices, i), bytes);
  }
}

void moult_scalar_bit_plane_dot_rows(const uint8_t *planes, size_t plane_count, const void *rows,
                                     size_t stride, const uint32_t *indices, size_t count, size_t bytes,
                                     uint32_t *out) {
  for (size_t i = 0; i < count; i++) {
    moult_prefetch_rows(rows, stride, indices, count, i + 4, 1, bytes);
    const uint8_t *row = moult_row(rows, stride, indices, i);
    uint32_t sum = 0;
    for (size_t plane = 0; plane < plane_count; plane++) {
      const uint8_t *bits = planes + plane * bytes;
      uint32_t common = 0;
      for (size_t j = 0; j < bytes; j += 8) {
        common += (uint32_t)__builtin_popcountll(word(row, j) & word(bits, j));
      }
      sum += common << plane;
    }
    out[i] = sum;
  }
}
