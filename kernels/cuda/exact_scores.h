// Survivors of the scan of exact search, scored in double; the best are kept, and bars raised.
#ifndef MOULT_DEVICE_EXACT_SCORES_H
#define MOULT_DEVICE_EXACT_SCORES_H

#include "exact.h"

namespace moult {
namespace {

/// What a row's bound must reach for its score to possibly be one that in the scan's units is `bound`.
__device__ __forceinline__ float lowered(double bound, double magnitude, const QueryTerms &terms) {
  return __double2float_rd(bound - terms.margin - 1e-13 * magnitude);
}

/// Before others: higher scores, of equal ones smaller rows.
__device__ __forceinline__ bool is_before(uint64_t key, int64_t row, uint64_t other_key, int64_t other_row) {
  return key > other_key || (key == other_key && row < other_row);
}

struct Scores {
  RowChunk rows;
  const RowRun *runs;
  uint32_t run_count;
  uint32_t row_floats, dimension;
  moult_device_metric metric;

  /// As ExactQuery.score: a warp, all its lanes have the result.
  __device__ double score(const float *query, double norm, const float *row) const {
    if (metric == MOULT_DEVICE_SQUARED_L2) return -warp_squared_l2_f64(query, row, dimension);
    const double product = warp_dot_f64(query, row, dimension);
    if (metric == MOULT_DEVICE_INNER_PRODUCT) return product;
    const double norms = __dmul_rn(norm, __dsqrt_rn(warp_dot_f64(row, row, dimension)));
    return norms > 0 ? __ddiv_rn(product, norms) : 0;
  }

  __device__ int64_t row_number(uint64_t place) const {
    uint32_t low = 0, high = run_count;
    while (high - low > 1) {
      const uint32_t middle = (low + high) / 2;
      if (runs[middle].first_place <= place) low = middle;
      else high = middle;
    }
    return runs[low].first_row + int64_t(place - runs[low].first_place);
  }
};

/// Loose queries of a chunk that have a slot: their scores with all its rows, by many blocks.
struct LooseRows {
  uint32_t *slots;  ///< of each query; no_slot for those that are not loose, or came too late
  uint64_t *keys;   ///< `stride` a slot: a row's score; 0 for those that are not live
  uint32_t count;   ///< slots
  uint64_t stride;
};

constexpr uint32_t loose_slots_max = 64, no_slot = UINT32_MAX;

/// Whether a query is to be scored against all rows of the chunk. Under cosine not a zero vector: all its scores are 0,
/// and the host knows its hits.
__device__ __forceinline__ bool is_query_loose(moult_device_metric metric, float bar, const QueryTerms &terms,
                                               uint32_t count, uint32_t room) {
  if (bar == bar) return count > room;
  return metric != MOULT_DEVICE_COSINE || terms.norm != 0;
}

/// Gives slots to loose queries, the first ones, and fills them. Every block finds the same ones.
__global__ __launch_bounds__(256, 4) void loose_scores_kernel(Scores scores, uint32_t queries, const float *floats,
                                                              const QueryTerms *terms, const float *bars,
                                                              const uint32_t *counts, uint32_t room, LooseRows loose) {
  MOULT_SHARED(uint8_t, flags, [256]);
  MOULT_SHARED(uint32_t, chosen, [loose_slots_max]);
  MOULT_SHARED(uint32_t, chosen_count, [1]);
  int is_any = 0;
  for (uint32_t q = threadIdx.x; q < queries; q += 256) {
    is_any |= is_query_loose(scores.metric, bars[q], terms[q], counts[q], room);
    if (blockIdx.x == 0) loose.slots[q] = no_slot;
  }
  if (threadIdx.x == 0) *chosen_count = 0;
  if (!__syncthreads_or(is_any)) return;
  for (uint32_t first = 0; first < queries; first += 256) {
    const uint32_t q = first + threadIdx.x;
    flags[threadIdx.x] = q < queries && is_query_loose(scores.metric, bars[q], terms[q], counts[q], room);
    __syncthreads();
    if (threadIdx.x == 0) {
      for (uint32_t i = 0; i < 256 && *chosen_count < loose.count; i++) {
        if (!flags[i]) continue;
        const uint32_t slot = (*chosen_count)++;
        chosen[slot] = first + i;
        if (blockIdx.x == 0) loose.slots[first + i] = slot;
      }
    }
    __syncthreads();
  }
  // Warps beside each other have the same row.
  const uint32_t slots = *chosen_count;
  const uint64_t total = slots * scores.rows.count;
  for (uint64_t i = uint64_t(blockIdx.x) * 8 + uniform_warp(); i < total; i += gridDim.x * 8) {
    const uint64_t row = i / slots;
    const uint32_t slot = uint32_t(i % slots), q = chosen[slot];
    uint64_t key = 0;
    if (scores.rows.live[row]) {
      // + 0: −0 and 0 are one score.
      key = ordered(__dadd_rn(scores.score(floats + size_t(q) * scores.dimension, terms[q].norm,
                                           scores.rows.floats + row * scores.row_floats), 0.0));
    }
    if (lane_index() == 0) loose.keys[slot * loose.stride + row] = key;
  }
}

/// Scores the survivors of a chunk of rows, keeps the k best, and raises the bar: a block a query. `room_entries`, a
/// power of two of at least k + 1, is what fits into shared memory at once.
__global__ __launch_bounds__(256, 4) void score_kernel(Scores scores, uint32_t queries, const float *floats,
                                                    const QueryTerms *terms, float *bars, uint32_t *counts,
                                                    const uint32_t *found, uint32_t room, uint32_t k,
                                                    moult_device_hit *best, uint32_t *best_counts, uint8_t *loose,
                                                    unsigned long long *scored, uint32_t room_entries,
                                                    LooseRows loose_rows) {
  MOULT_SHARED_BYTES(memory);
  uint64_t *const keys = reinterpret_cast<uint64_t *>(memory);
  int64_t *const rows = reinterpret_cast<int64_t *>(keys + room_entries);
  MOULT_SHARED(uint32_t, entered, [1]);
  MOULT_SHARED(uint32_t, done, [1]);
  for (uint32_t q = blockIdx.x; q < queries; q += gridDim.x) {
    const uint32_t count = counts[q];
    const float bar = bars[q];
    const bool is_loose = is_query_loose(scores.metric, bar, terms[q], count, room);
    const uint64_t total = is_loose ? scores.rows.count : count;
    if (total == 0) continue;
    const uint32_t slot = is_loose && loose_rows.count > 0 ? loose_rows.slots[q] : no_slot;
    moult_device_hit *const own = best + size_t(q) * k;
    uint32_t kept = best_counts[q];
    // Nobody reads what the query before left.
    __syncthreads();
    for (uint32_t i = threadIdx.x; i < kept; i += 256) {
      keys[i] = ordered(own[i].score);
      rows[i] = own[i].row;
    }
    if (threadIdx.x == 0) *done = 0;
    const uint32_t batch = room_entries - k;
    const double norm = terms[q].norm;
    const float *const query = floats + size_t(q) * scores.dimension;
    for (uint64_t base = 0; base < total; base += batch) {
      if (threadIdx.x == 0) *entered = 0;
      __syncthreads();
      const bool is_full = kept == k;
      const uint64_t last_key = is_full ? keys[k - 1] : 0;
      const int64_t last_row = is_full ? rows[k - 1] : 0;
      const uint64_t end = base + batch < total ? base + batch : total;
      const auto offer = [&](uint64_t key, uint64_t row) {
        atomicAdd(done, 1u);
        if (is_full && key < last_key) return;
        const int64_t number = scores.row_number(scores.rows.first_place + row);
        if (is_full && !is_before(key, number, last_key, last_row)) return;
        const uint32_t place = kept + atomicAdd(entered, 1u);
        keys[place] = key;
        rows[place] = number;
      };
      if (slot != no_slot) {
        for (uint64_t i = base + threadIdx.x; i < end; i += 256) {
          const uint64_t key = loose_rows.keys[slot * loose_rows.stride + i];
          if (key) offer(key, i);
        }
      } else for (uint64_t i = base + uniform_warp(); i < end; i += 8) {
        const uint64_t row = is_loose ? i : found[size_t(q) * room + i];
        if (!scores.rows.live[row]) continue;
        // + 0: −0 and 0 are one score.
        const uint64_t key = ordered(
            __dadd_rn(scores.score(query, norm, scores.rows.floats + row * scores.row_floats), 0.0));
        if (lane_index() == 0) offer(key, row);
      }
      __syncthreads();
      const uint32_t filled = kept + *entered;
      if (filled > kept) {
        uint32_t size = 2;
        while (size < filled) size *= 2;
        for (uint32_t i = filled + threadIdx.x; i < size; i += 256) {
          keys[i] = 0;
          rows[i] = INT64_MAX;
        }
        __syncthreads();
        // A bitonic sort, best first.
        for (uint32_t width = 2; width <= size; width *= 2) {
          for (uint32_t distance = width / 2; distance > 0; distance /= 2) {
            for (uint32_t i = threadIdx.x; i < size / 2; i += 256) {
              const uint32_t low = i / distance * 2 * distance + i % distance, high = low + distance;
              const bool is_descending = (low & width) == 0;
              if (is_before(keys[high], rows[high], keys[low], rows[low]) == is_descending) {
                const uint64_t key = keys[low];
                keys[low] = keys[high];
                keys[high] = key;
                const int64_t row = rows[low];
                rows[low] = rows[high];
                rows[high] = row;
              }
            }
            __syncthreads();
          }
        }
        kept = filled < k ? filled : k;
      }
      // The counter is set to 0 again.
      __syncthreads();
    }
    for (uint32_t i = threadIdx.x; i < kept; i += 256) {
      own[i].score = unordered(keys[i]);
      own[i].row = rows[i];
    }
    if (threadIdx.x == 0) {
      best_counts[q] = kept;
      counts[q] = 0;
      if (is_loose) loose[q] = 1;
      atomicAdd(scored, static_cast<unsigned long long>(*done));
      if (kept == k && bar == bar) {
        const QueryTerms &own_terms = terms[q];
        const double product = unordered(keys[k - 1]) * own_terms.factor;
        const float reached =
            lowered(product + own_terms.shift, fabs(product) + fabs(own_terms.shift), own_terms);
        if (reached > bar) bars[q] = reached;
      }
    }
  }
}

}  // namespace
}  // namespace moult
#endif
