// AVX512_BF16 has an instruction for narrowing to bfloat16, but it turns denormals into zeros, and the
// contract keeps them.

#if defined(__x86_64__)

#include <immintrin.h>

#include "tables.h"

#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512vl,avx512dq"))), \
                             apply_to = function)

#define INLINE static inline __attribute__((always_inline))

enum { LANES = 16 };

INLINE __mmask16 lanes_at(size_t i, size_t count) {
  return count - i < LANES ? (__mmask16)((1u << (count - i)) - 1) : 0xFFFF;
}

void moult_avx512_f16_to_f32(const uint16_t *source, float *target, size_t count) {
  for (size_t i = 0; i < count; i += LANES) {
    const __mmask16 mask = lanes_at(i, count);
    const __m256i halves_u16x16 = _mm256_maskz_loadu_epi16(mask, source + i);
    _mm512_mask_storeu_ps(target + i, mask, _mm512_cvtph_ps(halves_u16x16));
  }
}

void moult_avx512_bf16_to_f32(const uint16_t *source, float *target, size_t count) {
  for (size_t i = 0; i < count; i += LANES) {
    const __mmask16 mask = lanes_at(i, count);
    const __m512i upper_u32x16 = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(mask, source + i));
    _mm512_mask_storeu_epi32(target + i, mask, _mm512_slli_epi32(upper_u32x16, 16));
  }
}

void moult_avx512_f32_to_f16(const float *source, uint16_t *target, size_t count) {
  for (size_t i = 0; i < count; i += LANES) {
    const __mmask16 mask = lanes_at(i, count);
    const __m512 values = _mm512_maskz_loadu_ps(mask, source + i);
    _mm256_mask_storeu_epi16(target + i, mask, _mm512_cvtps_ph(values, _MM_FROUND_TO_NEAREST_INT));
  }
}

INLINE __m256i narrow_bf16(__m512i bits) {
  // Adding just under half of the last place, and one more where that place is odd, carries exactly when
  // rounding to nearest even goes up.
  const __m512i is_odd = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
  const __m512i rounded = _mm512_add_epi32(bits, _mm512_add_epi32(is_odd, _mm512_set1_epi32(0x7FFF)));
  // The carry could turn a NaN into an infinity or flip its sign; a NaN gets its quiet bit instead.
  const __m512 values = _mm512_castsi512_ps(bits);
  const __mmask16 is_nan = _mm512_cmp_ps_mask(values, values, _CMP_UNORD_Q);
  const __m512i result = _mm512_mask_or_epi32(rounded, is_nan, bits, _mm512_set1_epi32(0x00400000));
  return _mm512_cvtepi32_epi16(_mm512_srli_epi32(result, 16));
}

void moult_avx512_f32_to_bf16(const float *source, uint16_t *target, size_t count) {
  for (size_t i = 0; i < count; i += LANES) {
    const __mmask16 mask = lanes_at(i, count);
    const __m512i bits = _mm512_maskz_loadu_epi32(mask, source + i);
    _mm256_mask_storeu_epi16(target + i, mask, narrow_bf16(bits));
  }
}

#pragma clang attribute pop

#endif
