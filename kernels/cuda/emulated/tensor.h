// The tensor cores' instructions, as the PTX manual tells them: fragments by lane, matrix descriptors, swizzles. It
// knows nothing of the kernels that use them.
#ifndef MOULT_EMULATED_TENSOR_H
#define MOULT_EMULATED_TENSOR_H

#include "builtins.h"

namespace moult {

namespace emulated {

inline float bf16_value(uint16_t bits) { return bits_as<float>(uint32_t(bits) << 16); }

/// Σ a[k]·b[k] over 16 values, folded 8, 4, 2, 1: the manual leaves the order open, and this one is quick.
inline float dot16(const float *a, const float *b) {
  float sums[16];
  for (unsigned k = 0; k < 16; k++) sums[k] = a[k] * b[k];
  for (unsigned k = 0; k < 8; k++) sums[k] += sums[k + 8];
  for (unsigned k = 0; k < 4; k++) sums[k] += sums[k + 4];
  return (sums[0] + sums[2]) + (sums[1] + sums[3]);
}

struct MatrixRow {
  uint32_t address;
};

/// ldmatrix .m8n8.x4: lane l names row l % 8 of matrix l / 8, 16 bytes; of each matrix a lane gets the values 2·(l % 4)
/// and one more of row l / 4.
inline void load_matrices_work(Thread *const *lanes, unsigned, const void *) {
  for (unsigned matrix = 0; matrix < 4; matrix++) {
    for (unsigned l = 0; l < 32; l++) {
      const uint32_t address = static_cast<const MatrixRow *>(lanes[8 * matrix + l / 4]->operand)->address;
      if (address % 16) fail("ldmatrix: address %u", address);
      std::memcpy(static_cast<uint32_t *>(lanes[l]->result) + matrix, machine().shared(address + 4 * (l % 4)), 4);
    }
  }
}

/// What multiplies: how many values 16 bits are, and their sums.
struct Bf16 {
  using Sum = float;
  static constexpr unsigned values = 1;
  static float value(uint16_t bits, unsigned) { return bf16_value(bits); }
  static float dot(const float *a, const float *b) { return dot16(a, b); }
};
struct S8 {
  using Sum = int32_t;
  static constexpr unsigned values = 2;
  static int32_t value(uint16_t bits, unsigned i) { return int8_t(bits >> 8 * i); }
  static int32_t dot(const int32_t *a, const int32_t *b) {
    int32_t sum = 0;
    for (unsigned k = 0; k < 32; k++) sum += a[k] * b[k];
    return sum;
  }
};

template <typename Sum>
struct MmaOperands {
  uint32_t a[4], b[2];
  Sum c[4];
};

/// mma.m16n8k16 for 16-bit floats, with group g = l / 4 and t = l % 4:
///   a: register i has columns 2t and 2t + 1 (+ 8 for i ≥ 2) of row g (+ 8 for odd i)
///   b: register i has rows 2t and 2t + 1 (+ 8 for i = 1) of column g
///   c, d: element i has column 2t + i % 2 of row g (+ 8 for i ≥ 2)
/// mma.m16n8k32 for 8-bit integers: a register has columns (rows of b) 4t … 4t + 3, + 16 where it was + 8.
template <typename Values>
void mma_work(Thread *const *lanes, unsigned, const void *) {
  using Sum = typename Values::Sum;
  constexpr unsigned each = Values::values;
  Sum a[16][16 * each], b[8][16 * each];
  for (unsigned l = 0; l < 32; l++) {
    const MmaOperands<Sum> &own = *static_cast<const MmaOperands<Sum> *>(lanes[l]->operand);
    const unsigned g = l / 4, t = l % 4;
    for (unsigned i = 0; i < 4; i++) {
      for (unsigned part = 0; part < 2 * each; part++) {
        const unsigned half = part / each;
        a[g + i % 2 * 8][2 * each * t + part + i / 2 * 8 * each] =
            Values::value(uint16_t(own.a[i] >> 16 * half), part % each);
        if (i < 2) {
          b[g][2 * each * t + part + i * 8 * each] = Values::value(uint16_t(own.b[i] >> 16 * half), part % each);
        }
      }
    }
  }
  Sum products[16][8];
  for (unsigned m = 0; m < 16; m++) {
    for (unsigned n = 0; n < 8; n++) products[m][n] = Values::dot(a[m], b[n]);
  }
  for (unsigned l = 0; l < 32; l++) {
    const MmaOperands<Sum> &own = *static_cast<const MmaOperands<Sum> *>(lanes[l]->operand);
    for (unsigned i = 0; i < 4; i++) {
      static_cast<Sum *>(lanes[l]->result)[i] = own.c[i] + products[l / 4 + i / 2 * 8][2 * (l % 4) + i % 2];
    }
  }
}

/// An mbarrier: what its 64 bits mean is the implementation's own.
struct SharedBarrier {
  uint16_t arrivals, pending;
  int32_t bytes_and_phase;  ///< pending bytes · 2 + parity of the phase under way

  int32_t bytes() const { return bytes_and_phase >> 1; }
  uint32_t parity() const { return uint32_t(bytes_and_phase & 1); }
  void add_bytes(int32_t count) { bytes_and_phase += 2 * count; }
  void complete() {
    if (pending == 0 && bytes() == 0) {
      bytes_and_phase ^= 1;
      pending = arrivals;
    }
  }
  void arrive() {
    if (pending == 0) fail("mbarrier: more arrivals than were said");
    pending--;
    complete();
  }
};
static_assert(sizeof(SharedBarrier) == 8);

inline SharedBarrier &shared_barrier(uint64_t *barrier) {
  if (machine().shared_offset(barrier) % 8) fail("mbarrier: not aligned to 8 bytes");
  return *reinterpret_cast<SharedBarrier *>(barrier);
}

/// Where the 16 bytes lie that have values `8·piece` … `8·piece + 7` of line `line` of a K-major matrix: lines of the
/// swizzle's width (128 bytes), eight of them a group, groups `stride` apart; then bits 4–6 of the address are
/// xor-ed with bits 7–9.
inline const uint16_t *descriptor_piece(uint64_t descriptor, uint32_t line, uint32_t piece) {
  if (descriptor >> 62 != 1) fail("wgmma: swizzle %u", unsigned(descriptor >> 62));
  if (descriptor >> 49 & 7) fail("wgmma: a base offset");
  const uint32_t start = uint32_t(descriptor & 0x3fff) << 4;
  const uint32_t stride = uint32_t(descriptor >> 32 & 0x3fff) << 4;
  if ((start & ~uint32_t(127)) % 1024) fail("wgmma: the matrix is not aligned to 1024 bytes");
  uint32_t address = start + line % 8 * 128 + line / 8 * stride + piece * 16;
  address ^= (address >> 7 & 7) << 4;
  return reinterpret_cast<const uint16_t *>(machine().shared(address));
}

/// This thread's part of wgmma.m64n256k16 (k32 for 8-bit integers): with warp w of the warpgroup, g = l / 4 and
/// t = l % 4, element i is of row 16w + g (+ 8 for i % 4 ≥ 2) and column 8·(i / 4) + 2t + i % 2.
template <typename Values>
void wgmma(typename Values::Sum *d, uint64_t a, uint64_t b, bool adds, unsigned linear) {
  using Sum = typename Values::Sum;
  constexpr unsigned each = Values::values;
  const unsigned w = linear / 32 % 4, g = linear % 32 / 4, t = linear % 4;
  const auto read = [](uint64_t descriptor, unsigned line, Sum *values) {
    for (unsigned piece = 0; piece < 2; piece++) {
      const uint16_t *const bits = descriptor_piece(descriptor, line, piece);
      for (unsigned j = 0; j < 8 * each; j++) values[8 * each * piece + j] = Values::value(bits[j / each], j % each);
    }
  };
  Sum lines[2][16 * each];
  for (unsigned half = 0; half < 2; half++) read(a, 16 * w + g + 8 * half, lines[half]);
  for (unsigned pair = 0; pair < 64; pair++) {
    Sum values[16 * each];
    read(b, 8 * (pair / 2) + 2 * t + pair % 2, values);
    for (unsigned half = 0; half < 2; half++) {
      const Sum sum = Values::dot(lines[half], values);
      Sum &target = d[pair / 2 * 4 + 2 * half + pair % 2];
      target = adds ? target + sum : sum;
    }
  }
}

/// Work that is done when it is waited for.
template <typename Values>
void issue_wgmma(typename Values::Sum (&d)[128], uint64_t a, uint64_t b, bool adds) {
  Thread *const own = machine().thread;
  if (own->fences == 0) fail("wgmma without a fence");
  if (own->products.empty()) own->products.emplace_back();
  typename Values::Sum *const sums = d;
  const unsigned linear = own->linear;
  own->products.back().push_back([=] { wgmma<Values>(sums, a, b, adds, linear); });
}

}  // namespace emulated

inline void load_matrices(uint32_t (&values)[4], uint32_t address) {
  const emulated::MatrixRow row = {address};
  emulated::machine().collective(0xffffffffu, "ldmatrix", &row, values, emulated::load_matrices_work, nullptr);
}

inline void multiply_bf16(float (&d)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1) {
  const emulated::MmaOperands<float> own = {{a[0], a[1], a[2], a[3]}, {b0, b1}, {d[0], d[1], d[2], d[3]}};
  emulated::machine().collective(0xffffffffu, "mma.sync", &own, d, emulated::mma_work<emulated::Bf16>, nullptr);
}
inline void multiply_s8(int32_t (&d)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1) {
  const emulated::MmaOperands<int32_t> own = {{a[0], a[1], a[2], a[3]}, {b0, b1}, {d[0], d[1], d[2], d[3]}};
  emulated::machine().collective(0xffffffffu, "mma.sync", &own, d, emulated::mma_work<emulated::S8>, nullptr);
}

inline void barrier_init(uint64_t *barrier, uint32_t arrivals) {
  emulated::shared_barrier(barrier) = {uint16_t(arrivals), uint16_t(arrivals), 0};
}
inline void barrier_init_fence() {}
inline void barrier_arrive(uint64_t *barrier) { emulated::shared_barrier(barrier).arrive(); }
inline void barrier_arrive_expecting(uint64_t *barrier, uint32_t bytes) {
  emulated::shared_barrier(barrier).add_bytes(int32_t(bytes));
  emulated::shared_barrier(barrier).arrive();
}
inline void barrier_wait(uint64_t *barrier, uint32_t parity) {
  emulated::SharedBarrier &own = emulated::shared_barrier(barrier);
  emulated::machine().wait("an mbarrier", [&own, parity] { return own.parity() != parity; });
}
inline void bulk_copy(void *target, const void *source, uint32_t bytes, uint64_t *barrier) {
  emulated::SharedBarrier &own = emulated::shared_barrier(barrier);
  if (bytes % 16 || emulated::machine().shared_offset(target) % 16 || reinterpret_cast<uintptr_t>(source) % 16) {
    emulated::fail("cp.async.bulk: not aligned to 16 bytes");
  }
  emulated::machine().issue_bulk_copy([=, &own] {
    std::memcpy(target, source, bytes);
    own.add_bytes(-int32_t(bytes));
    own.complete();
  });
}

inline void products_fence() { emulated::machine().thread->fences++; }
inline void products_commit() {
  auto &groups = emulated::machine().thread->products;
  if (groups.empty()) groups.emplace_back();
  groups.emplace_back();
}
template <int left>
void products_wait() {
  auto &groups = emulated::machine().thread->products;
  while (groups.size() > size_t(left) + 1) {
    for (const auto &product : groups.front()) product();
    groups.pop_front();
  }
}
template <typename Sum>
void products_settle(Sum (&)[128]) {}
inline void multiply_bf16_async(float (&d)[128], uint64_t a, uint64_t b, bool adds) {
  emulated::issue_wgmma<emulated::Bf16>(d, a, b, adds);
}
inline void multiply_s8_async(int32_t (&d)[128], uint64_t a, uint64_t b, bool adds) {
  emulated::issue_wgmma<emulated::S8>(d, a, b, adds);
}
template <uint32_t registers>
void registers_take() {}
template <uint32_t registers>
void registers_give() {}

}  // namespace moult
#endif
