#include "describe.h"

#include <cstring>
#include <functional>

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
  const size_t wanted = size_t(1) << 16;
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
}

MatrixPath checked_path(moult_device *device) {
  static_cast<void>(device);
  return MatrixPath::plain;
}

}  // namespace moult
