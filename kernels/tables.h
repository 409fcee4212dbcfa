/// The kernels of every level by name, and the tables they stand in. Internal.
#ifndef MOULT_TABLES_H
#define MOULT_TABLES_H

#include <stdbool.h>

#include "moult/kernels.h"

#define MOULT_DECLARE_KERNELS(isa)                                                                       \
  float moult_##isa##_dot_f32(const float *a, const float *b, size_t dimension);                         \
  float moult_##isa##_squared_l2_f32(const float *a, const float *b, size_t dimension);                  \
  void moult_##isa##_dot_f32_rows(const float *query, const void *rows, size_t stride,                   \
                                  const uint32_t *indices, size_t count, size_t dimension, float *out);  \
  void moult_##isa##_squared_l2_f32_rows(const float *query, const void *rows, size_t stride,            \
                                         const uint32_t *indices, size_t count, size_t dimension,        \
                                         float *out);                                                    \
  uint32_t moult_##isa##_dot_u8(const uint8_t *a, const uint8_t *b, size_t dimension);                   \
  void moult_##isa##_dot_u8_i8x2_rows(const int8_t *query_high, const int8_t *query_low,                 \
                                      const void *rows, size_t stride, const uint32_t *indices,          \
                                      size_t count, size_t dimension, int32_t *high, int32_t *low);      \
  void moult_##isa##_hamming_rows(const uint8_t *query, const void *rows, size_t stride,                 \
                                  const uint32_t *indices, size_t count, size_t bytes, uint32_t *out);   \
  void moult_##isa##_bit_plane_dot_rows(const uint8_t *planes, size_t plane_count, const void *rows,     \
                                        size_t stride, const uint32_t *indices, size_t count,            \
                                        size_t bytes, uint32_t *out);                                    \
  void moult_##isa##_hadamard_f32(float *values, size_t count);                                          \
  void moult_##isa##_f16_to_f32(const uint16_t *source, float *target, size_t count);                    \
  void moult_##isa##_f32_to_f16(const float *source, uint16_t *target, size_t count);                    \
  void moult_##isa##_bf16_to_f32(const uint16_t *source, float *target, size_t count);                   \
  void moult_##isa##_f32_to_bf16(const float *source, uint16_t *target, size_t count);                   \
  uint64_t moult_##isa##_encode_u8(const float *values, float lower, float inverse_step,                 \
                                   uint8_t *codes, size_t count);                                        \
  void moult_##isa##_encode_signs(const float *values, uint8_t *codes, size_t count);                    \
  void moult_##isa##_interleave_block(const void *rows, size_t stride, size_t count, size_t bytes,       \
                                      size_t lines, uint8_t *block);                                     \
  size_t moult_##isa##_scan_blocks(const moult_blocks *blocks, size_t first_block, size_t block_count,   \
                                   const moult_scan_query *queries, size_t query_count, void *scratch,   \
                                   moult_scan_hit *hits);                                                \
  void moult_##isa##_level_dot_rows(const moult_zone *zones, size_t zone_count, const int8_t *query,     \
                                    const void *rows, size_t stride, const uint32_t *indices, size_t     \
                                    count, int32_t *out);                                                \
  void moult_##isa##_encode_levels(const float *values, float scale, size_t count, const moult_levels    \
                                   *levels, uint8_t *codes, float *dot, int64_t *square);                \
  void moult_##isa##_rotate_kac_f32(float *values, const uint64_t *signs, size_t dimension);             \
  void moult_##isa##_subtract_f32(const float *values, const float *centre, float *target, size_t        \
                                  count);                                                                \
  void moult_##isa##_scale_f32(const float *values, float factor, float *target, size_t count);          \
  double moult_##isa##_sum_of_squares_f32(const float *values, size_t count);                            \
  double moult_##isa##_dot_f32_f64(const float *a, const float *b, size_t count);                        \
  double moult_##isa##_squared_l2_f32_f64(const float *a, const float *b, size_t count);                 \
  void moult_##isa##_encode_signs_sums(const float *values, uint8_t *codes, size_t count,                \
                                       double *absolute, double *square);                                \
  void moult_##isa##_dot_f16_rows(const float *query, const void *rows, size_t stride, const uint32_t    \
                                  *indices, size_t count, size_t dimension, float *out);                 \
  void moult_##isa##_squared_l2_f16_rows(const float *query, const void *rows, size_t stride, const      \
                                         uint32_t *indices, size_t count, size_t dimension, float        \
                                         *out);                                                          \
  void moult_##isa##_dot_bf16_rows(const float *query, const void *rows, size_t stride, const uint32_t   \
                                   *indices, size_t count, size_t dimension, float *out);                \
  void moult_##isa##_squared_l2_bf16_rows(const float *query, const void *rows, size_t stride, const     \
                                          uint32_t *indices, size_t count, size_t dimension, float       \
                                          *out);                                                         \
  void moult_##isa##_guide_score_rows(const moult_guide_query *query, const void *records,               \
                                      const uint32_t *indices, size_t count, float *scores);             \
  double moult_##isa##_centre_f32(const float *values, float factor, const float *centre, float *target, \
                                  size_t count, float *largest);                                         \
  void moult_##isa##_encode_u8_rows(const moult_u8_coder *coder, const float *rows, size_t stride,       \
                                    size_t count, float *scratch, uint8_t *codes, moult_u8_row *out);    \
  double moult_##isa##_centre_sums_f32(const float *values, float factor, const float *centre,           \
                                       float *target, size_t count, double *along);                      \
  void moult_##isa##_dot_bf16_blocks(const uint16_t *queries, size_t query_stride, size_t query_count,   \
                                     const void *blocks, size_t lines, size_t block_count, float *out,   \
                                     size_t out_stride);                                                 \
  void moult_##isa##_scan_sketches(const uint8_t *chunks, size_t lines, size_t chunk_count,              \
                                   const int8_t *tables, const int8_t *bars, size_t query_count,         \
                                   uint64_t *masks);                                                     \
  void moult_##isa##_map_rows_f32(const float *blocks, size_t inputs, size_t outputs, const float *rows, \
                                  size_t stride, size_t count, float *out);                              \
  extern const moult_kernels moult_##isa##_table;

/// Complete: every other table inherits what it leaves NULL from the levels below, at last from here.
MOULT_DECLARE_KERNELS(scalar)

#if defined(__x86_64__)
MOULT_DECLARE_KERNELS(avx2)
MOULT_DECLARE_KERNELS(avxvnni)
MOULT_DECLARE_KERNELS(avx512)
/// Only what gains from AVX-512 BF16; laid over the table above where it is offered.
MOULT_DECLARE_KERNELS(avx512_bf16)
MOULT_DECLARE_KERNELS(amx)

/// Whether tiles give what the scalar kernels give for a small scan and products of all shapes; below a millisecond.
/// Needs AVX-512 and tiles that the system has granted.
bool moult_amx_is_right(void);
#endif

#if defined(__aarch64__)
MOULT_DECLARE_KERNELS(neon)
/// Only the kernels that gain from SDOT and UDOT; laid over the table above where they are offered.
MOULT_DECLARE_KERNELS(neon_dotprod)
/// Likewise for USDOT and USMMLA.
MOULT_DECLARE_KERNELS(neon_i8mm)
#endif

#undef MOULT_DECLARE_KERNELS

#endif
