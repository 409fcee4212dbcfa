// The nearest of some rows for many others by products in bfloat16: what seeds neighbour lists, and k-means.
//
// Vectors are taken as v·scale − centre before they are rounded, so that of vectors that all point one way the
// differences are left. With v' and r' of that kind
//
//     ⟨v·s, r·s⟩ = ⟨v', r'⟩ + ⟨centre, r'⟩ + (what depends on v alone)
//     −‖v − r‖²  = 2·⟨v', r'⟩ − ‖r'‖² + (likewise)
//
// so one number of a row, its offset, makes products comparable.
#ifndef MOULT_DEVICE_GRAPH_SCAN_H
#define MOULT_DEVICE_GRAPH_SCAN_H

#include "graph.h"

namespace moult {

/// Vectors that are taken by place.
struct ScanSource {
  const float *floats;
  uint32_t row_floats;
  const float *scales;    ///< NULL: 1
  const uint32_t *places; ///< of the vectors in order; NULL: from `first` on
  uint32_t first;

  __device__ __forceinline__ uint32_t place(uint32_t i) const { return places ? places[i] : first + i; }
};

/// Rounds vectors into a panel, a warp each; `padded` of them, the last of the panel's tiles, are zeros. `offsets` of
/// rows (NULL of queries): −∞ for those that fill up.
__global__ __launch_bounds__(graph_threads) inline void round_kernel(ScanSource source, uint32_t count, uint32_t padded,
                                                                      uint32_t tile_vectors, uint32_t lines,
                                                                      const float *centre, int32_t is_l2,
                                                                      unsigned char *codes, float *offsets) {
  for (uint64_t i = global_warp(); i < padded; i += warp_count()) {
    const bool is_there = i < count;
    const uint32_t place = is_there ? source.place(uint32_t(i)) : 0;
    const float *const vector = source.floats + uint64_t(place) * source.row_floats;
    const float scale = is_there && source.scales ? source.scales[place] : 1;
    float sum = 0;
    for (uint32_t piece = lane_index(); piece < 8 * lines; piece += 32) {
      uint32_t pairs[4];
      MOULT_UNROLL
      for (uint32_t half = 0; half < 2; half++) {
        // Rows are filled up to whole float4.
        const uint32_t j = 8 * piece + 4 * half;
        float values[4] = {0, 0, 0, 0}, middles[4] = {0, 0, 0, 0};
        if (is_there && j < source.row_floats) {
          const float4 v = *reinterpret_cast<const float4 *>(vector + j);
          const float4 m = *reinterpret_cast<const float4 *>(centre + j);
          middles[0] = m.x, middles[1] = m.y, middles[2] = m.z, middles[3] = m.w;
          values[0] = v.x * scale - m.x, values[1] = v.y * scale - m.y;
          values[2] = v.z * scale - m.z, values[3] = v.w * scale - m.w;
        }
        uint32_t rounded[4];
        MOULT_UNROLL
        for (uint32_t e = 0; e < 4; e++) {
          sum += values[e] * (is_l2 ? values[e] : middles[e]);
          // To the nearest bfloat16, ties to even; vectors are finite.
          const uint32_t bits = __float_as_uint(values[e]);
          rounded[e] = (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
        }
        pairs[2 * half] = rounded[0] | rounded[1] << 16;
        pairs[2 * half + 1] = rounded[2] | rounded[3] << 16;
      }
      *reinterpret_cast<uint4 *>(codes + code_offset(tile_vectors, lines, i, piece)) =
          make_uint4(pairs[0], pairs[1], pairs[2], pairs[3]);
    }
    sum = warp_sum(sum);
    if (offsets && lane_index() == 0) offsets[i] = !is_there ? -INFINITY : is_l2 ? -sum : sum;
  }
}

/// Keeps what reaches a query's bar: of equal scores the place decides, when lists are merged. So lists do not depend on
/// the order in which rows come.
struct CollectAbove {
  const float *bars;     ///< of queries; NaN for those that fill up: nothing reaches it
  const float *offsets;  ///< of rows
  uint32_t *counts;
  uint64_t *found;  ///< `room` keys a query, of numbers of rows in the panel
  uint32_t room;
  float factor;

  static constexpr bool looks_first = true;
  struct Query {
    float bar;
    uint32_t place;  ///< how many pass; then where the next one goes
  };
  struct RowPair {
    float first, second;
  };
  __device__ Query query(uint32_t q) const { return {bars[q], 0}; }
  __device__ RowPair pair(uint32_t row) const { return {offsets[row], offsets[row + 1]}; }
  /// Sums become scores. Those of rows that fill up are −∞, and pass never.
  __device__ __forceinline__ void look(Query &query, const RowPair &pair, float &first, float &second) const {
    first = first * factor + pair.first;
    second = second * factor + pair.second;
    query.place += (passes(query, first) ? 1 : 0) + (passes(query, second) ? 1 : 0);
  }
  /// One atomic operation for all that a thread keeps. There is room for all rows of a panel, and each comes once.
  __device__ __forceinline__ void settle(uint32_t q, Query &query, uint32_t) const {
    if (query.place) query.place = atomicAdd(counts + q, query.place);
  }
  __device__ __forceinline__ void take(uint32_t q, Query &query, uint32_t row, const RowPair &, float first,
                                       float second) const {
    if (passes(query, first)) found[uint64_t(q) * room + query.place++] = make_key(row, first);
    if (passes(query, second)) found[uint64_t(q) * room + query.place++] = make_key(row + 1, second);
  }
  __device__ static __forceinline__ bool passes(const Query &query, float score) {
    return score >= query.bar && score > -INFINITY;
  }
};

/// Before the first panel of a query: its bar is the last score of its list.
__global__ __launch_bounds__(graph_threads) inline void start_kernel(ScanSource queries, uint32_t count,
                                                                      uint32_t padded, const uint64_t *lists,
                                                                      uint32_t width, float *bars, uint32_t *counts) {
  for (uint64_t q = global_thread(); q < padded; q += thread_count()) {
    counts[q] = 0;
    float bar = __uint_as_float(0x7fffffffu);
    if (q < count) {
      const uint64_t last = lists[uint64_t(queries.place(uint32_t(q))) * width + width - 1];
      bar = last ? key_score(last) : -INFINITY;
    }
    bars[q] = bar;
  }
}

/// Takes what was found of a panel into the lists: a block a query.
__global__ __launch_bounds__(graph_threads) inline void merge_kernel(ScanSource queries, uint32_t count,
                                                                      ScanSource rows, int32_t leaves_self,
                                                                      CollectAbove collected,
                                                                      float *bars, uint32_t *counts, uint64_t *lists,
                                                                      uint32_t width) {
  MOULT_SHARED_BYTES(memory);
  uint64_t *const found = reinterpret_cast<uint64_t *>(memory), *const list = found + collected.room;
  uint64_t *const merged = list + width;
  for (uint32_t q = blockIdx.x; q < count; q += gridDim.x) {
    const uint32_t now = counts[q];
    // Every thread has read it before it is written, and nobody reads what is overwritten now.
    __syncthreads();
    if (now == 0) continue;
    const uint32_t place = queries.place(q), sorted = power_of_two(now);
    uint64_t *const own = lists + uint64_t(place) * width;
    for (uint32_t i = threadIdx.x; i < sorted; i += blockDim.x) {
      uint64_t key = 0;
      if (i < now) {
        const uint64_t in_panel = collected.found[uint64_t(q) * collected.room + i];
        const uint32_t other = rows.place(key_place(in_panel));
        if (!leaves_self || other != place) key = (in_panel & ~uint64_t(UINT32_MAX)) | uint32_t(~other);
      }
      found[i] = key;
    }
    for (uint32_t i = threadIdx.x; i < width; i += blockDim.x) list[i] = own[i];
    __syncthreads();
    sort_keys(found, sorted);
    for (uint32_t i = threadIdx.x; i < width; i += blockDim.x) merged[i] = 0;
    __syncthreads();
    merge_keys(found, sorted, list, width, merged, width);
    __syncthreads();
    for (uint32_t i = threadIdx.x; i < width; i += blockDim.x) own[i] = merged[i];
    if (threadIdx.x == 0) {
      counts[q] = 0;
      const uint64_t last = merged[width - 1];
      bars[q] = last ? key_score(last) : -INFINITY;
    }
  }
}

/// Scans panels of rows for many queries at a time. Memory for so many queries and one panel is held: of what is free
/// half at most, or a tile of queries, because what comes behind it needs some too.
class Scan {
 public:
  /// Rows of a panel: as many keys have room beside each query, so that none is lost.
  static constexpr uint32_t panel_rows = 2 * row_tile;
  static constexpr uint64_t queries_max = 1 << 16;

  /// For so many queries.
  static size_t bytes(uint32_t row_floats, uint64_t queries) {
    return (queries + query_tile - 1) / query_tile * tile_bytes(row_floats) + panel_bytes(row_floats);
  }

  /// With clusters of 1024 rows of which 32 are probed, 32,768 queries come to one on average: with twice as many most
  /// clusters are scanned once.
  Scan(moult_device *device, uint32_t row_floats, uint64_t queries) : device_(device), lines_(lines_of(row_floats)) {
    row_codes_.allocate(uint64_t(panel_rows) * lines_ * line_bytes);
    offsets_.allocate(panel_rows);
    const uint64_t wanted = (std::min(queries, queries_max) + query_tile - 1) / query_tile;
    const uint64_t most = std::max<uint64_t>(1, device->free_bytes() / 2 / tile_bytes(row_floats));
    with_size(std::min(wanted, most), 1, [&](uint64_t tiles) {
      tiles_ = uint32_t(tiles);
      found_.free();
      const uint64_t room = tiles * query_tile;
      query_codes_.allocate(room * lines_ * line_bytes);
      bars_.allocate(room);
      counts_.allocate(room);
      found_.allocate(room * panel_rows);
    });
  }

  /// Offers each query all rows.
  ///
  /// - is_l2: scores are −‖q − r‖², else ⟨q, r⟩, both but for what depends on the query.
  /// - leaves_self: a row is not offered to the query of the same place.
  void run(ScanSource queries, uint64_t query_count, ScanSource rows, uint64_t row_count, const float *centre,
           bool is_l2, bool leaves_self, uint64_t *lists, uint32_t width, const Stop &stop) {
    const uint32_t queries_now = tiles_ * query_tile;
    for (uint64_t first = 0; first < query_count; first += queries_now) {
      const uint32_t count = uint32_t(std::min<uint64_t>(queries_now, query_count - first));
      const ScanSource now = part(queries, first);
      const uint32_t tiles = (count + query_tile - 1) / query_tile, padded = tiles * query_tile;
      device_->launch("rounding of queries", round_kernel, device_->grid(padded, graph_threads / 32), graph_threads, 0,
                      device_->work, now, count, padded, query_tile, lines_, centre, int32_t(is_l2),
                      query_codes_.get(), static_cast<float *>(nullptr));
      device_->launch("start of a scan", start_kernel, device_->grid(padded, graph_threads), graph_threads, 0,
                      device_->work, now, count, padded, lists, width, bars_.get(), counts_.get());
      for (uint64_t panel = 0; panel < row_count; panel += panel_rows) {
        scan_panel(now, count, tiles, part(rows, panel), uint32_t(std::min<uint64_t>(panel_rows, row_count - panel)),
                   centre, is_l2, leaves_self, lists, width);
        // The queue stays short, so that a wish to stop is heard.
        if (++launched_ % 64 == 0) device_->synchronize(device_->work, "a scan");
        stop.check();
      }
    }
  }

 private:
  /// Of a tile of queries, their bars and counts, and keys of a panel for each.
  static size_t tile_bytes(uint32_t row_floats) {
    return query_tile * (size_t(lines_of(row_floats)) * line_bytes + panel_rows * sizeof(uint64_t) + sizeof(uint64_t));
  }
  static size_t panel_bytes(uint32_t row_floats) {
    return panel_rows * (size_t(lines_of(row_floats)) * line_bytes + sizeof(float));
  }

  static ScanSource part(ScanSource source, uint64_t first) {
    if (source.places) source.places += first;
    else source.first += uint32_t(first);
    return source;
  }

  void scan_panel(ScanSource queries, uint32_t count, uint32_t tiles, ScanSource rows, uint32_t row_count,
                  const float *centre, bool is_l2, bool leaves_self, uint64_t *lists, uint32_t width) {
    const uint32_t row_tiles = (row_count + row_tile - 1) / row_tile, padded = row_tiles * row_tile;
    device_->launch("rounding of rows", round_kernel, device_->grid(padded, graph_threads / 32), graph_threads, 0,
                    device_->work, rows, row_count, padded, row_tile, lines_, centre, int32_t(is_l2),
                    row_codes_.get(), offsets_.get());
    const CollectAbove collect = {bars_.get(),  offsets_.get(), counts_.get(), found_.get(),
                                  panel_rows, is_l2 ? 2.0f : 1.0f};
    multiply(device_, device_->path, "products of neighbours", Panel{query_codes_.get(), tiles, lines_},
             Panel{row_codes_.get(), row_tiles, lines_}, collect, device_->work);
    device_->launch("merging of neighbours", merge_kernel, device_->grid(count, 1, 32), graph_threads,
                    (panel_rows + 2 * width) * sizeof(uint64_t), device_->work, queries, count, rows,
                    int32_t(leaves_self), collect, bars_.get(), counts_.get(), lists, width);
  }

  moult_device *device_;
  uint32_t lines_, tiles_ = 0;
  uint64_t launched_ = 0;
  DeviceBuffer<unsigned char> query_codes_, row_codes_;
  DeviceBuffer<float> bars_, offsets_;
  DeviceBuffer<uint32_t> counts_;
  DeviceBuffer<uint64_t> found_;
};

}  // namespace moult
#endif
