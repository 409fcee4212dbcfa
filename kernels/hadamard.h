/// What the Walsh–Hadamard kernels of all levels share.
#ifndef MOULT_HADAMARD_H
#define MOULT_HADAMARD_H

#include <stddef.h>

/// 1/√count for a power of two, correctly rounded: a power of two times 1 or √½.
static inline float moult_hadamard_scale(size_t count) {
  float scale = 1;
  for (; count >= 4; count /= 4) scale *= 0.5f;
  return count == 2 ? scale * 0x1.6a09e6p-1f : scale;
}

#endif
