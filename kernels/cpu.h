/// What this processor offers and the operating system has enabled.
#ifndef MOULT_CPU_H
#define MOULT_CPU_H

#include <stdbool.h>

typedef struct moult_cpu {
  bool avx2;         ///< all that MOULT_ISA_AVX2 needs: AVX2, FMA, F16C, POPCNT
  bool avx512_core;  ///< AVX-512 F, BW, VL, DQ: Skylake-X and later; enough for OpenBLAS
  bool avx512;       ///< all that MOULT_ISA_AVX512 needs: the above, VNNI, VPOPCNTDQ and avx2
  bool dot_product;  ///< AArch64 SDOT and UDOT
} moult_cpu;

/// Asks the processor each time; callers keep the answer.
moult_cpu moult_cpu_detect(void);

#endif
