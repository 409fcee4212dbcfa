#include "exact.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <algorithm>

#include "code.h"
#include "exact_int8.h"
#include "exact_scores.h"
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

// MARK: First bars

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
    // A way to order one.
    const char *const wanted = getenv("MOULT_DEVICE_SCAN");
    is_int8_wanted_ = wanted && strcmp(wanted, "int8") == 0;
    is_bf16_wanted_ = wanted && strcmp(wanted, "bf16") == 0;
#ifdef MOULT_EMULATED
    if (const char *const rows = getenv("MOULT_EMULATED_CHUNK_ROWS")) {
      chunk_rows_ = std::max<uint64_t>(row_tile, strtoull(rows, nullptr, 10) / row_tile * row_tile);
    }
#endif
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
        report->precision = int8_rows_ > 0 ? 8 : report->precision;
        done += count;
      });
    }
  }

 private:
  void search(const float *queries, uint32_t count, moult_device_hit *hits, uint32_t *counts,
              moult_device_exact_report *report) {
    prepare(queries, count);
    chunk_ = 0;
    is_worked_[0] = is_worked_[1] = false;
    seen_ = first_bars();
    int8_rows_ = 0;
    next_choice_ = is_int8_wanted_ ? 0 : chunk_rows_;
    for (uint64_t first = 0; first < set_.resident;) {
      if (int8_rows_ == 0 && first >= next_choice_) choose(set_.resident - first);
      const uint64_t rows = std::min(next_rows(), set_.resident - first);
      begin_chunk();
      const RowChunk chunk = {set_.floats.get() + first * set_.row_floats, set_.live.get() + first, first, rows};
      if (int8_rows_ > 0) {
        scan_int8(chunk);
      } else {
        const Panel panel = {set_.coded.codes.get() + first / row_tile * set_.coded.lines * row_line_bytes,
                             uint32_t((rows + row_tile - 1) / row_tile), set_.coded.lines};
        scan(panel, set_.coded.upper.get() + 2 * first, chunk);
      }
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
    const uint64_t rows = std::max<uint64_t>(seen_ * room_ / (4 * k_), room_) / row_tile * row_tile;
    return std::min(int8_rows_ > 0 ? int8_rows_ : chunk_rows_, rows);
  }

  Survivors survivors() const { return {group_.counts.get(), group_.found.get(), room_}; }

  /// Of rows whose bounds are `upper`, or in int8 `bounds`.
  template <bool is_distance>
  Collect<is_distance> collect(const float *upper, const Survivors &survivors) const {
    return {survivors, reinterpret_cast<const float4 *>(upper), group_.bars.get(), group_.gammas.get()};
  }
  template <bool is_distance>
  CollectInt8<is_distance> collect(const float4 *bounds, const Survivors &survivors) const {
    return {survivors, bounds, group_.int8.terms.get(), group_.bars.get()};
  }

  template <typename Codes, typename Bounds>
  void multiply_by(const Panel &panel, const DeviceBuffer<unsigned char> &codes, const Bounds *bounds,
                   const Survivors &survivors) {
    const Panel queries = {codes.get(), group_.tiles, panel.lines};
    if (set_.metric == MOULT_DEVICE_SQUARED_L2) {
      multiply<Codes>(device_, device_->path, "scan", queries, panel, collect<true>(bounds, survivors), device_->work);
    } else {
      multiply<Codes>(device_, device_->path, "scan", queries, panel, collect<false>(bounds, survivors), device_->work);
    }
  }

  void scan(const Panel &panel, const float *upper, const RowChunk &rows) {
    multiply_by<Bf16Codes>(panel, group_.codes, upper, survivors());
    score(rows);
  }

  void scan_int8(const RowChunk &rows) {
    const uint32_t lines = set_.int8.lines;
    const Panel panel = {set_.int8.codes.get() + rows.first_place / row_tile * lines * row_line_bytes,
                         uint32_t((rows.count + row_tile - 1) / row_tile), lines};
    multiply_by<Int8Codes>(panel, group_.int8.codes, set_.int8.bounds.get() + rows.first_place, survivors());
    score(rows);
  }

  /// Scores the survivors of a chunk.
  void score(const RowChunk &rows) {
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

  // MARK: int8 or not

  Tally tally(uint32_t narrow_most) {
    const uint32_t tiles = uint32_t(set_.sample.rows / row_tile);
    check(cudaMemsetAsync(group_.int8.tally.get(), 0, sizeof(Tally), device_->work), "memory");
    multiply_by<Int8Codes>({set_.int8_sample.codes.get(), tiles, set_.int8_sample.lines}, group_.int8.codes,
                           set_.int8_sample.bounds.get(), {group_.counts.get(), nullptr, UINT32_MAX});
    multiply_by<Bf16Codes>({set_.sample.codes.get(), tiles, set_.sample.lines}, group_.codes, set_.sample.upper.get(),
                           {group_.int8.narrow_counts.get(), nullptr, UINT32_MAX});
    device_->launch("tally", tally_kernel, device_->grid(group_.count, 256), 256, 0, device_->work, group_.counts.get(),
                    group_.int8.narrow_counts.get(), group_.count, narrow_most, group_.int8.tally.get());
    Tally found;
    download(device_, device_->work, &found, group_.int8.tally.get(), sizeof found);
    return found;
  }

  /// Measured by `describe`, or an H200's: only their ratios matter, beside the time that asking takes.
  struct Rates {
    double bytes, bf16_macs, int8_macs;
  };
  Rates rates() const {
#ifdef MOULT_EMULATED
    return {4e6, 4e8, 8e8};
#else
    const moult_device_info &info = device_->info;
    if (info.copy_bytes_per_s > 0 && info.bf16_macs_per_s > 0 && info.int8_macs_per_s > 0) {
      return {info.copy_bytes_per_s, info.bf16_macs_per_s, info.int8_macs_per_s};
    }
    return {4e12, 4e14, 8e14};
#endif
  }

  /// Decides whether the `left` rows that are left are scanned in int8: where that saves time by the model (bytes over
  /// the memory's rate, products over the matrix rate, survivors in float32 at half the memory's rate), with what the
  /// sample shows of how many rows each lets through. Bars only rise, so a no is asked again later.
  void choose(uint64_t left) {
    const bool is_first = next_choice_ <= chunk_rows_;
    next_choice_ = std::max<uint64_t>(4 * next_choice_, chunk_rows_);
    if (!device_->has_int8 || is_bf16_wanted_ || !set_.is_resident() || set_.int8_sample.rows == 0) return;
    const Rates own = rates();
    const double queries = group_.count, rows = double(left);
    const double wide_values = 128.0 * set_.int8_sample.lines, values = 64.0 * set_.coded.lines;
    const double bf16 = std::max(2 * values / own.bytes, queries * values / own.bf16_macs);
    const double int8 = std::max(wide_values / own.bytes, queries * wide_values / own.int8_macs);
    // Asking takes a tenth of a millisecond; what is saved is to be twice what is spent.
    const double saved = (bf16 - int8) * rows - 2e-4;
    if (!is_int8_wanted_ && saved <= 0) return;
    const double coding = set_.int8.rows > 0 ? 0 : double(set_.count) * (4 * values + wide_values) / own.bytes;
    if (!is_int8_wanted_ && set_.int8_saving + saved < 2 * coding) {
      // The next searches would have them too.
      if (is_first) set_.int8_saving += saved;
      return;
    }
    if (!group_.int8.is_there && !try_code_queries_int8(device_, set_, group_)) return;
    const uint64_t chunk_most = std::min(left, chunk_rows_);
    const Tally found = tally(uint32_t(uint64_t(room_) * set_.sample_count / chunk_most));
    const double more = (double(found.wide) - double(found.narrow)) / set_.sample_count;
    const double survivors = more * 4 * values / (own.bytes / 2);
    // Room for twice as many as the sample shows of the worst query; many small chunks are not worth it.
    const double fit = double(room_) * set_.sample_count / (2 * std::max(1.0, double(found.wide_most)));
    const uint64_t chunk = uint64_t(std::min(double(chunk_rows_), fit)) / row_tile * row_tile;
    if (!is_int8_wanted_ && (saved <= survivors * rows || chunk < chunk_rows_ / 8)) {
      set_.int8_saving = 0;
      return;
    }
    if (set_.int8.rows == 0) {
      // What a search may still need is left alone.
      const size_t bytes = size_t(set_.count) * (size_t(set_.int8_sample.lines) * line_bytes + sizeof(float4));
      if (bytes > device_->free_bytes() / 2 ||
          !set_.int8.try_code(device_, set_, set_.floats.get(), set_.live.get(), set_.count)) {
        return;
      }
    }
    int8_rows_ = std::max<uint64_t>(chunk, row_tile);
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
  /// Rows of a chunk that is scanned in int8; 0: bfloat16. When it is asked next.
  uint64_t int8_rows_ = 0, next_choice_ = 0;
  bool is_int8_wanted_ = false, is_bf16_wanted_ = false;
  uint64_t chunk_rows_ = chunk_rows_max;
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
