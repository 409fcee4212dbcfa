#include "runtime.h"

#include <cstdio>
#include <cstring>
#include <exception>
#include <thread>
#include <vector>

namespace moult {

moult_device_status status_of(cudaError_t error) {
  switch (error) {
    case cudaSuccess: return MOULT_DEVICE_OK;
    case cudaErrorMemoryAllocation: return MOULT_DEVICE_OUT_OF_MEMORY;
    case cudaErrorInitializationError:
    case cudaErrorInsufficientDriver:
    case cudaErrorDevicesUnavailable:
    case cudaErrorNoDevice:
    case cudaErrorInvalidDevice:
    case cudaErrorSystemDriverMismatch: return MOULT_DEVICE_ABSENT;
    // A launch that was refused leaves the device as it was.
    case cudaErrorInvalidValue:
    case cudaErrorInvalidConfiguration:
    case cudaErrorLaunchOutOfResources:
    case cudaErrorNoKernelImageForDevice:
    case cudaErrorUnsupportedPtxVersion:
    case cudaErrorNotSupported: return MOULT_DEVICE_UNSUPPORTED;
    default: return MOULT_DEVICE_LOST;
  }
}

void check(cudaError_t error, const char *what) {
  if (error == cudaSuccess) return;
  // Errors that do not stay are not to be found again by the next call.
  static_cast<void>(cudaGetLastError());
  throw Failure{status_of(error),
                std::string(what) + ": " + cudaGetErrorString(error) + " (" + cudaGetErrorName(error) + ")"};
}

moult_device_status call_body(moult_device *device, void (*body)(void *), void *context) {
  std::lock_guard<std::mutex> lock(device->mutex);
  if (device->is_lost) return MOULT_DEVICE_LOST;
  moult_device_status status = MOULT_DEVICE_OK;
  try {
    device->message.clear();
    check(cudaSetDevice(device->ordinal), "cudaSetDevice");
    body(context);
  } catch (const Failure &failure) {
    status = failure.status;
    device->message = failure.message;
  } catch (const std::bad_alloc &) {
    status = MOULT_DEVICE_OUT_OF_MEMORY;
    device->message = "out of host memory";
  } catch (const std::exception &error) {
    status = MOULT_DEVICE_UNSUPPORTED;
    device->message = error.what();
  }
  if (status != MOULT_DEVICE_OK) {
    // Nothing of an abandoned call may run on: its host memory is the caller's again.
    const cudaError_t error = cudaDeviceSynchronize();
    static_cast<void>(cudaGetLastError());
    if (status != MOULT_DEVICE_LOST && status_of(error) == MOULT_DEVICE_LOST) {
      status = MOULT_DEVICE_LOST;
      device->message += std::string("; then ") + cudaGetErrorString(error);
    }
  }
  if (status == MOULT_DEVICE_LOST) device->is_lost = true;
  return status;
}

// MARK: Pinned memory

void PinnedPair::free() {
  for (int i = 0; i < 2; i++) {
    if (parts_[i]) static_cast<void>(cudaFreeHost(parts_[i]));
    if (events_[i]) static_cast<void>(cudaEventDestroy(events_[i]));
    parts_[i] = nullptr;
    events_[i] = nullptr;
    is_used_[i] = false;
  }
}

unsigned char *PinnedPair::next() {
  turn_ ^= 1;
  // Either may fail, and what there is then stays for the next call.
  if (!events_[turn_]) {
    moult::check(cudaEventCreateWithFlags(&events_[turn_], cudaEventDisableTiming), "an event");
  }
  if (!parts_[turn_]) {
    void *part = nullptr;
    moult::check(cudaHostAlloc(&part, part_bytes, cudaHostAllocDefault), "pinned memory");
    parts_[turn_] = static_cast<unsigned char *>(part);
  }
  if (is_used_[turn_]) moult::check(cudaEventSynchronize(events_[turn_]), "a transfer");
  is_used_[turn_] = false;
  return parts_[turn_];
}

void PinnedPair::used(cudaStream_t stream) {
  moult::check(cudaEventRecord(events_[turn_], stream), "an event");
  is_used_[turn_] = true;
}

// MARK: Transfers

/// One thread reads some 10 GB/s, the link takes five times that.
void in_parts(uint64_t count, size_t bytes, const std::function<void(uint64_t, uint64_t)> &body) {
#ifndef MOULT_EMULATED
  const uint64_t most = std::min<uint64_t>(8, std::thread::hardware_concurrency());
#else
  const uint64_t most = 1;
#endif
  const uint64_t parts = std::max<uint64_t>(1, std::min(most, uint64_t(bytes >> 20)));
  struct Threads : std::vector<std::thread> {
    ~Threads() {
      for (std::thread &thread : *this) thread.join();
    }
  } threads;
  for (uint64_t part = 1; part < parts; part++) {
    const uint64_t first = count * part / parts, end = count * (part + 1) / parts;
    try {
      threads.emplace_back([=, &body] { body(first, end); });
    } catch (const std::exception &) {
      body(first, end);
    }
  }
  body(uint64_t(0), count / parts);
}

namespace {

/// Fills parts of the pinned buffers with rows, and sends each on. `fill(part, first, begin, end)` puts the rows
/// first + begin ..< first + end to where they are in the part.
template <typename Fill>
void upload_filled(moult_device *device, cudaStream_t stream, void *target, size_t target_stride, uint64_t count,
                   Fill fill) {
  if (target_stride > PinnedPair::part_bytes) {
    throw Failure{MOULT_DEVICE_UNSUPPORTED, "rows of " + std::to_string(target_stride) + " bytes"};
  }
  const uint64_t rows_max = PinnedPair::part_bytes / target_stride;
  for (uint64_t first = 0; first < count; first += rows_max) {
    const uint64_t rows = std::min(rows_max, count - first);
    unsigned char *const part = device->upload.next();
    in_parts(rows, rows * target_stride,
             [=](uint64_t begin, uint64_t end) { fill(part, first, begin, end); });
    check(cudaMemcpyAsync(static_cast<unsigned char *>(target) + first * target_stride, part, rows * target_stride,
                          cudaMemcpyHostToDevice, stream),
          "a transfer to the device");
    device->upload.used(stream);
  }
}

}  // namespace

void upload_rows(moult_device *device, cudaStream_t stream, void *target, size_t target_stride, const void *source,
                 size_t stride, size_t row_bytes, uint64_t count) {
  const unsigned char *const rows = static_cast<const unsigned char *>(source);
  upload_filled(device, stream, target, target_stride, count,
                [=](unsigned char *part, uint64_t first, uint64_t begin, uint64_t end) {
                  const unsigned char *const from = rows + first * stride;
                  if (stride == row_bytes && target_stride == row_bytes) {
                    std::memcpy(part + begin * row_bytes, from + begin * row_bytes, (end - begin) * row_bytes);
                    return;
                  }
                  for (uint64_t i = begin; i < end; i++) {
                    std::memcpy(part + i * target_stride, from + i * stride, row_bytes);
                    std::memset(part + i * target_stride + row_bytes, 0, target_stride - row_bytes);
                  }
                });
}

void upload_gathered(moult_device *device, cudaStream_t stream, void *target, size_t target_stride,
                     const std::function<const void *(uint64_t)> &row, size_t row_bytes, uint64_t count) {
  upload_filled(device, stream, target, target_stride, count,
                [&row, target_stride, row_bytes](unsigned char *part, uint64_t first, uint64_t begin, uint64_t end) {
                  for (uint64_t i = begin; i < end; i++) {
                    std::memcpy(part + i * target_stride, row(first + i), row_bytes);
                    std::memset(part + i * target_stride + row_bytes, 0, target_stride - row_bytes);
                  }
                });
}

void upload(moult_device *device, cudaStream_t stream, void *target, const void *source, size_t bytes) {
  const size_t piece = std::min(bytes, PinnedPair::part_bytes);
  for (size_t first = 0; first < bytes; first += piece) {
    const size_t count = std::min(piece, bytes - first);
    unsigned char *const part = device->upload.next();
    const unsigned char *const from = static_cast<const unsigned char *>(source) + first;
    in_parts(count, count, [=](uint64_t begin, uint64_t end) { std::memcpy(part + begin, from + begin, end - begin); });
    check(cudaMemcpyAsync(static_cast<unsigned char *>(target) + first, part, count, cudaMemcpyHostToDevice, stream),
          "a transfer to the device");
    device->upload.used(stream);
  }
}

void download(moult_device *device, cudaStream_t stream, void *target, const void *source, size_t bytes) {
  unsigned char *pending = nullptr;
  size_t pending_first = 0, pending_count = 0;
  for (size_t first = 0; first < bytes || pending_count; first += PinnedPair::part_bytes) {
    unsigned char *part = nullptr;
    size_t count = 0;
    if (first < bytes) {
      count = std::min(PinnedPair::part_bytes, bytes - first);
      // Waits for nothing: each part's copy has been waited for below.
      part = device->download.next();
    }
    if (pending_count) device->synchronize(stream, "a transfer from the device");
    if (count) {
      check(cudaMemcpyAsync(part, static_cast<const unsigned char *>(source) + first, count, cudaMemcpyDeviceToHost,
                            stream),
            "a transfer from the device");
      device->download.used(stream);
    }
    if (pending_count) {
      unsigned char *const to = static_cast<unsigned char *>(target) + pending_first;
      const unsigned char *const from = pending;
      in_parts(pending_count, pending_count,
               [=](uint64_t begin, uint64_t end) { std::memcpy(to + begin, from + begin, end - begin); });
    }
    pending = part;
    pending_first = first;
    pending_count = count;
  }
  device->synchronize(stream, "a transfer from the device");
}

void wait_for(cudaStream_t waiting, cudaStream_t stream) {
  cudaEvent_t event = nullptr;
  check(cudaEventCreateWithFlags(&event, cudaEventDisableTiming), "an event");
  const cudaError_t recorded = cudaEventRecord(event, stream);
  const cudaError_t waits = recorded == cudaSuccess ? cudaStreamWaitEvent(waiting, event, 0) : recorded;
  // It lives on until it is not needed any more.
  static_cast<void>(cudaEventDestroy(event));
  check(waits, "an event");
}

// MARK: Tiles

RowTiles::RowTiles(moult_device *device, HostRows rows, uint64_t tile_rows, size_t align, uint64_t least_rows)
    : device_(device), rows_(rows), row_stride_((rows.row_bytes + align - 1) / align * align) {
  with_size(std::max<uint64_t>(1, std::min(tile_rows, rows.count)), least_rows, [&](uint64_t n) {
    for (auto &tile : tiles_) tile.free();
    tiles_[0].allocate(n * row_stride_);
    if (n < rows_.count) tiles_[1].allocate(n * row_stride_);
    tile_rows_ = n;
  });
  for (int i = 0; i < 2; i++) {
    check(cudaEventCreateWithFlags(&brought_[i], cudaEventDisableTiming), "an event");
    check(cudaEventCreateWithFlags(&worked_[i], cudaEventDisableTiming), "an event");
  }
}

RowTiles::~RowTiles() {
  for (int i = 0; i < 2; i++) {
    if (brought_[i]) static_cast<void>(cudaEventDestroy(brought_[i]));
    if (worked_[i]) static_cast<void>(cudaEventDestroy(worked_[i]));
  }
}

void RowTiles::bring(uint64_t first, uint64_t count, int turn) {
  if (is_worked_[turn]) check(cudaStreamWaitEvent(device_->copies, worked_[turn], 0), "an event");
  upload_rows(device_, device_->copies, tiles_[turn].get(), row_stride_,
              static_cast<const unsigned char *>(rows_.rows) + first * rows_.stride, rows_.stride, rows_.row_bytes,
              count);
  check(cudaEventRecord(brought_[turn], device_->copies), "an event");
  check(cudaStreamWaitEvent(device_->work, brought_[turn], 0), "an event");
}

void RowTiles::worked(int turn) {
  check(cudaEventRecord(worked_[turn], device_->work), "an event");
  is_worked_[turn] = true;
}

void RowTiles::finished(int turn) { check(cudaEventSynchronize(worked_[turn]), "work on a tile"); }

Timer::Timer() {
  check(cudaEventCreate(&start_), "an event");
  check(cudaEventCreate(&end_), "an event");
}

Timer::~Timer() {
  if (start_) static_cast<void>(cudaEventDestroy(start_));
  if (end_) static_cast<void>(cudaEventDestroy(end_));
}

void Timer::start(cudaStream_t stream) { check(cudaEventRecord(start_, stream), "an event"); }

float Timer::stop(cudaStream_t stream) {
  float milliseconds = 0;
  check(cudaEventRecord(end_, stream), "an event");
  check(cudaEventSynchronize(end_), "timed work");
  check(cudaEventElapsedTime(&milliseconds, start_, end_), "an event");
  return milliseconds;
}

}  // namespace moult

size_t moult_device::free_bytes() const {
  size_t free = 0, total = 0;
  moult::check(cudaMemGetInfo(&free, &total), "the device's memory");
  const size_t reserve = std::min(free / 8, size_t(256) << 20);
  return free - reserve;
}
