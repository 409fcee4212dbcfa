// y = A·x of many rows: what the call shares with the check.
#ifndef MOULT_DEVICE_MAP_ROWS_H
#define MOULT_DEVICE_MAP_ROWS_H

#include "runtime.h"

namespace moult {

/// All pointers are the device's.
struct MapWork {
  const float *matrix;  ///< outputs × inputs
  uint32_t outputs, inputs;
  const float *rows;
  uint64_t stride;  ///< in floats
  uint64_t count;
  float *results;  ///< count × outputs
  const float *bias = nullptr;  ///< `outputs`, added at last; or NULL
};

void map_rows(moult_device *device, const MapWork &work, cudaStream_t stream);

/// A matrix, and maybe a bias, in the device's memory.
class HeldMap {
 public:
  /// Throws where a matrix is not of a size that the kernel does.
  HeldMap(moult_device *device, const moult_device_map &map);
  uint32_t inputs() const { return inputs_; }
  uint32_t outputs() const { return outputs_; }
  /// Rows of the device, `stride` floats apart, to `count` × outputs.
  void map(moult_device *device, const float *rows, uint64_t stride, uint64_t count, float *results,
           cudaStream_t stream) const;

 private:
  uint32_t inputs_, outputs_;
  DeviceBuffer<float> matrix_, bias_;
};

}  // namespace moult
#endif
