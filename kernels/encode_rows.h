/// encode_u8_rows and centre_sums_f32 out of a level's other kernels: their definition, and what levels without
/// fused ones use.
#ifndef MOULT_ENCODE_ROWS_H
#define MOULT_ENCODE_ROWS_H

#include <math.h>

#include "tables.h"

/// What a vector of this squared length is multiplied with to get unit length; 0 where that is no matter of
/// one float, see moult_u8_row.
static inline float moult_unit_factor(double square) {
  return square > 1e-70 && square < 1e70 ? (float)(1 / sqrt(square)) : 0;
}

/// `level` is the name of the level, `floats` and `dots` of those whose kernels of floats and of codes it uses.
#define MOULT_DEFINE_ENCODE_U8_ROWS(level, floats, dots)                                                  \
  void moult_##level##_encode_u8_rows(const moult_u8_coder *coder, const float *rows, size_t stride,      \
                                      size_t count, float *scratch, uint8_t *codes, moult_u8_row *out) {  \
    const size_t dimension = coder->dimension;                                                            \
    for (size_t i = 0; i < count; i++, codes += dimension) {                                              \
      const float *row = (const float *)((const uint8_t *)rows + i * stride);                             \
      moult_u8_row result = {0};                                                                          \
      if (coder->normalizes) {                                                                            \
        result.given_square = moult_##floats##_sum_of_squares_f32(row, dimension);                        \
        moult_##floats##_scale_f32(row, moult_unit_factor(result.given_square), scratch, dimension);      \
        row = scratch;                                                                                    \
      }                                                                                                   \
      if (coder->high) result.square = moult_##floats##_sum_of_squares_f32(row, dimension);               \
      moult_##floats##_subtract_f32(row, coder->centre, scratch, dimension);                              \
      const uint64_t sum =                                                                                \
          moult_##floats##_encode_u8(scratch, coder->lower, coder->inverse_step, codes, dimension);       \
      const uint32_t squares = moult_##dots##_dot_u8(codes, codes, dimension);                            \
      /* Σ(u − 128)² = Σu² − 256·Σu + 128²·d, modulo 2³². */                                              \
      result.offset_square = squares - 256 * (uint32_t)sum + 16384 * (uint32_t)dimension;                 \
      if (coder->high) {                                                                                  \
        moult_##dots##_dot_u8_i8x2_rows(coder->high, coder->low, codes, dimension, NULL, 1, dimension,    \
                                        &result.high, &result.low);                                       \
      }                                                                                                   \
      out[i] = result;                                                                                    \
    }                                                                                                     \
  }

#define MOULT_DEFINE_CENTRE_SUMS(level)                                                                   \
  double moult_##level##_centre_sums_f32(const float *values, float factor, const float *centre,          \
                                         float *target, size_t count, double *along) {                    \
    moult_##level##_scale_f32(values, factor, target, count);                                             \
    moult_##level##_subtract_f32(target, centre, target, count);                                          \
    if (!along) return 0;                                                                                 \
    *along = moult_##level##_dot_f32_f64(target, centre, count);                                          \
    return moult_##level##_sum_of_squares_f32(target, count);                                             \
  }

#endif
