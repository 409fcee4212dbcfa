#include <sys/mman.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>

#include "cuda_runtime.h"

namespace moult::emulated {

struct Event {
  /// Counts how often it was recorded, and how far the streams have come.
  uint64_t recorded = 0, reached = 0;
  Stream *stream = nullptr;
  std::chrono::steady_clock::time_point at;
  /// Its own until it is destroyed: work that names it may come later.
  std::shared_ptr<Event> own;
};

struct Stream {
  std::deque<std::function<void()>> work;
};

namespace {

struct Device {
  std::recursive_mutex mutex;
  int capability = 90;
  size_t total = size_t(1) << 30, used = 0;
  long allocations_left = 0, launches_left = 0;  ///< 0: no fault ordered
  bool is_lost = false, is_absent = false, is_protected = false, is_late = false;
  int running = 0;
  std::map<void *, size_t> allocations, host_allocations;
  std::map<const void *, size_t> allowed_shared;  ///< of kernels that asked
  std::vector<Stream *> streams;
  Stream standard;
  cudaError_t last = cudaSuccess;
};

Device &device() {
  static Device *const device = new Device;
  return *device;
}

using Lock = std::lock_guard<std::recursive_mutex>;

long number(const char *name, long otherwise) {
  const char *const text = std::getenv(name);
  return text ? std::atol(text) : otherwise;
}

void read_environment() {
  Device &d = device();
  d.capability = int(number("MOULT_EMULATED_CAPABILITY", 90));
  d.total = size_t(number("MOULT_EMULATED_MEMORY", 1l << 30));
  d.allocations_left = number("MOULT_EMULATED_FAIL_ALLOCATION", 0);
  d.launches_left = number("MOULT_EMULATED_LOSE_LAUNCH", 0);
  d.is_absent = number("MOULT_EMULATED_ABSENT", 0) != 0;
  const char *const streams = std::getenv("MOULT_EMULATED_STREAMS");
  d.is_late = streams && std::strcmp(streams, "late") == 0;
  if (d.allocations.empty()) d.is_protected = number("MOULT_EMULATED_PROTECT", 0) != 0;
  d.is_lost = false;
  d.last = cudaSuccess;
}

cudaError_t answer(cudaError_t error) {
  if (error != cudaSuccess) device().last = error;
  return error;
}

cudaError_t state() { return device().is_lost ? cudaErrorLaunchFailure : cudaSuccess; }

size_t mapped_bytes(size_t bytes) { return (bytes + 4095) / 4096 * 4096; }

/// Device memory can be touched while one of these lives.
struct Access {
  Access() {
    if (device().is_protected && device().running++ == 0) set(PROT_READ | PROT_WRITE);
  }
  ~Access() {
    if (device().is_protected && --device().running == 0) set(PROT_NONE);
  }
  void set(int protection) {
    for (const auto &[pointer, bytes] : device().allocations) mprotect(pointer, mapped_bytes(bytes), protection);
  }
};

void drain(Stream *stream) {
  Stream &own = stream ? *stream : device().standard;
  while (!own.work.empty()) {
    const std::function<void()> next = std::move(own.work.front());
    own.work.pop_front();
    if (!device().is_lost) {
      Access access;
      next();
    }
  }
}

void drain_all() {
  drain(nullptr);
  for (Stream *stream : device().streams) drain(stream);
}

void put(Stream *stream, std::function<void()> work) {
  (stream ? *stream : device().standard).work.push_back(std::move(work));
  if (!device().is_late) drain(stream);
}

bool is_device_memory(const void *pointer, size_t bytes) {
  auto next = device().allocations.upper_bound(const_cast<void *>(pointer));
  if (next == device().allocations.begin()) return false;
  --next;
  const char *const first = static_cast<const char *>(next->first), *const place = static_cast<const char *>(pointer);
  return place >= first && place + bytes <= first + next->second;
}

bool is_pinned(const void *pointer) {
  auto next = device().host_allocations.upper_bound(const_cast<void *>(pointer));
  if (next == device().host_allocations.begin()) return false;
  --next;
  return static_cast<const char *>(pointer) < static_cast<const char *>(next->first) + next->second;
}

void check_copy(void *target, const void *source, size_t bytes, cudaMemcpyKind kind) {
  const bool to = kind == cudaMemcpyHostToDevice || kind == cudaMemcpyDeviceToDevice;
  const bool from = kind == cudaMemcpyDeviceToHost || kind == cudaMemcpyDeviceToDevice;
  if (bytes && is_device_memory(target, bytes) != to) fail("a copy of %zu bytes: the target's kind is wrong", bytes);
  if (bytes && is_device_memory(source, bytes) != from) fail("a copy of %zu bytes: the source's kind is wrong", bytes);
}

}  // namespace

namespace {

size_t shared_most() {
  const int capability = device().capability;
  return (capability >= 90 ? 227 : capability == 86 || capability == 89 ? 99 : 163) * size_t(1024);
}

}  // namespace

cudaError_t allow_shared(const void *kernel, size_t bytes) {
  Lock lock(device().mutex);
  if (bytes > shared_most()) return answer(cudaErrorInvalidValue);
  device().allowed_shared[kernel] = bytes;
  return cudaSuccess;
}

size_t allowed_shared(const void *kernel, size_t bytes) {
  Lock lock(device().mutex);
  const auto found = device().allowed_shared.find(kernel);
  const bool is_allowed = found != device().allowed_shared.end() && bytes <= found->second;
  return is_allowed ? shared_most() : 48 * 1024;
}

cudaError_t submit(Stream *stream, std::function<void()> work, bool is_launch) {
  Lock lock(device().mutex);
  if (state() != cudaSuccess) return answer(state());
  put(stream, [work = std::move(work), is_launch] {
    if (is_launch && device().launches_left > 0 && --device().launches_left == 0) {
      device().is_lost = true;
      return;
    }
    work();
  });
  return answer(state());
}

}  // namespace moult::emulated

using namespace moult::emulated;

cudaError_t cudaGetDeviceCount(int *count) {
  Lock lock(device().mutex);
  const bool is_absent = number("MOULT_EMULATED_ABSENT", 0) != 0;
  *count = is_absent ? 0 : 1;
  return is_absent ? answer(cudaErrorNoDevice) : cudaSuccess;
}

cudaError_t cudaSetDevice(int ordinal) {
  Lock lock(device().mutex);
  return ordinal == 0 ? cudaSuccess : answer(cudaErrorInvalidDevice);
}

cudaError_t cudaGetDevice(int *ordinal) {
  *ordinal = 0;
  return cudaSuccess;
}

cudaError_t cudaGetDeviceProperties(cudaDeviceProp *properties, int ordinal) {
  Lock lock(device().mutex);
  if (ordinal != 0) return answer(cudaErrorInvalidDevice);
  read_environment();
  std::memset(properties, 0, sizeof *properties);
  std::snprintf(properties->name, sizeof properties->name, "emulated device");
  properties->totalGlobalMem = device().total;
  properties->sharedMemPerBlockOptin = shared_most();
  properties->major = device().capability / 10;
  properties->minor = device().capability % 10;
  properties->multiProcessorCount = 2;
  properties->l2CacheSize = 1 << 20;
  return cudaSuccess;
}

cudaError_t cudaDeviceGetAttribute(int *value, cudaDeviceAttr attribute, int) {
  *value = attribute == cudaDevAttrMultiProcessorCount ? 2 : int(shared_most());
  return cudaSuccess;
}

cudaError_t cudaDriverGetVersion(int *version) {
  *version = 12000;
  return cudaSuccess;
}

cudaError_t cudaRuntimeGetVersion(int *version) {
  *version = CUDART_VERSION;
  return cudaSuccess;
}

cudaError_t cudaMemGetInfo(size_t *free, size_t *total) {
  Lock lock(device().mutex);
  *total = device().total;
  *free = device().used < device().total ? device().total - device().used : 0;
  return answer(state());
}

cudaError_t cudaMalloc(void **pointer, size_t bytes) {
  Lock lock(device().mutex);
  *pointer = nullptr;
  if (state() != cudaSuccess) return answer(state());
  if (bytes == 0) return cudaSuccess;
  if (device().allocations_left > 0 && --device().allocations_left == 0) return answer(cudaErrorMemoryAllocation);
  if (device().used + bytes > device().total) return answer(cudaErrorMemoryAllocation);
  // What nothing has written is not 0.
  if (device().is_protected) {
    *pointer = mmap(nullptr, mapped_bytes(bytes), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    std::memset(*pointer, 0xA5, bytes);
    if (device().running == 0) mprotect(*pointer, mapped_bytes(bytes), PROT_NONE);
  } else {
    *pointer = std::aligned_alloc(256, (bytes + 255) / 256 * 256);
    std::memset(*pointer, 0xA5, bytes);
  }
  device().allocations[*pointer] = bytes;
  device().used += bytes;
  return cudaSuccess;
}

cudaError_t cudaFree(void *pointer) {
  Lock lock(device().mutex);
  if (!pointer) return cudaSuccess;
  drain_all();
  const auto found = device().allocations.find(pointer);
  if (found == device().allocations.end()) fail("cudaFree of what was not allocated");
  device().used -= found->second;
  if (device().is_protected) munmap(pointer, mapped_bytes(found->second));
  else std::free(pointer);
  device().allocations.erase(found);
  return answer(state());
}

cudaError_t cudaHostAlloc(void **pointer, size_t bytes, unsigned) {
  Lock lock(device().mutex);
  *pointer = std::aligned_alloc(4096, (bytes + 4095) / 4096 * 4096);
  if (!*pointer) return answer(cudaErrorMemoryAllocation);
  device().host_allocations[*pointer] = bytes;
  return cudaSuccess;
}

cudaError_t cudaFreeHost(void *pointer) {
  Lock lock(device().mutex);
  drain_all();
  device().host_allocations.erase(pointer);
  std::free(pointer);
  return cudaSuccess;
}

cudaError_t cudaMemcpy(void *target, const void *source, size_t bytes, cudaMemcpyKind kind) {
  Lock lock(device().mutex);
  drain_all();
  if (state() != cudaSuccess) return answer(state());
  check_copy(target, source, bytes, kind);
  Access access;
  if (bytes) std::memcpy(target, source, bytes);
  return cudaSuccess;
}

cudaError_t cudaMemcpyAsync(void *target, const void *source, size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t stream) {
  Lock lock(device().mutex);
  if (state() != cudaSuccess) return answer(state());
  check_copy(target, source, bytes, kind);
  if (bytes == 0) return cudaSuccess;
  const bool is_pageable_source = kind == cudaMemcpyHostToDevice && !is_pinned(source);
  if (is_pageable_source) {
    // The run time takes pageable memory before it returns.
    std::vector<char> copy(static_cast<const char *>(source), static_cast<const char *>(source) + bytes);
    put(stream, [=, copy = std::move(copy)] { std::memcpy(target, copy.data(), bytes); });
  } else {
    put(stream, [=] { std::memcpy(target, source, bytes); });
    // To pageable memory it returns when the copy is done.
    if (kind == cudaMemcpyDeviceToHost && !is_pinned(target)) drain(stream);
  }
  return answer(state());
}

cudaError_t cudaMemsetAsync(void *target, int value, size_t bytes, cudaStream_t stream) {
  Lock lock(device().mutex);
  if (state() != cudaSuccess) return answer(state());
  if (bytes && !is_device_memory(target, bytes)) fail("cudaMemset of what is no device memory");
  if (bytes) put(stream, [=] { std::memset(target, value, bytes); });
  return answer(state());
}

cudaError_t cudaMemset(void *target, int value, size_t bytes) {
  Lock lock(device().mutex);
  const cudaError_t error = cudaMemsetAsync(target, value, bytes, nullptr);
  drain(nullptr);
  return error;
}

cudaError_t cudaDeviceSynchronize() {
  Lock lock(device().mutex);
  drain_all();
  return answer(state());
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t *stream, unsigned) {
  Lock lock(device().mutex);
  *stream = new Stream;
  device().streams.push_back(*stream);
  return cudaSuccess;
}

cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  Lock lock(device().mutex);
  drain(stream);
  auto &streams = device().streams;
  for (size_t i = 0; i < streams.size(); i++) {
    if (streams[i] == stream) streams.erase(streams.begin() + i--);
  }
  delete stream;
  return cudaSuccess;
}

cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  Lock lock(device().mutex);
  drain(stream);
  return answer(state());
}

namespace {

/// Brings the stream of an event so far that the event's `count`-th record is reached.
void reach(Event *event, uint64_t count) {
  Stream *const stream = event->stream;
  Stream &own = stream ? *stream : device().standard;
  while (event->reached < count && !own.work.empty()) {
    const std::function<void()> next = std::move(own.work.front());
    own.work.pop_front();
    if (!device().is_lost) {
      Access access;
      next();
    }
  }
}

}  // namespace

cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned) {
  Lock lock(device().mutex);
  const uint64_t count = event->recorded;
  if (count) put(stream, [own = event->own, count] { reach(own.get(), count); });
  return answer(state());
}

cudaError_t cudaEventCreate(cudaEvent_t *event) {
  auto own = std::make_shared<Event>();
  own->own = own;
  *event = own.get();
  return cudaSuccess;
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t *event, unsigned) { return cudaEventCreate(event); }

cudaError_t cudaEventDestroy(cudaEvent_t event) {
  Lock lock(device().mutex);
  if (event) event->own.reset();
  return cudaSuccess;
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  Lock lock(device().mutex);
  if (state() != cudaSuccess) return answer(state());
  const uint64_t count = ++event->recorded;
  event->stream = stream;
  put(stream, [own = event->own, count] {
    own->reached = count;
    own->at = std::chrono::steady_clock::now();
  });
  return answer(state());
}

cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  Lock lock(device().mutex);
  reach(event, event->recorded);
  return answer(state());
}

cudaError_t cudaEventElapsedTime(float *milliseconds, cudaEvent_t start, cudaEvent_t end) {
  Lock lock(device().mutex);
  *milliseconds = std::chrono::duration<float, std::milli>(end->at - start->at).count();
  return answer(state());
}

cudaError_t cudaGetLastError() {
  Lock lock(device().mutex);
  const cudaError_t error = device().last;
  device().last = state();
  return error;
}

cudaError_t cudaPeekAtLastError() { return device().last; }

const char *cudaGetErrorName(cudaError_t error) {
  switch (error) {
    case cudaSuccess: return "cudaSuccess";
    case cudaErrorMemoryAllocation: return "cudaErrorMemoryAllocation";
    case cudaErrorNoDevice: return "cudaErrorNoDevice";
    case cudaErrorInvalidDevice: return "cudaErrorInvalidDevice";
    case cudaErrorLaunchFailure: return "cudaErrorLaunchFailure";
    default: return "cudaError";
  }
}

const char *cudaGetErrorString(cudaError_t error) {
  switch (error) {
    case cudaErrorMemoryAllocation: return "out of memory";
    case cudaErrorNoDevice: return "no CUDA-capable device is detected";
    case cudaErrorInvalidDevice: return "invalid device ordinal";
    case cudaErrorLaunchFailure: return "unspecified launch failure";
    default: return "error";
  }
}
