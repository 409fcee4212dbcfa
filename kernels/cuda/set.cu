#include "set.h"

#include <math.h>
#include <string.h>

#include <memory>

#include "code.h"
#include "exact.h"
#include "families.h"

namespace moult {

namespace {

// MARK: Codes of rows

/// A warp a row.
__global__ __launch_bounds__(256) void code_rows_kernel(const float *floats, uint32_t row_floats, const uint8_t *live,
                                                        uint64_t count, uint64_t padded, uint32_t dimension,
                                                        uint32_t lines, moult_device_metric metric,
                                                        const float *centre, double centre_length,
                                                        unsigned char *codes, RowBounds bounds, uint64_t first_row) {
  const double length_max = metric == MOULT_DEVICE_SQUARED_L2 ? 1e15 : 1e30;
  const double roundings = double(64 * lines + 16) * 0x1p-22 + 0x1p-20;
  const uint32_t units = lines * 16;
  for (uint64_t i = uint64_t(blockIdx.x) * 8 + uniform_warp(); i < padded; i += gridDim.x * 8) {
    const uint64_t place = first_row + i;
    const bool is_there = i < count && live[i];
    const float *const row = floats + i * row_floats;
    double inverse = 1;
    if (is_there && metric == MOULT_DEVICE_COSINE) {
      const double norm = sqrt(warp_dot_f64(row, row, dimension));
      inverse = norm > 0 ? 1 / norm : 0;
    }
    double lost = 0, square = 0;
    if (is_there) {
      for (uint32_t unit = lane_index(); unit < units; unit += 32) {
        double values[4];
        MOULT_UNROLL
        for (uint32_t e = 0; e < 4; e++) {
          const uint32_t j = 4 * unit + e;
          values[e] = j < dimension ? double(row[j]) * inverse - double(centre[j]) : 0;
          square += values[e] * values[e];
        }
        *unit_place(codes, row_tile, lines, place, unit) = coded(values, lost);
      }
    }
    square = warp_sum(square);
    lost = warp_sum(lost);
    const double length = sqrt(square) * (1 + 1e-12), rest = sqrt(lost) * (1 + 1e-9);
    const bool is_coded = is_there && length < length_max;
    if (!is_coded) {
      for (uint32_t unit = lane_index(); unit < units; unit += 32) {
        *unit_place(codes, row_tile, lines, place, unit) = make_uint2(0, 0);
      }
    }
    if (lane_index() != 0) continue;
    if (!is_coded) {
      bounds.widths[place] = __uint_as_float(is_there ? 0x7f800000u : 0x7fffffffu);
      bounds.lengths[place] = 0;
      bounds.squares[place] = 0;
      continue;
    }
    const double width = code_length_max * rest + roundings * code_length_max * (length + rest) +
                         1e-11 * (length + centre_length) + 1e-30;
    bounds.widths[place] = __double2float_ru(width);
    bounds.lengths[place] = __double2float_ru(length);
    bounds.squares[place] =
        metric == MOULT_DEVICE_SQUARED_L2 ? __double2float_rd(square * (1 - 0x1p-20)) : 0;
  }
}

}  // namespace

void CodedRows::allocate(uint64_t count, uint32_t line_count) {
  rows = (count + row_tile - 1) / row_tile * row_tile;
  lines = line_count;
  codes.allocate(rows * lines * line_bytes);
  bounds.allocate(3 * rows);
  upper.allocate(2 * rows);
}

void CodedRows::free() {
  codes.free();
  bounds.free();
  upper.free();
  rows = 0;
}

void code_rows(moult_device *device, const moult_device_set &set, cudaStream_t stream, const float *floats,
               const uint8_t *live, uint64_t count, CodedRows &room, uint64_t first_row) {
  const uint64_t padded = (count + row_tile - 1) / row_tile * row_tile;
  if (padded == 0) return;
  device->launch("codes of rows", code_rows_kernel, device->grid(padded, 8), 256, 0, stream, floats, set.row_floats,
                 live, count, padded, set.dimension, room.lines, set.metric, set.centre.get(), set.centre_length,
                 room.codes.get(), room.row_bounds(), first_row);
}

void upload_places(moult_device *device, const moult_device_set &set, cudaStream_t stream, uint64_t first,
                   uint64_t count, float *target, uint8_t *live) {
  std::vector<uint8_t> flags(count);
  for (uint64_t done = 0; done < count;) {
    const auto [index, row] = set.find(first + done);
    const moult_device_rows &segment = set.segments[index];
    const uint64_t rows = std::min(count - done, segment.count - row);
    upload_rows(device, stream, target + done * set.row_floats, size_t(set.row_floats) * 4,
                static_cast<const unsigned char *>(segment.rows) + row * segment.stride, segment.stride,
                size_t(set.dimension) * 4, rows);
    for (uint64_t i = 0; i < rows; i++) {
      flags[done + i] = !segment.live || (segment.live[(row + i) / 64] >> (row + i) % 64 & 1);
    }
    done += rows;
  }
  upload(device, stream, live, flags.data(), count);
}

}  // namespace moult

// MARK: The set

std::pair<size_t, uint64_t> moult_device_set::find(uint64_t place) const {
  const size_t index =
      size_t(std::upper_bound(first_places.begin(), first_places.end() - 1, place) - first_places.begin()) - 1;
  return {index, place - first_places[index]};
}

const float *moult_device_set::row(uint64_t place) const {
  const auto [index, row] = find(place);
  return reinterpret_cast<const float *>(static_cast<const unsigned char *>(segments[index].rows) +
                                         row * segments[index].stride);
}

bool moult_device_set::is_live(uint64_t place) const {
  const auto [index, row] = find(place);
  const uint64_t *const live = segments[index].live;
  return !live || (live[row / 64] >> row % 64 & 1);
}

namespace {

using namespace moult;

/// Live places at even distances.
std::vector<uint64_t> sample_places(const moult_device_set &set) {
  const uint64_t wanted = std::min<uint64_t>(4096, std::max<uint64_t>(256, set.count / 64));
  const uint64_t step = std::max<uint64_t>(1, set.count / wanted);
  std::vector<uint64_t> places;
  for (uint64_t place = step / 2; place < set.count; place += step) {
    if (set.is_live(place)) places.push_back(place);
  }
  return places;
}

/// The mean of the sample, for cosine of the rows' directions. Rows much longer than most are left out: they would draw
/// it away from all others.
std::vector<float> mean(const moult_device_set &set, const std::vector<uint64_t> &places, double *length) {
  const uint32_t dimension = set.dimension;
  std::vector<double> lengths;
  for (const uint64_t place : places) {
    const float *const row = set.row(place);
    double square = 0;
    for (uint32_t j = 0; j < dimension; j++) square += double(row[j]) * row[j];
    lengths.push_back(sqrt(square));
  }
  std::vector<double> sorted = lengths;
  std::sort(sorted.begin(), sorted.end());
  const double longest = sorted.empty() ? 0 : std::min(1e15, 4 * sorted[sorted.size() / 2]);
  std::vector<double> sums(dimension, 0.0);
  double count = 0;
  for (size_t i = 0; i < places.size(); i++) {
    double scale = 1;
    if (set.metric == MOULT_DEVICE_COSINE) {
      if (lengths[i] == 0) continue;
      scale = 1 / lengths[i];
    } else if (lengths[i] > longest) {
      continue;
    }
    const float *const row = set.row(places[i]);
    for (uint32_t j = 0; j < dimension; j++) sums[j] += double(row[j]) * scale;
    count++;
  }
  std::vector<float> centre(dimension, 0.0f);
  double square = 0;
  for (uint32_t j = 0; j < dimension && count > 0; j++) {
    centre[j] = float(sums[j] / count);
    square += double(centre[j]) * centre[j];
  }
  *length = sqrt(square) * (1 + 1e-12);
  return centre;
}

void hold_sample(moult_device *device, moult_device_set &set, const std::vector<uint64_t> &places) {
  set.sample_count = uint32_t(places.size());
  if (places.empty()) return;
  std::vector<float> rows(places.size() * set.dimension);
  for (size_t i = 0; i < places.size(); i++) {
    memcpy(rows.data() + i * set.dimension, set.row(places[i]), size_t(set.dimension) * 4);
  }
  DeviceBuffer<float> floats(places.size() * set.row_floats);
  DeviceBuffer<uint8_t> live(places.size());
  set.sample.allocate(places.size(), lines_of(set.dimension));
  upload_rows(device, device->work, floats.get(), size_t(set.row_floats) * 4, rows.data(), size_t(set.dimension) * 4,
              size_t(set.dimension) * 4, places.size());
  check(cudaMemsetAsync(live.get(), 1, places.size(), device->work), "memory");
  code_rows(device, set, device->work, floats.get(), live.get(), places.size(), set.sample);
  set.int8_sample.try_code(device, set, floats.get(), live.get(), places.size());
  device->synchronize(device->work, "codes of the sample");
}

/// Rows that are put onto the device at once, and coded while the next ones come.
constexpr uint64_t hold_rows = 1 << 15;

void hold_rows_on_device(moult_device *device, moult_device_set &set) {
  const uint32_t lines = lines_of(set.dimension);
  const size_t bytes_per_row = size_t(set.row_floats) * 4 + 1 + CodedRows::bytes_per_row(lines);
  const size_t free = device->free_bytes();
  // What a search needs: tiles to stream where not all fits, queries and their survivors.
  const size_t reserve = std::min<size_t>(free / 4, size_t(4) << 30);
  uint64_t most = std::min<uint64_t>(set.count, (free - reserve) / bytes_per_row);
  if (most < set.count) most = most / row_tile * row_tile;
  if (most == 0) return;
  try {
    with_size(most, std::min<uint64_t>(most, 4 * row_tile), [&](uint64_t rows) {
      if (rows < set.count) rows = std::max<uint64_t>(row_tile, rows / row_tile * row_tile);
      set.floats.free();
      set.live.free();
      set.coded.free();
      set.floats.allocate(rows * set.row_floats);
      set.live.allocate(rows);
      set.coded.allocate(rows, lines);
      set.resident = rows;
    });
  } catch (const Failure &failure) {
    if (failure.status != MOULT_DEVICE_OUT_OF_MEMORY) throw;
    set.floats.free();
    set.live.free();
    set.coded.free();
    set.resident = 0;
    return;
  }
  for (uint64_t first = 0; first < set.resident; first += hold_rows) {
    const uint64_t count = std::min(hold_rows, set.resident - first);
    upload_places(device, set, device->copies, first, count, set.floats.get() + first * set.row_floats,
                  set.live.get() + first);
    wait_for(device->work, device->copies);
    code_rows(device, set, device->work, set.floats.get() + first * set.row_floats, set.live.get() + first, count,
              set.coded, first);
  }
  device->synchronize(device->work, "codes of rows");
}

}  // namespace

moult_device_status cuda_hold(moult_device *device, const moult_device_rows *segments, size_t segment_count,
                              uint32_t dimension, moult_device_metric metric, moult_device_set **result) {
  *result = nullptr;
  return call(device, [&] {
    if (dimension == 0 || dimension > 32768) {
      throw Failure{MOULT_DEVICE_UNSUPPORTED, "dimension " + std::to_string(dimension)};
    }
    auto set = std::make_unique<moult_device_set>();
    set->dimension = dimension;
    set->metric = metric;
    set->row_floats = (dimension + 3) / 4 * 4;
    std::vector<RowRun> runs;
    for (size_t i = 0; i < segment_count; i++) {
      if (segments[i].count == 0) continue;
      set->segments.push_back(segments[i]);
      set->first_places.push_back(set->count);
      runs.push_back({set->count, segments[i].first_row});
      set->count += segments[i].count;
      for (uint64_t word = 0; segments[i].live && word < (segments[i].count + 63) / 64; word++) {
        const uint64_t rest = segments[i].count - 64 * word;
        const uint64_t mask = rest >= 64 ? ~uint64_t(0) : (uint64_t(1) << rest) - 1;
        set->live_count += uint64_t(__builtin_popcountll(segments[i].live[word] & mask));
      }
      if (!segments[i].live) set->live_count += segments[i].count;
    }
    set->first_places.push_back(set->count);
    if (set->count > 0xffffffffu) throw Failure{MOULT_DEVICE_UNSUPPORTED, "more than 2³² − 1 rows"};
    if (set->count > 0) {
      const std::vector<uint64_t> places = sample_places(*set);
      const std::vector<float> centre = mean(*set, places, &set->centre_length);
      set->centre.allocate(dimension);
      upload(device, device->work, set->centre.get(), centre.data(), size_t(dimension) * 4);
      set->run_count = uint32_t(runs.size());
      set->runs.allocate(runs.size());
      upload(device, device->work, set->runs.get(), runs.data(), runs.size() * sizeof(RowRun));
      hold_sample(device, *set, places);
      hold_rows_on_device(device, *set);
    }
    *result = set.release();
  });
}

void cuda_release(moult_device *device, moult_device_set *set) {
  // Also on a device that is lost: `cudaFree` fails there, and the host's part goes.
  std::lock_guard<std::mutex> lock(device->mutex);
  static_cast<void>(cudaSetDevice(device->ordinal));
  delete set;
  static_cast<void>(cudaGetLastError());
}
