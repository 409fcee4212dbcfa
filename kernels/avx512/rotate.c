#if defined(__x86_64__)

#include <immintrin.h>
#include <string.h>

#include "tables.h"

#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512vl,avx512dq"))), \
                             apply_to = function)

#define INLINE static inline __attribute__((always_inline))
#define MOULT_ROTATE_RADIX_16 1

enum { LANES = 16, RADIX_MAX = 16 };

typedef __m512 vector;

INLINE vector load(const float *values) { return _mm512_loadu_ps(values); }
INLINE void store(float *values, vector v) { _mm512_storeu_ps(values, v); }
INLINE vector added(vector a, vector b) { return _mm512_add_ps(a, b); }
INLINE vector subtracted(vector a, vector b) { return _mm512_sub_ps(a, b); }
INLINE vector scaled(vector v, float scale) { return _mm512_mul_ps(v, _mm512_set1_ps(scale)); }

INLINE vector flipped(vector v, const uint64_t *signs, size_t i) {
  uint16_t mask;
  memcpy(&mask, (const uint8_t *)signs + i / 8, sizeof mask);
  return _mm512_mask_xor_ps(v, mask, v, _mm512_set1_ps(-0.0f));
}

/// One butterfly inside a register: `partner` holds for each lane the value it is joined with. The lower
/// lane of two gets partner + own, the upper one partner − own. A multiplication by ±1 is exact, so the
/// fused form rounds once, as an addition does, and the units for additions stay free.
INLINE vector butterfly(vector own, vector partner, __mmask16 upper) {
  const vector sign = _mm512_mask_blend_ps(upper, _mm512_set1_ps(1), _mm512_set1_ps(-1));
  return _mm512_fmadd_ps(own, sign, partner);
}

INLINE vector transform_lanes(vector v) {
  v = butterfly(v, _mm512_permute_ps(v, _MM_SHUFFLE(2, 3, 0, 1)), 0xAAAA);
  v = butterfly(v, _mm512_permute_ps(v, _MM_SHUFFLE(1, 0, 3, 2)), 0xCCCC);
  v = butterfly(v, _mm512_shuffle_f32x4(v, v, _MM_SHUFFLE(2, 3, 0, 1)), 0xF0F0);
  return butterfly(v, _mm512_shuffle_f32x4(v, v, _MM_SHUFFLE(1, 0, 3, 2)), 0xFF00);
}

#include "rotate_passes.h"

/// 384 dimensions stay in 24 of the 32 registers from the first round to the last.
enum { WHOLE = 384, WHOLE_REGISTERS = WHOLE / LANES, WHOLE_TRANSFORMED = 256 / LANES };

/// One round; `start`, the first register that is transformed, is a constant.
INLINE void rotate_whole_round(vector *v, const uint64_t *signs, size_t start) {
  const float scale = moult_hadamard_scale(WHOLE_TRANSFORMED * LANES);
#pragma clang loop unroll(full)
  for (size_t k = 0; k < WHOLE_REGISTERS; k++) v[k] = flipped(v[k], signs, k * LANES);
#pragma clang loop unroll(full)
  for (size_t k = start; k < start + WHOLE_TRANSFORMED; k++) v[k] = transform_lanes(v[k]);
  butterflies(v + start, WHOLE_TRANSFORMED);
#pragma clang loop unroll(full)
  for (size_t k = start; k < start + WHOLE_TRANSFORMED; k++) v[k] = scaled(v[k], scale);
#pragma clang loop unroll(full)
  for (size_t k = 0; k < WHOLE_REGISTERS / 2; k++) {
    const vector a = v[k], b = v[k + WHOLE_REGISTERS / 2];
    v[k] = scaled(added(a, b), MOULT_ROTATE_TURN);
    v[k + WHOLE_REGISTERS / 2] = scaled(subtracted(a, b), MOULT_ROTATE_TURN);
  }
}

static void rotate_whole(float *values, const uint64_t *signs) {
  vector v[WHOLE_REGISTERS];
#pragma clang loop unroll(full)
  for (size_t k = 0; k < WHOLE_REGISTERS; k++) v[k] = load(values + k * LANES);
#pragma clang loop unroll(disable)
  for (size_t round = 0; round < MOULT_ROTATE_ROUNDS; round += 2) {
    rotate_whole_round(v, signs + round * (WHOLE / 64), 0);
    rotate_whole_round(v, signs + (round + 1) * (WHOLE / 64), WHOLE_REGISTERS - WHOLE_TRANSFORMED);
  }
#pragma clang loop unroll(full)
  for (size_t k = 0; k < WHOLE_REGISTERS; k++) store(values + k * LANES, v[k]);
}

void moult_avx512_hadamard_f32(float *values, size_t count) {
  if (count < 2 * LANES) moult_avx2_hadamard_f32(values, count);
  else transform_in_passes(values, count);
}

void moult_avx512_rotate_kac_f32(float *values, const uint64_t *signs, size_t dimension) {
  if (dimension == WHOLE) rotate_whole(values, signs);
  else rotate_in_passes(values, signs, dimension);
}

#pragma clang attribute pop

#endif
