// AVX2 cannot count bits in wide registers. A table lookup by byte shuffles could, in about as many
// instructions as it takes to count 64 bits at a time with POPCNT, which every AVX2 processor has.

#if defined(__x86_64__)

#include <immintrin.h>
#include <string.h>

#include "rows.h"
#include "tables.h"

#pragma clang attribute push(__attribute__((target("avx2,popcnt"))), apply_to = function)

#define INLINE static inline __attribute__((always_inline))

INLINE uint64_t word(const uint8_t *bits, size_t offset) {
  uint64_t result;
  memcpy(&result, bits + offset, sizeof result);
  return result;
}

INLINE uint64_t ones(uint64_t bits) { return (uint64_t)_mm_popcnt_u64(bits); }

INLINE uint32_t hamming(const uint8_t *a, const uint8_t *b, size_t bytes) {
  uint64_t sums[4] = {0};
  size_t i = 0;
  for (; i + 32 <= bytes; i += 32) {
    for (size_t chain = 0; chain < 4; chain++) {
      sums[chain] += ones(word(a, i + 8 * chain) ^ word(b, i + 8 * chain));
    }
  }
  for (; i + 8 <= bytes; i += 8) sums[0] += ones(word(a, i) ^ word(b, i));
  for (; i < bytes; i++) sums[1] += ones((uint64_t)(a[i] ^ b[i]));
  return (uint32_t)(sums[0] + sums[1] + sums[2] + sums[3]);
}

void moult_avx2_hamming_rows(const uint8_t *query, const void *rows, size_t stride, const uint32_t *indices,
                             size_t count, size_t bytes, uint32_t *out) {
  for (size_t i = 0; i < count; i++) {
    moult_prefetch_rows(rows, stride, indices, count, i + 8, 1, bytes);
    out[i] = hamming(query, moult_row(rows, stride, indices, i), bytes);
  }
}

/// Word by word through all planes, from the most significant one down, doubling on the way: nothing but
/// the sum lives across words, so the processor works on several words at once. `plane_count` is best a
/// constant.
INLINE void bit_plane_dot_rows(const uint8_t *planes, size_t plane_count, const void *rows, size_t stride,
                               const uint32_t *indices, size_t count, size_t bytes, uint32_t *out) {
  for (size_t i = 0; i < count; i++) {
    moult_prefetch_rows(rows, stride, indices, count, i + 4, 1, bytes);
    const uint8_t *row = moult_row(rows, stride, indices, i);
    uint64_t sum = 0;
    for (size_t j = 0; j < bytes; j += 8) {
      const uint64_t bits = word(row, j);
      uint64_t weighted = 0;
      for (size_t plane = plane_count; plane-- > 0;) {
        weighted = 2 * weighted + ones(bits & word(planes + plane * bytes, j));
      }
      sum += weighted;
    }
    out[i] = (uint32_t)sum;
  }
}

void moult_avx2_bit_plane_dot_rows(const uint8_t *planes, size_t plane_count, const void *rows, size_t stride,
                                   const uint32_t *indices, size_t count, size_t bytes, uint32_t *out) {
  switch (plane_count) {  // the two widths that queries come in
  case 4: bit_plane_dot_rows(planes, 4, rows, stride, indices, count, bytes, out); break;
  case 8: bit_plane_dot_rows(planes, 8, rows, stride, indices, count, bytes, out); break;
  default: bit_plane_dot_rows(planes, plane_count, rows, stride, indices, count, bytes, out);
  }
}

#pragma clang attribute pop

#endif
