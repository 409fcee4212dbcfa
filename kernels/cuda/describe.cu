#include "describe.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <functional>
#include <map>
#include <mutex>
#include <tuple>
#include <vector>

#include "matrix.h"

namespace moult {

namespace {

__global__ __launch_bounds__(256) void fill_kernel(uint32_t *words, uint64_t count) {
  for (uint64_t i = global_thread(); i < count; i += thread_count()) words[i] = uint32_t(i) * 2654435761u;
}

__global__ __launch_bounds__(256) void copy_kernel(const uint4 *source, uint4 *target, uint64_t count) {
  const uint64_t step = thread_count();
  uint64_t i = global_thread();
  for (; i + 3 * step < count; i += 4 * step) {
    const uint4 a = __ldcs(source + i), b = __ldcs(source + i + step), c = __ldcs(source + i + 2 * step),
                d = __ldcs(source + i + 3 * step);
    __stcs(target + i, a);
    __stcs(target + i + step, b);
    __stcs(target + i + 2 * step, c);
    __stcs(target + i + 3 * step, d);
  }
  for (; i < count; i += step) target[i] = source[i];
}

/// Chains of multiply-adds, 16 a thread, in registers.
__global__ __launch_bounds__(256) void f32_kernel(float *sums, int rounds) {
  float chain[16];
  for (int i = 0; i < 16; i++) chain[i] = float(threadIdx.x + i);
  for (int round = 0; round < rounds; round++) {
    MOULT_UNROLL
    for (int i = 0; i < 16; i++) chain[i] = fmaf(chain[i], 0.999f, 0.5f);
  }
  float sum = 0;
  for (int i = 0; i < 16; i++) sum += chain[i];
  sums[global_thread()] = sum;
}

/// Random codes, finite ones: values between 2⁻⁸ and 2⁸.
__global__ __launch_bounds__(256) void fill_codes_kernel(uint32_t *words, uint64_t count) {
  for (uint64_t i = global_thread(); i < count; i += thread_count()) {
    uint32_t random = uint32_t(i) * 2654435761u ^ uint32_t(i >> 7);
    random ^= random >> 15;
    random *= 0x2c1b3c6du;
    words[i] = (random & 0x87ff87ffu) | 0x38003800u;
  }
}

/// Of products that are computed and hardly kept: those that are `wanted`.
template <typename Sum>
struct DropProducts {
  Sum *sums;
  Sum wanted;

  struct Query {};
  struct RowPair {};
  __device__ Query query(uint32_t) const { return {}; }
  __device__ RowPair pair(uint32_t) const { return {}; }
  __device__ __forceinline__ void take(uint32_t q, const Query &, uint32_t, const RowPair &, Sum first,
                                       Sum second) const {
    if (first == wanted || second == wanted) sums[q] = first;
  }
};

double best_seconds(moult_device *device, int rounds, const std::function<void()> &work) {
  Timer timer;
  double best = 1e30;
  for (int i = 0; i < rounds + 1; i++) {
    timer.start(device->work);
    work();
    const double seconds = timer.stop(device->work) * 1e-3;
    // The first one loads code.
    if (i > 0) best = std::min(best, seconds);
  }
  return std::max(best, 1e-9);
}

}  // namespace

void measure(moult_device *device, moult_device_info *info) {
#ifdef MOULT_EMULATED
  const size_t wanted = size_t(1) << 18;
  const int rounds = 1, chain = 4;
#else
  const size_t wanted = size_t(1) << 30;
  const int rounds = 5, chain = 4096;
#endif
  DeviceBuffer<unsigned char> source, target;
  size_t bytes = 0;
  with_size(wanted, 1 << 16, [&](uint64_t n) {
    source.free();
    target.free();
    source.allocate(n);
    target.allocate(n);
    bytes = n;
  });
  cudaStream_t stream = device->work;
  device->launch("fill", fill_kernel, device->grid(bytes / 4, 256), 256, 0, stream,
                 reinterpret_cast<uint32_t *>(source.get()), uint64_t(bytes / 4));
  const double copy = best_seconds(device, rounds, [&] {
    device->launch("copy", copy_kernel, device->grid(bytes / 64, 256, 32), 256, 0, stream,
                   reinterpret_cast<const uint4 *>(source.get()), reinterpret_cast<uint4 *>(target.get()),
                   uint64_t(bytes / 16));
  });
  info->copy_bytes_per_s = 2.0 * double(bytes) / copy;
  const size_t piece = std::min(bytes, PinnedPair::part_bytes);
  unsigned char *const pinned = device->upload.next();
  memset(pinned, 1, piece);
  const double to = best_seconds(device, rounds, [&] {
    check(cudaMemcpyAsync(target.get(), pinned, piece, cudaMemcpyHostToDevice, stream), "a transfer");
  });
  const double from = best_seconds(device, rounds, [&] {
    check(cudaMemcpyAsync(pinned, target.get(), piece, cudaMemcpyDeviceToHost, stream), "a transfer");
  });
  info->to_device_bytes_per_s = double(piece) / to;
  info->from_device_bytes_per_s = double(piece) / from;
  const unsigned blocks = unsigned(device->properties.multiProcessorCount) * 8;
  if (bytes >= size_t(blocks) * 256 * 4) {
    const double f32 = best_seconds(device, rounds, [&] {
      device->launch("multiply-adds", f32_kernel, blocks, 256, 0, stream, reinterpret_cast<float *>(target.get()),
                     chain);
    });
    info->f32_macs_per_s = double(blocks) * 256 * 16 * chain / f32;
  }
#ifdef MOULT_EMULATED
  const uint32_t lines = 1, query_tiles = 1, row_tiles = 1;
#else
  // 4096 × 64 Ki × 768: some 0.4 TFLOP.
  const uint32_t lines = 12, query_tiles = 32, row_tiles = 256;
#endif
  const size_t query_bytes = size_t(query_tiles) * lines * query_line_bytes;
  const size_t row_bytes = size_t(row_tiles) * lines * row_line_bytes;
  if (query_bytes + row_bytes + (1 << 16) <= bytes) {
    device->launch("fill", fill_codes_kernel, device->grid(bytes / 4, 256), 256, 0, stream,
                   reinterpret_cast<uint32_t *>(source.get()), uint64_t(bytes / 4));
    const Panel queries = {source.get(), query_tiles, lines}, rows = {source.get() + query_bytes, row_tiles, lines};
    const double macs = double(query_tiles) * query_tile * double(row_tiles) * row_tile * lines;
    const DropProducts<float> drop = {reinterpret_cast<float *>(target.get()), -1e30f};
    const double bf16 = best_seconds(
        device, rounds, [&] { multiply(device, device->path, "products", queries, rows, drop, stream); });
    info->bf16_macs_per_s = macs * Bf16Codes::line_values / bf16;
    if (device->has_int8) {
      const DropProducts<int32_t> drop = {reinterpret_cast<int32_t *>(target.get()), INT32_MIN};
      const double int8 = best_seconds(
          device, rounds, [&] { multiply<Int8Codes>(device, device->path, "products", queries, rows, drop, stream); });
      info->int8_macs_per_s = macs * Int8Codes::line_values / int8;
    }
  }
}

// MARK: The matrix path

namespace {

/// What the kinds of a sample have of their own: values of bfloat16, as small whole numbers whose sums are exact in any
/// order or of any size and sign; of int8.
struct WholeValues {
  using Codes = Bf16Codes;
  using Code = uint16_t;
  static float value(uint32_t first, uint32_t, uint32_t) { return float(int(first % 31) - 15); }
  static uint16_t code(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return uint16_t(bits >> 16);
  }
  /// Of Σ|a[j]·b[j]| how much a sum may be off.
  static double bound(uint32_t) { return 0; }
};
struct AnyValues : WholeValues {
  static float value(uint32_t first, uint32_t second, uint32_t third) {
    const float value = ldexpf(WholeValues::value(first, 0, 0) + float(second % 256) * 0x1p-8f, int(third % 24) - 12);
    // What bfloat16 has of it.
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    bits &= 0xffff0000u;
    float rounded;
    memcpy(&rounded, &bits, sizeof rounded);
    return rounded;
  }
  /// What `exact.h` counts on.
  static double bound(uint32_t values) { return double(values + 16) * 0x1p-22; }
};
struct Int8Values {
  using Codes = Int8Codes;
  using Code = int8_t;
  static float value(uint32_t first, uint32_t, uint32_t) { return float(int(first % 255) - 127); }
  static int8_t code(float value) { return int8_t(value); }
  static double bound(uint32_t) { return 0; }
};

/// Some queries and rows, codes and values; more lines than stages.
template <typename Values>
struct MatrixSample {
  using Codes = typename Values::Codes;
  using Sum = typename Codes::Sum;
  static constexpr uint32_t queries = query_tile + 40, rows = row_tile + 8, lines = 6;
  static constexpr uint32_t query_tiles = 2, row_tiles = 2;
  static constexpr uint32_t values = Codes::line_values * lines;
  std::vector<float> query_values = std::vector<float>(size_t(queries) * values);
  std::vector<float> row_values = std::vector<float>(size_t(rows) * values);
  std::vector<unsigned char> query_codes = std::vector<unsigned char>(query_tiles * lines * query_line_bytes);
  std::vector<unsigned char> row_codes = std::vector<unsigned char>(row_tiles * lines * row_line_bytes);
  uint64_t state = 1;

  uint32_t next() {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return uint32_t(state >> 33);
  }

  MatrixSample() {
    fill(query_values, query_codes, queries, query_tile);
    fill(row_values, row_codes, rows, row_tile);
  }

  void fill(std::vector<float> &target, std::vector<unsigned char> &codes, uint32_t count, uint32_t tile) {
    constexpr uint32_t piece_values = 16 / sizeof(typename Values::Code);
    for (uint32_t i = 0; i < count; i++) {
      for (uint32_t j = 0; j < values; j++) {
        const uint32_t first = next(), second = next(), third = next();
        const float value = target[size_t(i) * values + j] = Values::value(first, second, third);
        const typename Values::Code code = Values::code(value);
        memcpy(&codes[code_offset(tile, lines, i, j / piece_values) + j % piece_values * sizeof code], &code,
               sizeof code);
      }
    }
  }

  bool is_right(const std::vector<Sum> &products) const {
    for (uint32_t q = 0; q < queries; q++) {
      for (uint32_t r = 0; r < rows; r++) {
        double sum = 0, magnitude = 0;
        for (uint32_t j = 0; j < values; j++) {
          const double product = double(query_values[size_t(q) * values + j]) * row_values[size_t(r) * values + j];
          sum += product;
          magnitude += fabs(product);
        }
        if (!(fabs(double(products[size_t(q) * rows + r]) - sum) <= Values::bound(values) * magnitude)) return false;
      }
    }
    return true;
  }
};

template <typename Values>
bool is_right(moult_device *device, MatrixPath path) {
  using Sample = MatrixSample<Values>;
  using Sum = typename Sample::Sum;
  const Sample sample;
  DeviceBuffer<unsigned char> query_codes(sample.query_codes.size()), row_codes(sample.row_codes.size());
  DeviceBuffer<Sum> products(size_t(Sample::queries) * Sample::rows);
  upload(device, device->work, query_codes.get(), sample.query_codes.data(), sample.query_codes.size());
  upload(device, device->work, row_codes.get(), sample.row_codes.data(), sample.row_codes.size());
  const StoreProducts<Sum> store = {products.get(), Sample::rows, Sample::queries, Sample::rows};
  std::vector<Sum> found(products.count()), again(products.count());
  // A block a tile; then one block that takes all tiles, where stages and phases go round and accumulators are used
  // again: the same bits.
  for (const bool is_alone : {false, true}) {
    check(cudaMemsetAsync(products.get(), 0xff, products.count() * sizeof(Sum), device->work), "memory");
    try {
      multiply<typename Sample::Codes>(device, path, "the check of matrix products",
                                       {query_codes.get(), Sample::query_tiles, Sample::lines},
                                       {row_codes.get(), Sample::row_tiles, Sample::lines}, store, device->work,
                                       is_alone ? 1 : UINT32_MAX);
    } catch (const Failure &failure) {
      if (failure.status != MOULT_DEVICE_UNSUPPORTED) throw;
      return false;
    }
    std::vector<Sum> &target = is_alone ? again : found;
    download(device, device->work, target.data(), products.get(), target.size() * sizeof(Sum));
  }
  return sample.is_right(found) && memcmp(found.data(), again.data(), found.size() * sizeof(Sum)) == 0;
}

bool is_right(moult_device *device, MatrixPath path) {
  return is_right<WholeValues>(device, path) && is_right<AnyValues>(device, path);
}

}  // namespace

void choose_path(moult_device *device) {
  // A way to order a lower path.
  const char *const wanted = getenv("MOULT_DEVICE_MATRIX");
  const auto most = wanted && strcmp(wanted, "plain") == 0 ? MatrixPath::plain
                    : wanted && strcmp(wanted, "mma") == 0 ? MatrixPath::mma_sync
                                                           : MatrixPath::wgmma;
  // What was found out once holds for the process.
  static std::mutex mutex;
  static std::map<std::tuple<int, int, MatrixPath>, std::pair<MatrixPath, bool>> known;
  const std::lock_guard<std::mutex> lock(mutex);
  const auto key = std::make_tuple(device->ordinal, 10 * device->properties.major + device->properties.minor, most);
  const auto found = known.find(key);
  if (found != known.end()) {
    std::tie(device->path, device->has_int8) = found->second;
    return;
  }
  // wgmma is compute capability 9.0's own; the code for 8.0 runs on all that came later.
  const bool is_hopper = device->properties.major == 9 && device->properties.minor == 0;
  MatrixPath path = MatrixPath::plain;
  if (most >= MatrixPath::wgmma && is_hopper && is_right(device, MatrixPath::wgmma)) {
    path = MatrixPath::wgmma;
  } else if (most >= MatrixPath::mma_sync && is_right(device, MatrixPath::mma_sync)) {
    path = MatrixPath::mma_sync;
  } else if (!is_right(device, MatrixPath::plain)) {
    throw Failure{MOULT_DEVICE_ABSENT, "the device computes wrong products"};
  }
  device->path = path;
  device->has_int8 = is_right<Int8Values>(device, path);
  known[key] = {device->path, device->has_int8};
}

}  // namespace moult
