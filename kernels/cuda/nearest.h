// Nearest centroids: what the call shares with the check, which measures it from device memory.
//
// Distances are the same between x and c less any vector; the mean of the centroids is taken off both, in double, which
// makes all lengths and with them the bound small. ‖x − c‖² is least where ⟨x, c⟩ − ‖c‖²/2 is largest. Products of both
// rounded to bfloat16, x̃ and c̃, come from the tensor cores, whose sum of d exact products is within
// (d + 16)·2⁻²²·‖x̃‖·‖c̃‖ (exact.h), so that
//
//     |⟨x, c⟩ − product| ≤ ‖x − x̃‖·‖c‖ + ‖x̃‖·‖c − c̃‖ + (d + 16)·2⁻²²·‖x̃‖·‖c̃‖ ≤ E
//
// with the largest ‖c‖, ‖c − c̃‖ and ‖c̃‖ of all. Only centroids within 2E of the best can be nearest: of few a
// thousand, they are compared in double. While products come, "the best" is the best so far, which lets a few more
// through. The roundings of product − half, of the halves and of the bar are within 2⁻²²·(‖c‖² + ‖x̃‖·‖c̃‖); what
// underflows is below d·2⁻¹²³·(1 + ‖x̃‖ + ‖c‖); distances in double are within (d + 64)·2⁻⁵³ of themselves. Where sums
// might overflow all centroids are compared.
#ifndef MOULT_DEVICE_NEAREST_H
#define MOULT_DEVICE_NEAREST_H

#include "matrix.h"

namespace moult {

/// Over all centroids, as bits of doubles ≥ 0, whose order is that of the numbers.
struct LargestCentroid {
  unsigned long long norm, rounded_norm, rounding_error;
};

/// Centroids on the device, and scratch memory for a tile of vectors.
class CentroidSearch {
 public:
  /// Candidates that are kept of a vector; with more all centroids are compared.
  static constexpr uint32_t room = 64;

  /// `centroids`: the host's, count × dimension.
  CentroidSearch(moult_device *device, const float *centroids, uint32_t count, uint32_t dimension);
  /// For tiles of up to `count` vectors.
  void allocate(uint64_t count);
  /// Writes the numbers of the nearest centroids; `vectors` and `nearest` on the device, `stride` in floats.
  void assign(const float *vectors, uint64_t stride, uint64_t count, uint32_t *nearest);

 private:
  moult_device *device_;
  uint32_t count_, dimension_, lines_, tiles_;
  DeviceBuffer<float> centroids_, centre_, halves_;
  DeviceBuffer<unsigned char> centroid_codes_;
  DeviceBuffer<LargestCentroid> largest_;
  uint64_t vectors_max_ = 0;
  DeviceBuffer<unsigned char> codes_;
  DeviceBuffer<float> slacks_;
  DeviceBuffer<uint32_t> best_, counts_;
  DeviceBuffer<uint2> found_;
};

}  // namespace moult
#endif
