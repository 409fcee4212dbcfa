// What the encoders share with the check, which measures them from device memory to device memory.
#ifndef MOULT_DEVICE_ENCODE_H
#define MOULT_DEVICE_ENCODE_H

#include <optional>
#include <vector>

#include "map_rows.h"
#include "runtime.h"

namespace moult {

/// The thresholds and levels of one width.
struct LevelTable {
  float thresholds[32], levels[32];
};

/// Segments that have all in common, as kernels read them.
struct LevelRun {
  uint32_t segments, bits;
  float divisor, unit, gain;
  uint32_t table;  ///< its number; of no meaning with 8 bits
};

/// What is known of a centred vector before it is rotated.
struct CentredSums {
  double square, along;
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
  const LevelTable *tables;
  uint32_t table_count;
  const float *reaches;  ///< of a grid, or NULL
  uint32_t reach_count;
  uint32_t row_words;  ///< of codes, 4 bytes each
  uint32_t *codes;
  float2 *side;  ///< or NULL
};

/// More tables are not taken: widths have one each, but for 8 bits.
constexpr uint32_t level_tables_max = 8;

/// The map before an encoder, where there is one, and what it makes of a tile.
class MapBefore {
 public:
  MapBefore(moult_device *device, const moult_device_map *map, uint32_t dimension);
  /// Floats of a row as it is given.
  uint32_t inputs() const { return inputs_; }
  void reserve(uint64_t rows);
  /// Has `rows`, `stride` floats apart, point at the vectors to encode.
  void map(moult_device *device, const float *&rows, uint64_t &stride, uint64_t count, cudaStream_t stream) const;

 private:
  std::optional<HeldMap> map_;
  uint32_t inputs_;
  DeviceBuffer<float> mapped_;
};

/// What the coder has, in the device's memory, and room for what comes between its steps.
class LevelCoder {
 public:
  /// Throws where a coder is not one that the kernels do.
  LevelCoder(moult_device *device, const moult_device_level_coder &coder);
  /// Without rows, codes and side.
  EncodeLevelsWork work() const;
  uint32_t inputs() const { return before_.inputs(); }
  /// To be called before `encode`, with its largest count.
  void reserve(uint64_t rows);
  /// Maps, rotates and encodes work.rows. Tiles that follow each other on a stream may share the room.
  void encode(moult_device *device, EncodeLevelsWork work, cudaStream_t stream) const;

 private:
  moult_device_level_coder coder_;
  MapBefore before_;
  std::optional<HeldMap> directions_;
  DeviceBuffer<float> centre_;
  DeviceBuffer<uint32_t> signs_;
  DeviceBuffer<LevelRun> runs_;
  DeviceBuffer<LevelTable> tables_;
  DeviceBuffer<float> reaches_;
  DeviceBuffer<float> centred_, turned_;
  DeviceBuffer<CentredSums> sums_;
};

/// With a random rotation.
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
  uint32_t inputs() const { return before_.inputs(); }
  void reserve(uint64_t rows) { before_.reserve(rows); }
  void encode(moult_device *device, EncodeU8Work work, cudaStream_t stream) const;

 private:
  moult_device_u8_coder coder_;
  MapBefore before_;
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
