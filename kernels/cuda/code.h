// How values become bfloat16 codes, in kernels.
#ifndef MOULT_DEVICE_CODE_VALUES_H
#define MOULT_DEVICE_CODE_VALUES_H

#include "matrix.h"

namespace moult {

/// The nearest bfloat16, ties to even; 0 for what is below its normal numbers. Finite values.
__device__ __forceinline__ uint32_t bf16_bits(float value) {
  const uint32_t bits = __float_as_uint(value);
  const uint32_t rounded = (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
  return (rounded & 0x7f80) == 0 ? 0 : rounded;
}

/// Codes four values of a vector and adds up what is lost.
__device__ __forceinline__ uint2 coded(const double (&values)[4], double &lost) {
  uint32_t bits[4];
  MOULT_UNROLL
  for (int e = 0; e < 4; e++) {
    bits[e] = bf16_bits(__double2float_rn(values[e]));
    const double difference = values[e] - double(__uint_as_float(bits[e] << 16));
    lost += difference * difference;
  }
  return make_uint2(bits[0] | bits[1] << 16, bits[2] | bits[3] << 16);
}

/// Where unit u, the values 4u … 4u + 3, of a vector lies.
__device__ __forceinline__ uint2 *unit_place(unsigned char *codes, uint32_t tile_vectors, uint32_t lines,
                                             uint64_t vector, uint32_t unit) {
  return reinterpret_cast<uint2 *>(codes + code_offset(tile_vectors, lines, vector, unit / 2) + unit % 2 * 8);
}

}  // namespace moult
#endif
