#if defined(__aarch64__)

#include <arm_neon.h>

#include "tables.h"

#define INLINE static inline __attribute__((always_inline))

/// Of 32 registers 24 are sums.
enum { LANES = 4, TILE_ROWS = 6, TILE_BLOCKS = 1, FEW_ROWS = 2, FEW_BLOCKS = 3 };

typedef float32x4_t vector;

INLINE vector zero(void) { return vdupq_n_f32(0); }
INLINE vector load(const float *values) { return vreinterpretq_f32_u8(vld1q_u8((const uint8_t *)values)); }
INLINE void store(float *values, vector v) { vst1q_u8((uint8_t *)values, vreinterpretq_u8_f32(v)); }
INLINE vector spread(float value) { return vdupq_n_f32(value); }
INLINE vector fused(vector a, vector b, vector c) { return vfmaq_f32(c, a, b); }

#include "map_rows_tiles.h"

void moult_neon_map_rows_f32(const float *blocks, size_t inputs, size_t outputs, const float *rows, size_t stride,
                             size_t count, float *out) {
  map_in_tiles(blocks, inputs, outputs, rows, stride, count, out);
}

#endif
