// The random rotation of kernels/rotate.h with a warp a row: the same additions in the same order, so the same bits.
//
// Lane l has the values 32·h + l of a row, h = 0 … columns − 1: its column. All that is between values a multiple of
// 32 apart is then within a lane: the upper levels of the Hadamard transform, which begins at a multiple of 64, and
// the turn of the halves. The lower five levels are between lanes: of a pair a, b at distance `half` the lower lane
// keeps a + b, the upper one a − b, one shuffle and one multiply-add by ±1, whose product is exact.
//
// A round of 768 dimensions, 24 columns, 16 of them transformed, is 48 instructions for signs, 160 for the lower
// levels, 64 for the upper ones, 16 to scale and 48 to turn: 1344 in four rounds, 336 cycles of a multiprocessor's
// four schedulers.
#ifndef MOULT_DEVICE_ROTATE_H
#define MOULT_DEVICE_ROTATE_H

#include "device_code.h"

namespace moult {

constexpr int rotation_rounds = 4;
/// √½: the cosine and the sine of the turn between the halves.
constexpr float rotation_turn = 0x1.6a09e6p-1f;

/// The largest power of two ≤ count, and its logarithm.
__host__ __device__ constexpr uint32_t power_below(uint32_t count) {
  uint32_t power = 1;
  while (2 * power <= count) power *= 2;
  return power;
}
__host__ __device__ constexpr uint32_t log2_below(uint32_t count) {
  uint32_t log = 0;
  while (2u << log <= count) log++;
  return log;
}

/// 1/√count for a power of two, correctly rounded.
__host__ __device__ constexpr float hadamard_scale(uint32_t count) {
  float scale = 1;
  for (; count >= 4; count /= 4) scale *= 0.5f;
  return count == 2 ? scale * rotation_turn : scale;
}

/// A level between lanes.
__device__ __forceinline__ float lane_butterfly(float own, int half, float sign) {
  return __fmaf_rn(own, sign, __shfl_xor_sync(full_warp, own, half));
}

// MARK: In registers

/// One round. `signs`: bit h % 32 of word h / 32 turns the sign of the lane's value h.
template <int columns, bool odd>
__device__ __forceinline__ void rotate_round(float (&values)[columns], const uint32_t (&signs)[(columns + 31) / 32]) {
  constexpr int transformed = int(power_below(columns)), levels = int(log2_below(columns));
  constexpr int start = odd ? columns - transformed : 0;
  constexpr float scale = hadamard_scale(32 * transformed);
  MOULT_UNROLL
  for (int h = 0; h < columns; h++) {
    values[h] = __uint_as_float(__float_as_uint(values[h]) ^ (signs[h / 32] << (31 - h % 32) & 0x80000000u));
  }
  MOULT_UNROLL
  for (int half = 1; half < 32; half *= 2) {
    const float sign = lane_index() & unsigned(half) ? -1.0f : 1.0f;
    MOULT_UNROLL
    for (int h = 0; h < transformed; h++) values[start + h] = lane_butterfly(values[start + h], half, sign);
  }
  MOULT_UNROLL
  for (int level = 0; level < levels; level++) {
    MOULT_UNROLL
    for (int h = 0; h < transformed; h++) {
      if (h >> level & 1) continue;
      const float a = values[start + h], b = values[start + h + (1 << level)];
      values[start + h] = __fadd_rn(a, b);
      values[start + h + (1 << level)] = __fsub_rn(a, b);
    }
  }
  MOULT_UNROLL
  for (int h = 0; h < transformed; h++) values[start + h] = __fmul_rn(values[start + h], scale);
  if constexpr (transformed != columns) {
    MOULT_UNROLL
    for (int h = 0; h < columns / 2; h++) {
      const float a = values[h], b = values[h + columns / 2];
      values[h] = __fmul_rn(__fadd_rn(a, b), rotation_turn);
      values[h + columns / 2] = __fmul_rn(__fsub_rn(a, b), rotation_turn);
    }
  }
}

/// The signs that a lane needs in each round.
template <int columns>
struct LaneSigns {
  static constexpr int words = (columns + 31) / 32;
  uint32_t bits[rotation_rounds][words];

  /// `signs`: word h of round r at r·columns + h has those of all lanes.
  __device__ void load(const uint32_t *signs) {
    MOULT_UNROLL
    for (int round = 0; round < rotation_rounds; round++) {
      MOULT_UNROLL
      for (int word = 0; word < words; word++) {
        uint32_t own = 0;
        for (int h = 32 * word; h < columns && h < 32 * word + 32; h++) {
          own |= (signs[round * columns + h] >> lane_index() & 1) << h % 32;
        }
        bits[round][word] = own;
      }
    }
  }
};

template <int columns>
__device__ __forceinline__ void rotate(float (&values)[columns], const LaneSigns<columns> &signs) {
  // Two rounds of code: all four would be more than fits the caches of instructions at many columns.
#ifndef MOULT_EMULATED
#pragma unroll 1
#endif
  for (int pair = 0; pair < rotation_rounds / 2; pair++) {
    uint32_t even[LaneSigns<columns>::words], odd[LaneSigns<columns>::words];
    MOULT_UNROLL
    for (int word = 0; word < LaneSigns<columns>::words; word++) {
      even[word] = pair ? signs.bits[2][word] : signs.bits[0][word];
      odd[word] = pair ? signs.bits[3][word] : signs.bits[1][word];
    }
    rotate_round<columns, false>(values, even);
    rotate_round<columns, true>(values, odd);
  }
}

// MARK: In shared memory, for any number of columns

/// `values`: the lane's own, 32 apart.
__device__ inline void rotate_column(float *values, uint32_t columns, const uint32_t *signs) {
  const unsigned lane = lane_index();
  const uint32_t transformed = power_below(columns), levels = log2_below(columns);
  const float scale = hadamard_scale(32 * transformed);
  for (int round = 0; round < rotation_rounds; round++, signs += columns) {
    for (uint32_t h = 0; h < columns; h++) {
      const uint32_t sign = signs[h] >> lane << 31;
      values[32 * h] = __uint_as_float(__float_as_uint(values[32 * h]) ^ sign);
    }
    float *const own = values + 32 * (round % 2 ? columns - transformed : 0);
    for (uint32_t h = 0; h < transformed; h++) {
      float value = own[32 * h];
      MOULT_UNROLL
      for (int half = 1; half < 32; half *= 2) {
        value = lane_butterfly(value, half, lane & unsigned(half) ? -1.0f : 1.0f);
      }
      own[32 * h] = value;
    }
    // Two levels a pass where two are left: half the traffic.
    uint32_t level = 0;
    for (; level + 2 <= levels; level += 2) {
      const uint32_t step = 32u << level;
      for (uint32_t h = 0; h < transformed / 4; h++) {
        float *const first = own + 32 * ((h >> level << (level + 2)) | (h & ((1u << level) - 1)));
        const float a = first[0], b = first[step], c = first[2 * step], d = first[3 * step];
        const float ab = __fadd_rn(a, b), cd = __fadd_rn(c, d), a_b = __fsub_rn(a, b), c_d = __fsub_rn(c, d);
        first[0] = __fadd_rn(ab, cd);
        first[step] = __fadd_rn(a_b, c_d);
        first[2 * step] = __fsub_rn(ab, cd);
        first[3 * step] = __fsub_rn(a_b, c_d);
      }
    }
    for (; level < levels; level++) {
      for (uint32_t h = 0; h < transformed / 2; h++) {
        float *const first = own + 32 * ((h >> level << (level + 1)) | (h & ((1u << level) - 1)));
        const float a = first[0], b = first[32u << level];
        first[0] = __fadd_rn(a, b);
        first[32u << level] = __fsub_rn(a, b);
      }
    }
    for (uint32_t h = 0; h < transformed; h++) own[32 * h] = __fmul_rn(own[32 * h], scale);
    if (transformed == columns) continue;
    for (uint32_t h = 0; h < columns / 2; h++) {
      const float a = values[32 * h], b = values[32 * (h + columns / 2)];
      values[32 * h] = __fmul_rn(__fadd_rn(a, b), rotation_turn);
      values[32 * (h + columns / 2)] = __fmul_rn(__fsub_rn(a, b), rotation_turn);
    }
  }
}

}  // namespace moult
#endif
