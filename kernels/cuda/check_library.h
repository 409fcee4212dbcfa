// The table, opening, describing, and devices that are not there.
#ifndef MOULT_DEVICE_CHECK_LIBRARY_H
#define MOULT_DEVICE_CHECK_LIBRARY_H

#include "check.h"

namespace check {

static void check_library(Check &check) {
  const moult_device_library *const library = check.library;
  check.expect(library->abi == MOULT_DEVICE_ABI, "ABI number %u", library->abi);
  check.expect(library->bytes == sizeof(moult_device_library), "a table of %u bytes", library->bytes);
  const void *entries[(sizeof(moult_device_library) - 8) / sizeof(void *)];
  memcpy(entries, reinterpret_cast<const char *>(library) + 8, sizeof entries);
  for (const void *entry : entries) check.expect(entry != nullptr, "an entry is empty");

  moult_device *device = nullptr;
  char message[64];
  check.expect(library->open(1000, &device, message, sizeof message) == MOULT_DEVICE_ABSENT && !device && *message,
               "device 1000 opens");
  moult_device_info again;
  check.expect(library->describe(check.device, &again) == MOULT_DEVICE_OK, "describe");
  check.expect(again.copy_bytes_per_s == check.info.copy_bytes_per_s, "it measures twice");
  check.expect(again.copy_bytes_per_s > 0 && again.to_device_bytes_per_s > 0 && again.from_device_bytes_per_s > 0 &&
                   again.multiprocessors > 0 && again.major >= 8,
               "describe's figures");
  if (!check.is_emulated) return;
  {
    Environment absent("MOULT_EMULATED_ABSENT", "1");
    Handle handle(check);
    check.expect(handle.status == MOULT_DEVICE_ABSENT && *handle.message, "an absent device opens");
  }
  {
    Environment old("MOULT_EMULATED_CAPABILITY", "75");
    Handle handle(check);
    check.expect(handle.status == MOULT_DEVICE_ABSENT && *handle.message, "an old device opens");
  }
  Handle handle(check);
  check.expect(handle.status == MOULT_DEVICE_OK, "after that a device opens");
}

static const Part library_part("library", check_library, nullptr);

}  // namespace check
#endif
