#if defined(__x86_64__)

#include <immintrin.h>

#include "tables.h"

#pragma clang attribute push(__attribute__((target("avx2"))), apply_to = function)

#define INLINE static inline __attribute__((always_inline))

enum { LANES = 8, STEP = 32 };

/// Clamped before it is rounded: 0 and 255 are integers, so the order does not matter, and nothing leaves
/// the range of the conversion. The maximum takes its second operand for a NaN.
INLINE __m256i scaled_code(const float *values, __m256 lower, __m256 inverse_step) {
  const __m256 scaled = _mm256_mul_ps(_mm256_sub_ps(_mm256_loadu_ps(values), lower), inverse_step);
  const __m256 clamped = _mm256_min_ps(_mm256_max_ps(scaled, _mm256_setzero_ps()), _mm256_set1_ps(255));
  return _mm256_cvtps_epi32(clamped);  // to nearest even, as the processor is set by default
}

uint64_t moult_avx2_encode_u8(const float *values, float lower, float inverse_step, uint8_t *codes,
                              size_t count) {
  const __m256 lower_f32x8 = _mm256_set1_ps(lower), inverse_f32x8 = _mm256_set1_ps(inverse_step);
  // The packing instructions work in each half by itself; this puts the groups of four back in order.
  const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
  __m256i sums_u64x4 = _mm256_setzero_si256();
  size_t i = 0;
  for (; i + STEP <= count; i += STEP) {
    const __m256i first = _mm256_packs_epi32(scaled_code(values + i, lower_f32x8, inverse_f32x8),
                                             scaled_code(values + i + LANES, lower_f32x8, inverse_f32x8));
    const __m256i second =
        _mm256_packs_epi32(scaled_code(values + i + 2 * LANES, lower_f32x8, inverse_f32x8),
                           scaled_code(values + i + 3 * LANES, lower_f32x8, inverse_f32x8));
    const __m256i packed = _mm256_permutevar8x32_epi32(_mm256_packus_epi16(first, second), order);
    _mm256_storeu_si256((__m256i *)(codes + i), packed);
    sums_u64x4 = _mm256_add_epi64(sums_u64x4, _mm256_sad_epu8(packed, _mm256_setzero_si256()));
  }
  uint64_t sums[4];
  _mm256_storeu_si256((__m256i *)sums, sums_u64x4);
  const uint64_t rest = moult_scalar_encode_u8(values + i, lower, inverse_step, codes + i, count - i);
  return sums[0] + sums[1] + sums[2] + sums[3] + rest;
}

void moult_avx2_encode_signs(const float *values, uint8_t *codes, size_t count) {
  size_t i = 0;
  for (; i + LANES <= count; i += LANES) {
    const __m256 is_positive = _mm256_cmp_ps(_mm256_loadu_ps(values + i), _mm256_setzero_ps(), _CMP_GT_OQ);
    codes[i / LANES] = (uint8_t)_mm256_movemask_ps(is_positive);
  }
  moult_scalar_encode_signs(values + i, codes + i / LANES, count - i);
}

#pragma clang attribute pop

#endif
