// What stands in the table while a family is not there. Each is weak: the family's own file takes its place.
#include <stdio.h>

#include "families.h"
#include "runtime.h"

namespace {

moult_device_status absent(moult_device *device, const char *name) {
  return moult::call(device, [&] { throw moult::Failure{MOULT_DEVICE_UNSUPPORTED, std::string(name) + " is not there"}; });
}

}  // namespace

#define MOULT_WEAK __attribute__((weak))

MOULT_WEAK moult_device_status cuda_hold(moult_device *device, const moult_device_rows *, size_t, uint32_t,
                                         moult_device_metric, moult_device_set **) {
  return absent(device, "hold");
}
MOULT_WEAK void cuda_release(moult_device *, moult_device_set *) {}
MOULT_WEAK moult_device_status cuda_exact(moult_device *device, moult_device_set *, const float *, size_t, uint32_t,
                                          const moult_device_stop *, moult_device_hit *, uint32_t *,
                                          moult_device_exact_report *) {
  return absent(device, "exact");
}
MOULT_WEAK moult_device_status cuda_hamming(moult_device *device, const uint8_t *, size_t, uint64_t, const uint64_t *,
                                            uint32_t, const uint8_t *, size_t, uint32_t, const moult_device_stop *,
                                            moult_device_bit_hit *, uint32_t *) {
  return absent(device, "hamming");
}
MOULT_WEAK moult_device_status cuda_encode_levels(moult_device *device, const moult_device_level_coder *,
                                                  const float *, size_t, uint64_t, const moult_device_stop *,
                                                  uint8_t *, float *) {
  return absent(device, "encode_levels");
}
MOULT_WEAK moult_device_status cuda_encode_u8(moult_device *device, const moult_device_u8_coder *, const float *,
                                              size_t, uint64_t, const moult_device_stop *, uint8_t *,
                                              moult_device_u8_row *) {
  return absent(device, "encode_u8");
}
MOULT_WEAK moult_device_status cuda_nearest(moult_device *device, const float *, uint32_t, uint32_t, const float *,
                                            uint64_t, const moult_device_stop *, uint32_t *) {
  return absent(device, "nearest");
}
MOULT_WEAK moult_device_status cuda_map_rows(moult_device *device, const float *, uint32_t, uint32_t, const float *,
                                             size_t, uint64_t, const moult_device_stop *, float *) {
  return absent(device, "map_rows");
}
MOULT_WEAK moult_device_status cuda_neighbour_lists(moult_device *device, moult_device_set *, uint32_t, uint64_t,
                                                    const moult_device_stop *, uint32_t *, float *) {
  return absent(device, "neighbour_lists");
}
MOULT_WEAK moult_device_status cuda_prune(moult_device *device, moult_device_set *, const uint32_t *, uint32_t,
                                          uint32_t, const moult_device_stop *, uint32_t *) {
  return absent(device, "prune");
}
