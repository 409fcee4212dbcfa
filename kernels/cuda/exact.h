// Exact search with a certificate: all rows as bfloat16 on the tensor cores, in double those that can belong to the
// hits. Where that is quicker most rows are scanned in int8: `exact_int8.h`.
//
// With a centre c (any vector) scores are a monotone function of ĝ·v and of what depends on the row or the query alone:
//
//     cosine             v = x/‖x‖ − c    ĝ = q/‖q‖         score          = ĝ·v + ĝ·c
//     inner product      v = x − c        ĝ = q/‖q‖         score/‖q‖      = ĝ·v + ĝ·c
//     squared Euclidean  v = x − c        ĝ = (q − c)/‖q − c‖
//                        −‖q − x‖²/G = ĝ·v − ‖v‖²/G − ‖q − c‖²/G,  G = 2‖q − c‖
//
// Rows are coded as b ≈ v with ρ ≥ ‖v − b‖, queries as a ≈ ĝ with B ≥ ‖ĝ − a‖, both rounded to bfloat16 (what is below
// 2⁻¹²⁶ becomes 0). Then ‖a‖ ≤ 1 + B ≤ A, ‖b‖ ≤ ‖v‖ + ρ, and by Cauchy and Schwarz
//
//     |ĝ·v − a·b| = |(ĝ − a)·v + a·(v − b)| ≤ B·‖v‖ + A·ρ.
//
// The tensor cores' sum s of a·b has exact products; its additions are in float32, some of them truncating, in an order
// of their own: |s − a·b| ≤ ε·Σ|a[j]·b[j]| ≤ ε·A·(‖v‖ + ρ) with ε = (d + 16)·2⁻²², d the padded dimension (each of d
// additions loses at most 2⁻²³ of the largest magnitude, by truncation of what is aligned to it 2⁻²²; what underflows
// is below 10⁻³⁰). `choose_path` measures this when a device is opened. So with
//
//     width  = A·ρ + ε·A·(‖v‖ + ρ) + 2⁻²⁰·A·(‖v‖ + ρ) + 10⁻¹¹·(‖v‖ + ‖c‖) + 10⁻³⁰     u = width + B·‖v‖
//
// ĝ·v lies within u of s. The third term is for the float arithmetic of the comparison (s + u − n·γ: two roundings of
// at most |s| + u ≤ 1.01·A·(‖v‖ + ρ) + u, 2⁻²⁴ each; n is ‖v‖² less 2⁻²⁰ of itself, above it in lower bounds, which
// covers the roundings of n, γ = 1/G and their product). The fourth is for scores in double, which are within 10⁻¹¹ of
// ‖q‖·‖x‖, or of 2·(‖q − c‖² + ‖v‖²); what of this depends on the query alone is its margin.
//
// A row is left out where s + u − n·γ is below the bar, the query's k-th best known score (or lower bound, from a sample
// of the rows) in these units, less the margin, rounded down: then its score in double is lower than those of k rows.
// Equal scores always pass. Rows without a code (‖v‖ beyond 10³⁰, 10¹⁵ for distances) have u = ∞. Queries for which the
// units make no sense (zero vectors, q = c) are scored against all rows in double, and so are those whose survivors
// outgrow their room, for that part of the rows. Under cosine zero vectors score 0 with every row: nothing is scanned.
#ifndef MOULT_DEVICE_EXACT_H
#define MOULT_DEVICE_EXACT_H

#include "set.h"

namespace moult {

/// A: 1 + B where B is at most 2⁻⁸, half a unit in the last of eight bits, and a little for zeros and roundings.
constexpr double code_length_max = 1 + 0x1.02p-8;

/// From scores to the scan's units: factor·score + shift − margin.
struct QueryTerms {
  double norm;  ///< ‖q‖ as ExactQuery has it
  double factor, shift, margin;
};

/// Rows of the sample that are let through, in int8 and in bfloat16: of all queries together, of the one with the most.
struct Tally {
  unsigned long long wide, narrow;
  uint32_t wide_most;
};

/// The queries of a call, or a part of them, on the device.
struct QueryGroup {
  uint32_t count = 0;
  uint32_t tiles = 0;
  DeviceBuffer<float> floats;  ///< count × dimension
  DeviceBuffer<unsigned char> codes;
  DeviceBuffer<QueryTerms> terms;
  DeviceBuffer<float> gammas, bars;  ///< for whole tiles; a bar that is NaN finds nothing
  /// In int8, once it is asked whether that pays.
  struct Int8 {
    bool is_there = false;
    DeviceBuffer<unsigned char> codes;
    DeviceBuffer<float4> terms;
    DeviceBuffer<uint32_t> narrow_counts;  ///< what bfloat16 lets through of the sample; 0 before and after
    DeviceBuffer<Tally> tally;
  };
  Int8 int8;
  /// Survivors of a chunk of rows: how many there were, and the first `room` of them, as rows of the chunk.
  DeviceBuffer<uint32_t> counts, found;
  uint32_t room = 0;
  /// The best so far, best first.
  DeviceBuffer<moult_device_hit> best;
  DeviceBuffer<uint32_t> best_counts;
  DeviceBuffer<uint8_t> loose;
  /// Of some queries that are scored against all rows of a chunk: slots, and the scores by slot and row.
  DeviceBuffer<uint32_t> loose_slots;
  DeviceBuffer<uint64_t> loose_keys;
  uint32_t loose_count = 0;
  uint64_t loose_stride = 0;
  DeviceBuffer<unsigned long long> scored;
  /// The largest B, as bits of a float.
  DeviceBuffer<uint32_t> residual;

  static size_t bytes_per_query(uint32_t dimension, uint32_t lines, uint32_t k, uint32_t room) {
    // Codes in bfloat16, and half of that in int8.
    return size_t(dimension) * 4 + size_t(lines) * line_bytes * 2 + sizeof(QueryTerms) + 40 + size_t(room) * 4 +
           size_t(k) * sizeof(moult_device_hit);
  }
};

/// Rows of a chunk, on the device.
struct RowChunk {
  const float *floats;
  const uint8_t *live;
  uint64_t first_place, count;
};

}  // namespace moult
#endif
