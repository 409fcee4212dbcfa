// What the scan of exact search does with its sums: rows that reach a query's bar are kept.
#ifndef MOULT_DEVICE_EXACT_SCAN_H
#define MOULT_DEVICE_EXACT_SCAN_H

#include "exact.h"

namespace moult {
namespace {

/// Where an epilogue puts what passes. Without `found`, and with room for all, it is only counted.
struct Survivors {
  uint32_t *counts, *found;
  uint32_t room;

  static constexpr bool marks = true;
  __device__ void keep(uint32_t q, uint32_t row) const {
    // Where there is no room any more nobody needs to queue up.
    if (__ldcg(counts + q) > room) return;
    const uint32_t place = atomicAdd(counts + q, 1u);
    if (found && place < room) found[size_t(q) * room + place] = row;
  }
};

template <bool is_distance>
struct Collect : Survivors {
  const float4 *upper;  ///< of pairs of rows
  const float *bars, *gammas;

  struct Query {
    float bar, gamma;
  };
  using RowPair = float4;

  __device__ __forceinline__ Query query(uint32_t q) const {
    return {__ldg(bars + q), is_distance ? __ldg(gammas + q) : 0};
  }
  __device__ __forceinline__ RowPair pair(uint32_t row) const { return __ldg(upper + row / 2); }
  __device__ __forceinline__ uint32_t passes(const Query &query, const RowPair &pair, float first,
                                             float second) const {
    float a = __fadd_rn(first, pair.x), b = __fadd_rn(second, pair.z);
    if (is_distance) {
      a = __fsub_rn(a, __fmul_rn(pair.y, query.gamma));
      b = __fsub_rn(b, __fmul_rn(pair.w, query.gamma));
    }
    // NaN never passes: rows that are not live, queries that are not there.
    return (a >= query.bar ? 1u : 0u) | (b >= query.bar ? 2u : 0u);
  }
};

/// Lower bounds, for the first bars.
struct LowerBounds {
  const float4 *upper;
  const float *gammas;
  float *lower;
  uint32_t stride, rows, queries;

  struct Query {
    float gamma;
  };
  using RowPair = float4;

  __device__ __forceinline__ Query query(uint32_t q) const { return {__ldg(gammas + q)}; }
  __device__ __forceinline__ RowPair pair(uint32_t row) const { return __ldg(upper + row / 2); }
  __device__ __forceinline__ void take(uint32_t q, const Query &query, uint32_t row, const RowPair &pair, float first,
                                       float second) const {
    if (q >= queries) return;
    const float gamma = query.gamma * (1 + 0x1p-18f);
    if (row < rows) {
      lower[size_t(q) * stride + row] = __fsub_rn(__fsub_rn(first, pair.x), __fmul_rn(pair.y, gamma));
    }
    if (row + 1 < rows) {
      lower[size_t(q) * stride + row + 1] = __fsub_rn(__fsub_rn(second, pair.z), __fmul_rn(pair.w, gamma));
    }
  }
};

}  // namespace
}  // namespace moult
#endif
