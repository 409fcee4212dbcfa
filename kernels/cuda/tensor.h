// The tensor cores' instructions, and what feeds them: wrappers of PTX, each with a twin in `emulated/tensor.h` that is
// written from the PTX manual.
//
// Both matrices come as *lines* of 128 bytes, 64 values of bfloat16 or 128 of int8 each, in tiles of lines with the
// swizzle of 128 bytes: the 16-byte piece p of line r lies at r·128 + (p ^ r % 8)·16. The same bytes are what wgmma's descriptors, the
// row addresses of ldmatrix and one bulk copy want, in device memory as in shared memory.
#ifndef MOULT_DEVICE_TENSOR_H
#define MOULT_DEVICE_TENSOR_H

#include "device_code.h"

#ifdef MOULT_EMULATED
#include "emulated/tensor.h"
#endif

#if defined(MOULT_EMULATED) || defined(__CUDA_ARCH_FEAT_SM90_ALL)
#define MOULT_HAS_WGMMA 1
#endif

namespace moult {

/// Of piece `piece` of a line, within a tile.
__device__ __host__ __forceinline__ uint32_t piece_offset(uint32_t line, uint32_t piece) {
  return line * 128 + ((piece ^ (line & 7)) << 4);
}

#ifndef MOULT_EMULATED

// MARK: mma.sync (sm_80)

/// Four 8 × 8 matrices of 16-bit values: lane l gives the address of row l % 8 of matrix l / 8.
__device__ __forceinline__ void load_matrices(uint32_t (&values)[4], uint32_t address) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(values[0]), "=r"(values[1]), "=r"(values[2]), "=r"(values[3])
               : "r"(address)
               : "memory");
}

/// d += a·b for 16 × 16 and 16 × 8 values of bfloat16.
__device__ __forceinline__ void multiply_bf16(float (&d)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
      "{%0, %1, %2, %3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

/// d += a·b for 16 × 32 and 32 × 8 values of int8: the bytes lie as those of 16-bit values do.
__device__ __forceinline__ void multiply_s8(int32_t (&d)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1) {
  asm volatile(
      "mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
      "{%0, %1, %2, %3};"
      : "+r"(d[0]), "+r"(d[1]), "+r"(d[2]), "+r"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

// MARK: Barriers in shared memory and bulk copies (sm_90)

#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900

__device__ __forceinline__ void barrier_init(uint64_t *barrier, uint32_t arrivals) {
  asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(shared_address(barrier)), "r"(arrivals) : "memory");
}

/// After barriers were initialised, before anything but this thread uses them.
__device__ __forceinline__ void barrier_init_fence() {
  asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
  asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
}

__device__ __forceinline__ void barrier_arrive(uint64_t *barrier) {
  asm volatile("mbarrier.arrive.release.cta.shared::cta.b64 _, [%0];" ::"r"(shared_address(barrier)) : "memory");
}

/// Arrives, and the phase also waits for `bytes` of copies.
__device__ __forceinline__ void barrier_arrive_expecting(uint64_t *barrier, uint32_t bytes) {
  asm volatile("mbarrier.arrive.expect_tx.release.cta.shared::cta.b64 _, [%0], %1;" ::"r"(shared_address(barrier)),
               "r"(bytes)
               : "memory");
}

/// Waits for the end of the phase of this parity.
__device__ __forceinline__ void barrier_wait(uint64_t *barrier, uint32_t parity) {
  asm volatile(
      "{\n"
      ".reg .pred done;\n"
      "again:\n"
      "mbarrier.try_wait.parity.acquire.cta.shared::cta.b64 done, [%0], %1;\n"
      "@!done bra again;\n"
      "}" ::"r"(shared_address(barrier)),
      "r"(parity)
      : "memory");
}

/// `bytes` a multiple of 16, both ends aligned to 16.
__device__ __forceinline__ void bulk_copy(void *target, const void *source, uint32_t bytes, uint64_t *barrier) {
  asm volatile("cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1], %2, [%3];" ::"r"(
                   shared_address(target)),
               "l"(source), "r"(bytes), "r"(shared_address(barrier))
               : "memory");
}

#endif

// MARK: wgmma (sm_90a)

#ifdef MOULT_HAS_WGMMA

/// Before the first product, and when accumulators were touched.
__device__ __forceinline__ void products_fence() { asm volatile("wgmma.fence.sync.aligned;" ::: "memory"); }
__device__ __forceinline__ void products_commit() { asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory"); }

/// Waits until at most `left` committed groups are under way.
template <int left>
__device__ __forceinline__ void products_wait() {
  asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(left) : "memory");
}

/// After the last wait: the compiler may not read the sums before.
__device__ __forceinline__ void products_settle(float (&d)[128]) {
  MOULT_UNROLL
  for (int i = 0; i < 128; i++) asm volatile("" : "+f"(d[i])::"memory");
}
__device__ __forceinline__ void products_settle(int32_t (&d)[128]) {
  MOULT_UNROLL
  for (int i = 0; i < 128; i++) asm volatile("" : "+r"(d[i])::"memory");
}

template <uint32_t registers>
__device__ __forceinline__ void registers_take() {
  asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(registers));
}
template <uint32_t registers>
__device__ __forceinline__ void registers_give() {
  asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(registers));
}

#define MOULT_D8(kind, i)                                                                                       \
  kind(d[i]), kind(d[i + 1]), kind(d[i + 2]), kind(d[i + 3]), kind(d[i + 4]), kind(d[i + 5]), kind(d[i + 6]), \
      kind(d[i + 7])
#define MOULT_D32(kind, i) \
  MOULT_D8(kind, i), MOULT_D8(kind, i + 8), MOULT_D8(kind, i + 16), MOULT_D8(kind, i + 24)
#define MOULT_D128(kind) MOULT_D32(kind, 0), MOULT_D32(kind, 32), MOULT_D32(kind, 64), MOULT_D32(kind, 96)
#define MOULT_FLOAT(value) "+f"(value)
#define MOULT_INT(value) "+r"(value)
#define MOULT_SUMS                                                                                  \
  "{%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, "                         \
  "%16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31, "                \
  "%32, %33, %34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47, "                \
  "%48, %49, %50, %51, %52, %53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63, "                \
  "%64, %65, %66, %67, %68, %69, %70, %71, %72, %73, %74, %75, %76, %77, %78, %79, "                \
  "%80, %81, %82, %83, %84, %85, %86, %87, %88, %89, %90, %91, %92, %93, %94, %95, "                \
  "%96, %97, %98, %99, %100, %101, %102, %103, %104, %105, %106, %107, %108, %109, %110, %111, "    \
  "%112, %113, %114, %115, %116, %117, %118, %119, %120, %121, %122, %123, %124, %125, %126, %127}, "

/// d = a·b, or d += a·b, for 64 × 16 and 16 × 256 values of bfloat16; a warpgroup issues it.
__device__ __forceinline__ void multiply_bf16_async(float (&d)[128], uint64_t a, uint64_t b, bool adds) {
  asm volatile(
      "{\n"
      ".reg .pred adds;\n"
      "setp.ne.b32 adds, %130, 0;\n"
      "wgmma.mma_async.sync.aligned.m64n256k16.f32.bf16.bf16 " MOULT_SUMS
      "%128, %129, adds, 1, 1, 0, 0;\n"
      "}"
      : MOULT_D128(MOULT_FLOAT)
      : "l"(a), "l"(b), "r"(int(adds)));
}

/// The same for 64 × 32 and 32 × 256 values of int8.
__device__ __forceinline__ void multiply_s8_async(int32_t (&d)[128], uint64_t a, uint64_t b, bool adds) {
  asm volatile(
      "{\n"
      ".reg .pred adds;\n"
      "setp.ne.b32 adds, %130, 0;\n"
      "wgmma.mma_async.sync.aligned.m64n256k32.s32.s8.s8 " MOULT_SUMS
      "%128, %129, adds;\n"
      "}"
      : MOULT_D128(MOULT_INT)
      : "l"(a), "l"(b), "r"(int(adds)));
}
#undef MOULT_SUMS
#undef MOULT_INT
#undef MOULT_FLOAT
#undef MOULT_D128
#undef MOULT_D32
#undef MOULT_D8

#endif  // MOULT_HAS_WGMMA
#endif  // not MOULT_EMULATED

/// The descriptor of lines in shared memory whose tile is aligned to 1024 bytes: bits 0–13 the address / 16, 16–29 the
/// leading dimension's distance (of no meaning with this swizzle), 32–45 the distance of groups of eight lines / 16,
/// 62–63 the swizzle of 128 bytes.
__device__ __forceinline__ uint64_t matrix_descriptor(uint32_t address) {
  return uint64_t((address & 0x3ffff) >> 4) | uint64_t(1) << 16 | uint64_t(1024 >> 4) << 32 | uint64_t(1) << 62;
}

}  // namespace moult
#endif
