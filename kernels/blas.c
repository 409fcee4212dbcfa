#if !defined(_GNU_SOURCE)
#define _GNU_SOURCE  // RTLD_DEFAULT
#endif

#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "cpu.h"
#include "moult/kernels.h"

// OpenBLAS reports only what it chose, not what it would have needed to know. So the cores that make
// use of wide registers are listed, and whatever else it runs on an AVX2 machine is taken for a fallback.
static bool uses_wide_registers(const char *core) {
  static const char *const cores[] = {"Haswell", "Zen", "SkylakeX", "Cooperlake", "SapphireRapids"};
  for (size_t i = 0; i < sizeof cores / sizeof cores[0]; i++) {
    if (strcmp(core, cores[i]) == 0) return true;
  }
  return false;
}

static const char *better_core(const moult_cpu *cpu) {
  return cpu->avx512_core ? "SkylakeX" : cpu->avx2 ? "Haswell" : NULL;
}

static const char *core_in_use = "unknown";

static void select_core(void) {
  char *(*const get_corename)(void) = (char *(*)(void))dlsym(RTLD_DEFAULT, "openblas_get_corename");
  void (*const quit)(void) = (void (*)(void))dlsym(RTLD_DEFAULT, "gotoblas_dynamic_quit");
  void (*const init)(void) = (void (*)(void))dlsym(RTLD_DEFAULT, "gotoblas_dynamic_init");
  void (*const set_num_threads)(int) = (void (*)(int))dlsym(RTLD_DEFAULT, "openblas_set_num_threads");
  if (!get_corename) return;

  const char *wish = getenv("OPENBLAS_CORETYPE");
  const bool user_decides = wish && *wish;
  const moult_cpu cpu = moult_cpu_detect();
  const char *better = better_core(&cpu);
  if (quit && init && better && !user_decides && !uses_wide_registers(get_corename())) {
    // The library chooses in its initializer, which has long run. It looks at this variable only there,
    // and afterwards nobody should take our choice for the user's.
    setenv("OPENBLAS_CORETYPE", better, 1);
    quit();
    init();
    unsetenv("OPENBLAS_CORETYPE");
  }
  if (set_num_threads) set_num_threads(1);
  core_in_use = get_corename();
}

const char *moult_blas_select_core(void) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, select_core);
  return core_in_use;
}
