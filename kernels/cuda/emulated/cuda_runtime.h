// The part of CUDA's run time that Moult uses, on host memory: the same sources compile here without a GPU.
//
// Work on a stream waits until something waits for it (`MOULT_EMULATED_STREAMS=late`, what the check uses) or is done
// at once (otherwise). Kernels run as `machine.h` says. From the environment, read when a device is asked for its
// properties:
//
//   MOULT_EMULATED_CAPABILITY=80|86|90    compute capability (90); shared memory a block as it has: 163, 99, 227 KiB
//   MOULT_EMULATED_MEMORY=bytes           device memory (1 GiB)
//   MOULT_EMULATED_FAIL_ALLOCATION=n      the n-th allocation from then on fails, and only that one
//   MOULT_EMULATED_LOSE_LAUNCH=n          the device is lost at the n-th launch from then on
//   MOULT_EMULATED_ABSENT=1               there is no device
//   MOULT_EMULATED_PROTECT=1              the host cannot touch device memory
//   MOULT_EMULATED_ORDER=seed             threads and blocks run in another order
#ifndef MOULT_EMULATED_CUDA_RUNTIME_H
#define MOULT_EMULATED_CUDA_RUNTIME_H

#ifndef MOULT_EMULATED
#error "compile with -DMOULT_EMULATED"
#endif

#include <cstddef>
#include <functional>
#include <tuple>

#include "builtins.h"

#define CUDART_VERSION 12000

enum cudaError_t {
  cudaSuccess = 0,
  cudaErrorInvalidValue = 1,
  cudaErrorMemoryAllocation = 2,
  cudaErrorInitializationError = 3,
  cudaErrorInvalidConfiguration = 9,
  cudaErrorInsufficientDriver = 35,
  cudaErrorDevicesUnavailable = 46,
  cudaErrorNoDevice = 100,
  cudaErrorInvalidDevice = 101,
  cudaErrorNoKernelImageForDevice = 209,
  cudaErrorUnsupportedPtxVersion = 222,
  cudaErrorNotReady = 600,
  cudaErrorIllegalAddress = 700,
  cudaErrorLaunchOutOfResources = 701,
  cudaErrorLaunchFailure = 719,
  cudaErrorNotSupported = 801,
  cudaErrorSystemDriverMismatch = 803,
};

enum cudaMemcpyKind {
  cudaMemcpyHostToHost = 0,
  cudaMemcpyHostToDevice = 1,
  cudaMemcpyDeviceToHost = 2,
  cudaMemcpyDeviceToDevice = 3,
};

struct cudaDeviceProp {
  char name[256];
  size_t totalGlobalMem;
  size_t sharedMemPerBlockOptin;
  int major, minor;
  int multiProcessorCount;
  int l2CacheSize;
};

namespace moult::emulated {
struct Stream;
struct Event;
/// Puts work on a stream.
cudaError_t submit(Stream *stream, std::function<void()> work, bool is_launch);
}  // namespace moult::emulated
using cudaStream_t = moult::emulated::Stream *;
using cudaEvent_t = moult::emulated::Event *;

enum { cudaHostAllocDefault = 0, cudaStreamNonBlocking = 1, cudaEventDefault = 0, cudaEventDisableTiming = 2 };
enum cudaDeviceAttr { cudaDevAttrMaxSharedMemoryPerBlockOptin = 97, cudaDevAttrMultiProcessorCount = 16 };
enum cudaFuncAttribute { cudaFuncAttributeMaxDynamicSharedMemorySize = 8 };

cudaError_t cudaGetDeviceCount(int *count);
cudaError_t cudaSetDevice(int ordinal);
cudaError_t cudaGetDevice(int *ordinal);
cudaError_t cudaGetDeviceProperties(cudaDeviceProp *properties, int ordinal);
cudaError_t cudaDeviceGetAttribute(int *value, cudaDeviceAttr attribute, int ordinal);
cudaError_t cudaDriverGetVersion(int *version);
cudaError_t cudaRuntimeGetVersion(int *version);
cudaError_t cudaMemGetInfo(size_t *free, size_t *total);
cudaError_t cudaMalloc(void **pointer, size_t bytes);
cudaError_t cudaFree(void *pointer);
cudaError_t cudaHostAlloc(void **pointer, size_t bytes, unsigned flags);
cudaError_t cudaFreeHost(void *pointer);
cudaError_t cudaMemcpy(void *target, const void *source, size_t bytes, cudaMemcpyKind kind);
cudaError_t cudaMemcpyAsync(void *target, const void *source, size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t stream = nullptr);
cudaError_t cudaMemsetAsync(void *target, int value, size_t bytes, cudaStream_t stream = nullptr);
cudaError_t cudaMemset(void *target, int value, size_t bytes);
cudaError_t cudaDeviceSynchronize();
cudaError_t cudaStreamCreateWithFlags(cudaStream_t *stream, unsigned flags);
cudaError_t cudaStreamDestroy(cudaStream_t stream);
cudaError_t cudaStreamSynchronize(cudaStream_t stream);
cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned flags = 0);
cudaError_t cudaEventCreate(cudaEvent_t *event);
cudaError_t cudaEventCreateWithFlags(cudaEvent_t *event, unsigned flags);
cudaError_t cudaEventDestroy(cudaEvent_t event);
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream = nullptr);
cudaError_t cudaEventSynchronize(cudaEvent_t event);
cudaError_t cudaEventElapsedTime(float *milliseconds, cudaEvent_t start, cudaEvent_t end);
cudaError_t cudaGetLastError();
cudaError_t cudaPeekAtLastError();
const char *cudaGetErrorName(cudaError_t error);
const char *cudaGetErrorString(cudaError_t error);

namespace moult::emulated {
/// Lets a kernel have so much dynamic shared memory; and what it may have in all when it is launched with so much.
cudaError_t allow_shared(const void *kernel, size_t bytes);
size_t allowed_shared(const void *kernel, size_t bytes);
}  // namespace moult::emulated

template <typename Kernel>
cudaError_t cudaFuncSetAttribute(Kernel *kernel, cudaFuncAttribute, int bytes) {
  return moult::emulated::allow_shared(reinterpret_cast<const void *>(kernel), size_t(bytes));
}

namespace moult::emulated {
/// What <<<grid, block, shared_bytes, stream>>> does; arguments are copied.
template <typename... Parameters, typename... Arguments>
cudaError_t launch(void (*kernel)(Parameters...), dim3 grid, dim3 block, size_t shared_bytes, cudaStream_t stream,
                   Arguments &&...arguments) {
  std::tuple<std::decay_t<Parameters>...> copies(std::forward<Arguments>(arguments)...);
  const size_t allowed = allowed_shared(reinterpret_cast<const void *>(kernel), shared_bytes);
  if (shared_bytes > allowed) return cudaErrorInvalidValue;
  return submit(
      stream,
      [=] { Machine::here().run(grid, block, shared_bytes, allowed, [&] { std::apply(kernel, copies); }); }, true);
}
}  // namespace moult::emulated

#endif
