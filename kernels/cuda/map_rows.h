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
};

void map_rows(moult_device *device, const MapWork &work, cudaStream_t stream);

}  // namespace moult
#endif
