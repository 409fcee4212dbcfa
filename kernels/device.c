#define _GNU_SOURCE
#include "moult/device.h"

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct answer {
  char *text;
  size_t bytes;
} answer;

__attribute__((format(printf, 2, 3))) static moult_device_status refuse(answer message, const char *format,
                                                                        ...) {
  va_list arguments;
  va_start(arguments, format);
  if (message.bytes > 0) vsnprintf(message.text, message.bytes, format, arguments);
  va_end(arguments);
  return MOULT_DEVICE_ABSENT;
}

/// Writes the path of MOULT_DEVICE_FILE in `folder`, relative to the executable's; 0 where no such file is.
static int is_beside_executable(const char *folder, char path[PATH_MAX]) {
  char executable[PATH_MAX];
  const ssize_t length = readlink("/proc/self/exe", executable, sizeof executable - 1);
  if (length <= 0) return 0;
  executable[length] = 0;
  char *slash = strrchr(executable, '/');
  if (!slash) return 0;
  *slash = 0;
  const int written = snprintf(path, PATH_MAX, "%s/%s" MOULT_DEVICE_FILE, executable, folder);
  return written > 0 && written < PATH_MAX && access(path, F_OK) == 0;
}

static int is_ours(const char *path) {
  struct stat status;
  return stat(path, &status) == 0 && (status.st_uid == 0 || status.st_uid == geteuid()) &&
         !(status.st_mode & (S_IWGRP | S_IWOTH));
}

int moult_device_is_trusted(const char *path) {
  char real[PATH_MAX];
  if (!realpath(path, real) || !is_ours(real)) return 0;
  char *slash = strrchr(real, '/');
  slash[slash == real] = 0;
  return is_ours(real);
}

/// Loads the library. `path` may be NULL.
static void *load(const char *path, answer message) {
  char found[PATH_MAX];
  const char *named = path ? path : getenv("MOULT_CUDA_LIBRARY");
  if (named && !*named) named = NULL;
  if (!named && (is_beside_executable("", found) || is_beside_executable("../lib/moult/", found))) {
    if (!moult_device_is_trusted(found)) {
      refuse(message,
             "the device library '%s' is not loaded: others than root and this user own it or its folder, or may "
             "write there; take that from them (chmod go-w), or name it in MOULT_CUDA_LIBRARY",
             found);
      return NULL;
    }
    named = found;
  }
  void *library = dlopen(named ? named : MOULT_DEVICE_FILE, RTLD_NOW | RTLD_LOCAL);
  if (library) return library;
  const char *reason = dlerror();
  if (named) {
    refuse(message, "the device library '%s' cannot be loaded: %s", named, reason ? reason : "no reason given");
  } else if (reason && strstr(reason, MOULT_DEVICE_FILE ": cannot open shared object file: No such file")) {
    refuse(message,
           "there is no " MOULT_DEVICE_FILE
           " beside the executable, in ../lib/moult or where the loader looks");
  } else {
    refuse(message, "the device library " MOULT_DEVICE_FILE " cannot be loaded: %s",
           reason ? reason : "no reason given");
  }
  return NULL;
}

/// Writes the path of the library that `symbol` is of.
static void name_library(const void *symbol, char *path, size_t bytes) {
  Dl_info place;
  const int is_known = dladdr(symbol, &place) != 0 && place.dli_fname;
  if (bytes > 0) snprintf(path, bytes, "%s", is_known ? place.dli_fname : MOULT_DEVICE_FILE);
}

/// The table of a library, or NULL where it does not fit. Writes its path.
static const moult_device_library *table_of(void *library, char path[PATH_MAX], answer message) {
  // POSIX lets a function's address be an object's; ISO C does not.
  union {
    void *address;
    moult_device_library_function function;
  } symbol = {.address = dlsym(library, MOULT_DEVICE_SYMBOL)};
  if (!symbol.address) {
    refuse(message, "the library has no function " MOULT_DEVICE_SYMBOL ": it is no device library of Moult's");
    return NULL;
  }
  name_library(symbol.address, path, PATH_MAX);
  const moult_device_library *table = symbol.function();
  if (!table) {
    refuse(message, "the device library '%s' gives nothing", path);
  } else if (table->abi != MOULT_DEVICE_ABI) {
    refuse(message, "the device library '%s' has ABI %u, and this Moult needs %u: build both from one version",
           path, table->abi, MOULT_DEVICE_ABI);
  } else if (table->bytes != sizeof *table) {
    refuse(message,
           "the device library '%s' has a table of %u bytes, and this Moult needs %zu: build both from one version",
           path, table->bytes, sizeof *table);
  } else {
    return table;
  }
  return NULL;
}

/// A negative `ordinal` asks the environment; −1 where that holds no number.
static int32_t ordinal_of(int32_t ordinal, answer message) {
  if (ordinal >= 0) return ordinal;
  const char *text = getenv("MOULT_CUDA_ORDINAL");
  if (!text || !*text) return 0;
  char *end = NULL;
  errno = 0;
  const long number = strtol(text, &end, 10);
  if (errno || *end || number < 0 || number > INT32_MAX) {
    refuse(message, "MOULT_CUDA_ORDINAL must be the number of a device, from 0 on, and is '%s'", text);
    return -1;
  }
  return (int32_t)number;
}

moult_device_status moult_device_open(const char *path, int32_t ordinal, moult_device_handle *handle, char *text,
                                      size_t text_bytes) {
  const answer message = {text, text_bytes};
  if (text_bytes > 0) *text = 0;
  *handle = (moult_device_handle){0};
  ordinal = ordinal_of(ordinal, message);
  if (ordinal < 0) return MOULT_DEVICE_ABSENT;
  void *library = load(path, message);
  if (!library) return MOULT_DEVICE_ABSENT;
  char found[PATH_MAX] = "";
  const moult_device_library *table = table_of(library, found, message);
  if (!table) {
    dlclose(library);
    return MOULT_DEVICE_ABSENT;
  }
  const moult_device_status status = table->open(ordinal, &handle->device, text, text_bytes);
  if (status == MOULT_DEVICE_OK && handle->device) {
    handle->library = table;
    if (text_bytes > 0) snprintf(text, text_bytes, "%s", found);
    return MOULT_DEVICE_OK;
  }
  // Nothing is unloaded: a driver may have begun threads of its own.
  handle->device = NULL;
  if (text_bytes > 0 && !*text) refuse(message, "'%s' refuses device %d and does not say why", found, ordinal);
  return status == MOULT_DEVICE_OK ? MOULT_DEVICE_ABSENT : status;
}

void moult_device_close(moult_device_handle *handle) {
  if (handle->library && handle->device) handle->library->close(handle->device);
  *handle = (moult_device_handle){0};
}
