#if defined(__aarch64__)

#include "tables.h"

const moult_kernels moult_neon_table = {
    .isa = MOULT_ISA_NEON,
    .dot_f32 = moult_neon_dot_f32,
    .squared_l2_f32 = moult_neon_squared_l2_f32,
    .dot_f32_rows = moult_neon_dot_f32_rows,
    .squared_l2_f32_rows = moult_neon_squared_l2_f32_rows,
    .dot_u8 = moult_neon_dot_u8,
    .dot_u8_i8x2_rows = moult_neon_dot_u8_i8x2_rows,
    .hamming_rows = moult_neon_hamming_rows,
    .bit_plane_dot_rows = moult_neon_bit_plane_dot_rows,
    .hadamard_f32 = moult_neon_hadamard_f32,
    .f16_to_f32 = moult_neon_f16_to_f32,
    .f32_to_f16 = moult_neon_f32_to_f16,
    .bf16_to_f32 = moult_neon_bf16_to_f32,
    .f32_to_bf16 = moult_neon_f32_to_bf16,
    .encode_u8 = moult_neon_encode_u8,
    .encode_signs = moult_neon_encode_signs,
    .encode_levels = moult_neon_encode_levels,
    .rotate_kac_f32 = moult_neon_rotate_kac_f32,
    .subtract_f32 = moult_neon_subtract_f32,
    .scale_f32 = moult_neon_scale_f32,
    .sum_of_squares_f32 = moult_neon_sum_of_squares_f32,
    .dot_f32_f64 = moult_neon_dot_f32_f64,
    .squared_l2_f32_f64 = moult_neon_squared_l2_f32_f64,
    .encode_signs_sums = moult_neon_encode_signs_sums,
    .dot_f16_rows = moult_neon_dot_f16_rows,
    .squared_l2_f16_rows = moult_neon_squared_l2_f16_rows,
    .dot_bf16_rows = moult_neon_dot_bf16_rows,
    .squared_l2_bf16_rows = moult_neon_squared_l2_bf16_rows,
    .interleave_block = moult_neon_interleave_block,
    .scan_blocks = moult_neon_scan_blocks,
    .scan_sketches = moult_neon_scan_sketches,
    .level_dot_rows = moult_neon_level_dot_rows,
    .encode_u8_rows = moult_neon_encode_u8_rows,
    .centre_sums_f32 = moult_neon_centre_sums_f32,
    .map_rows_f32 = moult_neon_map_rows_f32,
};

const moult_kernels moult_neon_dotprod_table = {
    .isa = MOULT_ISA_NEON,
    .dot_u8 = moult_neon_dotprod_dot_u8,
    .dot_u8_i8x2_rows = moult_neon_dotprod_dot_u8_i8x2_rows,
    .scan_blocks = moult_neon_dotprod_scan_blocks,
    .level_dot_rows = moult_neon_dotprod_level_dot_rows,
    .encode_u8_rows = moult_neon_dotprod_encode_u8_rows,
};

const moult_kernels moult_neon_i8mm_table = {
    .isa = MOULT_ISA_NEON,
    .scan_blocks = moult_neon_i8mm_scan_blocks,
};

#endif
