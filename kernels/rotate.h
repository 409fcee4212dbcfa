/// What the rotations of all levels share.
#ifndef MOULT_ROTATE_H
#define MOULT_ROTATE_H

#include <stddef.h>

enum { MOULT_ROTATE_ROUNDS = 4 };

/// √½: the cosine and the sine of the 45° turn between the halves.
#define MOULT_ROTATE_TURN 0x1.6a09e6p-1f

/// Coordinates that the Hadamard transform of a round takes: the largest power of two ≤ dimension.
static inline size_t moult_rotate_transformed(size_t dimension) {
  size_t count = 1;
  while (2 * count <= dimension) count *= 2;
  return dimension ? count : 0;
}

#endif
