// The scan of exact search in int8: half the bytes of bfloat16 and, on tensor cores, twice the rate; wider bounds let
// more rows through. `exact.h` has the units and the proof; here is what is different.
//
// A vector w (a row's v, a query's ĝ) is coded as s·b, b[j] = round(w[j]/s) with s = max(max|w[j]|/127, ‖w‖/1900, 10⁻²⁰),
// rounded up to a float. With t·a for the query, ρ ≥ ‖v − s·b‖ and B ≥ ‖ĝ − t·a‖
//
//     |ĝ·v − t·s·(a·b)| ≤ B·‖v‖ + (1 + B)·ρ,
//
// where a·b, a whole number, is what the tensor cores sum up, without any rounding. A row passes where that sum reaches
//
//     (bar + n·γ − (1 + B)·ρ − B·‖v‖)/(t·s).
//
// The comparison is in float32: |a·b| < 2²² (‖a‖ ≤ 1900 + √d/2, d ≤ 32 768), so that 1.5·2²³ + a·b is a float, put
// together from bits, and the bound is one chain of fused multiply-adds that starts at 1.5·2²³ − 8:
//
//     bar/t · 1/s − (1 + B)/t · ρ/s − B/t · ‖v‖/s + γ/t · n/s.
//
// Each of its (at most four) roundings is ≤ 1 where the partial sum is below 2²⁴, together less than 8; beyond that, and
// in the factors, they are 2⁻²⁴ of magnitudes that add up to |bar| + n·γ + u, u = (1 + B)·ρ + B·‖v‖, some eight of them.
// For a row that has to pass |bar| ≤ n·γ + 2·(‖v‖ + ρ) + u. So ρ has 2⁻¹⁸·(‖v‖ + ρ) added to it, n is 2⁻¹⁸ too small,
// and (1 + B)/t and B/t are 2⁻¹⁸ too large. What scores in double may be off (exact.h) is added to ρ as well.
#ifndef MOULT_DEVICE_EXACT_INT8_H
#define MOULT_DEVICE_EXACT_INT8_H

#include "exact_scan.h"

namespace moult {

/// Codes queries whose terms, bars and γ are there, whole tiles of them. Terms in int8: 1/t, (1 + B)/t, B/t, γ/t.
/// false: there is no room.
bool try_code_queries_int8(moult_device *device, const moult_device_set &set, QueryGroup &group);

namespace {

template <bool is_distance>
struct CollectInt8 : Survivors {
  const float4 *rows, *terms;
  const float *bars;

  struct Query {
    float bar, lost, length, gamma;
  };
  struct RowPair {
    float4 first, second;
  };

  __device__ __forceinline__ Query query(uint32_t q) const {
    const float4 own = __ldg(terms + q);
    // So that its product is finite, and rows without a code pass: none with a code has a score of 10³⁵. (NaN stays.)
    const float bar = __ldg(bars + q);
    return {(bar > 1e35f ? 1e35f : bar) * own.x, own.y, own.z, own.w};
  }
  __device__ __forceinline__ RowPair pair(uint32_t row) const { return {__ldg(rows + row), __ldg(rows + row + 1)}; }
  /// NaN never passes: rows that are not live, queries that are not there.
  static __device__ __forceinline__ bool reaches(const Query &query, const float4 &row, int32_t sum) {
    constexpr int32_t middle_bits = 0x4b400000;
    constexpr float middle = 0x1.8p23f;
    float least = fmaf(query.bar, row.x, middle - 8);
    least = fmaf(-query.lost, row.y, least);
    least = fmaf(-query.length, row.z, least);
    if (is_distance) least = fmaf(query.gamma, row.w, least);
    return __int_as_float(middle_bits + sum) >= least;
  }
  __device__ __forceinline__ uint32_t passes(const Query &query, const RowPair &pair, int32_t first,
                                             int32_t second) const {
    return (reaches(query, pair.first, first) ? 1u : 0u) | (reaches(query, pair.second, second) ? 2u : 0u);
  }
};

/// Of what is counted for queries in int8 (`wide`) and in bfloat16 (`narrow`), set to 0 then: sums over the queries, and the
/// largest wide one. Queries of more than `narrow_most` are left out: they are scored against all rows either way.
__global__ __launch_bounds__(256) void tally_kernel(uint32_t *wide, uint32_t *narrow, uint32_t queries,
                                                    uint32_t narrow_most, Tally *tally) {
  for (uint64_t q = global_thread(); q < queries; q += thread_count()) {
    if (narrow[q] <= narrow_most) {
      atomicAdd(&tally->wide, static_cast<unsigned long long>(wide[q]));
      atomicAdd(&tally->narrow, static_cast<unsigned long long>(narrow[q]));
      atomicMax(&tally->wide_most, wide[q]);
    }
    wide[q] = narrow[q] = 0;
  }
}

}  // namespace

}  // namespace moult
#endif
