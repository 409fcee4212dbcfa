// Exact nearest rows of bits: distances, the k nearest of a tile, and their merging in one kernel.
//
// A block of 256 threads compares 2048 rows with one, four or eight queries; a row is read once for all of them.
// Distances stay in shared memory. Then a warp a query counts those that do not exceed the query's bar, mostly none
// after the first tiles; where there are k or more it bisects for the k-th distance, which is a new bar: k rows at
// hand are as near. What passes, at most k rows of a tile, is appended to the query's list. The block that finishes a
// group of queries last cuts the lists to the k best. Nothing overflows, and no order of blocks changes the outcome: a
// set of keys (distance, row) has one set of k smallest.
//
// Bound. One query: bytes·rows / memory bandwidth; 768 bits: 1 M rows are 96 MB, 20 µs at 4.8 TB/s. 24 words a row are
// 60 logical operations, 8 additions and 8 counts (a tree of carry-save adders counts four words at once), 1.1 cycles
// of a multiprocessor (64 of them, 16 counts a cycle), of the 4.6 that 96 bytes take: memory is the limit up to 4
// queries at once. Many queries: the arithmetic, 132·1.75 GHz/1.1 = 210 G rows a second at 768 bits.
//
// Resources: 256 threads; 40, 62 or 80 registers with one, four or eight queries; 32 KiB of shared memory with eight
// queries and distances of 16 bits, 16 KiB with one.
#include "hamming.h"

#include <cstring>
#include <vector>

#include "families.h"

namespace moult {
namespace {

constexpr uint32_t threads = 256, warps = threads / 32;
/// Chunks of a row that are under way at once: 64 bytes a lane.
constexpr uint32_t chunks_at_once = 4;
/// Keys are staged here while they are merged.
constexpr size_t least_shared_bytes = 16384;

// MARK: Distances

/// Counts bits of words, four at a time: ones and twos wait for company, fours are counted.
struct BitCounter {
  uint32_t ones = 0, twos = 0, count = 0;

  /// Adds three bits a place: returns the carries, leaves the sums.
  static __device__ __forceinline__ uint32_t carry(uint32_t &sum, uint32_t a, uint32_t b) {
    const uint32_t carries = (sum & a) | (sum & b) | (a & b);
    sum ^= a ^ b;
    return carries;
  }
  __device__ __forceinline__ void add(uint4 a, uint4 b) {
    const uint32_t first = carry(ones, a.x ^ b.x, a.y ^ b.y);
    const uint32_t second = carry(ones, a.z ^ b.z, a.w ^ b.w);
    count += 4 * __popc(carry(twos, first, second));
  }
  __device__ __forceinline__ uint32_t total() const { return count + 2 * __popc(twos) + __popc(ones); }
};

/// Stands for rows that do not take part; more than any bar.
template <typename Distance>
constexpr Distance no_distance = static_cast<Distance>(~Distance(0));

/// The distances of one row to `queries` queries; `own` is its chunk 0, chunk c is 32·c further.
template <int queries, typename Distance>
__device__ __forceinline__ void row_distances(const uint4 *own, const uint4 *const *query, uint32_t chunks,
                                              Distance *distances) {
  BitCounter counters[queries];
  for (uint32_t first = 0; first < chunks; first += chunks_at_once) {
    uint4 words[chunks_at_once];
    MOULT_UNROLL
    for (uint32_t j = 0; j < chunks_at_once; j++) {
      words[j] = first + j < chunks ? own[32 * (first + j)] : make_uint4(0, 0, 0, 0);
    }
    MOULT_UNROLL
    for (uint32_t j = 0; j < chunks_at_once; j++) {
      if (first + j >= chunks) break;
      MOULT_UNROLL
      for (int q = 0; q < queries; q++) counters[q].add(words[j], __ldg(query[q] + first + j));
    }
  }
  MOULT_UNROLL
  for (int q = 0; q < queries; q++) distances[q * hamming_tile_rows] = static_cast<Distance>(counters[q].total());
}

// MARK: The best of a tile

/// Eight distances, aligned to 16 bytes.
__device__ __forceinline__ void load_eight(const uint16_t *source, uint32_t (&target)[8]) {
  const uint4 words = *reinterpret_cast<const uint4 *>(source);
  const uint32_t pairs[4] = {words.x, words.y, words.z, words.w};
  MOULT_UNROLL
  for (int i = 0; i < 4; i++) {
    target[2 * i] = pairs[i] & 0xffff;
    target[2 * i + 1] = pairs[i] >> 16;
  }
}
__device__ __forceinline__ void load_eight(const uint32_t *source, uint32_t (&target)[8]) {
  const uint4 low = reinterpret_cast<const uint4 *>(source)[0], high = reinterpret_cast<const uint4 *>(source)[1];
  const uint32_t words[8] = {low.x, low.y, low.z, low.w, high.x, high.y, high.z, high.w};
  MOULT_UNROLL
  for (int i = 0; i < 8; i++) target[i] = words[i];
}

/// A value in low … high such that `wanted` members or more are ≤ it, `count(value)` says how many: the least, or any
/// where it is just `wanted`. All threads that count together go the same way.
template <typename Count>
__device__ __forceinline__ uint32_t bisect(uint32_t low, uint32_t high, uint32_t wanted, Count count) {
  while (low < high) {
    const uint32_t middle = low + (high - low) / 2;
    const uint32_t counted = count(middle);
    if (counted == wanted) return middle;
    if (counted > wanted) high = middle;
    else low = middle + 1;
  }
  return low;
}

/// Appends the best k of a tile to the query's list, as far as they may be among its k nearest. One warp.
template <typename Distance>
__device__ void keep_best(const Distance *distances, uint32_t first_row, const HammingWork &work, uint32_t query) {
  const unsigned lane = lane_index();
  uint32_t own[8];
  const auto count_up_to = [&](uint32_t limit) {
    uint32_t count = 0;
    for (uint32_t i = 8 * lane; i < hamming_tile_rows; i += 256) {
      load_eight(distances + i, own);
      MOULT_UNROLL
      for (int j = 0; j < 8; j++) count += own[j] <= limit;
    }
    return warp_sum(count);
  };
  uint32_t limit = __shfl_sync(full_warp, lane == 0 ? __ldcg(work.bars + query) : 0, 0);
  uint32_t kept = count_up_to(limit);
  if (kept == 0) return;
  // Rows at `limit` itself that are kept, the first ones.
  uint32_t ties = ~0u;
  if (kept >= work.k) {
    limit = bisect(0, limit, work.k, count_up_to);
    if (lane == 0) atomicMin(work.bars + query, limit);
    const uint32_t nearer = limit == 0 ? 0 : count_up_to(limit - 1);
    ties = work.k - nearer;
    kept = work.k;
  }
  uint32_t place = 0;
  if (lane == 0) place = atomicAdd(work.found_counts + query, kept);
  place = __shfl_sync(full_warp, place, 0);
  uint64_t *const found = work.found + uint64_t(query) * work.room;
  for (uint32_t first = 0; first < hamming_tile_rows; first += 256) {
    load_eight(distances + first + 8 * lane, own);
    // Ties before the own ones above, what is nearer below.
    uint32_t counts = 0;
    MOULT_UNROLL
    for (int j = 0; j < 8; j++) counts += own[j] < limit ? 1u : own[j] == limit ? 1u << 16 : 0u;
    if (!__any_sync(full_warp, counts != 0)) continue;
    uint32_t sums = counts;
    MOULT_UNROLL
    for (unsigned step = 1; step < 32; step *= 2) {
      const uint32_t other = __shfl_up_sync(full_warp, sums, step);
      if (lane >= step) sums += other;
    }
    const uint32_t all = __shfl_sync(full_warp, sums, 31);
    uint32_t ties_before = (sums - counts) >> 16;
    uint32_t at = place + ((sums - counts) & 0xffff) + min(ties_before, ties);
    MOULT_UNROLL
    for (uint32_t j = 0; j < 8; j++) {
      const bool is_tie = own[j] == limit;
      if (own[j] < limit || (is_tie && ties_before < ties)) {
        found[at++] = uint64_t(own[j]) << 32 | (first_row + first + 8 * lane + j);
      }
      ties_before += is_tie;
    }
    const uint32_t ties_here = min(all >> 16, ties);
    place += (all & 0xffff) + ties_here;
    ties -= ties_here;
  }
}

// MARK: Merging

/// Over the threads of a block.
__device__ __forceinline__ uint32_t block_sum(uint32_t value) {
  MOULT_SHARED(uint32_t, sums, [warps]);
  value = warp_sum(value);
  __syncthreads();  // the sums before have been read
  if (lane_index() == 0) sums[warp_index()] = value;
  __syncthreads();
  uint32_t total = 0;
  MOULT_UNROLL
  for (uint32_t w = 0; w < warps; w++) total += sums[w];
  return total;
}

/// Keys in two pieces.
struct Keys {
  const uint64_t *first, *second;
  uint32_t first_count, count;

  __device__ __forceinline__ uint64_t operator[](uint32_t i) const {
    return i < first_count ? __ldcg(first + i) : __ldcg(second + (i - first_count));
  }
};

/// The k smallest of more than k keys, of which at least k have distances ≤ bar. Returns the k-th distance, or one that
/// parts the same keys.
template <typename Source>
__device__ uint32_t write_smallest(const Source &keys, uint32_t count, uint32_t k, uint32_t bar, uint64_t *target) {
  MOULT_SHARED(uint32_t, written, [1]);
  const auto count_up_to = [&](uint64_t limit) {
    uint32_t own = 0;
    for (uint32_t i = threadIdx.x; i < count; i += threads) own += keys[i] <= limit;
    return block_sum(own);
  };
  const uint32_t distance =
      bisect(0, bar, k, [&](uint32_t value) { return count_up_to(uint64_t(value) << 32 | 0xffffffffu); });
  const uint64_t above = uint64_t(distance) << 32;
  uint32_t row = 0xffffffffu;
  if (count_up_to(above | row) > k) {
    row = bisect(0, row, k, [&](uint32_t value) { return count_up_to(above | value); });
  }
  if (threadIdx.x == 0) written[0] = 0;
  __syncthreads();
  for (uint32_t i = threadIdx.x; i < count; i += threads) {
    const uint64_t key = keys[i];
    if (key <= (above | row)) target[atomicAdd(written, 1)] = key;
  }
  __syncthreads();
  return distance;
}

/// Cuts what is best and what was found to the k best. One block.
__device__ void merge(const HammingWork &work, uint32_t query, uint64_t *staged, uint32_t staged_count_max) {
  MOULT_SHARED(uint32_t, staged_count, [1]);
  const uint32_t bar = __ldcg(work.bars + query), k = work.k;
  uint64_t *const best = work.best + uint64_t(query) * k;
  const uint64_t *const found = work.found + uint64_t(query) * work.room;
  const uint32_t before = __ldcg(work.best_counts + query), added = __ldcg(work.found_counts + query);
  const Keys keys = {best, found, before, before + added};
  __syncthreads();  // all have read the counts
  if (threadIdx.x == 0) {
    staged_count[0] = 0;
    work.found_counts[query] = 0;
    if (added) work.best_counts[query] = min(keys.count, k);
  }
  __syncthreads();
  if (keys.count <= k) {
    for (uint32_t i = threadIdx.x; i < added; i += threads) best[before + i] = __ldcg(found + i);
    return;
  }
  if (added == 0) return;
  for (uint32_t i = threadIdx.x; i < keys.count; i += threads) {
    const uint64_t key = keys[i];
    if (key >> 32 > bar) continue;
    const uint32_t place = atomicAdd(staged_count, 1);
    if (place < staged_count_max) staged[place] = key;
  }
  __syncthreads();
  uint32_t distance = 0;
  if (staged_count[0] <= k) {
    // Just k: a bar has k keys at or below it once it is lower than at first.
    for (uint32_t i = threadIdx.x; i < staged_count[0]; i += threads) best[i] = staged[i];
    distance = bar;
  } else if (staged_count[0] <= staged_count_max) {
    distance = write_smallest(staged, staged_count[0], k, bar, best);
  } else {
    uint64_t *const merged = work.merged + uint64_t(query) * k;
    distance = write_smallest(keys, keys.count, k, bar, merged);
    for (uint32_t i = threadIdx.x; i < k; i += threads) best[i] = __ldcg(merged + i);
  }
  if (threadIdx.x == 0) work.bars[query] = distance;
}

// MARK: Kernels

/// grid: groups of queries × tiles of rows.
template <int queries, typename Distance>
__global__ void __launch_bounds__(threads, queries == 1 ? 6 : queries == 4 ? 4 : 3)
    scan_tile(HammingWork work, uint32_t staged_count_max) {
  MOULT_SHARED_BYTES(memory);
  MOULT_SHARED(uint32_t, is_last, [1]);
  Distance *const distances = reinterpret_cast<Distance *>(memory);
  const uint32_t first_query = blockIdx.x * queries, tile = blockIdx.y;
  const uint4 *query[queries];
  MOULT_UNROLL
  for (int q = 0; q < queries; q++) {
    query[q] = work.queries + uint64_t(min(first_query + q, work.query_count - 1)) * work.chunks;
  }
  for (uint32_t local = threadIdx.x; local < hamming_tile_rows; local += threads) {
    const uint32_t row = tile * hamming_tile_rows + local;
    if (row < work.row_count && is_live(work.live, uint64_t(work.first_row) + row)) {
      row_distances<queries>(work.blocks + (uint64_t(row / 32) * work.chunks * 32 + row % 32), query, work.chunks,
                             distances + local);
    } else {
      MOULT_UNROLL
      for (int q = 0; q < queries; q++) distances[q * hamming_tile_rows + local] = no_distance<Distance>;
    }
  }
  __syncthreads();
  for (uint32_t q = warp_index(); q < queries && first_query + q < work.query_count; q += warps) {
    keep_best(distances + q * hamming_tile_rows, work.first_row + tile * hamming_tile_rows, work, first_query + q);
  }
  // Whoever comes last sees what all blocks of the group have written.
  __threadfence();
  __syncthreads();
  if (threadIdx.x == 0) is_last[0] = atomicAdd(work.finished + blockIdx.x, 1) == gridDim.y - 1;
  __syncthreads();
  if (!is_last[0]) return;
  __threadfence();
  for (uint32_t q = 0; q < queries && first_query + q < work.query_count; q++) {
    merge(work, first_query + q, reinterpret_cast<uint64_t *>(memory), staged_count_max);
    __syncthreads();
  }
  if (threadIdx.x == 0) work.finished[blockIdx.x] = 0;
}

/// Writes are contiguous; a row's bytes are read by as many threads as it has chunks. `stride`: in chunks.
__global__ void interleave(const uint4 *source, uint64_t stride, uint32_t chunks, uint64_t count, uint4 *blocks) {
  const uint64_t all = (count + 31) / 32 * chunks * 32;
  for (uint64_t i = global_thread(); i < all; i += thread_count()) {
    const uint64_t piece = i / 32, row = piece / chunks * 32 + i % 32;
    blocks[i] = row < count ? source[row * stride + piece % chunks] : make_uint4(0, 0, 0, 0);
  }
}

template <int queries, typename Distance>
void scan_groups(moult_device *device, const HammingWork &work) {
  const size_t shared_bytes = std::max(queries * hamming_tile_rows * sizeof(Distance), least_shared_bytes);
  const dim3 grid((work.query_count + queries - 1) / queries,
                  (work.row_count + hamming_tile_rows - 1) / hamming_tile_rows);
  device->launch("scan_tile", scan_tile<queries, Distance>, grid, dim3(threads), shared_bytes, device->work, work,
                 uint32_t(shared_bytes / sizeof(uint64_t)));
}

template <typename Distance>
void scan_queries(moult_device *device, const HammingWork &work) {
  if (work.query_count == 1) scan_groups<1, Distance>(device, work);
  else if (work.query_count <= 4) scan_groups<4, Distance>(device, work);
  else scan_groups<8, Distance>(device, work);
}

}  // namespace

void hamming_interleave(moult_device *device, const unsigned char *source, size_t stride, uint32_t chunks,
                        uint64_t count, uint4 *blocks) {
  const uint64_t all = (count + 31) / 32 * chunks * 32;
  device->launch("interleave", interleave, dim3(device->grid(all, threads)), dim3(threads), 0, device->work,
                 reinterpret_cast<const uint4 *>(source), uint64_t(stride / sizeof(uint4)), chunks, count, blocks);
}

void hamming_scan(moult_device *device, const HammingWork &work) {
  // 128 bits a chunk; one number is that of no distance.
  if (uint64_t(work.chunks) * 128 < 65535) scan_queries<uint16_t>(device, work);
  else scan_queries<uint32_t>(device, work);
}

// MARK: The host's side

namespace {

struct HammingCall {
  const uint8_t *rows;
  size_t stride;
  uint64_t count;
  const uint64_t *live;
  uint32_t bytes;
  const uint8_t *queries;
  size_t query_count;
  uint32_t k;
  Stop stop;
  moult_device_bit_hit *hits;
  uint32_t *counts;
};

/// Bytes of a tile of rows on its way to the device.
constexpr uint64_t tile_bytes = uint64_t(64) << 20;
/// Tiles of 2048 rows a launch: bounds `room`.
constexpr uint64_t launch_tiles = 1024;

/// Goes over all rows once, for `query_count` queries.
class HammingPass {
 public:
  HammingPass(moult_device *device, const HammingCall &call, const uint64_t *live, uint64_t tile_rows)
      : device_(device), call_(call), live_(live), tiles_(device, host_rows(call), tile_rows, 16, hamming_tile_rows) {
    chunks_ = uint32_t(tiles_.row_stride() / 16);
    k_ = uint32_t(std::min<uint64_t>(call.k, call.count));
    blocks_.allocate((tiles_.tile_rows() + 31) / 32 * 32 * chunks_);
    room_ = uint32_t(hamming_room(tiles_.tile_rows(), k_));
  }

  /// Returns how many queries it can do at once.
  uint64_t allocate(uint64_t query_count) {
    const uint64_t stride = tiles_.row_stride();
    uint64_t queries = 0;
    with_size(query_count, 1, [&](uint64_t n) {
      queries_.allocate(n * stride);
      best_.allocate(n * k_);
      bars_.allocate(n);
      best_counts_.allocate(n);
      queries = n;
    });
    // A quarter of what is left, for the lists of a launch.
    const uint64_t fitting = device_->free_bytes() / 4 / (8 * (uint64_t(room_) + k_));
    with_size(std::max<uint64_t>(8, std::min<uint64_t>(queries, fitting / 8 * 8)), 1, [&](uint64_t n) {
      found_.allocate(n * room_);
      merged_.allocate(n * k_);
      found_counts_.allocate(n);
      finished_.allocate(n);
      batch_ = n;
    });
    check(cudaMemsetAsync(found_counts_.get(), 0, batch_ * 4, device_->work), "clearing");
    check(cudaMemsetAsync(finished_.get(), 0, batch_ * 4, device_->work), "clearing");
    return queries;
  }

  void run(uint64_t first_query, uint64_t query_count) {
    upload_rows(device_, device_->work, queries_.get(), tiles_.row_stride(), call_.queries + first_query * call_.bytes,
                call_.bytes, call_.bytes, query_count);
    check(cudaMemsetAsync(best_counts_.get(), 0, query_count * 4, device_->work), "clearing");
    const std::vector<uint32_t> bars(query_count, hamming_first_bar(call_.bytes));
    upload(device_, device_->work, bars_.get(), bars.data(), query_count * 4);
    tiles_.run(call_.stop, [&](const unsigned char *tile, uint64_t first, uint64_t count, int) {
      hamming_interleave(device_, tile, tiles_.row_stride(), chunks_, count, blocks_.get());
      for (uint64_t q = 0; q < query_count; q += batch_) scan(q, std::min(batch_, query_count - q), first, count);
    });
    give(first_query, query_count);
  }

 private:
  static HostRows host_rows(const HammingCall &call) { return {call.rows, call.stride, call.bytes, call.count}; }

  void scan(uint64_t query, uint64_t query_count, uint64_t first, uint64_t count) {
    HammingWork work{};
    work.blocks = blocks_.get();
    work.row_count = uint32_t(count);
    work.first_row = uint32_t(first);
    work.live = live_;
    work.chunks = chunks_;
    work.queries = reinterpret_cast<const uint4 *>(queries_.get()) + query * chunks_;
    work.query_count = uint32_t(query_count);
    work.k = k_;
    work.bars = bars_.get() + query;
    work.best = best_.get() + query * k_;
    work.best_counts = best_counts_.get() + query;
    work.found = found_.get();
    work.found_counts = found_counts_.get();
    work.room = room_;
    work.merged = merged_.get();
    work.finished = finished_.get();
    hamming_scan(device_, work);
  }

  /// Keys come in no order; their order is that of the results.
  void give(uint64_t first_query, uint64_t query_count) {
    std::vector<uint64_t> keys(query_count * k_);
    uint32_t *const counts = call_.counts + first_query;
    download(device_, device_->work, counts, best_counts_.get(), query_count * 4);
    download(device_, device_->work, keys.data(), best_.get(), keys.size() * 8);
    for (uint64_t q = 0; q < query_count; q++) {
      uint64_t *const own = keys.data() + q * k_;
      std::sort(own, own + counts[q]);
      moult_device_bit_hit *const hits = call_.hits + (first_query + q) * call_.k;
      for (uint32_t i = 0; i < counts[q]; i++) hits[i] = {uint32_t(own[i] >> 32), uint32_t(own[i])};
    }
  }

  moult_device *device_;
  const HammingCall &call_;
  const uint64_t *live_;
  RowTiles tiles_;
  uint32_t chunks_ = 0, k_ = 0, room_ = 0;
  uint64_t batch_ = 0;
  DeviceBuffer<uint4> blocks_;
  DeviceBuffer<unsigned char> queries_;
  DeviceBuffer<uint64_t> best_, found_, merged_;
  DeviceBuffer<uint32_t> bars_, best_counts_, found_counts_, finished_;
};

}  // namespace
}  // namespace moult

moult_device_status cuda_hamming(moult_device *device, const uint8_t *rows, size_t stride, uint64_t count,
                                 const uint64_t *live, uint32_t bytes, const uint8_t *queries, size_t query_count,
                                 uint32_t k, const moult_device_stop *stop, moult_device_bit_hit *hits,
                                 uint32_t *counts) {
  using namespace moult;
  return call(device, [&] {
    if (count > UINT32_MAX || bytes == 0 || bytes > (1u << 28)) {
      throw Failure{MOULT_DEVICE_UNSUPPORTED, "rows of bits: their number or size"};
    }
    if (query_count == 0) return;
    if (count == 0 || k == 0) {
      std::fill(counts, counts + query_count, 0u);
      return;
    }
    const HammingCall task = {rows, stride, count, live, bytes, queries, query_count, k, Stop(stop), hits, counts};
    DeviceBuffer<uint64_t> live_words(live ? (count + 63) / 64 : 0);
    if (live) upload(device, device->work, live_words.get(), live, (count + 63) / 64 * 8);
    const uint64_t fitting = std::max<uint64_t>(1, tile_bytes / ((bytes + 15) / 16 * 16) / hamming_tile_rows);
    with_size(std::min(fitting, launch_tiles), 1, [&](uint64_t tiles) {
      HammingPass pass(device, task, live_words.get(), tiles * hamming_tile_rows);
      const uint64_t at_once = pass.allocate(query_count);
      for (uint64_t q = 0; q < query_count; q += at_once) pass.run(q, std::min<uint64_t>(at_once, query_count - q));
    });
  });
}
