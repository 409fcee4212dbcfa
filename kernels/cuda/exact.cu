#include "exact.h"

#include <math.h>
#include <string.h>

#include <algorithm>

#include "code.h"
#include "families.h"

namespace moult {

namespace {

// MARK: Queries

/// A warp a query, whole tiles of them.
__global__ __launch_bounds__(256) void code_queries_kernel(const float *floats, uint32_t count, uint32_t padded,
                                                           uint32_t dimension, uint32_t lines,
                                                           moult_device_metric metric, const float *centre,
                                                           double centre_length, unsigned char *codes,
                                                           QueryTerms *terms, float *gammas, float *bars,
                                                           uint32_t *residual) {
  const uint32_t units = lines * 16;
  const bool is_distance = metric == MOULT_DEVICE_SQUARED_L2;
  for (uint64_t q = uint64_t(blockIdx.x) * 8 + uniform_warp(); q < padded; q += gridDim.x * 8) {
    const bool is_there = q < count;
    const float *const query = floats + q * dimension;
    double norm = 0, square = 0, product = 0;
    if (is_there) {
      norm = sqrt(warp_dot_f64(query, query, dimension));
      for (uint32_t j = lane_index(); j < dimension; j += 32) {
        const double c = double(centre[j]), difference = double(query[j]) - c;
        square += difference * difference;
        product += double(query[j]) * c;
      }
    }
    square = warp_sum(square);
    product = warp_sum(product);
    const double length = is_distance ? sqrt(square) : norm;
    // Beyond this the units overflow or say nothing; then all rows are scored.
    const bool is_sound = is_there && (is_distance ? length > 1e-12 && length < 1e15 : length > 0);
    const double inverse = is_sound ? 1 / length : 0;
    double lost = 0;
    for (uint32_t unit = lane_index(); unit < units; unit += 32) {
      double values[4];
      MOULT_UNROLL
      for (uint32_t e = 0; e < 4; e++) {
        const uint32_t j = 4 * unit + e;
        const bool is_in = is_sound && j < dimension;
        values[e] = is_in ? (double(query[j]) - (is_distance ? double(centre[j]) : 0)) * inverse : 0;
      }
      *unit_place(codes, query_tile, lines, q, unit) = coded(values, lost);
    }
    lost = warp_sum(lost);
    if (lane_index() != 0) continue;
    bars[q] = __uint_as_float(is_sound ? 0xff800000u : 0x7fffffffu);
    gammas[q] = is_distance && is_sound ? float(0.5 * inverse) : 0;
    if (!is_there) continue;
    QueryTerms own = {norm, 1, 0, 0};
    switch (metric) {
      case MOULT_DEVICE_COSINE:
        own.shift = -product * inverse;
        own.margin = 4e-11 * (1 + centre_length);
        break;
      case MOULT_DEVICE_INNER_PRODUCT:
        own.factor = inverse;
        own.shift = -product * inverse;
        own.margin = 4e-11 * centre_length;
        break;
      case MOULT_DEVICE_SQUARED_L2:
        own.factor = 0.5 * inverse;
        own.shift = 0.5 * length;
        own.margin = 4e-11 * length;
        break;
    }
    terms[q] = own;
    if (is_sound) {
      const float rest = __double2float_ru(sqrt(lost) * (1 + 1e-9) + 1e-13);
      atomicMax(residual, __float_as_uint(rest));
    }
  }
}

/// Of each row for the queries at hand: what is added to its sum, and its square.
__global__ __launch_bounds__(256) void bounds_kernel(RowBounds bounds, uint64_t count, const uint32_t *residual,
                                                     float2 *upper) {
  const double largest = double(__uint_as_float(*residual));
  for (uint64_t i = global_thread(); i < count; i += thread_count()) {
    upper[i] = make_float2(__double2float_ru(double(bounds.widths[i]) + largest * double(bounds.lengths[i])),
                           bounds.squares[i]);
  }
}

// MARK: The scan

template <bool is_distance>
struct Collect {
  const float4 *upper;  ///< of pairs of rows
  const float *bars, *gammas;
  uint32_t *counts, *found;
  uint32_t room;

  static constexpr bool marks = true;
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
  __device__ void keep(uint32_t q, uint32_t row) const {
    // Where there is no room any more nobody needs to queue up.
    if (__ldcg(counts + q) > room) return;
    const uint32_t place = atomicAdd(counts + q, 1u);
    if (place < room) found[size_t(q) * room + place] = row;
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

/// What a row's bound must reach for its score to possibly be one that in the scan's units is `bound`.
__device__ __forceinline__ float lowered(double bound, double magnitude, const QueryTerms &terms) {
  return __double2float_rd(bound - terms.margin - 1e-13 * magnitude);
}

/// The k-th largest lower bound of each query becomes its bar: a block a query, eight bits at a time.
__global__ __launch_bounds__(256) void first_bars_kernel(const float *lower, uint32_t stride, uint32_t rows,
                                                         uint32_t queries, uint32_t k, const QueryTerms *terms,
                                                         float *bars) {
  MOULT_SHARED(uint32_t, histogram, [256]);
  MOULT_SHARED(uint32_t, chosen, [2]);
  for (uint32_t q = blockIdx.x; q < queries; q += gridDim.x) {
    const float *const own = lower + size_t(q) * stride;
    uint32_t prefix = 0, left = k;
    for (int shift = 24; shift >= 0; shift -= 8) {
      histogram[threadIdx.x] = 0;
      __syncthreads();
      for (uint32_t i = threadIdx.x; i < rows; i += 256) {
        const float value = own[i];
        // Of rows without a code nothing is known: −∞ (and NaN, which there should be none of).
        const uint32_t key = value == value ? ordered(value) : 0;
        if (shift == 24 || (key ^ prefix) >> (shift + 8) == 0) atomicAdd(histogram + (key >> shift & 255), 1u);
      }
      __syncthreads();
      if (threadIdx.x == 0) {
        uint32_t digit = 255, rest = left;
        while (digit > 0 && histogram[digit] < rest) rest -= histogram[digit--];
        chosen[0] = digit;
        chosen[1] = rest;
      }
      __syncthreads();
      prefix |= chosen[0] << shift;
      left = chosen[1];
      __syncthreads();
    }
    if (threadIdx.x == 0) {
      const double bound = double(unordered(prefix));
      // NaN stays: such a query is scored against all rows.
      if (bars[q] == bars[q] && bound > -1e38) bars[q] = lowered(bound, fabs(bound), terms[q]);
    }
  }
}

// MARK: Scores in double

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

// MARK: A call

/// Rows of a chunk at most: a few milliseconds of work.
constexpr uint64_t chunk_rows_max = 1 << 16;

class Search {
 public:
  Search(moult_device *device, moult_device_set &set, uint32_t k, const Stop &stop)
      : device_(device), set_(set), k_(k), stop_(stop) {
    room_ = 2048;
    while (room_ < 8 * k) room_ *= 2;
    entries_ = 256;
    while (entries_ < 2 * k) entries_ *= 2;
    if (size_t(entries_) * 16 + 1024 > device->properties.sharedMemPerBlockOptin) {
      throw Failure{MOULT_DEVICE_UNSUPPORTED, "k = " + std::to_string(k) + " on this device"};
    }
    for (auto &event : worked_) check(cudaEventCreateWithFlags(&event, cudaEventDisableTiming), "an event");
  }
  ~Search() {
    for (auto &event : worked_) {
      if (event) static_cast<void>(cudaEventDestroy(event));
    }
  }

  void run(const float *queries, size_t query_count, moult_device_hit *hits, uint32_t *counts,
           moult_device_exact_report *report) {
    const uint32_t lines = lines_of(set_.dimension);
    const size_t bytes_per_query = QueryGroup::bytes_per_query(set_.dimension, lines, k_, room_);
    const size_t free = device_->free_bytes();
    size_t most = std::max<size_t>(query_tile, free / 2 / bytes_per_query);
    most = std::min<size_t>(std::min<size_t>(most, 16384), query_count);
    size_t done = 0;
    while (done < query_count) {
      with_size(std::min<size_t>(most, query_count - done), 1, [&](uint64_t count) {
        // A smaller group was all that there was room for: so it will be for the others.
        most = count;
        search(queries + done * set_.dimension, uint32_t(count), hits + done * k_, counts + done, report);
        done += count;
      });
    }
    report->precision = 16;
  }

 private:
  void search(const float *queries, uint32_t count, moult_device_hit *hits, uint32_t *counts,
              moult_device_exact_report *report) {
    prepare(queries, count);
    chunk_ = 0;
    is_worked_[0] = is_worked_[1] = false;
    seen_ = first_bars();
    for (uint64_t first = 0; first < set_.resident;) {
      const uint64_t rows = std::min(next_rows(), set_.resident - first);
      begin_chunk();
      const Panel panel = {set_.coded.codes.get() + first / row_tile * set_.coded.lines * row_line_bytes,
                           uint32_t((rows + row_tile - 1) / row_tile), set_.coded.lines};
      scan(panel, set_.coded.upper.get() + 2 * first,
           {set_.floats.get() + first * set_.row_floats, set_.live.get() + first, first, rows});
      end_chunk();
      first += rows;
    }
    if (!set_.is_resident()) stream();
    device_->synchronize(device_->work, "exact search");
    download(device_, device_->work, hits, group_.best.get(), size_t(count) * k_ * sizeof *hits);
    download(device_, device_->work, counts, group_.best_counts.get(), size_t(count) * sizeof *counts);
    if (set_.metric == MOULT_DEVICE_COSINE) answer_zeros(queries, count, hits, counts);
    std::vector<uint8_t> loose(count);
    download(device_, device_->work, loose.data(), group_.loose.get(), count);
    for (const uint8_t is_loose : loose) report->loose_queries += is_loose;
    unsigned long long scored = 0;
    download(device_, device_->work, &scored, group_.scored.get(), sizeof scored);
    report->scored += scored;
  }

  /// Zero vectors have no direction, and score 0 with all rows: theirs are the live rows of smallest numbers.
  void answer_zeros(const float *queries, uint32_t count, moult_device_hit *hits, uint32_t *counts) {
    for (uint32_t q = 0; q < count; q++) {
      const float *const query = queries + size_t(q) * set_.dimension;
      if (std::any_of(query, query + set_.dimension, [](float value) { return value != 0; })) continue;
      if (zero_hits_.empty()) find_zero_hits();
      std::copy(zero_hits_.begin(), zero_hits_.end(), hits + size_t(q) * k_);
      counts[q] = uint32_t(zero_hits_.size());
    }
  }
  void find_zero_hits() {
    std::vector<int64_t> numbers;
    for (const moult_device_rows &segment : set_.segments) {
      uint32_t taken = 0;
      for (uint64_t row = 0; row < segment.count && taken < k_; row++) {
        if (!is_live(segment.live, row)) continue;
        numbers.push_back(segment.first_row + int64_t(row));
        taken++;
      }
    }
    std::sort(numbers.begin(), numbers.end());
    numbers.resize(std::min<size_t>(numbers.size(), k_));
    for (const int64_t number : numbers) {
      moult_device_hit hit{};
      hit.row = number;
      zero_hits_.push_back(hit);
    }
  }

  void prepare(const float *queries, uint32_t count) {
    const uint32_t lines = lines_of(set_.dimension);
    group_ = QueryGroup();
    group_.count = count;
    group_.tiles = (count + query_tile - 1) / query_tile;
    group_.room = room_;
    const uint32_t padded = group_.tiles * query_tile;
    group_.floats.allocate(size_t(count) * set_.dimension);
    group_.codes.allocate(size_t(padded) * lines * line_bytes);
    group_.terms.allocate(count);
    group_.gammas.allocate(padded);
    group_.bars.allocate(padded);
    group_.counts.allocate(padded);
    group_.found.allocate(size_t(count) * room_);
    group_.best.allocate(size_t(count) * k_);
    group_.best_counts.allocate(count);
    group_.loose.allocate(count);
    // Slots for what is left over at ease; without any a loose query has one block.
    group_.loose_stride = std::min(set_.count, chunk_rows_max);
    const size_t slot_bytes = group_.loose_stride * sizeof(uint64_t);
    const size_t slots = std::min<size_t>(std::min(loose_slots_max, count), device_->free_bytes() / 8 / slot_bytes);
    group_.loose_count = uint32_t(slots);
    group_.loose_slots.allocate(count);
    group_.loose_keys.allocate(std::max<size_t>(1, slots * group_.loose_stride));
    group_.scored.allocate(1);
    group_.residual.allocate(1);
    cudaStream_t work = device_->work;
    check(cudaMemsetAsync(group_.counts.get(), 0, padded * sizeof(uint32_t), work), "memory");
    check(cudaMemsetAsync(group_.best.get(), 0, size_t(count) * k_ * sizeof(moult_device_hit), work), "memory");
    check(cudaMemsetAsync(group_.best_counts.get(), 0, count * sizeof(uint32_t), work), "memory");
    check(cudaMemsetAsync(group_.loose.get(), 0, count, work), "memory");
    check(cudaMemsetAsync(group_.scored.get(), 0, sizeof(unsigned long long), work), "memory");
    check(cudaMemsetAsync(group_.residual.get(), 0, sizeof(uint32_t), work), "memory");
    upload(device_, work, group_.floats.get(), queries, size_t(count) * set_.dimension * 4);
    device_->launch("codes of queries", code_queries_kernel, device_->grid(padded, 8), 256, 0, work,
                    group_.floats.get(), count, padded, set_.dimension, lines, set_.metric, set_.centre.get(),
                    set_.centre_length, group_.codes.get(), group_.terms.get(), group_.gammas.get(), group_.bars.get(),
                    group_.residual.get());
    set_bounds(set_.sample, set_.sample.rows);
    if (set_.resident) set_bounds(set_.coded, set_.coded.rows);
  }

  void set_bounds(CodedRows &rows, uint64_t count) {
    if (count == 0) return;
    device_->launch("bounds", bounds_kernel, device_->grid(count, 256), 256, 0, device_->work, rows.row_bounds(), count,
                    group_.residual.get(), reinterpret_cast<float2 *>(rows.upper.get()));
  }

  /// Bars from the sample; returns how many rows they are worth.
  uint64_t first_bars() {
    if (set_.sample_count < k_) return 0;
    // A tile of queries at a time, so that the matrix stays small.
    const uint32_t tiles_max = 8;
    const uint32_t stride = set_.sample_count;
    DeviceBuffer<float> lower;
    lower.allocate(size_t(std::min(group_.tiles, tiles_max)) * query_tile * stride);
    const uint32_t lines = set_.sample.lines;
    const Panel rows = {set_.sample.codes.get(), uint32_t(set_.sample.rows / row_tile), lines};
    for (uint32_t tile = 0; tile < group_.tiles; tile += tiles_max) {
      stop_.check();
      const uint32_t first = tile * query_tile;
      const uint32_t count = std::min(tiles_max * query_tile, group_.count - first);
      const Panel queries = {group_.codes.get() + size_t(tile) * lines * query_line_bytes,
                             std::min(tiles_max, group_.tiles - tile), lines};
      const LowerBounds epilogue = {reinterpret_cast<const float4 *>(set_.sample.upper.get()),
                                    group_.gammas.get() + first, lower.get(), stride, set_.sample_count, count};
      multiply(device_, device_->path, "lower bounds", queries, rows, epilogue, device_->work);
      device_->launch("first bars", first_bars_kernel, count, 256, 0, device_->work, lower.get(), stride,
                      set_.sample_count, count, k_, group_.terms.get() + first, group_.bars.get() + first);
    }
    device_->synchronize(device_->work, "first bars");
    return set_.sample_count;
  }

  /// So many rows that the survivors of a chunk, k·rows/seen of them if rows come in no order, have room.
  uint64_t next_rows() const {
    const uint64_t rows = seen_ * room_ / (4 * k_);
    return std::min(chunk_rows_max, std::max<uint64_t>(rows, room_) / row_tile * row_tile);
  }

  void scan(const Panel &panel, const float *upper, const RowChunk &rows) {
    const Panel queries = {group_.codes.get(), group_.tiles, panel.lines};
    const float4 *const pairs = reinterpret_cast<const float4 *>(upper);
    if (set_.metric == MOULT_DEVICE_SQUARED_L2) {
      const Collect<true> epilogue = {pairs, group_.bars.get(), group_.gammas.get(), group_.counts.get(),
                                      group_.found.get(), room_};
      multiply(device_, device_->path, "scan", queries, panel, epilogue, device_->work);
    } else {
      const Collect<false> epilogue = {pairs, group_.bars.get(), group_.gammas.get(), group_.counts.get(),
                                       group_.found.get(), room_};
      multiply(device_, device_->path, "scan", queries, panel, epilogue, device_->work);
    }
    const Scores scores = {rows, set_.runs.get(), set_.run_count, set_.row_floats, set_.dimension, set_.metric};
    const LooseRows loose = {group_.loose_slots.get(), group_.loose_keys.get(), group_.loose_count,
                             group_.loose_stride};
    if (loose.count > 0) {
      device_->launch("scores of loose queries", loose_scores_kernel, device_->grid(rows.count * loose.count, 8, 4), 256,
                      0, device_->work, scores, group_.count, group_.floats.get(), group_.terms.get(),
                      group_.bars.get(), group_.counts.get(), room_, loose);
    }
    device_->launch("scores", score_kernel, group_.count, 256, size_t(entries_) * 16, device_->work, scores,
                    group_.count, group_.floats.get(), group_.terms.get(), group_.bars.get(), group_.counts.get(),
                    group_.found.get(), room_, k_, group_.best.get(), group_.best_counts.get(), group_.loose.get(),
                    group_.scored.get(), entries_, loose);
    seen_ += rows.count;
  }

  /// At most two chunks are under way, so that a stop is heeded.
  void begin_chunk() {
    stop_.check();
    const int turn = int(chunk_ & 1);
    if (is_worked_[turn]) check(cudaEventSynchronize(worked_[turn]), "exact search");
  }
  void end_chunk() {
    const int turn = int(chunk_++ & 1);
    check(cudaEventRecord(worked_[turn], device_->work), "an event");
    is_worked_[turn] = true;
  }

  /// Rows that are not on the device come, are coded, scanned and scored, and make room for the next.
  void stream() {
    const uint32_t lines = lines_of(set_.dimension);
    const uint64_t count = set_.count - set_.resident;
    const uint64_t most = std::min((count + row_tile - 1) / row_tile * row_tile, chunk_rows_max);
    // What there was room for before is kept for the queries that follow.
    if (streamed_rows_ == 0) with_size(most, row_tile, [&](uint64_t rows) {
      rows = std::max<uint64_t>(row_tile, rows / row_tile * row_tile);
      for (int turn = 0; turn < 2; turn++) {
        streamed_floats_[turn].free();
        streamed_live_[turn].free();
      }
      streamed_.free();
      for (int turn = 0; turn < 2; turn++) {
        streamed_floats_[turn].allocate(rows * set_.row_floats);
        streamed_live_[turn].allocate(rows);
      }
      streamed_.allocate(rows, lines);
      streamed_rows_ = rows;
    });
    for (uint64_t first = set_.resident; first < set_.count;) {
      const uint64_t rows = std::min(std::min(next_rows(), streamed_rows_), set_.count - first);
      const int turn = int(chunk_ & 1);
      // The chunk before the last is done, and its memory free.
      begin_chunk();
      upload_places(device_, set_, device_->copies, first, rows, streamed_floats_[turn].get(),
                    streamed_live_[turn].get());
      wait_for(device_->work, device_->copies);
      code_rows(device_, set_, device_->work, streamed_floats_[turn].get(), streamed_live_[turn].get(), rows,
                streamed_);
      const uint64_t padded = (rows + row_tile - 1) / row_tile * row_tile;
      set_bounds(streamed_, padded);
      scan({streamed_.codes.get(), uint32_t(padded / row_tile), lines}, streamed_.upper.get(),
           {streamed_floats_[turn].get(), streamed_live_[turn].get(), first, rows});
      end_chunk();
      first += rows;
    }
  }

  moult_device *device_;
  moult_device_set &set_;
  uint32_t k_;
  const Stop &stop_;
  uint32_t room_, entries_;
  std::vector<moult_device_hit> zero_hits_;
  QueryGroup group_;
  uint64_t seen_ = 0, chunk_ = 0;
  cudaEvent_t worked_[2] = {};
  bool is_worked_[2] = {};
  DeviceBuffer<float> streamed_floats_[2];
  DeviceBuffer<uint8_t> streamed_live_[2];
  CodedRows streamed_;
  uint64_t streamed_rows_ = 0;
};

}  // namespace

}  // namespace moult

moult_device_status cuda_exact(moult_device *device, moult_device_set *set, const float *queries, size_t query_count,
                               uint32_t k, const moult_device_stop *stop, moult_device_hit *hits, uint32_t *counts,
                               moult_device_exact_report *report) {
  return moult::call(device, [&] {
    moult_device_exact_report found{};
    found.precision = 16;
    memset(counts, 0, query_count * sizeof *counts);
    if (k > 4096) throw moult::Failure{MOULT_DEVICE_UNSUPPORTED, "k = " + std::to_string(k)};
    if (query_count > 0 && k > 0 && set->live_count > 0) {
      const moult::Stop stopped(stop);
      stopped.check();
      moult::Search(device, *set, k, stopped).run(queries, query_count, hits, counts, &found);
    }
    if (report) *report = found;
  });
}
