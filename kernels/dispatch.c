#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "cpu.h"
#include "tables.h"

enum { ISA_COUNT = MOULT_ISA_AMX + 1 };

static const char *const names[ISA_COUNT] = {
    [MOULT_ISA_SCALAR] = "scalar",
    [MOULT_ISA_NEON] = "neon",
    [MOULT_ISA_AVX2] = "avx2",
    [MOULT_ISA_AVXVNNI] = "avxvnni",
    [MOULT_ISA_AVX512] = "avx512",
    [MOULT_ISA_AMX] = "amx",
};

/// Written once, under `once`; only read afterwards.
static struct {
  pthread_once_t once;
  bool offered[ISA_COUNT];
  moult_kernels tables[ISA_COUNT];
  const moult_kernels *highest;  ///< of the best level offered, whatever MOULT_ISA says
  const moult_kernels *best;
} state = {.once = PTHREAD_ONCE_INIT};

/// Puts the kernels that `over` has on top of `table`.
static void overlay(moult_kernels *table, const moult_kernels *over) {
#define OVERLAY(entry) \
  if (over->entry) table->entry = over->entry
  OVERLAY(dot_f32);
  OVERLAY(squared_l2_f32);
  OVERLAY(dot_f32_rows);
  OVERLAY(squared_l2_f32_rows);
  OVERLAY(dot_u8);
  OVERLAY(dot_u8_i8x2_rows);
  OVERLAY(hamming_rows);
  OVERLAY(bit_plane_dot_rows);
  OVERLAY(hadamard_f32);
  OVERLAY(f16_to_f32);
  OVERLAY(f32_to_f16);
  OVERLAY(bf16_to_f32);
  OVERLAY(f32_to_bf16);
  OVERLAY(encode_u8);
  OVERLAY(encode_signs);
  OVERLAY(interleave_block);
  OVERLAY(scan_blocks);
  OVERLAY(level_dot_rows);
  OVERLAY(encode_levels);
  OVERLAY(rotate_kac_f32);
  OVERLAY(subtract_f32);
  OVERLAY(scale_f32);
  OVERLAY(sum_of_squares_f32);
  OVERLAY(dot_f32_f64);
  OVERLAY(squared_l2_f32_f64);
  OVERLAY(encode_signs_sums);
  OVERLAY(dot_f16_rows);
  OVERLAY(squared_l2_f16_rows);
  OVERLAY(dot_bf16_rows);
  OVERLAY(squared_l2_bf16_rows);
  OVERLAY(centre_f32);
  OVERLAY(encode_u8_rows);
  OVERLAY(centre_sums_f32);
  OVERLAY(dot_bf16_blocks);
  OVERLAY(scan_sketches);
  OVERLAY(guide_score_rows);
  OVERLAY(map_rows_f32);
#undef OVERLAY
  _Static_assert(sizeof(moult_kernels) == offsetof(moult_kernels, dot_f32) + 37 * sizeof(void (*)(void)),
                 "a kernel was added to the table: overlay it here as well");
}

/// Offers a level: all that the highest level so far has, with the level's own kernels on top.
static void offer(moult_isa isa, const moult_kernels *own) {
  moult_kernels *table = &state.tables[isa];
  if (state.highest) *table = *state.highest;
  overlay(table, own);
  table->isa = isa;
  state.offered[isa] = true;
  state.highest = table;
}

static const moult_kernels *find(const char *name) {
  if (!name) return state.highest;
  for (int isa = 0; isa < ISA_COUNT; isa++) {
    if (strcmp(name, names[isa]) != 0) continue;
    while (!state.offered[isa]) isa--;  // scalar always is
    return &state.tables[isa];
  }
  return state.highest;
}

static void decide(void) {
  offer(MOULT_ISA_SCALAR, &moult_scalar_table);
#if defined(__aarch64__) || defined(__x86_64__)
  const moult_cpu cpu = moult_cpu_detect();
#endif
#if defined(__aarch64__)
  offer(MOULT_ISA_NEON, &moult_neon_table);
  if (cpu.dot_product) overlay(&state.tables[MOULT_ISA_NEON], &moult_neon_dotprod_table);
  if (cpu.dot_product && cpu.i8mm) overlay(&state.tables[MOULT_ISA_NEON], &moult_neon_i8mm_table);
#endif
#if defined(__x86_64__)
  if (cpu.avx2) offer(MOULT_ISA_AVX2, &moult_avx2_table);
  if (cpu.avx_vnni) offer(MOULT_ISA_AVXVNNI, &moult_avxvnni_table);
  if (cpu.avx512) offer(MOULT_ISA_AVX512, &moult_avx512_table);
  if (cpu.avx512_bf16) overlay(&state.tables[MOULT_ISA_AVX512], &moult_avx512_bf16_table);
  // Hypervisors have been seen to hide, to refuse and to slow down tiles, so a first result is looked at.
  if (cpu.amx && moult_cpu_request_tiles() && moult_amx_is_right()) offer(MOULT_ISA_AMX, &moult_amx_table);
#endif
  state.best = find(getenv("MOULT_ISA"));
}

const moult_kernels *moult_kernels_best(void) {
  pthread_once(&state.once, decide);
  return state.best;
}

const moult_kernels *moult_kernels_named(const char *name) {
  pthread_once(&state.once, decide);
  return find(name);
}

const moult_kernels *moult_kernels_for(moult_isa isa) {
  pthread_once(&state.once, decide);
  return (unsigned)isa < ISA_COUNT && state.offered[isa] ? &state.tables[isa] : NULL;
}

const char *moult_isa_name(moult_isa isa) {
  return (unsigned)isa < ISA_COUNT ? names[isa] : "unknown";
}
