// The host side that all families share: the handle, errors, streams, memory, transfers, tiles.
//
// Functions of the library are written as
//
//     moult_device_status cuda_something(moult_device *device, …) {
//       return moult::call(device, [&] { … moult::Failure is thrown where it does not work out … });
//     }
#ifndef MOULT_DEVICE_RUNTIME_H
#define MOULT_DEVICE_RUNTIME_H

#include <cuda_runtime.h>

#include <algorithm>
#include <functional>
#include <mutex>
#include <string>
#include <utility>

#include "abi.h"
#include "device_code.h"

namespace moult {

/// Why a call ends early. Caught in `call`.
struct Failure {
  moult_device_status status;
  std::string message;
};

/// What an error of CUDA means for the caller.
moult_device_status status_of(cudaError_t error);

/// Throws where `error` is one.
void check(cudaError_t error, const char *what);

/// Asked between tiles.
class Stop {
 public:
  explicit Stop(const moult_device_stop *stop) : stop_(stop) {}
  bool is_wanted() const { return stop_ && stop_->is_stopped && stop_->is_stopped(stop_->context); }
  /// Throws where the caller wants no more.
  void check() const {
    if (is_wanted()) throw Failure{MOULT_DEVICE_STOPPED, "stopped by the caller"};
  }

 private:
  const moult_device_stop *stop_;
};

enum class MatrixPath {
  plain = 0,     ///< no tensor cores
  mma_sync = 1,  ///< sm_80 and later
  wgmma = 2,     ///< sm_90a
};

/// Pinned host memory, two parts that take turns.
class PinnedPair {
 public:
  static constexpr size_t part_bytes = size_t(16) << 20;
  ~PinnedPair() { free(); }
  void free();
  /// The next part, once what was copied from or to it before is done. Allocates at first.
  unsigned char *next();
  /// To be called when the copy of the part that `next` gave was put on `stream`.
  void used(cudaStream_t stream);
  void synchronize();

 private:
  unsigned char *parts_[2] = {};
  cudaEvent_t events_[2] = {};
  bool is_used_[2] = {};
  int turn_ = 1;
};

}  // namespace moult

/// The handle. Families use it under the lock that `call` takes.
struct moult_device {
  std::mutex mutex;
  std::string message;
  bool is_lost = false;
  int ordinal = 0;
  cudaDeviceProp properties{};
  moult::MatrixPath path = moult::MatrixPath::plain;
  bool has_int8 = false;  ///< whether that path gives right products of int8 too
  /// Kernels run on `work`; rows come in on `copies`, results leave on `results`.
  cudaStream_t work = nullptr, copies = nullptr, results = nullptr;
  moult::PinnedPair upload, download;
  bool is_described = false;
  moult_device_info info{};

  /// What may be allocated now, some left for others.
  size_t free_bytes() const;

  template <typename... Parameters, typename... Arguments>
  void launch(const char *name, void (*kernel)(Parameters...), dim3 grid, dim3 block, size_t shared_bytes,
              cudaStream_t stream, Arguments &&...arguments) {
    moult::check(moult::launch(kernel, grid, block, shared_bytes, stream, std::forward<Arguments>(arguments)...),
                 name);
  }

  void synchronize(cudaStream_t stream, const char *what) { moult::check(cudaStreamSynchronize(stream), what); }

  /// A grid of `work_items` / `per_block` blocks, at most `per_multiprocessor` for each multiprocessor: kernels go over
  /// the rest in strides. At least one block.
  unsigned grid(uint64_t work_items, unsigned per_block, unsigned per_multiprocessor = 16) const {
    const uint64_t wanted = (work_items + per_block - 1) / per_block;
    const uint64_t most = uint64_t(properties.multiProcessorCount) * per_multiprocessor;
    return unsigned(std::max<uint64_t>(1, std::min(wanted, most)));
  }
};

namespace moult {

/// Memory on the device that is given back at the end. `cudaFree` waits for the work that uses it.
template <typename T>
class DeviceBuffer {
 public:
  DeviceBuffer() = default;
  explicit DeviceBuffer(size_t count) { allocate(count); }
  DeviceBuffer(const DeviceBuffer &) = delete;
  DeviceBuffer &operator=(const DeviceBuffer &) = delete;
  DeviceBuffer(DeviceBuffer &&other) noexcept { swap(other); }
  DeviceBuffer &operator=(DeviceBuffer &&other) noexcept {
    DeviceBuffer(std::move(other)).swap(*this);
    return *this;
  }
  ~DeviceBuffer() { free(); }

  /// Throws MOULT_DEVICE_OUT_OF_MEMORY; contents are of no meaning.
  void allocate(size_t count) {
    free();
    if (count == 0) return;
    void *pointer = nullptr;
    moult::check(cudaMalloc(&pointer, count * sizeof(T)), "device memory");
    pointer_ = static_cast<T *>(pointer);
    count_ = count;
  }
  /// false: there is no room.
  bool try_allocate(size_t count) {
    try {
      allocate(count);
    } catch (const Failure &failure) {
      if (failure.status != MOULT_DEVICE_OUT_OF_MEMORY) throw;
      return false;
    }
    return true;
  }
  void free() {
    if (pointer_) static_cast<void>(cudaFree(pointer_));
    pointer_ = nullptr;
    count_ = 0;
  }
  void swap(DeviceBuffer &other) {
    std::swap(pointer_, other.pointer_);
    std::swap(count_, other.count_);
  }
  T *get() const { return pointer_; }
  size_t count() const { return count_; }

 private:
  T *pointer_ = nullptr;
  size_t count_ = 0;
};

/// Makes `device` the one of this thread, and answers with the status of `body`, whose Failure it keeps as message.
moult_device_status call_body(moult_device *device, void (*body)(void *), void *context);

template <typename Body>
moult_device_status call(moult_device *device, Body &&body) {
  return call_body(device, [](void *context) { (*static_cast<std::remove_reference_t<Body> *>(context))(); }, &body);
}

/// Tries `body(n)` with n = most, most/2, … until one fits into the device's memory; below `least` it is out of memory.
template <typename Body>
void with_size(uint64_t most, uint64_t least, Body &&body) {
  for (uint64_t n = std::max<uint64_t>(most, 1);; n = std::max(n / 2, std::min(n, least))) {
    try {
      return body(n);
    } catch (const Failure &failure) {
      if (failure.status != MOULT_DEVICE_OUT_OF_MEMORY || n <= least || n <= 1) throw;
    }
  }
}

// MARK: Transfers

/// Copies rows of host memory to the device, `target_stride` apart (the gap is filled with zeros), through the pinned
/// buffers. Returns when the host's rows have been read; the device has them when `stream` comes by.
void upload_rows(moult_device *device, cudaStream_t stream, void *target, size_t target_stride, const void *source,
                 size_t stride, size_t row_bytes, uint64_t count);
/// Rows that lie anywhere likewise: `row` tells where each of them is, to several threads.
void upload_gathered(moult_device *device, cudaStream_t stream, void *target, size_t target_stride,
                     const std::function<const void *(uint64_t)> &row, size_t row_bytes, uint64_t count);
/// Contiguous bytes likewise.
void upload(moult_device *device, cudaStream_t stream, void *target, const void *source, size_t bytes);
/// Copies to host memory what `stream` has computed, and waits for it.
void download(moult_device *device, cudaStream_t stream, void *target, const void *source, size_t bytes);

/// Calls `body(first, end)` for parts of 0 ..< count on some threads of the host, so many as pay for `bytes`.
void in_parts(uint64_t count, size_t bytes, const std::function<void(uint64_t, uint64_t)> &body);

/// `waiting` goes on when all that is on `stream` now is done.
void wait_for(cudaStream_t waiting, cudaStream_t stream);

/// Rows of the host.
struct HostRows {
  const void *rows;
  size_t stride, row_bytes;
  uint64_t count;
};

/// Goes through rows in tiles of at most `tile_rows`, the next tile on its way while one is worked on.
///
///  - `work(tile, first, count, turn)` puts kernels on device->work; the rows lie at `tile`, `row_bytes` apart, rounded
///    up to `align`; turn is 0 or 1: what a tile writes must not be what the tile before it wrote.
///  - `finish(first, count, turn)` is called when a tile's kernels are done, while those of the next run: it may
///    `download` on device->results.
///
/// Allocates two tiles, smaller ones where there is no room: `work` sees the size that it came to.
class RowTiles {
 public:
  RowTiles(moult_device *device, HostRows rows, uint64_t tile_rows, size_t align = 16, uint64_t least_rows = 64);
  ~RowTiles();
  uint64_t tile_rows() const { return tile_rows_; }
  size_t row_stride() const { return row_stride_; }

  template <typename Work, typename Finish>
  void run(const Stop &stop, Work &&work, Finish &&finish) {
    uint64_t pending_first = 0, pending_count = 0;
    int turn = 0;
    for (uint64_t first = 0; first < rows_.count; first += tile_rows_, turn ^= 1) {
      stop.check();
      const uint64_t count = std::min(tile_rows_, rows_.count - first);
      bring(first, count, turn);
      work(tiles_[turn].get(), first, count, turn);
      worked(turn);
      if (pending_count) {
        finished(turn ^ 1);
        finish(pending_first, pending_count, turn ^ 1);
      }
      pending_first = first;
      pending_count = count;
    }
    if (pending_count) {
      finished(turn ^ 1);
      finish(pending_first, pending_count, turn ^ 1);
    }
  }
  template <typename Work>
  void run(const Stop &stop, Work &&work) {
    run(stop, std::forward<Work>(work), [](uint64_t, uint64_t, int) {});
  }

 private:
  void bring(uint64_t first, uint64_t count, int turn);
  void worked(int turn);
  void finished(int turn);

  moult_device *device_;
  HostRows rows_;
  uint64_t tile_rows_;
  size_t row_stride_;
  DeviceBuffer<unsigned char> tiles_[2];
  cudaEvent_t brought_[2] = {}, worked_[2] = {};
  bool is_worked_[2] = {};
};

/// Milliseconds between two points of a stream.
class Timer {
 public:
  Timer();
  ~Timer();
  void start(cudaStream_t stream);
  float stop(cudaStream_t stream);

 private:
  cudaEvent_t start_ = nullptr, end_ = nullptr;
};

}  // namespace moult
#endif
