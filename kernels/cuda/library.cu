// The table of abi.h, and the handle's life.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <memory>

#include "describe.h"
#include "families.h"
#include "runtime.h"

using moult::check;
using moult::Failure;

namespace {

/// What the binaries are compiled for at least.
constexpr int major_least = 8;

void create(moult_device *device, int32_t ordinal) {
  int driver = 0, count = 0;
  if (cudaDriverGetVersion(&driver) != cudaSuccess || driver == 0) {
    static_cast<void>(cudaGetLastError());
    throw Failure{MOULT_DEVICE_ABSENT, "no NVIDIA driver"};
  }
  check(cudaGetDeviceCount(&count), "no device");
  if (ordinal < 0 || ordinal >= count) {
    throw Failure{MOULT_DEVICE_ABSENT,
                  "device " + std::to_string(ordinal) + " of " + std::to_string(count) + " is not there"};
  }
  device->ordinal = ordinal;
  check(cudaSetDevice(ordinal), "cudaSetDevice");
  check(cudaGetDeviceProperties(&device->properties, ordinal), "the device's properties");
  if (device->properties.major < major_least) {
    throw Failure{MOULT_DEVICE_ABSENT, std::string(device->properties.name) + " has compute capability " +
                                           std::to_string(device->properties.major) + "." +
                                           std::to_string(device->properties.minor) + "; 8.0 is the least"};
  }
  check(cudaStreamCreateWithFlags(&device->work, cudaStreamNonBlocking), "a stream");
  check(cudaStreamCreateWithFlags(&device->copies, cudaStreamNonBlocking), "a stream");
  check(cudaStreamCreateWithFlags(&device->results, cudaStreamNonBlocking), "a stream");
  moult::choose_path(device);
}

void destroy(moult_device *device) {
  static_cast<void>(cudaSetDevice(device->ordinal));
  device->upload.free();
  device->download.free();
  for (cudaStream_t stream : {device->work, device->copies, device->results}) {
    if (stream) static_cast<void>(cudaStreamDestroy(stream));
  }
  delete device;
}

moult_device_status cuda_open(int32_t ordinal, moult_device **result, char *message, size_t message_bytes) {
  *result = nullptr;
  moult_device *const device = new (std::nothrow) moult_device;
  if (!device) return MOULT_DEVICE_OUT_OF_MEMORY;
  moult_device_status status = MOULT_DEVICE_OK;
  try {
    create(device, ordinal);
  } catch (const Failure &failure) {
    status = failure.status;
    // A device that cannot even be opened is as good as none: also one whose driver cannot compile the PTX, which the
    // run time tells by errors that look like a loss.
    if (status == MOULT_DEVICE_UNSUPPORTED || status == MOULT_DEVICE_LOST) status = MOULT_DEVICE_ABSENT;
    if (message && message_bytes) snprintf(message, message_bytes, "%s", failure.message.c_str());
  } catch (const std::exception &error) {
    status = MOULT_DEVICE_ABSENT;
    if (message && message_bytes) snprintf(message, message_bytes, "%s", error.what());
  }
  if (status != MOULT_DEVICE_OK) {
    destroy(device);
    return status;
  }
  *result = device;
  if (message && message_bytes) *message = 0;
  return MOULT_DEVICE_OK;
}

void cuda_close(moult_device *device) {
  if (device) destroy(device);
}

const char *cuda_message(moult_device *device) { return device->message.c_str(); }

const char *path_name(moult::MatrixPath path) {
#ifdef MOULT_EMULATED
  static_cast<void>(path);
  return "emulated";
#else
  switch (path) {
    case moult::MatrixPath::wgmma: return "wgmma";
    case moult::MatrixPath::mma_sync: return "mma.sync";
    case moult::MatrixPath::plain: break;
  }
  return "plain";
#endif
}

moult_device_status cuda_describe(moult_device *device, moult_device_info *info) {
  return moult::call(device, [&] {
    moult_device_info &known = device->info;
    if (!device->is_described) {
      memset(&known, 0, sizeof known);
      snprintf(known.name, sizeof known.name, "%s", device->properties.name);
#ifdef MOULT_EMULATED
      const char *const paths[] = {"plain", "mma.sync", "wgmma"};
      snprintf(known.name, sizeof known.name, "%s, %s", device->properties.name, paths[int(device->path)]);
#endif
      snprintf(known.matrix_path, sizeof known.matrix_path, "%s", path_name(device->path));
      known.major = device->properties.major;
      known.minor = device->properties.minor;
      check(cudaDriverGetVersion(&known.driver), "the driver's version");
      check(cudaRuntimeGetVersion(&known.runtime), "the run time's version");
      known.multiprocessors = device->properties.multiProcessorCount;
      known.memory_bytes = device->properties.totalGlobalMem;
      moult::measure(device, &known);
      device->is_described = true;
    }
    size_t free = 0, total = 0;
    check(cudaMemGetInfo(&free, &total), "the device's memory");
    known.free_bytes = free;
    *info = known;
  });
}

const moult_device_library table = {
    MOULT_DEVICE_ABI, sizeof(moult_device_library),
    cuda_open,        cuda_close,
    cuda_message,     cuda_describe,
    cuda_hold,        cuda_release,
    cuda_exact,       cuda_hamming,
    cuda_encode_levels, cuda_encode_u8,
    cuda_nearest,     cuda_neighbour_lists,
    cuda_prune,       cuda_map_rows,
};

}  // namespace

// In a namespace, because the type has the symbol's name; C linkage knows no namespaces.
namespace moult_symbol {
extern "C" __attribute__((visibility("default"))) const ::moult_device_library *moult_device_library(void) {
  return &table;
}
}  // namespace moult_symbol
