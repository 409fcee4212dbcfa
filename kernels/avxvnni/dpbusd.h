/// VPDPBUSD in 256 bits: unsigned by signed bytes, four products added to each 32-bit lane, without
/// saturation. Internal to avxvnni/.
///
/// With MOULT_EMULATE_VNNI it is plain C that gives the same, so that the kernels' logic is tested on
/// machines without AVX-VNNI (kernels/check-emulated).
#ifndef MOULT_AVXVNNI_DPBUSD_H
#define MOULT_AVXVNNI_DPBUSD_H

#include <immintrin.h>
#include <stdint.h>

#if !defined(MOULT_EMULATE_VNNI)

#define MOULT_VNNI_TARGET "avx2,fma,avxvnni"
#define moult_dpbusd(sum_i32x8, a_u8x32, b_i8x32) _mm256_dpbusd_avx_epi32(sum_i32x8, a_u8x32, b_i8x32)

#else

#define MOULT_VNNI_TARGET "avx2,fma"

static inline __attribute__((target("avx2"))) __m256i moult_dpbusd(__m256i sum_i32x8, __m256i a_u8x32,
                                                                  __m256i b_i8x32) {
  uint8_t a[32];
  int8_t b[32];
  uint32_t sum[8];  // wraps
  _mm256_storeu_si256((__m256i *)a, a_u8x32);
  _mm256_storeu_si256((__m256i *)b, b_i8x32);
  _mm256_storeu_si256((__m256i *)sum, sum_i32x8);
  for (int i = 0; i < 32; i++) sum[i / 4] += (uint32_t)((int32_t)a[i] * b[i]);
  return _mm256_loadu_si256((const __m256i *)sum);
}

#endif

#endif
