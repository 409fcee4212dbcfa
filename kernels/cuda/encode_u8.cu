// Codes of one byte a dimension: rows are normalized, centred, coded and summed up in one kernel, a warp a row. As
// encode_u8_rows in kernels.h.
//
// Lane l has the values 32·h + l, so the 32 lanes of the sums in double are those of the warp, and loads are of 128
// bytes a warp, a whole row in flight. Codes go through shared memory to be read again four a word: for the sums of
// squares and the two limbs by DP4A, and to be stored 128 bytes a warp. Codes less 128 are signed bytes, and
//
//     Σ (code − 128)² is what is asked for,   Σ code·limb = Σ (code − 128)·limb + 128·Σ limb.
//
// Bound, 768 dimensions: 3072 bytes read, 800 written: 1.11 G rows a second at 4.3 TB/s of copying, 208 cycles a row
// of a multiprocessor. Needed are about 600 instructions a warp, 150 cycles, with normalizing and limbs; 48
// conversions to double take 96 cycles of their own unit, loads, stores and shuffles 130 of theirs, side by side.
//
// Resources: 50 registers with 24 columns, 123 with 96, without spills; shared memory a byte a dimension and warp, 4 a
// dimension and block.
#include "encode.h"
#include "families.h"

namespace moult {
namespace {

constexpr uint32_t warps_max = 8;

/// What a vector of this squared length is multiplied with; 0 where the caller does it.
__device__ __forceinline__ float unit_factor(double square) {
  return is_scalable(square) ? __double2float_rn(inverse_root(square)) : 0;
}

/// round_half_even(scaled) within 0 … 255; 0 for a NaN.
__device__ __forceinline__ uint32_t byte_code(float scaled) {
  // Beside 2²³ a number is rounded to an integer, which stands in the low bits.
  return __float_as_uint(__fadd_rn(fminf(fmaxf(scaled, 0.0f), 255.0f), 8388608.0f)) & 255;
}

/// A row's values of a lane: read once, or, for columns = 0, again at each use. 0 behind the end.
template <int columns>
struct Values {
  float own[columns];
  __device__ __forceinline__ void load(const float *row, uint32_t dimension) {
    MOULT_UNROLL
    for (int h = 0; h < columns; h++) {
      const uint32_t i = 32 * h + lane_index();
      own[h] = i < dimension ? __ldcs(row + i) : 0;
    }
  }
  __device__ __forceinline__ float operator[](uint32_t h) const { return own[h]; }
};
template <>
struct Values<0> {
  const float *row;
  uint32_t dimension;
  __device__ __forceinline__ void load(const float *source, uint32_t count) {
    row = source;
    dimension = count;
  }
  __device__ __forceinline__ float operator[](uint32_t h) const {
    const uint32_t i = 32 * h + lane_index();
    return i < dimension ? row[i] : 0;
  }
};

/// Bytes for the codes of a warp's row: whole columns, so that no lane is left out of a store.
__host__ __device__ constexpr uint32_t code_bytes(uint32_t columns) { return 32 * columns; }

/// shared memory: the codes of each warp's row, then the centre (not for columns = 0), zeros behind it.
template <int columns>
__global__ void __launch_bounds__(32 * warps_max) encode_u8_kernel(EncodeU8Work work) {
  MOULT_SHARED_BYTES(memory);
  const unsigned lane = lane_index();
  const uint32_t dimension = work.dimension, words = (dimension + 3) / 4, warps = blockDim.x / 32;
  const uint32_t column_count = columns ? columns : (dimension + 31) / 32;
  uint8_t *const bytes = memory + code_bytes(column_count) * warp_index();
  float *const shared_centre = reinterpret_cast<float *>(memory + code_bytes(column_count) * warps);
  if (columns) {
    for (uint32_t i = threadIdx.x; i < 32 * columns; i += blockDim.x) {
      shared_centre[i] = i < dimension ? work.centre[i] : 0;
    }
  }
  __syncthreads();
  Values<columns> values;
  for (uint64_t row = uint64_t(blockIdx.x) * warps + uniform_warp(); row < work.count;
       row += uint64_t(gridDim.x) * warps) {
    values.load(work.rows + row * work.stride, dimension);
    double given_square = 0, square = 0;
    float factor = 1;
    if (work.normalizes) {
      MOULT_UNROLL
      for (uint32_t h = 0; h < column_count; h++) given_square = add_product(given_square, values[h], values[h]);
      given_square = warp_sum(given_square);
      factor = unit_factor(given_square);
    }
    if (work.high) {
      MOULT_UNROLL
      for (uint32_t h = 0; h < column_count; h++) {
        const float own = __fmul_rn(values[h], factor);
        square = add_product(square, own, own);
      }
      square = warp_sum(square);
    }
    MOULT_UNROLL
    for (uint32_t h = 0; h < column_count; h++) {
      const uint32_t i = 32 * h + lane;
      const float centre = columns ? shared_centre[i] : i < dimension ? __ldg(work.centre + i) : 0;
      const float centred = __fsub_rn(__fmul_rn(values[h], factor), centre);
      bytes[i] = uint8_t(byte_code(__fmul_rn(__fsub_rn(centred, work.lower), work.inverse_step)));
    }
    __syncwarp();
    if (dimension % 4) {
      // Bytes behind the last code: 0 once 128 is taken off.
      if (dimension + lane < 4 * words) bytes[dimension + lane] = 128;
      __syncwarp();
    }
    int squares = 0, high = 0, low = 0;
    uint8_t *const target = work.codes + row * dimension;
    MOULT_UNROLL
    for (uint32_t first = 0; first < (columns ? 8 * columns : words); first += 32) {
      const uint32_t w = first + lane;
      if (w >= words) continue;
      const uint32_t word = reinterpret_cast<const uint32_t *>(bytes)[w];
      const int offset = int(word ^ 0x80808080u);
      squares = __dp4a(offset, offset, squares);
      if (work.high) {
        high = __dp4a(offset, int(__ldg(work.high + w)), high);
        low = __dp4a(offset, int(__ldg(work.low + w)), low);
      }
      if (dimension % 4 == 0) __stcs(reinterpret_cast<uint32_t *>(target) + w, word);
    }
    if (dimension % 4) {
      for (uint32_t i = lane; i < dimension; i += 32) target[i] = bytes[i];
    }
    squares = __reduce_add_sync(full_warp, squares);
    if (work.high) {
      high = __reduce_add_sync(full_warp, high) + work.high_sum;
      low = __reduce_add_sync(full_warp, low) + work.low_sum;
    }
    if (lane == 0) work.sums[row] = {given_square, square, uint32_t(squares), high, low};
    __syncwarp();  // the codes have been read
  }
}

template <int columns>
void launch_columns(moult_device *device, const EncodeU8Work &work, cudaStream_t stream) {
  const size_t row_bytes = code_bytes(columns ? columns : (work.dimension + 31) / 32);
  const uint32_t warps = uint32_t(std::max<size_t>(1, std::min<size_t>(warps_max, (64 << 10) / row_bytes)));
  const size_t shared_bytes = warps * row_bytes + (columns ? 4 * row_bytes : 0);
  device->launch("encode_u8", encode_u8_kernel<columns>, dim3(device->grid(work.count, warps, 8)), dim3(32 * warps),
                 shared_bytes, stream, work);
}

}  // namespace

void encode_u8(moult_device *device, const EncodeU8Work &work, cudaStream_t stream) {
  const uint32_t columns = (work.dimension + 31) / 32;
  if (columns <= 4) launch_columns<4>(device, work, stream);
  else if (columns <= 12) launch_columns<12>(device, work, stream);
  else if (columns <= 24) launch_columns<24>(device, work, stream);
  else if (columns <= 32) launch_columns<32>(device, work, stream);
  else if (columns <= 48) launch_columns<48>(device, work, stream);
  else if (columns <= 96) launch_columns<96>(device, work, stream);
  else launch_columns<0>(device, work, stream);
}

// MARK: The host's side

U8Coder::U8Coder(moult_device *device, const moult_device_u8_coder &coder)
    : coder_(coder), before_(device, coder.map, coder.dimension) {
  if (coder.dimension == 0 || coder.dimension > 65536 || !coder.high != !coder.low) {
    throw Failure{MOULT_DEVICE_UNSUPPORTED, "a coder of bytes: its dimension or limbs"};
  }
  centre_.allocate(coder.dimension);
  upload(device, device->work, centre_.get(), coder.centre, centre_.count() * sizeof(float));
  if (!coder.high) return;
  const size_t words = (coder.dimension + 3) / 4;
  const auto take = [&](const int8_t *limb, DeviceBuffer<uint32_t> &held, int32_t &sum) {
    std::vector<int8_t> padded(4 * words);
    std::copy(limb, limb + coder.dimension, padded.begin());
    for (int8_t value : padded) sum += 128 * value;
    held.allocate(words);
    upload(device, device->work, held.get(), padded.data(), 4 * words);
  };
  take(coder.high, high_, high_sum_);
  take(coder.low, low_, low_sum_);
}

EncodeU8Work U8Coder::work() const {
  EncodeU8Work work{};
  work.dimension = coder_.dimension;
  work.normalizes = coder_.normalizes;
  work.lower = coder_.lower;
  work.inverse_step = coder_.inverse_step;
  work.centre = centre_.get();
  work.high = high_.get();
  work.low = low_.get();
  work.high_sum = high_sum_;
  work.low_sum = low_sum_;
  return work;
}

void U8Coder::encode(moult_device *device, EncodeU8Work work, cudaStream_t stream) const {
  before_.map(device, work.rows, work.stride, work.count, stream);
  encode_u8(device, work, stream);
}

}  // namespace moult

moult_device_status cuda_encode_u8(moult_device *device, const moult_device_u8_coder *coder, const float *rows,
                                   size_t stride, uint64_t count, const moult_device_stop *stop, uint8_t *codes,
                                   moult_device_u8_row *sums) {
  using namespace moult;
  return call(device, [&] {
    if (count == 0) return;
    U8Coder held(device, *coder);
    const uint64_t dimension = coder->dimension, row_bytes = 4 * uint64_t(held.inputs());
    const uint64_t fitting = (uint64_t(64) << 20) / std::max(row_bytes, 4 * dimension);
    with_size(std::max<uint64_t>(64, fitting), 64, [&](uint64_t n) {
      RowTiles tiles(device, {rows, stride, row_bytes, count}, n, 4);
      held.reserve(tiles.tile_rows());
      DeviceBuffer<uint8_t> codes_of[2];
      DeviceBuffer<moult_device_u8_row> sums_of[2];
      for (int turn = 0; turn < (tiles.tile_rows() < count ? 2 : 1); turn++) {
        codes_of[turn].allocate(tiles.tile_rows() * dimension);
        sums_of[turn].allocate(tiles.tile_rows());
      }
      tiles.run(
          Stop(stop),
          [&](const unsigned char *tile, uint64_t, uint64_t now, int turn) {
            EncodeU8Work work = held.work();
            work.rows = reinterpret_cast<const float *>(tile);
            work.stride = tiles.row_stride() / 4;
            work.count = now;
            work.codes = codes_of[turn].get();
            work.sums = sums_of[turn].get();
            held.encode(device, work, device->work);
          },
          [&](uint64_t first, uint64_t now, int turn) {
            download(device, device->results, codes + first * dimension, codes_of[turn].get(), now * dimension);
            download(device, device->results, sums + first, sums_of[turn].get(), now * sizeof(moult_device_u8_row));
          });
    });
  });
}
