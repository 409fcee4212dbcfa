// What CUDA C++ has in device code, for one thread of the emulated block.
#ifndef MOULT_EMULATED_BUILTINS_H
#define MOULT_EMULATED_BUILTINS_H

#include <cfenv>
#include <cmath>
#include <cstring>
#include <ctime>
#include <type_traits>

#include "machine.h"

#define __global__
#define __device__
#define __host__
#define __constant__ static const
#define __forceinline__ inline __attribute__((always_inline))
#define __noinline__  // the C++ library writes __attribute__((__noinline__)): nothing is left of it
#define __launch_bounds__(...)
#define __grid_constant__
#define __align__(n) __attribute__((aligned(n)))

#define threadIdx (::moult::emulated::machine().thread->index)
#define blockIdx (::moult::emulated::machine().block_index)
#define blockDim (::moult::emulated::machine().block_size)
#define gridDim (::moult::emulated::machine().grid_size)
constexpr int warpSize = 32;

// MARK: Vectors

#define MOULT_EMULATED_VECTOR(name, type, alignment)                                              \
  struct alignas(alignment / 2) name##2 { type x, y; };                                           \
  struct name##3 { type x, y, z; };                                                               \
  struct alignas(alignment > 16 ? 16 : alignment) name##4 { type x, y, z, w; };                   \
  inline name##2 make_##name##2(type x, type y) { return {x, y}; }                                \
  inline name##3 make_##name##3(type x, type y, type z) { return {x, y, z}; }                     \
  inline name##4 make_##name##4(type x, type y, type z, type w) { return {x, y, z, w}; }
MOULT_EMULATED_VECTOR(int, int, 16)
MOULT_EMULATED_VECTOR(float, float, 16)
MOULT_EMULATED_VECTOR(double, double, 32)
MOULT_EMULATED_VECTOR(longlong, long long, 32)
MOULT_EMULATED_VECTOR(ulonglong, unsigned long long, 32)
MOULT_EMULATED_VECTOR(short, short, 8)
MOULT_EMULATED_VECTOR(ushort, unsigned short, 8)
MOULT_EMULATED_VECTOR(char, signed char, 4)
MOULT_EMULATED_VECTOR(uchar, unsigned char, 4)
#undef MOULT_EMULATED_VECTOR
struct alignas(8) uint2 { unsigned x, y; };
struct alignas(16) uint4 { unsigned x, y, z, w; };
inline uint2 make_uint2(unsigned x, unsigned y) { return {x, y}; }
inline uint3 make_uint3(unsigned x, unsigned y, unsigned z) { return {x, y, z}; }
inline uint4 make_uint4(unsigned x, unsigned y, unsigned z, unsigned w) { return {x, y, z, w}; }

// MARK: Barriers

inline void __syncthreads() { moult::emulated::machine().barrier(0, 0); }
inline void __threadfence() {}
inline void __threadfence_block() {}
inline void __threadfence_system() {}
inline void __nanosleep(unsigned) {}
inline long long clock64() { return static_cast<long long>(std::clock()); }

/// Of a barrier with a vote: ballots by warp first, then all warps.
inline int __syncthreads_or(int predicate) {
  static thread_local int any;
  moult::emulated::machine().barrier(0, 0);
  any = 0;
  moult::emulated::machine().barrier(0, 0);
  if (predicate) any = 1;
  moult::emulated::machine().barrier(0, 0);
  const int result = any;
  moult::emulated::machine().barrier(0, 0);
  return result;
}
inline int __syncthreads_and(int predicate) { return !__syncthreads_or(!predicate); }
inline int __syncthreads_count(int predicate) {
  static thread_local int count;
  moult::emulated::machine().barrier(0, 0);
  count = 0;
  moult::emulated::machine().barrier(0, 0);
  if (predicate) count++;
  moult::emulated::machine().barrier(0, 0);
  const int result = count;
  moult::emulated::machine().barrier(0, 0);
  return result;
}

// MARK: Warps

namespace moult::emulated {

inline void sync_warp_work(Thread *const *, unsigned, const void *) {}

/// Every lane brings a value and the lane it reads from, −1 for its own.
template <typename T>
struct Shuffled {
  T value;
  int source;
};

template <typename T>
void shuffle_work(Thread *const *lanes, unsigned mask, const void *) {
  for (unsigned i = 0; i < 32; i++) {
    if (!(mask >> i & 1)) continue;
    const Shuffled<T> &own = *static_cast<const Shuffled<T> *>(lanes[i]->operand);
    const unsigned source = own.source < 0 ? i : unsigned(own.source);
    if (!(mask >> source & 1)) fail("shuffle: lane %u reads lane %u, which is not in mask %08x", i, source, mask);
    *static_cast<T *>(lanes[i]->result) = static_cast<const Shuffled<T> *>(lanes[source]->operand)->value;
  }
}

template <typename T>
T shuffle(unsigned mask, T value, int source, const char *name) {
  static_assert(std::is_arithmetic_v<T>);
  const Shuffled<T> own = {value, source};
  T result;
  machine().collective(mask, name, &own, &result, shuffle_work<T>, nullptr);
  return result;
}

inline void ballot_work(Thread *const *lanes, unsigned mask, const void *) {
  unsigned ballot = 0;
  for (unsigned i = 0; i < 32; i++) {
    if ((mask >> i & 1) && *static_cast<const int *>(lanes[i]->operand)) ballot |= 1u << i;
  }
  for (unsigned i = 0; i < 32; i++) {
    if (mask >> i & 1) *static_cast<unsigned *>(lanes[i]->result) = ballot;
  }
}

template <typename T, T (*combine)(T, T)>
void reduce_work(Thread *const *lanes, unsigned mask, const void *) {
  T sum{};
  bool is_first = true;
  for (unsigned i = 0; i < 32; i++) {
    if (!(mask >> i & 1)) continue;
    const T value = *static_cast<const T *>(lanes[i]->operand);
    sum = is_first ? value : combine(sum, value);
    is_first = false;
  }
  for (unsigned i = 0; i < 32; i++) {
    if (mask >> i & 1) *static_cast<T *>(lanes[i]->result) = sum;
  }
}

template <typename T, T (*combine)(T, T)>
T reduce(unsigned mask, T value, const char *name) {
  T result;
  machine().collective(mask, name, &value, &result, reduce_work<T, combine>, nullptr);
  return result;
}

template <typename T> T sum_of(T a, T b) { return a + b; }
template <typename T> T least_of(T a, T b) { return a < b ? a : b; }
template <typename T> T largest_of(T a, T b) { return a > b ? a : b; }
template <typename T> T or_of(T a, T b) { return a | b; }
template <typename T> T and_of(T a, T b) { return a & b; }
template <typename T> T xor_of(T a, T b) { return a ^ b; }

template <typename T>
void match_work(Thread *const *lanes, unsigned mask, const void *) {
  for (unsigned i = 0; i < 32; i++) {
    if (!(mask >> i & 1)) continue;
    unsigned same = 0;
    for (unsigned j = 0; j < 32; j++) {
      if ((mask >> j & 1) && *static_cast<const T *>(lanes[i]->operand) == *static_cast<const T *>(lanes[j]->operand))
        same |= 1u << j;
    }
    *static_cast<unsigned *>(lanes[i]->result) = same;
  }
}

}  // namespace moult::emulated

inline void __syncwarp(unsigned mask = 0xffffffffu) {
  moult::emulated::machine().collective(mask, "__syncwarp", nullptr, nullptr, moult::emulated::sync_warp_work,
                                        nullptr);
}

template <typename T>
T __shfl_sync(unsigned mask, T value, int source, int width = 32) {
  const int lane = int(moult::emulated::machine().thread->lane());
  return moult::emulated::shuffle(mask, value, (lane & ~(width - 1)) | (source & (width - 1)), "__shfl_sync");
}
template <typename T>
T __shfl_xor_sync(unsigned mask, T value, int bits, int width = 32) {
  const int lane = int(moult::emulated::machine().thread->lane());
  const int source = lane ^ bits;
  // A lane of a later group gives the own value.
  const bool is_in = source < (lane | (width - 1)) + 1;
  return moult::emulated::shuffle(mask, value, is_in ? source : -1, "__shfl_xor_sync");
}
template <typename T>
T __shfl_down_sync(unsigned mask, T value, unsigned delta, int width = 32) {
  const int lane = int(moult::emulated::machine().thread->lane());
  const bool is_in = (lane & (width - 1)) + int(delta) < width;
  return moult::emulated::shuffle(mask, value, is_in ? lane + int(delta) : -1, "__shfl_down_sync");
}
template <typename T>
T __shfl_up_sync(unsigned mask, T value, unsigned delta, int width = 32) {
  const int lane = int(moult::emulated::machine().thread->lane());
  const bool is_in = (lane & (width - 1)) >= int(delta);
  return moult::emulated::shuffle(mask, value, is_in ? lane - int(delta) : -1, "__shfl_up_sync");
}
inline unsigned __ballot_sync(unsigned mask, int predicate) {
  unsigned result;
  moult::emulated::machine().collective(mask, "__ballot_sync", &predicate, &result, moult::emulated::ballot_work,
                                        nullptr);
  return result;
}
inline int __any_sync(unsigned mask, int predicate) { return __ballot_sync(mask, predicate) != 0; }
inline int __all_sync(unsigned mask, int predicate) { return __ballot_sync(mask, !predicate) == 0; }
template <typename T>
unsigned __match_any_sync(unsigned mask, T value) {
  unsigned result;
  moult::emulated::machine().collective(mask, "__match_any_sync", &value, &result, moult::emulated::match_work<T>,
                                        nullptr);
  return result;
}
#define MOULT_EMULATED_REDUCE(name, type, operation)                                                       \
  inline type name(unsigned mask, type value) {                                                            \
    return moult::emulated::reduce<type, moult::emulated::operation<type>>(mask, value, #name);            \
  }
MOULT_EMULATED_REDUCE(__reduce_add_sync, unsigned, sum_of)
MOULT_EMULATED_REDUCE(__reduce_add_sync, int, sum_of)
MOULT_EMULATED_REDUCE(__reduce_min_sync, unsigned, least_of)
MOULT_EMULATED_REDUCE(__reduce_min_sync, int, least_of)
MOULT_EMULATED_REDUCE(__reduce_max_sync, unsigned, largest_of)
MOULT_EMULATED_REDUCE(__reduce_max_sync, int, largest_of)
MOULT_EMULATED_REDUCE(__reduce_or_sync, unsigned, or_of)
MOULT_EMULATED_REDUCE(__reduce_and_sync, unsigned, and_of)
MOULT_EMULATED_REDUCE(__reduce_xor_sync, unsigned, xor_of)
#undef MOULT_EMULATED_REDUCE

// MARK: Atomics. Threads only change at waits, so plain operations are atomic.

namespace moult::emulated {
template <typename T>
struct Same {
  using type = T;
};
template <typename T>
T exchanged(T *place, T value) {
  const T old = *place;
  *place = value;
  return old;
}
}  // namespace moult::emulated
#define MOULT_EMULATED_ATOMIC(name, expression)                                  \
  template <typename T>                                                          \
  T name(T *place, typename moult::emulated::Same<T>::type value) {              \
    const T old = *place;                                                        \
    return moult::emulated::exchanged(place, static_cast<T>(expression));        \
  }
MOULT_EMULATED_ATOMIC(atomicAdd, old + value)
MOULT_EMULATED_ATOMIC(atomicSub, old - value)
MOULT_EMULATED_ATOMIC(atomicExch, (static_cast<void>(old), value))
MOULT_EMULATED_ATOMIC(atomicMin, value < old ? value : old)
MOULT_EMULATED_ATOMIC(atomicMax, value > old ? value : old)
MOULT_EMULATED_ATOMIC(atomicOr, old | value)
MOULT_EMULATED_ATOMIC(atomicAnd, old & value)
MOULT_EMULATED_ATOMIC(atomicXor, old ^ value)
#undef MOULT_EMULATED_ATOMIC
template <typename T>
T atomicCAS(T *place, typename moult::emulated::Same<T>::type expected, typename moult::emulated::Same<T>::type value) {
  const T old = *place;
  if (std::memcmp(&old, &expected, sizeof old) == 0) *place = value;
  return old;
}

// MARK: Loads, bits, integers

template <typename T> T __ldg(const T *place) { return *place; }
template <typename T> T __ldcs(const T *place) { return *place; }
template <typename T> T __ldcg(const T *place) { return *place; }
template <typename T> void __stcs(T *place, T value) { *place = value; }
template <typename T> void __stcg(T *place, T value) { *place = value; }

inline int __popc(unsigned value) { return __builtin_popcount(value); }
inline int __popcll(unsigned long long value) { return __builtin_popcountll(value); }
inline int __clz(int value) { return value ? __builtin_clz(unsigned(value)) : 32; }
inline int __clzll(long long value) { return value ? __builtin_clzll(static_cast<unsigned long long>(value)) : 64; }
inline int __ffs(int value) { return __builtin_ffs(value); }
inline int __ffsll(long long value) { return __builtin_ffsll(value); }
inline unsigned __brev(unsigned value) {
  unsigned result = 0;
  for (int i = 0; i < 32; i++) result |= (value >> i & 1) << (31 - i);
  return result;
}
inline unsigned __byte_perm(unsigned x, unsigned y, unsigned selector) {
  const uint64_t both = uint64_t(y) << 32 | x;
  unsigned result = 0;
  for (int i = 0; i < 4; i++) {
    const unsigned choice = selector >> 4 * i & 15;
    unsigned byte = unsigned(both >> 8 * (choice & 7)) & 255;
    if (choice & 8) byte = byte & 128 ? 255 : 0;
    result |= byte << 8 * i;
  }
  return result;
}
inline unsigned __funnelshift_l(unsigned low, unsigned high, unsigned shift) {
  return unsigned((uint64_t(high) << 32 | low) << (shift & 31) >> 32);
}
inline unsigned __funnelshift_r(unsigned low, unsigned high, unsigned shift) {
  return unsigned((uint64_t(high) << 32 | low) >> (shift & 31));
}
inline unsigned __umulhi(unsigned a, unsigned b) { return unsigned(uint64_t(a) * b >> 32); }
inline unsigned long long __umul64hi(unsigned long long a, unsigned long long b) {
  return static_cast<unsigned long long>(static_cast<unsigned __int128>(a) * b >> 64);
}
inline int __dp4a(int a, int b, int sum) {
  for (int i = 0; i < 4; i++) sum += int8_t(a >> 8 * i) * int8_t(b >> 8 * i);
  return sum;
}
inline unsigned __dp4a(unsigned a, unsigned b, unsigned sum) {
  for (int i = 0; i < 4; i++) sum += unsigned(uint8_t(a >> 8 * i)) * uint8_t(b >> 8 * i);
  return sum;
}

template <typename T> T min(T a, typename moult::emulated::Same<T>::type b) { return b < a ? b : a; }
template <typename T> T max(T a, typename moult::emulated::Same<T>::type b) { return a < b ? b : a; }

// MARK: Float arithmetic

namespace moult::emulated {
template <typename To, typename From>
To bits_as(From value) {
  static_assert(sizeof(To) == sizeof(From));
  To result;
  std::memcpy(&result, &value, sizeof result);
  return result;
}
}  // namespace moult::emulated

inline unsigned __float_as_uint(float value) { return moult::emulated::bits_as<unsigned>(value); }
inline int __float_as_int(float value) { return moult::emulated::bits_as<int>(value); }
inline float __uint_as_float(unsigned value) { return moult::emulated::bits_as<float>(value); }
inline float __int_as_float(int value) { return moult::emulated::bits_as<float>(value); }
inline long long __double_as_longlong(double value) { return moult::emulated::bits_as<long long>(value); }
inline double __longlong_as_double(long long value) { return moult::emulated::bits_as<double>(value); }

inline float __fadd_rn(float a, float b) { return a + b; }
inline float __fsub_rn(float a, float b) { return a - b; }
inline float __fmul_rn(float a, float b) { return a * b; }
inline float __fdiv_rn(float a, float b) { return a / b; }
inline float __fsqrt_rn(float a) { return std::sqrt(a); }
inline float __fmaf_rn(float a, float b, float c) { return std::fma(a, b, c); }
inline double __dadd_rn(double a, double b) { return a + b; }
inline double __dsub_rn(double a, double b) { return a - b; }
inline double __dmul_rn(double a, double b) { return a * b; }
inline double __ddiv_rn(double a, double b) { return a / b; }
inline double __dsqrt_rn(double a) { return std::sqrt(a); }
inline double __fma_rn(double a, double b, double c) { return std::fma(a, b, c); }
inline float __double2float_rn(double value) { return static_cast<float>(value); }
inline float __double2float_ru(double value) {
  const float near = static_cast<float>(value);
  return static_cast<double>(near) < value ? std::nextafterf(near, INFINITY) : near;
}
inline float __double2float_rd(double value) {
  const float near = static_cast<float>(value);
  return static_cast<double>(near) > value ? std::nextafterf(near, -INFINITY) : near;
}
// Sums and products of floats are compared with their double values: a float product is exact there, and of a sum
// TwoSum tells the rest.
inline float __fmul_ru(float a, float b) { return __double2float_ru(double(a) * b); }
inline float __fmul_rd(float a, float b) { return __double2float_rd(double(a) * b); }
inline float __fadd_ru(float a, float b) {
  const float sum = a + b, part = sum - a, rest = (a - (sum - part)) + (b - part);
  return rest > 0 ? std::nextafterf(sum, INFINITY) : sum;
}
inline float __fadd_rd(float a, float b) {
  const float sum = a + b, part = sum - a, rest = (a - (sum - part)) + (b - part);
  return rest < 0 ? std::nextafterf(sum, -INFINITY) : sum;
}
inline int __float2int_rn(float value) { return int(std::nearbyintf(value)); }
inline int __float2int_rz(float value) { return int(value); }
inline int __float2int_rd(float value) { return int(std::floor(value)); }
inline int __double2int_rn(double value) { return int(std::nearbyint(value)); }
inline unsigned __float2uint_rn(float value) { return unsigned(std::nearbyintf(value)); }
inline float __int2float_rn(int value) { return float(value); }
inline float __uint2float_rn(unsigned value) { return float(value); }
inline float __saturatef(float value) { return value < 0 || value != value ? 0 : value > 1 ? 1 : value; }
inline float rsqrtf(float value) { return 1 / std::sqrt(value); }

#endif
