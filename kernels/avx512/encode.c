#if defined(__x86_64__)

#include <immintrin.h>
#include <string.h>

#include "tables.h"

#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512vl,avx512dq"))), \
                             apply_to = function)

#define INLINE static inline __attribute__((always_inline))

enum { LANES = 16 };

INLINE __mmask16 first_lanes(size_t count) { return (__mmask16)((1u << count) - 1); }

/// Clamped before it is rounded: 0 and 255 are integers, so the order does not matter, and nothing leaves
/// the range of the conversion. The maximum takes its second operand for a NaN.
INLINE __m512i scaled_code(__m512 values, __m512 lower, __m512 inverse_step) {
  const __m512 scaled = _mm512_mul_ps(_mm512_sub_ps(values, lower), inverse_step);
  const __m512 clamped = _mm512_min_ps(_mm512_max_ps(scaled, _mm512_setzero_ps()), _mm512_set1_ps(255));
  return _mm512_cvt_roundps_epi32(clamped, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}

uint64_t moult_avx512_encode_u8(const float *values, float lower, float inverse_step, uint8_t *codes,
                                size_t count) {
  const __m512 lower_f32x16 = _mm512_set1_ps(lower), inverse_f32x16 = _mm512_set1_ps(inverse_step);
  __m128i sums_u64x2 = _mm_setzero_si128();
  size_t i = 0;
  for (; i + LANES <= count; i += LANES) {
    const __m128i packed =
        _mm512_cvtepi32_epi8(scaled_code(_mm512_loadu_ps(values + i), lower_f32x16, inverse_f32x16));
    _mm_storeu_si128((__m128i *)(codes + i), packed);
    sums_u64x2 = _mm_add_epi64(sums_u64x2, _mm_sad_epu8(packed, _mm_setzero_si128()));
  }
  if (i < count) {
    const __mmask16 mask = first_lanes(count - i);
    const __m512 part = _mm512_maskz_loadu_ps(mask, values + i);
    // Lanes past the end hold the code of 0: they must not count.
    const __m128i packed =
        _mm512_maskz_cvtepi32_epi8(mask, scaled_code(part, lower_f32x16, inverse_f32x16));
    _mm_mask_storeu_epi8(codes + i, mask, packed);
    sums_u64x2 = _mm_add_epi64(sums_u64x2, _mm_sad_epu8(packed, _mm_setzero_si128()));
  }
  return (uint64_t)_mm_extract_epi64(sums_u64x2, 0) + (uint64_t)_mm_extract_epi64(sums_u64x2, 1);
}

INLINE uint16_t positive(__m512 values) {
  return _mm512_cmp_ps_mask(values, _mm512_setzero_ps(), _CMP_GT_OQ);
}

void moult_avx512_encode_signs(const float *values, uint8_t *codes, size_t count) {
  size_t i = 0;
  for (; i + LANES <= count; i += LANES) {
    const uint16_t signs = positive(_mm512_loadu_ps(values + i));
    memcpy(codes + i / 8, &signs, 2);
  }
  if (i < count) {
    const uint16_t signs = positive(_mm512_maskz_loadu_ps(first_lanes(count - i), values + i));
    memcpy(codes + i / 8, &signs, count - i > 8 ? 2 : 1);
  }
}

#pragma clang attribute pop

#endif
