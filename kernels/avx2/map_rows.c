#if defined(__x86_64__)

#include <immintrin.h>

#include "tables.h"

#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)

#define INLINE static inline __attribute__((always_inline))

/// Of sixteen registers twelve are sums.
enum { LANES = 8, TILE_ROWS = 6, TILE_BLOCKS = 1, FEW_ROWS = 2, FEW_BLOCKS = 3 };

typedef __m256 vector;

INLINE vector zero(void) { return _mm256_setzero_ps(); }
INLINE vector load(const float *values) { return _mm256_loadu_ps(values); }
INLINE void store(float *values, vector v) { _mm256_storeu_ps(values, v); }
INLINE vector spread(float value) { return _mm256_set1_ps(value); }
INLINE vector fused(vector a, vector b, vector c) { return _mm256_fmadd_ps(a, b, c); }

#include "map_rows_tiles.h"

void moult_avx2_map_rows_f32(const float *blocks, size_t inputs, size_t outputs, const float *rows, size_t stride,
                             size_t count, float *out) {
  map_in_tiles(blocks, inputs, outputs, rows, stride, count, out);
}

#pragma clang attribute pop

#endif
