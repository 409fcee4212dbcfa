#if defined(__x86_64__)

#include "tables.h"

const moult_kernels moult_avx512_table = {
    .isa = MOULT_ISA_AVX512,
    .dot_f32 = moult_avx512_dot_f32,
    .squared_l2_f32 = moult_avx512_squared_l2_f32,
    .dot_f32_rows = moult_avx512_dot_f32_rows,
    .squared_l2_f32_rows = moult_avx512_squared_l2_f32_rows,
    .dot_u8 = moult_avx512_dot_u8,
    .dot_u8_i8x2_rows = moult_avx512_dot_u8_i8x2_rows,
    .hamming_rows = moult_avx512_hamming_rows,
    .bit_plane_dot_rows = moult_avx512_bit_plane_dot_rows,
    .hadamard_f32 = moult_avx512_hadamard_f32,
    .f16_to_f32 = moult_avx512_f16_to_f32,
    .f32_to_f16 = moult_avx512_f32_to_f16,
    .bf16_to_f32 = moult_avx512_bf16_to_f32,
    .f32_to_bf16 = moult_avx512_f32_to_bf16,
    .encode_u8 = moult_avx512_encode_u8,
    .encode_signs = moult_avx512_encode_signs,
    .encode_levels = moult_avx512_encode_levels,
    .rotate_kac_f32 = moult_avx512_rotate_kac_f32,
    .subtract_f32 = moult_avx512_subtract_f32,
    .scale_f32 = moult_avx512_scale_f32,
    .sum_of_squares_f32 = moult_avx512_sum_of_squares_f32,
    .dot_f32_f64 = moult_avx512_dot_f32_f64,
    .squared_l2_f32_f64 = moult_avx512_squared_l2_f32_f64,
    .encode_signs_sums = moult_avx512_encode_signs_sums,
    .dot_f16_rows = moult_avx512_dot_f16_rows,
    .squared_l2_f16_rows = moult_avx512_squared_l2_f16_rows,
    .dot_bf16_rows = moult_avx512_dot_bf16_rows,
    .squared_l2_bf16_rows = moult_avx512_squared_l2_bf16_rows,
    .interleave_block = moult_avx512_interleave_block,
    .scan_blocks = moult_avx512_scan_blocks,
    .scan_sketches = moult_avx512_scan_sketches,
    .level_dot_rows = moult_avx512_level_dot_rows,
    .centre_f32 = moult_avx512_centre_f32,
    .encode_u8_rows = moult_avx512_encode_u8_rows,
    .centre_sums_f32 = moult_avx512_centre_sums_f32,
    .guide_score_rows = moult_avx512_guide_score_rows,
    .map_rows_f32 = moult_avx512_map_rows_f32,
};

const moult_kernels moult_avx512_bf16_table = {
    .isa = MOULT_ISA_AVX512,
    .dot_bf16_blocks = moult_avx512_bf16_dot_bf16_blocks,
};

#endif
