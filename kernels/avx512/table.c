#if defined(__x86_64__)

#include "tables.h"

const moult_kernels moult_avx512_table = {
    .isa = MOULT_ISA_AVX512,
    .dot_f32 = moult_avx512_dot_f32,
    .squared_l2_f32 = moult_avx512_squared_l2_f32,
    .dot_f32_rows = moult_avx512_dot_f32_rows,
    .squared_l2_f32_rows = moult_avx512_squared_l2_f32_rows,
    .dot_i8 = moult_avx512_dot_i8,
    .dot_u8 = moult_avx512_dot_u8,
    .dot_u8_i8 = moult_avx512_dot_u8_i8,
    .dot_u8_i8x2_rows = moult_avx512_dot_u8_i8x2_rows,
    .hamming = moult_avx512_hamming,
    .hamming_rows = moult_avx512_hamming_rows,
    .bit_plane_dot_rows = moult_avx512_bit_plane_dot_rows,
    .hadamard_f32 = moult_avx512_hadamard_f32,
    .f16_to_f32 = moult_avx512_f16_to_f32,
    .f32_to_f16 = moult_avx512_f32_to_f16,
    .bf16_to_f32 = moult_avx512_bf16_to_f32,
    .f32_to_bf16 = moult_avx512_f32_to_bf16,
    .encode_u8 = moult_avx512_encode_u8,
    .encode_signs = moult_avx512_encode_signs,
};

#endif
