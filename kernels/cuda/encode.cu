// Codes of integer levels: rows are normalized, centred, rotated, coded, packed and measured in one kernel, a warp a
// row, with nothing in memory between. Codes and side data are the bytes of LevelQuantizer.
//
// A warp holds a row as rotate.h has it. The 32 lanes of the sums in double (kernels.h) are the 32 lanes of the warp,
// a segment of 32 dimensions is one value of every lane, and each step of the bisection among the thresholds is one
// bit of all 32 codes: one vote. Lane s keeps the votes of segment s and brings their bits into the order of
// moult_zone, all segments at once. The sums of a factor go over 16 lanes by turns: lane m adds its product and then
// lane m + 16's.
//
// Bound, 768 dimensions to 4 bits: 3072 bytes read and 392 written, 1.24 G rows a second at 4.3 TB/s of copying. But
// the rotation alone is 336 cycles of issuing (rotate.h), all of it some 540: about 2150 instructions a warp, of which
// the sums in double are 190, codes 340, factor 100, votes 200. 132 multiprocessors at 1.75 GHz: 0.43 G rows a second,
// a third of what copying would give. The order of additions is the contract, so neither tensor cores nor fewer
// additions may help; without a rotation (encode_u8.cu) memory is the bound.
//
// With learned directions a row is a product with a matrix, so there are three kernels: rows are centred, mapped
// (map_rows.cu) and coded, and 8·dimension + 8·rotated bytes a row are written and read between. The product is the
// bound.
//
// A grid is searched from the values where they lie, 48 scales a row: about 25 instructions a segment and scale, so some
// 30,000 a warp with 768 dimensions, 30 M rows a second.
//
// Resources: 64 registers up to 16 columns, 80 up to 32, 128 up to 64, 254 with 96, without spills; 4·rotated bytes of
// shared memory a warp and 4·rotated a block. Learned directions: 28 to centre, 64 to code.
#include "encode.h"

#include "families.h"
#include "rotate.h"

namespace moult {
namespace {

constexpr uint32_t warps_max = 8;

// MARK: Packing

/// The 16 low bits at even places.
__device__ __forceinline__ uint32_t spread_2(uint32_t bits) {
  bits &= 0xffff;
  bits = (bits | bits << 8) & 0x00ff00ff;
  bits = (bits | bits << 4) & 0x0f0f0f0f;
  bits = (bits | bits << 2) & 0x33333333;
  return (bits | bits << 1) & 0x55555555;
}

/// The 8 low bits at every fourth place.
__device__ __forceinline__ uint32_t spread_4(uint32_t bits) {
  bits &= 0xff;
  bits = (bits | bits << 12) & 0x000f000f;
  bits = (bits | bits << 6) & 0x03030303;
  return (bits | bits << 3) & 0x11111111;
}

/// The high bits of 3-bit codes: byte b has dimensions 4b … 4b+3 and 16+4b … 16+4b+3.
__device__ __forceinline__ uint32_t high_word_3(uint32_t bits) {
  uint32_t low = bits & 0xffff, high = bits >> 16;
  low = (low | low << 8) & 0x00ff00ff;
  high = (high | high << 8) & 0x00ff00ff;
  low = (low | low << 4) & 0x0f0f0f0f;
  high = (high | high << 4) & 0x0f0f0f0f;
  return low | high << 4;
}

/// The high bits of 5-bit codes: byte b has dimensions 8k+2b and 8k+2b+1, k = 0 … 3: a 4 × 4 matrix of pairs,
/// transposed.
__device__ __forceinline__ uint32_t high_word_5(uint32_t bits) {
  uint32_t swapped = (bits ^ bits >> 6) & 0x00cc00cc;
  bits ^= swapped | swapped << 6;
  swapped = (bits ^ bits >> 12) & 0x0000f0f0;
  return bits ^ (swapped | swapped << 12);
}

/// The words of a segment from its codes' bits, planes[b] the b-th of all 32.
template <int bits>
__device__ __forceinline__ void pack(const uint32_t (&planes)[bits], uint32_t (&words)[bits]) {
  if constexpr (bits == 1) {
    words[0] = planes[0];
  } else if constexpr (bits == 2 || bits == 3) {
    words[0] = spread_2(planes[0]) | spread_2(planes[1]) << 1;
    words[1] = spread_2(planes[0] >> 16) | spread_2(planes[1] >> 16) << 1;
    if constexpr (bits == 3) words[2] = high_word_3(planes[2]);
  } else {
    MOULT_UNROLL
    for (int k = 0; k < 4; k++) {
      words[k] = spread_4(planes[0] >> 8 * k) | spread_4(planes[1] >> 8 * k) << 1 | spread_4(planes[2] >> 8 * k) << 2 |
                 spread_4(planes[3] >> 8 * k) << 3;
    }
    if constexpr (bits == 5) words[4] = high_word_5(planes[4]);
  }
}

template <int bits>
__device__ __forceinline__ void store_words(const uint32_t (&words)[bits], uint32_t *target) {
  if constexpr (bits == 4) {
    if ((reinterpret_cast<uintptr_t>(target) & 15) == 0) {
      __stcs(reinterpret_cast<uint4 *>(target), make_uint4(words[0], words[1], words[2], words[3]));
      return;
    }
  }
  MOULT_UNROLL
  for (int k = 0; k < bits; k++) target[k] = words[k];
}

// MARK: Codes

/// Adds two products a lane of 16, in the order of encode_levels: dimension j before j + 16.
__device__ __forceinline__ float add_pair(float sum, float product) {
  const float later = __shfl_down_sync(full_warp, product, 16);
  return __fadd_rn(__fadd_rn(sum, product), later);
}

/// The 16 lanes folded 8, 4, 2, 1, in all lanes.
__device__ __forceinline__ float fold_16(float sum) {
  MOULT_UNROLL
  for (int half = 8; half > 0; half /= 2) sum = __fadd_rn(sum, __shfl_xor_sync(full_warp, sum, half));
  return __shfl_sync(full_warp, sum, 0);
}

/// Codes of some segments; `values`: the lane's own, 32 apart. Returns Σ value·level.
template <int bits>
__device__ __forceinline__ float encode_run(const float *values, uint32_t segments, float scale,
                                            const LevelTable &table, uint32_t *codes) {
  const unsigned lane = lane_index();
  float sum = 0;
  for (uint32_t first = 0; first < segments; first += 32) {
    const uint32_t now = min(segments - first, 32u);
    uint32_t planes[bits] = {};
#ifndef MOULT_EMULATED
#pragma unroll 4
#endif
    for (uint32_t s = 0; s < now; s++) {
      const float own = values[32 * (first + s)];
      const float scaled = __fmul_rn(own, scale);
      uint32_t code = 0;
      MOULT_UNROLL
      for (int b = bits - 1; b >= 0; b--) {
        const bool reaches = table.thresholds[code + (1u << b) - 1] <= scaled;
        if (reaches) code += 1u << b;
        const uint32_t plane = __ballot_sync(full_warp, reaches);
        if (lane == s) planes[b] = plane;
      }
      sum = add_pair(sum, __fmul_rn(own, table.levels[code]));
    }
    if (lane < now) {
      uint32_t words[bits];
      pack<bits>(planes, words);
      store_words<bits>(words, codes + (first + lane) * bits);
    }
  }
  return fold_16(sum);
}

/// Codes of a byte: the level, −127 … 127, + 128.
__device__ __forceinline__ float encode_run_8(const float *values, uint32_t segments, float scale, uint32_t *codes) {
  const unsigned lane = lane_index();
  uint8_t *const bytes = reinterpret_cast<uint8_t *>(codes) + lane;
  float sum = 0;
#ifndef MOULT_EMULATED
#pragma unroll 4
#endif
  for (uint32_t s = 0; s < segments; s++) {
    const float own = values[32 * s];
    const float clamped = fminf(fmaxf(__fmul_rn(own, scale), -127.0f), 127.0f);
    // 1.5·2²³: beside it a number is rounded to an integer, ties to even, and stands in the low bits.
    const float shifted = __fadd_rn(clamped, 12582912.0f);
    bytes[32 * s] = uint8_t(__float_as_uint(shifted) + 128);
    sum = add_pair(sum, __fmul_rn(own, __fsub_rn(shifted, 12582912.0f)));
  }
  return fold_16(sum);
}

__device__ __forceinline__ float encode_segments(const float *values, float scale, const LevelRun &run,
                                                 const LevelTable &table, uint32_t *codes) {
  switch (run.bits) {
    case 1: return encode_run<1>(values, run.segments, scale, table, codes);
    case 2: return encode_run<2>(values, run.segments, scale, table, codes);
    case 3: return encode_run<3>(values, run.segments, scale, table, codes);
    case 4: return encode_run<4>(values, run.segments, scale, table, codes);
    case 5: return encode_run<5>(values, run.segments, scale, table, codes);
    default: return encode_run_8(values, run.segments, scale, codes);
  }
}

/// How near a code of this scale points to the values: Σ value·level/√Σ level². The lane's own values, 32 apart.
template <int bits>
__device__ __forceinline__ double try_scale(const float *values, uint32_t segments, float scale,
                                            const LevelTable &table) {
  float sum = 0;
  uint32_t squares = 0;  // at most 32 768·127²
  for (uint32_t s = 0; s < segments; s++) {
    const float own = values[32 * s], scaled = __fmul_rn(own, scale);
    uint32_t code = 0;
    MOULT_UNROLL
    for (int b = bits - 1; b >= 0; b--) {
      if (table.thresholds[code + (1u << b) - 1] <= scaled) code += 1u << b;
    }
    const float level = table.levels[code];
    sum = add_pair(sum, __fmul_rn(own, level));
    squares += uint32_t(__fmul_rn(level, level));
  }
  squares = __reduce_add_sync(full_warp, squares);
  return squares > 0 ? __ddiv_rn(double(fold_16(sum)), __dsqrt_rn(double(squares))) : 0;
}

/// Of a grid's scales the one whose code points nearest to the values.
template <int bits>
__device__ __forceinline__ float best_scale(const EncodeLevelsWork &work, const float *values, float inverse,
                                            const LevelTable &table) {
  const float widest = __fmul_rn(__fmul_rn(inverse, __fsqrt_rn(float(work.rotated))), float((1 << bits) - 1));
  double best_cosine = -1;
  float best = 0;
  for (uint32_t i = 0; i < work.reach_count; i++) {
    float scale = __fdiv_rn(widest, __ldg(work.reaches + i));
    if (!is_finite(scale)) scale = 0;
    const double cosine = try_scale<bits>(values, work.rotated / 32, scale, table);
    if (cosine > best_cosine) {
      best_cosine = cosine;
      best = scale;
    }
  }
  return best;
}

__device__ __forceinline__ float grid_scale(const EncodeLevelsWork &work, const float *values, float inverse,
                                            const LevelRun &run, const LevelTable &table) {
  switch (run.bits) {
    case 1: return best_scale<1>(work, values, inverse, table);
    case 2: return best_scale<2>(work, values, inverse, table);
    case 3: return best_scale<3>(work, values, inverse, table);
    case 4: return best_scale<4>(work, values, inverse, table);
    default: return best_scale<5>(work, values, inverse, table);
  }
}

/// For the whole block, into its shared memory.
__device__ __forceinline__ void load_tables(const EncodeLevelsWork &work, LevelTable *tables) {
  const uint32_t words = work.table_count * uint32_t(sizeof(LevelTable) / 4);
  for (uint32_t i = threadIdx.x; i < words; i += blockDim.x) {
    reinterpret_cast<uint32_t *>(tables)[i] = reinterpret_cast<const uint32_t *>(work.tables)[i];
  }
}

/// Sums of the rotation may have overflowed from 10³⁶ on; such a vector has no direction.
__device__ __forceinline__ bool is_directed(double square) { return square < 1e72; }

/// Codes and side data of a row from its rotated values, the lane's own 32 apart; `covered` is their length squared.
__device__ __forceinline__ void encode_rotated(const EncodeLevelsWork &work, const LevelTable *tables, uint64_t row,
                                               const float *own, const CentredSums &sums, double covered) {
  float inverse = sums.square > 0 ? __double2float_rn(inverse_root(sums.square)) : 0;
  if (!is_finite(inverse)) inverse = 0;
  double dot = 0;
  uint32_t *codes = work.codes + row * work.row_words;
  for (uint32_t r = 0; r < work.run_count; r++) {
    const LevelRun run = work.runs[r];
    float scale = __fdiv_rn(inverse, run.divisor);
    if (run.bits == 8) scale = __fdiv_rn(scale, run.unit);
    if (!is_finite(scale)) scale = 0;
    if (work.reaches) scale = grid_scale(work, own, inverse, run, tables[run.table]);
    dot = add_product(dot, run.gain, encode_segments(own, scale, run, tables[run.table], codes));
    own += 32 * run.segments;
    codes += run.bits * run.segments;
  }
  if (work.side && lane_index() == 0) {
    const double ratio = dot > 0 && covered > 0 ? __ddiv_rn(covered, dot) : 0;
    // A quarter of the largest float.
    float factor = ratio < 8.5070586659632146e+37 ? __double2float_rn(ratio) : 0;
    if (work.is_distance) factor = __fmul_rn(2, factor);
    work.side[row] = make_float2(factor, __double2float_rn(work.is_distance ? -sums.square : sums.along));
  }
}

// MARK: Rows

/// The values of a lane: in registers, or, for `columns` = 0, in shared memory.
template <int columns>
struct Column {
  float own[columns];
  __device__ __forceinline__ Column(float *, uint32_t) {}
  __device__ __forceinline__ uint32_t count() const { return columns; }
  __device__ __forceinline__ float &operator[](uint32_t h) { return own[h]; }
};
template <>
struct Column<0> {
  float *own;
  uint32_t number;
  __device__ __forceinline__ Column(float *place, uint32_t count) : own(place), number(count) {}
  __device__ __forceinline__ uint32_t count() const { return number; }
  __device__ __forceinline__ float &operator[](uint32_t h) { return own[32 * h]; }
};

template <int columns>
struct Rotator {
  LaneSigns<columns> signs;
  __device__ __forceinline__ Rotator(const uint32_t *words) { signs.load(words); }
  __device__ __forceinline__ void rotate_values(Column<columns> &column) const { rotate<columns>(column.own, signs); }
};
template <>
struct Rotator<0> {
  const uint32_t *signs;
  __device__ __forceinline__ Rotator(const uint32_t *words) : signs(words) {}
  __device__ __forceinline__ void rotate_values(Column<0> &column) const {
    rotate_column(column.own, column.number, signs);
  }
};

/// Scales a row to unit length, as VectorNorm.normalize: by a float where the norm is an ordinary one, else in double.
template <int columns>
__device__ __forceinline__ void normalize(Column<columns> &column) {
  double square = 0;
  MOULT_UNROLL
  for (uint32_t h = 0; h < column.count(); h++) square = add_product(square, column[h], column[h]);
  square = warp_sum(square);
  if (is_scalable(square)) {
    const float factor = __double2float_rn(inverse_root(square));
    MOULT_UNROLL
    for (uint32_t h = 0; h < column.count(); h++) column[h] = __fmul_rn(column[h], factor);
  } else {
    const double factor = square > 0 ? inverse_root(square) : 0;
    MOULT_UNROLL
    for (uint32_t h = 0; h < column.count(); h++) {
      column[h] = __double2float_rn(__dmul_rn(double(column[h]), factor));
    }
  }
}

/// Blocks of 256 threads that a multiprocessor's 65 536 registers are to hold.
constexpr int blocks_least(int columns) { return columns <= 16 ? 4 : columns <= 32 ? 3 : columns <= 64 ? 2 : 1; }

/// shared memory: the centre (not for columns = 0), and the values of each warp's row.
template <int columns>
__global__ void __launch_bounds__(32 * warps_max, blocks_least(columns)) encode_levels_kernel(EncodeLevelsWork work) {
  MOULT_SHARED_BYTES(memory);
  MOULT_SHARED(LevelTable, tables, [level_tables_max]);
  const unsigned lane = lane_index();
  const uint32_t column_count = columns ? columns : work.rotated / 32;
  float *const shared_centre = reinterpret_cast<float *>(memory);
  float *const values = shared_centre + (columns ? work.rotated : 0) + warp_index() * work.rotated + lane;
  load_tables(work, tables);
  if (columns) {
    for (uint32_t i = threadIdx.x; i < work.rotated; i += blockDim.x) {
      shared_centre[i] = i < work.dimension ? work.centre[i] : 0;
    }
  }
  __syncthreads();
  const Rotator<columns> rotator(work.signs);
  Column<columns> column(values, column_count);
  const uint32_t warps = blockDim.x / 32;
  for (uint64_t row = uint64_t(blockIdx.x) * warps + uniform_warp(); row < work.count;
       row += uint64_t(gridDim.x) * warps) {
    const float *const source = work.rows + row * work.stride;
    MOULT_UNROLL
    for (uint32_t h = 0; h < column.count(); h++) {
      const uint32_t i = 32 * h + lane;
      column[h] = i < work.dimension ? __ldcs(source + i) : 0;
    }
    if (work.normalizes) normalize<columns>(column);
    double square = 0, along = 0;
    MOULT_UNROLL
    for (uint32_t h = 0; h < column.count(); h++) {
      const uint32_t i = 32 * h + lane;
      const float centre = columns ? shared_centre[i] : i < work.dimension ? __ldg(work.centre + i) : 0;
      const float difference = __fsub_rn(column[h], centre);
      column[h] = difference;
      square = add_product(square, difference, difference);
      if (!work.is_distance) along = add_product(along, difference, centre);
    }
    square = warp_sum(square);
    if (!work.is_distance) along = warp_sum(along);
    rotator.rotate_values(column);
    MOULT_UNROLL
    for (uint32_t h = 0; h < column.count(); h++) values[32 * h] = is_directed(square) ? column[h] : 0;
    encode_rotated(work, tables, row, values, {square, along}, square);
    __syncwarp();
  }
}

// MARK: Learned directions

/// Rows of unit length where that is wanted, less the centre, and what is known of them; a warp a row.
__global__ void __launch_bounds__(32 * warps_max) centre_kernel(EncodeLevelsWork work, float *centred,
                                                                CentredSums *sums) {
  const unsigned lane = lane_index();
  const uint32_t warps = blockDim.x / 32;
  for (uint64_t row = uint64_t(blockIdx.x) * warps + uniform_warp(); row < work.count;
       row += uint64_t(gridDim.x) * warps) {
    const float *const source = work.rows + row * work.stride;
    float *const target = centred + row * work.dimension;
    double given = 0;
    if (work.normalizes) {
      for (uint32_t i = lane; i < work.dimension; i += 32) given = add_product(given, source[i], source[i]);
      given = warp_sum(given);
    }
    const bool is_ordinary = is_scalable(given);
    const double factor = work.normalizes && given > 0 ? inverse_root(given) : 0;
    const float rounded = __double2float_rn(factor);
    double square = 0, along = 0;
    for (uint32_t i = lane; i < work.dimension; i += 32) {
      float value = source[i];
      if (work.normalizes) {
        value = is_ordinary ? __fmul_rn(value, rounded) : __double2float_rn(__dmul_rn(double(value), factor));
      }
      const float centre = __ldg(work.centre + i), difference = __fsub_rn(value, centre);
      target[i] = difference;
      square = add_product(square, difference, difference);
      if (!work.is_distance) along = add_product(along, difference, centre);
    }
    square = warp_sum(square);
    if (!work.is_distance) along = warp_sum(along);
    if (lane == 0) sums[row] = {square, along};
  }
}

/// Rows that are rotated already; those without a direction are cleared. A warp a row.
__global__ void __launch_bounds__(32 * warps_max, 4) encode_turned_kernel(EncodeLevelsWork work, float *turned,
                                                                          const CentredSums *sums) {
  MOULT_SHARED(LevelTable, tables, [level_tables_max]);
  load_tables(work, tables);
  __syncthreads();
  const uint32_t warps = blockDim.x / 32;
  for (uint64_t row = uint64_t(blockIdx.x) * warps + uniform_warp(); row < work.count;
       row += uint64_t(gridDim.x) * warps) {
    float *const own = turned + row * work.rotated + lane_index();
    const CentredSums known = sums[row];
    double covered = 0;
    for (uint32_t i = 0; i < work.rotated; i += 32) {
      if (!is_directed(known.square)) own[i] = 0;
      covered = add_product(covered, own[i], own[i]);
    }
    encode_rotated(work, tables, row, own, known, warp_sum(covered));
  }
}

template <int columns>
void launch_columns(moult_device *device, const EncodeLevelsWork &work, cudaStream_t stream) {
  const size_t row_bytes = 4 * size_t(work.rotated);
  // Less the tables, and 1 KiB that the device takes of every block.
  static_assert(sizeof(LevelTable) * level_tables_max + 1024 <= 6 << 10, "shared memory of a kernel's own");
  const size_t centre_bytes = columns ? row_bytes : 0;
  const size_t room = std::min(device->properties.sharedMemPerBlockOptin - (6 << 10), (size_t(96) << 10) + centre_bytes);
  const size_t fitting = room > centre_bytes ? (room - centre_bytes) / row_bytes : 0;
  const uint32_t warps = uint32_t(std::max<size_t>(1, std::min<size_t>(warps_max, fitting)));
  const size_t shared_bytes = row_bytes * warps + centre_bytes;
  const unsigned per_multiprocessor = unsigned(std::max<size_t>(1, std::min<size_t>(6, (220 << 10) / shared_bytes)));
  device->launch("encode_levels", encode_levels_kernel<columns>,
                 dim3(device->grid(work.count, warps, per_multiprocessor)), dim3(32 * warps), shared_bytes, stream,
                 work);
}

}  // namespace

void encode_levels(moult_device *device, const EncodeLevelsWork &work, cudaStream_t stream) {
  switch (work.rotated / 32) {
    case 4: return launch_columns<4>(device, work, stream);
    case 8: return launch_columns<8>(device, work, stream);
    case 12: return launch_columns<12>(device, work, stream);
    case 16: return launch_columns<16>(device, work, stream);
    case 24: return launch_columns<24>(device, work, stream);
    case 32: return launch_columns<32>(device, work, stream);
    case 48: return launch_columns<48>(device, work, stream);
    case 64: return launch_columns<64>(device, work, stream);
    case 96: return launch_columns<96>(device, work, stream);
    default: return launch_columns<0>(device, work, stream);
  }
}

// MARK: The host's side

namespace {

[[noreturn]] void refuse(const char *what) { throw Failure{MOULT_DEVICE_UNSUPPORTED, what}; }

/// The number of a run's table, which is added where no run before it has the same.
uint32_t table_number(const moult_device_level_run &run, std::vector<LevelTable> &tables) {
  if (run.bits == 8) return 0;
  if (run.bits < 1 || run.bits > 5 || !run.thresholds || !run.levels) refuse("codes of an unknown width");
  LevelTable table{};
  std::copy(run.thresholds, run.thresholds + (1u << run.bits) - 1, table.thresholds);
  std::copy(run.levels, run.levels + (1u << run.bits), table.levels);
  for (uint32_t i = 0; i < tables.size(); i++) {
    if (memcmp(&tables[i], &table, sizeof table) == 0) return i;
  }
  tables.push_back(table);
  return uint32_t(tables.size() - 1);
}

}  // namespace

MapBefore::MapBefore(moult_device *device, const moult_device_map *map, uint32_t dimension) : inputs_(dimension) {
  if (!map) return;
  if (map->outputs != dimension) refuse("a map to other dimensions than are coded");
  inputs_ = map->inputs;
  map_.emplace(device, *map);
}

void MapBefore::reserve(uint64_t rows) {
  if (map_) mapped_.allocate(rows * map_->outputs());
}

void MapBefore::map(moult_device *device, const float *&rows, uint64_t &stride, uint64_t count,
                    cudaStream_t stream) const {
  if (!map_) return;
  map_->map(device, rows, stride, count, mapped_.get(), stream);
  rows = mapped_.get();
  stride = map_->outputs();
}

LevelCoder::LevelCoder(moult_device *device, const moult_device_level_coder &coder)
    : coder_(coder), before_(device, coder.map, coder.dimension) {
  if (coder.dimension == 0 || coder.rotated == 0 || coder.rotated > 32768 || !coder.signs == !coder.directions) {
    refuse("dimensions or rotation of a coder of levels");
  }
  if (coder.signs && (coder.rotated < coder.dimension || coder.rotated % 64)) refuse("so many dimensions to rotate");
  std::vector<LevelRun> runs;
  std::vector<LevelTable> tables;
  uint64_t segments = 0, words = 0;
  for (uint32_t i = 0; i < coder.run_count; i++) {
    const moult_device_level_run &run = coder.runs[i];
    runs.push_back({run.segments, run.bits, run.divisor, run.unit, run.gain, table_number(run, tables)});
    segments += run.segments;
    words += uint64_t(run.segments) * run.bits;
  }
  if (segments * 32 != coder.rotated || words * 4 != coder.row_bytes) refuse("runs of levels that are not a row");
  if (tables.size() > level_tables_max) refuse("so many tables of levels");
  if (coder.reaches && (coder.run_count != 1 || coder.runs[0].bits > 5)) refuse("a grid of several widths");
  if (coder.directions) {
    directions_.emplace(device, moult_device_map{coder.dimension, coder.rotated, coder.directions, nullptr});
  }
  const auto hold = [&](auto &buffer, const void *source, size_t count) {
    buffer.allocate(count);
    if (count) upload(device, device->work, buffer.get(), source, count * sizeof(*buffer.get()));
  };
  hold(centre_, coder.centre, coder.dimension);
  if (coder.signs) hold(signs_, coder.signs, rotation_rounds * coder.rotated / 32);
  hold(runs_, runs.data(), runs.size());
  hold(tables_, tables.data(), tables.size());
  if (coder.reaches) hold(reaches_, coder.reaches, coder.reach_count);
}

void LevelCoder::reserve(uint64_t rows) {
  before_.reserve(rows);
  if (!directions_) return;
  centred_.allocate(rows * coder_.dimension);
  turned_.allocate(rows * coder_.rotated);
  sums_.allocate(rows);
}

void LevelCoder::encode(moult_device *device, EncodeLevelsWork work, cudaStream_t stream) const {
  before_.map(device, work.rows, work.stride, work.count, stream);
  if (!directions_) return encode_levels(device, work, stream);
  const dim3 grid(device->grid(work.count, warps_max, 8)), block(32 * warps_max);
  device->launch("centre", centre_kernel, grid, block, 0, stream, work, centred_.get(), sums_.get());
  directions_->map(device, centred_.get(), coder_.dimension, work.count, turned_.get(), stream);
  device->launch("encode_turned", encode_turned_kernel, grid, block, 0, stream, work, turned_.get(),
                 static_cast<const CentredSums *>(sums_.get()));
}

EncodeLevelsWork LevelCoder::work() const {
  EncodeLevelsWork work{};
  work.dimension = coder_.dimension;
  work.rotated = coder_.rotated;
  work.normalizes = coder_.normalizes;
  work.is_distance = coder_.metric == MOULT_DEVICE_SQUARED_L2;
  work.centre = centre_.get();
  work.signs = signs_.get();
  work.runs = runs_.get();
  work.run_count = coder_.run_count;
  work.tables = tables_.get();
  work.table_count = uint32_t(tables_.count());
  work.reaches = reaches_.get();
  work.reach_count = uint32_t(reaches_.count());
  work.row_words = coder_.row_bytes / 4;
  return work;
}

}  // namespace moult

moult_device_status cuda_encode_levels(moult_device *device, const moult_device_level_coder *coder, const float *rows,
                                       size_t stride, uint64_t count, const moult_device_stop *stop, uint8_t *codes,
                                       float *side) {
  using namespace moult;
  return call(device, [&] {
    if (count == 0) return;
    LevelCoder held(device, *coder);
    const uint64_t row_bytes = 4 * uint64_t(held.inputs()), code_bytes = coder->row_bytes;
    const uint64_t widest = std::max(row_bytes, 4 * uint64_t(coder->dimension));
    with_size(std::max<uint64_t>(64, (uint64_t(64) << 20) / widest), 64, [&](uint64_t n) {
      RowTiles tiles(device, {rows, stride, row_bytes, count}, n, 4);
      held.reserve(tiles.tile_rows());
      DeviceBuffer<uint32_t> codes_of[2];
      DeviceBuffer<float2> side_of[2];
      for (int turn = 0; turn < (tiles.tile_rows() < count ? 2 : 1); turn++) {
        codes_of[turn].allocate(tiles.tile_rows() * code_bytes / 4);
        if (side) side_of[turn].allocate(tiles.tile_rows());
      }
      tiles.run(
          Stop(stop),
          [&](const unsigned char *tile, uint64_t, uint64_t now, int turn) {
            EncodeLevelsWork work = held.work();
            work.rows = reinterpret_cast<const float *>(tile);
            work.stride = tiles.row_stride() / 4;
            work.count = now;
            work.codes = codes_of[turn].get();
            work.side = side_of[turn].get();
            held.encode(device, work, device->work);
          },
          [&](uint64_t first, uint64_t now, int turn) {
            download(device, device->results, codes + first * code_bytes, codes_of[turn].get(), now * code_bytes);
            if (side) download(device, device->results, side + 2 * first, side_of[turn].get(), now * sizeof(float2));
          });
    });
  });
}
