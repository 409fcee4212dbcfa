#ifndef MOULT_DEVICE_DESCRIBE_H
#define MOULT_DEVICE_DESCRIBE_H

#include "runtime.h"

namespace moult {

/// Fills in what is measured: rates within the device, over the link, and of the matrix kernels.
void measure(moult_device *device, moult_device_info *info);

/// Gives the device the matrix path that has right products on it, tried on small ones. Throws where none has.
void choose_path(moult_device *device);

}  // namespace moult
#endif
