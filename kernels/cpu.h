/// What this processor offers and the operating system has enabled.
#ifndef MOULT_CPU_H
#define MOULT_CPU_H

#include <stdbool.h>

typedef struct moult_cpu {
  bool avx2;         ///< all that MOULT_ISA_AVX2 needs: AVX2, FMA, F16C, POPCNT
  bool avx_vnni;     ///< all that MOULT_ISA_AVXVNNI needs: AVX-VNNI and avx2
  bool avx512_core;  ///< AVX-512 F, BW, VL, DQ: Skylake-X and later; enough for OpenBLAS
  bool avx512;       ///< all that MOULT_ISA_AVX512 needs: the above, VNNI, VBMI, VPOPCNTDQ and avx2
  bool avx512_bf16;  ///< AVX-512 BF16, and avx512
  bool amx;          ///< AMX tiles of int8 and bf16, and avx512; Linux only. See moult_cpu_request_tiles
  bool dot_product;  ///< AArch64 SDOT and UDOT
  bool i8mm;         ///< AArch64 USDOT and USMMLA; known on Linux only
} moult_cpu;

/// Asks the processor each time; callers keep the answer.
moult_cpu moult_cpu_detect(void);

/// Asks the operating system to let this process use tiles: 8 KiB of registers a thread are saved only for
/// those who ask. False where it refuses (old kernel, seccomp filter, a signal stack that is too small) or
/// is not Linux on x86-64. Holds for all threads, now and later; asking again is harmless.
bool moult_cpu_request_tiles(void);

#endif
