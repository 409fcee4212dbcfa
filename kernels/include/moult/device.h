/// Finds and opens a device library: the host's side of device_abi.h.
#ifndef MOULT_DEVICE_H
#define MOULT_DEVICE_H

#include "device_abi.h"

#ifdef __cplusplus
extern "C" {
#endif

#define MOULT_DEVICE_FILE "libmoult_cuda.so"

/// A device of a library that fits.
typedef struct moult_device_handle {
  const moult_device_library *library;
  moult_device *device;
} moult_device_handle;

/// Opens the library and device `ordinal` of it.
///
/// Without a path it is the one that the environment variable MOULT_CUDA_LIBRARY names, and where that is not set the
/// first that there is of MOULT_DEVICE_FILE beside the executable, in ../lib/moult from there, and where the
/// system's loader looks. A negative ordinal stands for that of MOULT_CUDA_ORDINAL, or 0. One that was found in one of
/// the two folders is refused where others could have put it there: see `moult_device_is_trusted`.
///
/// Where there is no such file, or it does not load, or has another ABI number or size of its table, or refuses the
/// device, the result is not MOULT_DEVICE_OK and `text` says why; else `text` is the path of the library. It is
/// NUL-terminated and cut to `text_bytes`. A library that was asked for a device stays in the process. Thread-safe.
moult_device_status moult_device_open(const char *path, int32_t ordinal, moult_device_handle *handle, char *text,
                                      size_t text_bytes);

/// Whether nobody but root and this process's user owns or may write a file and the folder it is in, symbolic links
/// followed; 0 also where there is none.
int moult_device_is_trusted(const char *path);

/// Closes the device; the handle is of no use afterwards.
void moult_device_close(moult_device_handle *handle);

#ifdef __cplusplus
}
#endif
#endif
