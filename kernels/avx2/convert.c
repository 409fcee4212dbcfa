#if defined(__x86_64__)

#include <immintrin.h>
#include <string.h>

#include "tables.h"

#pragma clang attribute push(__attribute__((target("avx2,f16c"))), apply_to = function)

#define INLINE static inline __attribute__((always_inline))

enum { LANES = 8 };

INLINE __m128i load_u16x8(const void *source) { return _mm_loadu_si128((const __m128i *)source); }

INLINE __m256 widen_f16(const void *source) { return _mm256_cvtph_ps(load_u16x8(source)); }

INLINE __m256 widen_bf16(const void *source) {
  return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(load_u16x8(source)), 16));
}

INLINE __m128i narrow_f16(const void *source) {
  return _mm256_cvtps_ph(_mm256_loadu_ps(source), _MM_FROUND_TO_NEAREST_INT);
}

INLINE __m128i narrow_bf16(const void *source) {
  const __m256i bits = _mm256_loadu_si256((const __m256i *)source);
  // Adding just under half of the last place, and one more where that place is odd, carries exactly when
  // rounding to nearest even goes up.
  const __m256i is_odd = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
  const __m256i rounded = _mm256_add_epi32(bits, _mm256_add_epi32(is_odd, _mm256_set1_epi32(0x7FFF)));
  // The carry could turn a NaN into an infinity or flip its sign; a NaN gets its quiet bit instead.
  const __m256i quiet = _mm256_or_si256(bits, _mm256_set1_epi32(0x00400000));
  const __m256 values = _mm256_castsi256_ps(bits);
  const __m256i is_nan = _mm256_castps_si256(_mm256_cmp_ps(values, values, _CMP_UNORD_Q));
  const __m256i upper = _mm256_srli_epi32(_mm256_blendv_epi8(rounded, quiet, is_nan), 16);
  return _mm_packus_epi32(_mm256_castsi256_si128(upper), _mm256_extracti128_si256(upper, 1));
}

void moult_avx2_f16_to_f32(const uint16_t *source, float *target, size_t count) {
  size_t i = 0;
  for (; i + LANES <= count; i += LANES) _mm256_storeu_ps(target + i, widen_f16(source + i));
  if (i < count) {
    uint16_t padded[LANES] = {0};
    float widened[LANES];
    memcpy(padded, source + i, (count - i) * sizeof *source);
    _mm256_storeu_ps(widened, widen_f16(padded));
    memcpy(target + i, widened, (count - i) * sizeof *target);
  }
}

void moult_avx2_bf16_to_f32(const uint16_t *source, float *target, size_t count) {
  size_t i = 0;
  for (; i + LANES <= count; i += LANES) _mm256_storeu_ps(target + i, widen_bf16(source + i));
  if (i < count) {
    uint16_t padded[LANES] = {0};
    float widened[LANES];
    memcpy(padded, source + i, (count - i) * sizeof *source);
    _mm256_storeu_ps(widened, widen_bf16(padded));
    memcpy(target + i, widened, (count - i) * sizeof *target);
  }
}

void moult_avx2_f32_to_f16(const float *source, uint16_t *target, size_t count) {
  size_t i = 0;
  for (; i + LANES <= count; i += LANES) _mm_storeu_si128((__m128i *)(target + i), narrow_f16(source + i));
  if (i < count) {
    float padded[LANES] = {0};
    uint16_t narrowed[LANES];
    memcpy(padded, source + i, (count - i) * sizeof *source);
    _mm_storeu_si128((__m128i *)narrowed, narrow_f16(padded));
    memcpy(target + i, narrowed, (count - i) * sizeof *target);
  }
}

void moult_avx2_f32_to_bf16(const float *source, uint16_t *target, size_t count) {
  size_t i = 0;
  for (; i + LANES <= count; i += LANES) _mm_storeu_si128((__m128i *)(target + i), narrow_bf16(source + i));
  if (i < count) {
    float padded[LANES] = {0};
    uint16_t narrowed[LANES];
    memcpy(padded, source + i, (count - i) * sizeof *source);
    _mm_storeu_si128((__m128i *)narrowed, narrow_bf16(padded));
    memcpy(target + i, narrowed, (count - i) * sizeof *target);
  }
}

#pragma clang attribute pop

#endif
