#include "cpu.h"

#include <stdint.h>

#if defined(__x86_64__)

#include <cpuid.h>

// cpuid tells what the silicon can do; xgetbv tells which registers the operating system saves when it
// switches threads. Without the second, wide registers would be lost between two instructions.
static uint64_t enabled_register_state(void) {
  uint32_t low, high;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return (uint64_t)high << 32 | low;
}

static bool has_all(uint64_t word, uint64_t bits) { return (word & bits) == bits; }

moult_cpu moult_cpu_detect(void) {
  enum : uint32_t {
    LEAF1_ECX_FMA = 1u << 12,
    LEAF1_ECX_POPCNT = 1u << 23,
    LEAF1_ECX_OSXSAVE = 1u << 27,
    LEAF1_ECX_AVX = 1u << 28,
    LEAF1_ECX_F16C = 1u << 29,
    LEAF7_EBX_AVX2 = 1u << 5,
    LEAF7_EBX_AVX512F = 1u << 16,
    LEAF7_EBX_AVX512DQ = 1u << 17,
    LEAF7_EBX_AVX512BW = 1u << 30,
    LEAF7_EBX_AVX512VL = 1u << 31,
    LEAF7_ECX_AVX512_VBMI = 1u << 1,
    LEAF7_ECX_AVX512_VNNI = 1u << 11,
    LEAF7_ECX_AVX512_VPOPCNTDQ = 1u << 14,
    LEAF7_EDX_AMX_BF16 = 1u << 22,
    LEAF7_EDX_AMX_TILE = 1u << 24,
    LEAF7_EDX_AMX_INT8 = 1u << 25,
    LEAF7_1_EAX_AVX_VNNI = 1u << 4,
    LEAF7_1_EAX_AVX512_BF16 = 1u << 5,
    XCR0_SSE_AVX = 0x06,
    XCR0_OPMASK_ZMM = 0xE0,
    XCR0_TILES = 0x60000,
  };

  moult_cpu cpu = {0};
  uint32_t eax, ebx, ecx, edx, ecx1, subleaves, ebx7, ecx7, edx7, eax7_1 = 0;
  if (!__get_cpuid(1, &eax, &ebx, &ecx1, &edx)) return cpu;
  if (!has_all(ecx1, LEAF1_ECX_OSXSAVE | LEAF1_ECX_AVX)) return cpu;
  const uint64_t state = enabled_register_state();
  if (!has_all(state, XCR0_SSE_AVX)) return cpu;
  if (!__get_cpuid_count(7, 0, &subleaves, &ebx7, &ecx7, &edx7)) return cpu;

  cpu.avx2 = has_all(ecx1, LEAF1_ECX_FMA | LEAF1_ECX_F16C | LEAF1_ECX_POPCNT) &&
             has_all(ebx7, LEAF7_EBX_AVX2);
  if (subleaves >= 1 && !__get_cpuid_count(7, 1, &eax7_1, &ebx, &ecx, &edx)) eax7_1 = 0;
  cpu.avx_vnni = cpu.avx2 && has_all(eax7_1, LEAF7_1_EAX_AVX_VNNI);
  cpu.avx512_core = has_all(state, XCR0_OPMASK_ZMM) &&
                    has_all(ebx7, LEAF7_EBX_AVX512F | LEAF7_EBX_AVX512DQ | LEAF7_EBX_AVX512BW |
                                      LEAF7_EBX_AVX512VL);
  cpu.avx512 = cpu.avx2 && cpu.avx512_core &&
               has_all(ecx7, LEAF7_ECX_AVX512_VBMI | LEAF7_ECX_AVX512_VNNI | LEAF7_ECX_AVX512_VPOPCNTDQ);
  cpu.avx512_bf16 = cpu.avx512 && has_all(eax7_1, LEAF7_1_EAX_AVX512_BF16);
#if defined(__linux__)
  cpu.amx = cpu.avx512 && has_all(state, XCR0_TILES) &&
            has_all(edx7, LEAF7_EDX_AMX_TILE | LEAF7_EDX_AMX_INT8 | LEAF7_EDX_AMX_BF16);
#endif
  return cpu;
}

#elif defined(__aarch64__) && defined(__linux__)

#include <asm/hwcap.h>
#include <sys/auxv.h>

#ifndef HWCAP2_I8MM  // headers before Linux 5.7
#define HWCAP2_I8MM (1 << 13)
#endif

moult_cpu moult_cpu_detect(void) {
  return (moult_cpu){.dot_product = (getauxval(AT_HWCAP) & HWCAP_ASIMDDP) != 0,
                     .i8mm = (getauxval(AT_HWCAP2) & HWCAP2_I8MM) != 0};
}

#elif defined(__aarch64__) && defined(__APPLE__)

// Every Apple processor that runs a 64-bit macOS has the dot product.
moult_cpu moult_cpu_detect(void) { return (moult_cpu){.dot_product = true}; }

#else

moult_cpu moult_cpu_detect(void) { return (moult_cpu){0}; }

#endif

#if defined(__x86_64__) && defined(__linux__)

#include <sys/syscall.h>
#include <unistd.h>

bool moult_cpu_request_tiles(void) {
  enum { ARCH_REQ_XCOMP_PERM = 0x1023, XFEATURE_XTILE_DATA = 18 };  // Linux 5.16
  return syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILE_DATA) == 0;
}

#else

bool moult_cpu_request_tiles(void) { return false; }

#endif
