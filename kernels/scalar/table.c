#include "tables.h"

const moult_kernels moult_scalar_table = {
    .isa = MOULT_ISA_SCALAR,
    .dot_f32 = moult_scalar_dot_f32,
    .squared_l2_f32 = moult_scalar_squared_l2_f32,
    .dot_f32_rows = moult_scalar_dot_f32_rows,
    .squared_l2_f32_rows = moult_scalar_squared_l2_f32_rows,
    .dot_i8 = moult_scalar_dot_i8,
    .dot_u8 = moult_scalar_dot_u8,
    .dot_u8_i8 = moult_scalar_dot_u8_i8,
    .dot_u8_i8x2_rows = moult_scalar_dot_u8_i8x2_rows,
    .hamming = moult_scalar_hamming,
    .hamming_rows = moult_scalar_hamming_rows,
    .bit_plane_dot_rows = moult_scalar_bit_plane_dot_rows,
    .hadamard_f32 = moult_scalar_hadamard_f32,
    .f16_to_f32 = moult_scalar_f16_to_f32,
    .f32_to_f16 = moult_scalar_f32_to_f16,
    .bf16_to_f32 = moult_scalar_bf16_to_f32,
    .f32_to_bf16 = moult_scalar_f32_to_bf16,
    .encode_u8 = moult_scalar_encode_u8,
    .encode_signs = moult_scalar_encode_signs,
};
