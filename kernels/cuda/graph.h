// What the kernels of graphs share: keys of scored rows, lists of them, scores in float32, sorting by a block.
//
// A list is `width` keys of a row, nearest first; keys that are 0 fill it up. A key is the score, in an order of
// integers, above the complement of the place: the larger key is nearer, of equal scores the smaller place.
#ifndef MOULT_DEVICE_GRAPH_H
#define MOULT_DEVICE_GRAPH_H

#include "set.h"

namespace moult {

constexpr uint32_t no_place = UINT32_MAX;
/// All kernels of graphs have blocks of this size. On the emulated device every thread costs at each barrier.
#ifdef MOULT_EMULATED
constexpr uint32_t graph_threads = 64;
#else
constexpr uint32_t graph_threads = 128;
#endif
/// Places of a list at most: what a block sorts fits shared memory, and kernels hold no more.
constexpr uint32_t list_width_max = 512;

__device__ __forceinline__ uint64_t make_key(uint32_t place, float score) {
  return uint64_t(ordered(score + 0.0f)) << 32 | uint32_t(~place);  // −0 + 0 = +0: the two zeros tie
}
__device__ __forceinline__ uint32_t key_place(uint64_t key) { return ~uint32_t(key); }
__device__ __forceinline__ float key_score(uint64_t key) { return unordered(uint32_t(key >> 32)); }

__host__ __device__ inline uint32_t power_of_two(uint32_t least) {
  uint32_t power = 1;
  while (power < least) power *= 2;
  return power;
}

// MARK: Scores in float32

/// Vectors on the device: floats `row_floats` apart, filled up with zeros; 1/‖v‖, 0 for zero vectors.
struct GraphRows {
  const float *floats;
  const float *inverse_norms;  ///< only of meaning under cosine
  uint32_t row_floats;
  int32_t metric;

  __device__ __forceinline__ const float *row(uint64_t place) const { return floats + place * row_floats; }
};

/// Scores of one vector, in shared memory, and `count` rows: a warp a row. A lane sums up every 32nd float4, its
/// entries in order; lanes are folded 16, 8, 4, 2, 1. The score of two rows has the same bits whichever comes first.
///
/// place_of(i) is the place of row i, or no_place for none; take(i, score) is called by lane 0.
template <typename PlaceOf, typename Take>
__device__ __forceinline__ void score_rows(const GraphRows &rows, const float *vector, float inverse_norm,
                                           uint32_t count, PlaceOf place_of, Take take) {
  // Float4 that a lane has under way: 768 dimensions are six.
  constexpr uint32_t ahead = 6;
  const uint32_t lane = lane_index(), warps = blockDim.x / 32, pieces = rows.row_floats / 4;
  // From a shuffle, so that the compiler knows that the lanes of a warp go through rows alike.
  for (uint32_t i = __shfl_sync(full_warp, warp_index(), 0); i < count; i += warps) {
    const uint32_t place = place_of(i);
    if (place == no_place) continue;
    const float4 *const row = reinterpret_cast<const float4 *>(rows.row(place));
    float sum = 0;
    for (uint32_t first = lane; first < pieces; first += 32 * ahead) {
      // All loads are under way before the first is waited for.
      float4 loaded[ahead];
      MOULT_UNROLL
      for (uint32_t l = 0; l < ahead; l++) {
        if (first + 32 * l < pieces) loaded[l] = row[first + 32 * l];
      }
      MOULT_UNROLL
      for (uint32_t l = 0; l < ahead; l++) {
        if (first + 32 * l >= pieces) break;
        const float4 a = reinterpret_cast<const float4 *>(vector)[first + 32 * l], b = loaded[l];
        if (rows.metric == MOULT_DEVICE_SQUARED_L2) {
          const float x = a.x - b.x, y = a.y - b.y, z = a.z - b.z, w = a.w - b.w;
          sum += x * x;
          sum += y * y;
          sum += z * z;
          sum += w * w;
        } else {
          sum += a.x * b.x;
          sum += a.y * b.y;
          sum += a.z * b.z;
          sum += a.w * b.w;
        }
      }
    }
    sum = warp_sum(sum);
    if (lane == 0) {
      float score = sum;
      if (rows.metric == MOULT_DEVICE_SQUARED_L2) score = -sum;
      if (rows.metric == MOULT_DEVICE_COSINE) score = sum * (inverse_norm * rows.inverse_norms[place]);
      take(i, score + 0.0f);
    }
  }
}

/// Copies a row to shared memory. The block meets before and after.
__device__ __forceinline__ void fetch_row(const GraphRows &rows, uint32_t place, float *vector) {
  __syncthreads();
  const float4 *const row = reinterpret_cast<const float4 *>(rows.row(place));
  float4 *const target = reinterpret_cast<float4 *>(vector);
  for (uint32_t i = threadIdx.x; i < rows.row_floats / 4; i += blockDim.x) target[i] = row[i];
  __syncthreads();
}

// MARK: Sorting

/// Sorts `count` keys in shared memory, a power of two, largest first. All threads of the block call it; they have met
/// before, and meet after.
__device__ __forceinline__ void sort_keys(uint64_t *keys, uint32_t count) {
  for (uint32_t size = 2; size <= count; size *= 2) {
    for (uint32_t step = size / 2; step > 0; step /= 2) {
      for (uint32_t i = threadIdx.x; i < count / 2; i += blockDim.x) {
        // The pair's lower place has the bit `step` clear.
        const uint32_t low = (i & ~(step - 1)) * 2 + (i & (step - 1)), high = low + step;
        const bool is_descending = (low & size) == 0;
        const uint64_t a = keys[low], b = keys[high];
        if ((a < b) == is_descending) {
          keys[low] = b;
          keys[high] = a;
        }
      }
      __syncthreads();
    }
  }
}

/// Writes the first `room` of two sorted sequences that have no key in common; zeros are in neither, and `merged` is
/// filled with them before. A key's place among all is its place in its own sequence and the number of larger ones in
/// the other.
__device__ __forceinline__ void merge_keys(const uint64_t *first, uint32_t first_count, const uint64_t *second,
                                           uint32_t second_count, uint64_t *merged, uint32_t room) {
  for (uint32_t i = threadIdx.x; i < first_count + second_count; i += blockDim.x) {
    const bool is_first = i < first_count;
    const uint64_t key = is_first ? first[i] : second[i - first_count];
    const uint64_t *const others = is_first ? second : first;
    uint32_t low = 0, high = is_first ? second_count : first_count;
    while (low < high) {
      const uint32_t middle = (low + high) / 2;
      if (others[middle] > key) low = middle + 1;
      else high = middle;
    }
    const uint32_t at = low + (is_first ? i : i - first_count);
    if (key && at < room) merged[at] = key;
  }
}

/// Drops keys that stand next to an equal one, of sorted keys: writes 0 in place of all but the first. Sort again.
__device__ __forceinline__ void drop_doubles(uint64_t *keys, uint32_t count) {
  // Each thread looks before any writes.
  constexpr uint32_t most = 4 * list_width_max / graph_threads;
  uint32_t doubled = 0;
  static_assert(most <= 32, "a bit for each of a thread's keys");
  for (uint32_t i = threadIdx.x, bit = 0; i < count; i += blockDim.x, bit++) {
    if (i > 0 && keys[i] == keys[i - 1]) doubled |= 1u << bit;
  }
  __syncthreads();
  for (uint32_t i = threadIdx.x, bit = 0; i < count; i += blockDim.x, bit++) {
    if (doubled >> bit & 1) keys[i] = 0;
  }
  __syncthreads();
}

/// 1/‖v‖ of rows: a warp a row.
__global__ __launch_bounds__(graph_threads) inline void inverse_norm_kernel(const float *floats, uint32_t row_floats,
                                                                             uint64_t count, float *inverse_norms) {
  for (uint64_t row = global_warp(); row < count; row += warp_count()) {
    double sum = 0;
    for (uint32_t i = lane_index(); i < row_floats; i += 32) {
      const double value = floats[row * row_floats + i];
      sum += value * value;
    }
    sum = warp_sum(sum);
    if (lane_index() == 0) inverse_norms[row] = sum > 0 ? float(fmin(1 / sqrt(sum), 3.4028234663852886e38)) : 0;
  }
}

/// Makes `part` a set of some rows of a set: of their floats alone, at place i those of places[i]. All count as live.
inline void gather(moult_device *device, const moult_device_set &set, const uint32_t *places, uint64_t count,
                   moult_device_set &part) {
  part.floats.free();
  part.dimension = set.dimension;
  part.metric = set.metric;
  part.row_floats = set.row_floats;
  part.count = part.live_count = part.resident = count;
  part.floats.allocate(count * set.row_floats);
  upload_gathered(device, device->work, part.floats.get(), size_t(set.row_floats) * sizeof(float),
                  [&](uint64_t i) { return set.row(places[i]); }, size_t(set.dimension) * sizeof(float), count);
}

/// Calls `body`, which needs the set on the device as a whole. false: it is not, or there is no room beside it, not even
/// without the int8 codes of searches.
template <typename Body>
bool try_whole(moult_device_set &set, Body body) {
  while (set.is_resident()) {
    try {
      body();
      return true;
    } catch (const Failure &failure) {
      if (failure.status != MOULT_DEVICE_OUT_OF_MEMORY) throw;
    }
    if (set.int8.rows == 0) return false;
    set.int8 = Int8Rows();
  }
  return false;
}

/// The rows of a set that is on the device as a whole, and where `inverse_norms` are kept.
inline GraphRows graph_rows(moult_device *device, const moult_device_set &set, DeviceBuffer<float> &inverse_norms) {
  if (set.metric == MOULT_DEVICE_COSINE) {
    inverse_norms.allocate(set.count);
    device->launch("inverse norms", inverse_norm_kernel, device->grid(set.count, graph_threads / 32), graph_threads, 0,
                   device->work, set.floats.get(), set.row_floats, set.count, inverse_norms.get());
  }
  return {set.floats.get(), inverse_norms.get(), set.row_floats, int32_t(set.metric)};
}

}  // namespace moult
#endif
