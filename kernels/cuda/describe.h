#ifndef MOULT_DEVICE_DESCRIBE_H
#define MOULT_DEVICE_DESCRIBE_H

#include "runtime.h"

namespace moult {

/// Fills in what is measured: rates within the device, over the link, and of the matrix kernels.
void measure(moult_device *device, moult_device_info *info);

/// The matrix path that gives right products on this device, tried on small ones.
MatrixPath checked_path(moult_device *device);

}  // namespace moult
#endif
