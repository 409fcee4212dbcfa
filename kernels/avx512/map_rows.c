#if defined(__x86_64__)

#include <immintrin.h>

#include "tables.h"

#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512vl,avx512dq"))), apply_to = function)

#define INLINE static inline __attribute__((always_inline))

#define MOULT_MAP_TILES_OF_12 1

/// Of 32 registers 24 are sums.
enum { LANES = 16, TILE_ROWS = 12, TILE_BLOCKS = 2, FEW_ROWS = 2, FEW_BLOCKS = 8 };

typedef __m512 vector;

INLINE vector zero(void) { return _mm512_setzero_ps(); }
INLINE vector load(const float *values) { return _mm512_loadu_ps(values); }
INLINE void store(float *values, vector v) { _mm512_storeu_ps(values, v); }
INLINE vector spread(float value) { return _mm512_set1_ps(value); }
INLINE vector fused(vector a, vector b, vector c) { return _mm512_fmadd_ps(a, b, c); }

#include "map_rows_tiles.h"

void moult_avx512_map_rows_f32(const float *blocks, size_t inputs, size_t outputs, const float *rows, size_t stride,
                             size_t count, float *out) {
  map_in_tiles(blocks, inputs, outputs, rows, stride, count, out);
}

#pragma clang attribute pop

#endif
