#if defined(__x86_64__)

#include "tables.h"

const moult_kernels moult_avx2_table = {
    .isa = MOULT_ISA_AVX2,
    .dot_f32 = moult_avx2_dot_f32,
    .squared_l2_f32 = moult_avx2_squared_l2_f32,
    .dot_f32_rows = moult_avx2_dot_f32_rows,
    .squared_l2_f32_rows = moult_avx2_squared_l2_f32_rows,
    .dot_i8 = moult_avx2_dot_i8,
    .dot_u8 = moult_avx2_dot_u8,
    .dot_u8_i8 = moult_avx2_dot_u8_i8,
    .dot_u8_i8x2_rows = moult_avx2_dot_u8_i8x2_rows,
    .hamming = moult_avx2_hamming,
    .hamming_rows = moult_avx2_hamming_rows,
    .bit_plane_dot_rows = moult_avx2_bit_plane_dot_rows,
    .hadamard_f32 = moult_avx2_hadamard_f32,
    .f16_to_f32 = moult_avx2_f16_to_f32,
    .f32_to_f16 = moult_avx2_f32_to_f16,
    .bf16_to_f32 = moult_avx2_bf16_to_f32,
    .f32_to_bf16 = moult_avx2_f32_to_bf16,
    .encode_u8 = moult_avx2_encode_u8,
    .encode_signs = moult_avx2_encode_signs,
    .interleave_block = moult_avx2_interleave_block,
    .scan_blocks = moult_avx2_scan_blocks,
    .level_dot_rows = moult_avx2_level_dot_rows,
    .encode_levels = moult_avx2_encode_levels,
    .rotate_kac_f32 = moult_avx2_rotate_kac_f32,
    .subtract_f32 = moult_avx2_subtract_f32,
    .scale_f32 = moult_avx2_scale_f32,
    .sum_of_squares_f32 = moult_avx2_sum_of_squares_f32,
    .dot_f32_f64 = moult_avx2_dot_f32_f64,
    .squared_l2_f32_f64 = moult_avx2_squared_l2_f32_f64,
    .encode_signs_sums = moult_avx2_encode_signs_sums,
    .dot_f16_rows = moult_avx2_dot_f16_rows,
    .squared_l2_f16_rows = moult_avx2_squared_l2_f16_rows,
    .dot_bf16_rows = moult_avx2_dot_bf16_rows,
    .squared_l2_bf16_rows = moult_avx2_squared_l2_bf16_rows,
    .centre_f32 = moult_avx2_centre_f32,
};

#endif
