// What kernels are written with: the subset of CUDA C++ that nvcc and `emulated/` both compile.
//
//  - shared memory: MOULT_SHARED(float, sums, [32][33]); and, of the size that the launch says, MOULT_SHARED_BYTES(name);
//  - launches: moult::launch or Device::launch, never <<<>>>;
//  - all lanes of a mask reach a warp's operation, all threads of a block its barriers, none has ended before;
//  - nothing is contracted to a fused multiply-add: both compilers are told so (-fmad=false, -ffp-contract=off), so
//    that float32 and float64 arithmetic has the bits of the CPU. Write fmaf or fma where one is wanted.
#ifndef MOULT_DEVICE_CODE_H
#define MOULT_DEVICE_CODE_H

#include <cuda_runtime.h>
#include <stddef.h>
#include <stdint.h>

#ifdef MOULT_EMULATED

#define MOULT_SHARED(type, name, dimensions) \
  auto &name = ::moult::emulated::shared_variable<type dimensions>([] {})
#define MOULT_SHARED_BYTES(name) unsigned char *const name = ::moult::emulated::machine().dynamic_shared()
#define MOULT_UNROLL

#else

#define MOULT_SHARED(type, name, dimensions) __shared__ type name dimensions
/// Aligned to 1024 bytes, as the swizzle of 128 bytes wants it.
#define MOULT_SHARED_BYTES(name) extern __shared__ __align__(1024) unsigned char name[]
#define MOULT_UNROLL _Pragma("unroll")

#endif

namespace moult {

constexpr unsigned full_warp = 0xffffffffu;

/// Starts a kernel. More than 48 KiB of shared memory are asked for here. What a kernel has of its own (MOULT_SHARED)
/// counts too, and is not known here: it is less than 16 KiB.
template <typename... Parameters, typename... Arguments>
cudaError_t launch(void (*kernel)(Parameters...), dim3 grid, dim3 block, size_t shared_bytes, cudaStream_t stream,
                   Arguments &&...arguments) {
  static_assert(sizeof...(Parameters) == sizeof...(Arguments), "a kernel's arguments");
  if (shared_bytes > 32 * 1024) {
    const cudaError_t error =
        cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, int(shared_bytes));
    if (error != cudaSuccess) return error;
  }
#ifdef MOULT_EMULATED
  return emulated::launch(kernel, grid, block, shared_bytes, stream, static_cast<Parameters>(arguments)...);
#else
  kernel<<<grid, block, shared_bytes, stream>>>(static_cast<Parameters>(arguments)...);
  return cudaGetLastError();
#endif
}

// MARK: Places

__device__ __forceinline__ unsigned lane_index() { return threadIdx.x & 31u; }
__device__ __forceinline__ unsigned warp_index() { return threadIdx.x >> 5; }

/// Of one-dimensional launches.
__device__ __forceinline__ uint64_t global_thread() { return uint64_t(blockIdx.x) * blockDim.x + threadIdx.x; }
__device__ __forceinline__ uint64_t global_warp() { return global_thread() >> 5; }
__device__ __forceinline__ uint64_t thread_count() { return uint64_t(gridDim.x) * blockDim.x; }
__device__ __forceinline__ uint64_t warp_count() { return thread_count() >> 5; }

__device__ __host__ __forceinline__ bool is_live(const uint64_t *live, uint64_t row) {
  return !live || (live[row >> 6] >> (row & 63) & 1);
}

// MARK: Warps

#ifdef MOULT_EMULATED
namespace emulated {
/// What lane 0 has after folding 16, 8, 4, 2, 1, for all lanes at once: a fifth of the waiting of five shuffles.
template <typename T, T (*combine)(T, T)>
T fold(T value) {
  T result;
  machine().collective(0xffffffffu, "a fold", &value, &result, [](Thread *const *lanes, unsigned, const void *) {
    T values[32];
    for (unsigned i = 0; i < 32; i++) values[i] = *static_cast<const T *>(lanes[i]->operand);
    for (unsigned half = 16; half > 0; half /= 2) {
      for (unsigned i = 0; i < half; i++) values[i] = combine(values[i], values[i + half]);
    }
    for (unsigned i = 0; i < 32; i++) *static_cast<T *>(lanes[i]->result) = values[0];
  }, nullptr);
  return result;
}
}  // namespace emulated
#endif

/// What two lanes become: the own value first.
struct Sum {
  template <typename T>
  static __device__ __forceinline__ T of(T own, T other) { return own + other; }
};
struct Largest {
  template <typename T>
  static __device__ __forceinline__ T of(T own, T other) { return other > own ? other : own; }
};
struct Least {
  template <typename T>
  static __device__ __forceinline__ T of(T own, T other) { return other < own ? other : own; }
};

/// Over the lanes, folded 16, 8, 4, 2, 1, in all lanes.
template <typename Fold, typename T>
__device__ __forceinline__ T warp_fold(T value) {
#ifdef MOULT_EMULATED
  return emulated::fold<T, Fold::template of<T>>(value);
#else
  MOULT_UNROLL
  for (int half = 16; half > 0; half /= 2) value = Fold::of(value, __shfl_xor_sync(full_warp, value, half));
  return value;
#endif
}

/// The sum over the lanes: with one sum a lane the order of `dot_f32_f64`.
/// (a + b = b + a: both lanes of a pair have the same bits, and lane 0's are the ones of the CPU.)
template <typename T>
__device__ __forceinline__ T warp_sum(T value) { return warp_fold<Sum>(value); }
template <typename T>
__device__ __forceinline__ T warp_max(T value) { return warp_fold<Largest>(value); }
template <typename T>
__device__ __forceinline__ T warp_min(T value) { return warp_fold<Least>(value); }

/// The number of the calling warp, from a lane: so the compiler knows that all lanes go the same way through loops over
/// rows, and shuffles need no meeting point.
__device__ __forceinline__ uint32_t uniform_warp() { return __shfl_sync(full_warp, warp_index(), 0); }

// MARK: The sums in double of kernels.h: one warp is the 32 lanes

/// Σ a[j]·b[j]: all lanes of a warp call it, and all have the result. Same bits as dot_f32_f64.
__device__ __forceinline__ double warp_dot_f64(const float *a, const float *b, uint32_t count) {
  double sum = 0;
  for (uint32_t j = lane_index(); j < count; j += 32) sum = __dadd_rn(sum, __dmul_rn(double(a[j]), double(b[j])));
  return warp_sum(sum);
}

/// Σ (a[j] − b[j])². Same bits as squared_l2_f32_f64.
__device__ __forceinline__ double warp_squared_l2_f64(const float *a, const float *b, uint32_t count) {
  double sum = 0;
  for (uint32_t j = lane_index(); j < count; j += 32) {
    const double difference = __dsub_rn(double(a[j]), double(b[j]));
    sum = __dadd_rn(sum, __dmul_rn(difference, difference));
  }
  return warp_sum(sum);
}

// MARK: Order-preserving keys

/// Unsigned numbers in the order of floats (−0 below 0; NaN at the ends).
__device__ __host__ __forceinline__ uint32_t ordered_bits(uint32_t bits) {
  return bits & 0x80000000u ? ~bits : bits | 0x80000000u;
}
__device__ __host__ __forceinline__ uint32_t unordered_bits(uint32_t bits) {
  return bits & 0x80000000u ? bits & 0x7fffffffu : ~bits;
}
__device__ __forceinline__ uint32_t ordered(float value) { return ordered_bits(__float_as_uint(value)); }
__device__ __forceinline__ float unordered(uint32_t bits) { return __uint_as_float(unordered_bits(bits)); }
__device__ __forceinline__ uint64_t ordered(double value) {
  const uint64_t bits = uint64_t(__double_as_longlong(value));
  return bits >> 63 ? ~bits : bits | uint64_t(1) << 63;
}
__device__ __forceinline__ double unordered(uint64_t bits) {
  return __longlong_as_double(static_cast<long long>(bits >> 63 ? bits & ~(uint64_t(1) << 63) : ~bits));
}

// MARK: Copies to shared memory that a thread does not wait for (16 bytes, both ends aligned to 16)

__device__ __forceinline__ uint32_t shared_address(const void *pointer) {
#ifdef MOULT_EMULATED
  return emulated::machine().shared_offset(pointer);
#else
  return static_cast<uint32_t>(__cvta_generic_to_shared(pointer));
#endif
}

/// `takes` false: writes zeros, reads nothing.
__device__ __forceinline__ void copy_async_16(void *target, const void *source, bool takes = true) {
#ifdef MOULT_EMULATED
  auto &groups = emulated::machine().thread->copies;
  if (groups.empty()) groups.emplace_back();
  if ((reinterpret_cast<uintptr_t>(target) | (takes ? reinterpret_cast<uintptr_t>(source) : 0)) & 15) {
    emulated::fail("cp.async: not aligned to 16 bytes");
  }
  emulated::machine().shared_offset(target);
  groups.back().push_back([=] {
    if (takes) std::memcpy(target, source, 16);
    else std::memset(target, 0, 16);
  });
#else
  const int bytes = takes ? 16 : 0;
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(shared_address(target)), "l"(source), "r"(bytes)
               : "memory");
#endif
}

__device__ __forceinline__ void copy_async_commit() {
#ifdef MOULT_EMULATED
  auto &groups = emulated::machine().thread->copies;
  if (groups.empty()) groups.emplace_back();
  groups.emplace_back();
#else
  asm volatile("cp.async.commit_group;" ::: "memory");
#endif
}

/// Waits until at most `left` committed groups of this thread are under way. Other threads see the bytes after a
/// barrier.
template <int left>
__device__ __forceinline__ void copy_async_wait() {
#ifdef MOULT_EMULATED
  auto &groups = emulated::machine().thread->copies;
  while (groups.size() > size_t(left) + 1) {
    for (const auto &copy : groups.front()) copy();
    groups.pop_front();
  }
#else
  asm volatile("cp.async.wait_group %0;" ::"n"(left) : "memory");
#endif
}

}  // namespace moult
#endif
