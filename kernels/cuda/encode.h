// What the encoders share with the check, which measures them from device memory to device memory.
#ifndef MOULT_DEVICE_ENCODE_H
#define MOULT_DEVICE_ENCODE_H

#include <vector>

#include "runtime.h"

namespace moult {

/// One width of codes, as kernels read it.
struct LevelRun {
  uint32_t segments, bits;
  float divisor, unit, gain;
  float thresholds[32], levels[32];
};

/// All pointers are the device's.
struct EncodeLevelsWork {
  const float *rows;
  uint64_t stride;  ///< in floats
  uint64_t count;
  uint32_t dimension, rotated;
  int normalizes, is_distance;
  const float *centre;
  const uint32_t *signs;  ///< rounds × rotated/32: bit l of word h is that of dimension 32·h + l
  const LevelRun *runs;
  uint32_t run_count;
  uint32_t row_words;  ///< of codes, 4 bytes each
  uint32_t *codes;
  float2 *side;  ///< or NULL
};

/// More runs are not taken; a random rotation needs one.
constexpr uint32_t level_runs_max = 16;

/// What the coder has, in the device's memory.
class LevelCoder {
 public:
  /// Throws where a coder is not one that the kernels do.
  LevelCoder(moult_device *device, const moult_device_level_coder &coder);
  /// Without rows, codes and side.
  EncodeLevelsWork work() const;

 private:
  moult_device_level_coder coder_;
  DeviceBuffer<float> centre_;
  DeviceBuffer<uint32_t> signs_;
  DeviceBuffer<LevelRun> runs_;
};

void encode_levels(moult_device *device, const EncodeLevelsWork &work, cudaStream_t stream);

/// All pointers are the device's.
struct EncodeU8Work {
  const float *rows;
  uint64_t stride;  ///< in floats
  uint64_t count;
  uint32_t dimension;
  int normalizes;
  float lower, inverse_step;
  const float *centre;
  const uint32_t *high, *low;     ///< limbs, four a word, zeros behind the last; or NULL both
  int32_t high_sum, low_sum;      ///< 128·Σ limb
  uint8_t *codes;
  moult_device_u8_row *sums;
};

class U8Coder {
 public:
  U8Coder(moult_device *device, const moult_device_u8_coder &coder);
  EncodeU8Work work() const;

 private:
  moult_device_u8_coder coder_;
  DeviceBuffer<float> centre_;
  DeviceBuffer<uint32_t> high_, low_;
  int32_t high_sum_ = 0, low_sum_ = 0;
};

void encode_u8(moult_device *device, const EncodeU8Work &work, cudaStream_t stream);

// MARK: Arithmetic that both share

/// sum + a·b, the product of two floats exact in double: one operation that rounds as two do.
__device__ __forceinline__ double add_product(double sum, float a, float b) {
#ifdef MOULT_EMULATED
  return sum + double(a) * double(b);
#else
  return __fma_rn(double(a), double(b), sum);
#endif
}

/// 1/√square as the nearest float of the quotient in double.
__device__ __forceinline__ double inverse_root(double square) { return __ddiv_rn(1.0, __dsqrt_rn(square)); }

/// Whether the inverse of a norm may be rounded to float before it multiplies.
__device__ __forceinline__ bool is_scalable(double square) { return square > 1e-70 && square < 1e70; }

__device__ __forceinline__ bool is_finite(float value) {
  return (__float_as_uint(value) & 0x7f800000u) != 0x7f800000u;
}

}  // namespace moult
#endif
