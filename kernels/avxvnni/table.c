#if defined(__x86_64__)

#include "tables.h"

/// Only what gains from VPDPBUSD.
const moult_kernels moult_avxvnni_table = {
    .isa = MOULT_ISA_AVXVNNI,
    .dot_u8 = moult_avxvnni_dot_u8,
    .dot_u8_i8x2_rows = moult_avxvnni_dot_u8_i8x2_rows,
    .scan_blocks = moult_avxvnni_scan_blocks,
    .level_dot_rows = moult_avxvnni_level_dot_rows,
    .encode_u8_rows = moult_avxvnni_encode_u8_rows,
};

#endif
