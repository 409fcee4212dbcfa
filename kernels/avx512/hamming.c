#if defined(__x86_64__)

#include <immintrin.h>

#include "rows.h"
#include "tables.h"

#pragma clang attribute push( \
    __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx512vpopcntdq"))), \
    apply_to = function)

#define INLINE static inline __attribute__((always_inline))

// A short row is one masked load, so the rest of the work is adding up lanes. Eight rows are eight
// registers of eight 64-bit lanes: one transposition that adds on its way serves them all.
enum { CHUNK = 64, GROUP = 8 };

INLINE __mmask64 lanes_at(size_t offset, size_t bytes) {
  return bytes - offset < CHUNK ? (1ull << (bytes - offset)) - 1 : ~0ull;
}

INLINE __m512i load(const uint8_t *bits, __mmask64 mask) { return _mm512_maskz_loadu_epi8(mask, bits); }

INLINE __m512i add_pairs(__m512i a, __m512i b) {
  return _mm512_add_epi64(_mm512_unpacklo_epi64(a, b), _mm512_unpackhi_epi64(a, b));
}

/// The totals of eight rows of eight lanes below 2³², in order.
INLINE __m256i totals(const __m512i rows[GROUP]) {
  // In each quarter: rows 0 and 1, … as two 64-bit sums.
  const __m512i r01 = add_pairs(rows[0], rows[1]), r23 = add_pairs(rows[2], rows[3]);
  const __m512i r45 = add_pairs(rows[4], rows[5]), r67 = add_pairs(rows[6], rows[7]);
  // The upper halves of those lanes are empty, so four rows fit into a quarter: 0 2 1 3, 4 6 5 7.
  const __m512i r0213 = _mm512_or_si512(r01, _mm512_slli_epi64(r23, 32));
  const __m512i r4657 = _mm512_or_si512(r45, _mm512_slli_epi64(r67, 32));
  const __m512i pairs = _mm512_add_epi32(_mm512_shuffle_i64x2(r0213, r4657, _MM_SHUFFLE(1, 0, 1, 0)),
                                         _mm512_shuffle_i64x2(r0213, r4657, _MM_SHUFFLE(3, 2, 3, 2)));
  const __m512i sums = _mm512_add_epi32(pairs, _mm512_shuffle_i64x2(pairs, pairs, _MM_SHUFFLE(2, 3, 0, 1)));
  const __m512i order = _mm512_castsi256_si512(_mm256_setr_epi32(0, 2, 1, 3, 8, 10, 9, 11));
  return _mm512_castsi512_si256(_mm512_permutexvar_epi32(order, sums));
}

/// The eight rows from `first`; an incomplete group is filled up with its first row.
INLINE __mmask8 locate(const void *rows, size_t stride, const uint32_t *indices, size_t count, size_t first,
                       const uint8_t *group[GROUP]) {
  const size_t group_count = count - first < GROUP ? count - first : GROUP;
  for (size_t row = 0; row < GROUP; row++) {
    group[row] = moult_row(rows, stride, indices, first + (row < group_count ? row : 0));
  }
  return (__mmask8)((1u << group_count) - 1);
}

void moult_avx512_hamming_rows(const uint8_t *query, const void *rows, size_t stride, const uint32_t *indices,
                               size_t count, size_t bytes, uint32_t *out) {
  for (size_t i = 0; i < count; i += GROUP) {
    moult_prefetch_rows(rows, stride, indices, count, i + GROUP, GROUP, bytes);
    const uint8_t *group[GROUP];
    const __mmask8 wanted = locate(rows, stride, indices, count, i, group);
    __m512i sums[GROUP];
    for (size_t row = 0; row < GROUP; row++) sums[row] = _mm512_setzero_si512();
    for (size_t offset = 0; offset < bytes; offset += CHUNK) {
      const __mmask64 mask = lanes_at(offset, bytes);
      const __m512i part = load(query + offset, mask);
      for (size_t row = 0; row < GROUP; row++) {
        const __m512i differing = _mm512_xor_si512(part, load(group[row] + offset, mask));
        sums[row] = _mm512_add_epi64(sums[row], _mm512_popcnt_epi64(differing));
      }
    }
    _mm256_mask_storeu_epi32(out + i, wanted, totals(sums));
  }
}

void moult_avx512_bit_plane_dot_rows(const uint8_t *planes, size_t plane_count, const void *rows,
                                     size_t stride, const uint32_t *indices, size_t count, size_t bytes,
                                     uint32_t *out) {
  for (size_t i = 0; i < count; i += GROUP) {
    moult_prefetch_rows(rows, stride, indices, count, i + GROUP, GROUP, bytes);
    const uint8_t *group[GROUP];
    const __mmask8 wanted = locate(rows, stride, indices, count, i, group);
    __m512i sums[GROUP];
    for (size_t row = 0; row < GROUP; row++) sums[row] = _mm512_setzero_si512();
    for (size_t offset = 0; offset < bytes; offset += CHUNK) {
      const __mmask64 mask = lanes_at(offset, bytes);
      __m512i parts[GROUP];
      for (size_t row = 0; row < GROUP; row++) parts[row] = load(group[row] + offset, mask);
      for (size_t plane = 0; plane < plane_count; plane++) {
        const __m512i bits = load(planes + plane * bytes + offset, mask);
        // The count of a lane is at most 64, a byte. So the byte product does three things in one:
        // it multiplies by 2^plane (up to 128, hence the unsigned side), widens and adds.
        const __m512i weight_u8x64 = _mm512_set1_epi8((char)(1u << plane));
        for (size_t row = 0; row < GROUP; row++) {
          const __m512i common_i64x8 = _mm512_popcnt_epi64(_mm512_and_si512(parts[row], bits));
          sums[row] = _mm512_dpbusd_epi32(sums[row], weight_u8x64, common_i64x8);
        }
      }
    }
    _mm256_mask_storeu_epi32(out + i, wanted, totals(sums));
  }
}

#pragma clang attribute pop

#endif
