#if defined(__x86_64__)

#include "tables.h"

/// Only what gains from tiles.
const moult_kernels moult_amx_table = {
    .isa = MOULT_ISA_AMX,
    .scan_blocks = moult_amx_scan_blocks,
    .dot_bf16_blocks = moult_amx_dot_bf16_blocks,
};

#endif
