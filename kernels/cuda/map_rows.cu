// y = A·x of many rows in float32: a tiled product of matrices, for learned directions.
//
// A block takes 128 rows × 128 outputs, a thread 8 × 8 of them in registers, in steps of 16 inputs through two stages
// of shared memory. Every result is one chain of fused multiply-adds from input 0 on, so a row's results are the same
// bits whatever stands beside it, and within inputs·2⁻²⁴·(1 + inputs·2⁻²⁴)·Σ|A[i][j]·x[j]| of the exact ones.
//
// Bound: rows·outputs·inputs multiply-adds, 128 a cycle and multiprocessor: 30 T a second on an H200. A step of a
// block is 262 144 of them, 2048 cycles, and reads 16 KiB, 8 bytes a cycle, of which the second-level cache has most.
//
// Resources: 256 threads of at most 128 registers, 33 KiB of shared memory.
#include "map_rows.h"

#include "families.h"

namespace moult {
namespace {

constexpr uint32_t tile = 128, step = 16, threads = 256;
/// Banks: columns of a stage are 16 bytes apart from a multiple of 128.
constexpr uint32_t padded = tile + 4;

/// One input of all vectors of a stage.
struct alignas(16) Line {
  float values[padded];
};

/// A thread's part of a stage: input threadIdx.x % 16 of eight vectors, on its way to shared memory.
struct Part {
  float values[8];

  /// `absent` stands for what is not there.
  __device__ __forceinline__ void load(const float *vectors, uint64_t stride, uint64_t first, uint64_t count,
                                       uint32_t input, uint32_t inputs, float absent) {
    MOULT_UNROLL
    for (uint32_t i = 0; i < 8; i++) {
      const uint64_t vector = first + threadIdx.x / step + 16 * i;
      values[i] = vector < count && input < inputs ? __ldg(vectors + vector * stride + input) : absent;
    }
  }
  __device__ __forceinline__ void store(Line *stage) const {
    MOULT_UNROLL
    for (uint32_t i = 0; i < 8; i++) stage[threadIdx.x % step].values[threadIdx.x / step + 16 * i] = values[i];
  }
};

__device__ __forceinline__ void load_eight(const Line &line, uint32_t place, float (&values)[8]) {
  const float4 low = *reinterpret_cast<const float4 *>(line.values + 4 * place);
  const float4 high = *reinterpret_cast<const float4 *>(line.values + 64 + 4 * place);
  const float all[8] = {low.x, low.y, low.z, low.w, high.x, high.y, high.z, high.w};
  MOULT_UNROLL
  for (int i = 0; i < 8; i++) values[i] = all[i];
}

/// Of a thread's eight rows or outputs the i-th, within the tile.
__device__ __forceinline__ uint32_t place_of(uint32_t place, uint32_t i) { return 64 * (i / 4) + 4 * place + i % 4; }

__global__ void __launch_bounds__(threads, 2) map_tile(MapWork work) {
  MOULT_SHARED(Line, rows, [2][step]);
  MOULT_SHARED(Line, outputs, [2][step]);
  const uint64_t first_row = uint64_t(blockIdx.y) * tile;
  const uint32_t first_output = blockIdx.x * tile;
  const uint32_t row_place = threadIdx.x / 16, output_place = threadIdx.x % 16, own_input = threadIdx.x % step;
  float sums[8][8];
  MOULT_UNROLL
  for (int i = 0; i < 8; i++) {
    MOULT_UNROLL
    for (int j = 0; j < 8; j++) sums[i][j] = 0;
  }
  Part row_part, output_part;
  row_part.load(work.rows, work.stride, first_row, work.count, own_input, work.inputs, 0);
  output_part.load(work.matrix, work.inputs, first_output, work.outputs, own_input, work.inputs, -0.0f);
  uint32_t stage = 0;
  for (uint32_t input = 0; input < work.inputs; input += step, stage ^= 1) {
    row_part.store(rows[stage]);
    output_part.store(outputs[stage]);
    // The stage is there; the one before it, which the next round writes, has been read.
    __syncthreads();
    if (input + step < work.inputs) {
      const uint32_t next = input + step + own_input;
      row_part.load(work.rows, work.stride, first_row, work.count, next, work.inputs, 0);
      output_part.load(work.matrix, work.inputs, first_output, work.outputs, next, work.inputs, -0.0f);
    }
    // Behind the last input stand 0 and −0: adding their product, −0, changes no sum, not even the sign of a zero.
    MOULT_UNROLL
    for (uint32_t k = 0; k < step; k++) {
      float a[8], b[8];
      load_eight(rows[stage][k], row_place, a);
      load_eight(outputs[stage][k], output_place, b);
      MOULT_UNROLL
      for (int i = 0; i < 8; i++) {
        MOULT_UNROLL
        for (int j = 0; j < 8; j++) sums[i][j] = __fmaf_rn(a[i], b[j], sums[i][j]);
      }
    }
  }
  MOULT_UNROLL
  for (uint32_t i = 0; i < 8; i++) {
    const uint64_t row = first_row + place_of(row_place, i);
    if (row >= work.count) continue;
    MOULT_UNROLL
    for (uint32_t j = 0; j < 8; j++) {
      const uint32_t output = first_output + place_of(output_place, j);
      if (output >= work.outputs) continue;
      const float sum = sums[i][j];
      work.results[row * work.outputs + output] = work.bias ? __fadd_rn(sum, __ldg(work.bias + output)) : sum;
    }
  }
}

}  // namespace

void map_rows(moult_device *device, const MapWork &work, cudaStream_t stream) {
  constexpr uint64_t rows_a_launch = uint64_t(tile) * 65535;
  for (uint64_t first = 0; first < work.count; first += rows_a_launch) {
    MapWork part = work;
    part.rows += first * work.stride;
    part.results += first * work.outputs;
    part.count = std::min(rows_a_launch, work.count - first);
    // Outputs side by side, so that a tile's rows are in the cache for all of them.
    const dim3 grid((work.outputs + tile - 1) / tile, unsigned((part.count + tile - 1) / tile));
    device->launch("map_rows", map_tile, grid, dim3(threads), 0, stream, part);
  }
}

HeldMap::HeldMap(moult_device *device, const moult_device_map &map) : inputs_(map.inputs), outputs_(map.outputs) {
  if (inputs_ == 0 || outputs_ == 0 || inputs_ > (1u << 20) || outputs_ > (1u << 20)) {
    throw Failure{MOULT_DEVICE_UNSUPPORTED, "a matrix of this size"};
  }
  matrix_.allocate(size_t(outputs_) * inputs_);
  upload(device, device->work, matrix_.get(), map.matrix, matrix_.count() * sizeof(float));
  if (!map.bias) return;
  bias_.allocate(outputs_);
  upload(device, device->work, bias_.get(), map.bias, bias_.count() * sizeof(float));
}

void HeldMap::map(moult_device *device, const float *rows, uint64_t stride, uint64_t count, float *results,
                  cudaStream_t stream) const {
  map_rows(device, {matrix_.get(), outputs_, inputs_, rows, stride, count, results, bias_.get()}, stream);
}

}  // namespace moult

moult_device_status cuda_map_rows(moult_device *device, const float *matrix, uint32_t outputs, uint32_t inputs,
                                  const float *rows, size_t stride, uint64_t count, const moult_device_stop *stop,
                                  float *results) {
  using namespace moult;
  return call(device, [&] {
    const HeldMap held(device, {inputs, outputs, matrix, nullptr});
    if (count == 0) return;
    const uint64_t row_bytes = 4 * uint64_t(inputs);
    const uint64_t fitting = (uint64_t(64) << 20) / (4 * uint64_t(std::max(inputs, outputs)));
    with_size(std::max<uint64_t>(tile, fitting), tile, [&](uint64_t n) {
      RowTiles tiles(device, {rows, stride, row_bytes, count}, n, 4);
      DeviceBuffer<float> mapped[2];
      for (int turn = 0; turn < (tiles.tile_rows() < count ? 2 : 1); turn++) {
        mapped[turn].allocate(tiles.tile_rows() * outputs);
      }
      tiles.run(
          Stop(stop),
          [&](const unsigned char *source, uint64_t, uint64_t now, int turn) {
            held.map(device, reinterpret_cast<const float *>(source), tiles.row_stride() / 4, now,
                     mapped[turn].get(), device->work);
          },
          [&](uint64_t first, uint64_t now, int turn) {
            download(device, device->results, results + first * outputs, mapped[turn].get(), now * outputs * 4);
          });
    });
  });
}
