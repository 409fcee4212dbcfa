/// Moult's CPU kernels: one table of functions per instruction-set level (ISA).
///
/// Rules that hold for every kernel:
///  - vectors, codes, planes and rows may have any alignment; gather lists and results (`out`, `high`,
///    `low`) have their natural one; lengths may be any number, 0 included;
///  - kernels allocate nothing, check nothing and keep no state: the caller has checked;
///  - integer kernels return the same bits on every ISA; float kernels state their error bound;
///  - a `_rows` kernel scores one query against many rows: row i starts at
///    `rows + (size_t)(indices ? indices[i] : i) * stride`, `stride` in BYTES; with a gather list
///    the rows ahead are prefetched.
#ifndef MOULT_KERNELS_H
#define MOULT_KERNELS_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// Instruction-set levels, lowest first. A level is used only where every feature it needs is
/// offered by the processor and enabled by the operating system.
typedef enum moult_isa {
  MOULT_ISA_SCALAR = 0,
  MOULT_ISA_NEON = 1,    ///< AArch64 with the dot-product extension where it is offered
  MOULT_ISA_AVX2 = 2,    ///< AVX2, FMA, F16C, POPCNT
  MOULT_ISA_AVX512 = 3,  ///< AVX-512 F, BW, VL, DQ, VNNI, VPOPCNTDQ
} moult_isa;

typedef struct moult_kernels {
  moult_isa isa;

  /// Σ a[i]·b[i]. Error: |result − exact| ≤ dimension · 2⁻²⁴ · Σ|a[i]·b[i]|.
  float (*dot_f32)(const float *a, const float *b, size_t dimension);
  /// Σ (a[i] − b[i])². Error: ≤ (dimension + 2) · 2⁻²⁴ · Σ(a[i] − b[i])².
  float (*squared_l2_f32)(const float *a, const float *b, size_t dimension);
  /// out[i] = Σ query[j]·row_i[j]. Same bound as dot_f32, and the same bits as dot_f32 of the same ISA.
  void (*dot_f32_rows)(const float *query, const void *rows, size_t stride, const uint32_t *indices,
                       size_t count, size_t dimension, float *out);
  /// out[i] = Σ (query[j] − row_i[j])². Same bits as squared_l2_f32 of the same ISA.
  void (*squared_l2_f32_rows)(const float *query, const void *rows, size_t stride,
                              const uint32_t *indices, size_t count, size_t dimension, float *out);

  /// Σ a[i]·b[i] over signed bytes. dimension ≤ 65 536 (128²·65 536 = 2³⁰ < 2³¹). Exact.
  int32_t (*dot_i8)(const int8_t *a, const int8_t *b, size_t dimension);
  /// Σ a[i]·b[i] over unsigned bytes. dimension ≤ 65 536 (255²·65 536 < 2³²). Exact.
  uint32_t (*dot_u8)(const uint8_t *a, const uint8_t *b, size_t dimension);
  /// Σ a[i]·b[i], a unsigned and b signed bytes. dimension ≤ 65 536 (255·128·65 536 < 2³¹). Exact.
  int32_t (*dot_u8_i8)(const uint8_t *a, const int8_t *b, size_t dimension);
  /// Two limbs of one query against unsigned rows: high[i] = Σ row_i[j]·query_high[j], low[i] likewise.
  /// dimension ≤ 65 536. Exact.
  void (*dot_u8_i8x2_rows)(const int8_t *query_high, const int8_t *query_low, const void *rows,
                           size_t stride, const uint32_t *indices, size_t count, size_t dimension,
                           int32_t *high, int32_t *low);

  /// Number of differing bits of two strings of `bytes` bytes; bytes ≤ 2²⁸. Exact.
  uint32_t (*hamming)(const uint8_t *a, const uint8_t *b, size_t bytes);
  void (*hamming_rows)(const uint8_t *query, const void *rows, size_t stride, const uint32_t *indices,
                       size_t count, size_t bytes, uint32_t *out);

  /// ⟨row bits, query⟩ for an unsigned integer query given as bit planes:
  /// out[i] = Σ_p 2^p · popcount(row_i & plane_p), plane p at `planes + p·bytes`, least significant
  /// first. `bytes` is a multiple of 8; plane_count 1 … 8; bytes ≤ 2²⁰. Exact.
  void (*bit_plane_dot_rows)(const uint8_t *planes, size_t plane_count, const void *rows, size_t stride,
                             const uint32_t *indices, size_t count, size_t bytes, uint32_t *out);

  /// In-place Walsh–Hadamard transform scaled by 1/√count; count a power of two (1 included).
  /// Orthonormal; error ≤ (log2(count) + 1) · 2⁻²³ · ‖values‖ in each entry, as long as √count · ‖values‖
  /// does not overflow. The order of additions is fixed: same bits on every ISA.
  void (*hadamard_f32)(float *values, size_t count);

  /// IEEE binary16 ↔ binary32; widening is exact, narrowing rounds to nearest, ties to even; infinities,
  /// denormals and NaN (any NaN stays a NaN) are kept. Same bits on every ISA (NaN payloads aside).
  void (*f16_to_f32)(const uint16_t *source, float *target, size_t count);
  void (*f32_to_f16)(const float *source, uint16_t *target, size_t count);
  /// bfloat16 ↔ binary32, likewise.
  void (*bf16_to_f32)(const uint16_t *source, float *target, size_t count);
  void (*f32_to_bf16)(const float *source, uint16_t *target, size_t count);

  /// Scalar quantization: code[i] = clamp(round_half_even((values[i] − lower) · inverse_step), 0, 255);
  /// returns Σ code[i]. Finite input. The product and difference are rounded separately (no fusing), so
  /// every ISA writes the same codes.
  uint64_t (*encode_u8)(const float *values, float lower, float inverse_step, uint8_t *codes, size_t count);
  /// Sign bits: bit i%8 of codes[i/8] = values[i] > 0. Writes ⌈count/8⌉ bytes, unused bits 0.
  void (*encode_signs)(const float *values, uint8_t *codes, size_t count);
} moult_kernels;

/// The table of the best level this machine offers, or of the level that the environment variable
/// MOULT_ISA names, as moult_kernels_named explains; decided once, thread-safe.
const moult_kernels *moult_kernels_best(void);

/// The table that a name (scalar | neon | avx2 | avx512) stands for. A level that is not offered gives
/// the best one below it, at worst scalar. NULL and names that are not known give the best level.
const moult_kernels *moult_kernels_named(const char *name);

/// The table of one level, or NULL when this machine or this build does not offer it.
const moult_kernels *moult_kernels_for(moult_isa isa);

/// "scalar", "neon", "avx2", "avx512".
const char *moult_isa_name(moult_isa isa);

/// Prefetch hint for reading, no effect on results.
static inline void moult_prefetch(const void *address) { __builtin_prefetch(address, 0, 3); }

/// Gives Debian's OpenBLAS 0.3.21 the right kernels: on processors it does not know it falls back to
/// SSE3 code (a quarter of the speed). Must run before any other thread uses BLAS. Looks the library's
/// functions up at run time, so any CBLAS links. Also sets BLAS to one thread (Moult has its own pool).
/// Honours OPENBLAS_CORETYPE when the user has set it. Returns the name of the core now in use, or
/// "unknown" for a library that is not OpenBLAS. Static storage; safe to call again.
const char *moult_blas_select_core(void);

#ifdef __cplusplus
}
#endif
#endif
