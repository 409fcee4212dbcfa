/// The Walsh–Hadamard transform and the rotation in passes over memory, for the levels with registers of several
/// lanes. It is code, not declarations: a rotate.c includes it after it has defined
///
///     LANES, RADIX_MAX            lanes of a register; how many registers a pass can hold, 8 or 16
///     vector, load, store, added, subtracted, scaled    a register and its plain arithmetic
///     flipped(v, signs, i)        v with the sign of lane j turned where bit i + j of `signs` is set
///     transform_lanes(v)          the levels of the Hadamard transform inside a register
///
/// Additions come in the order of the scalar kernels whatever the passes are, so all levels give the same bits.

#include <stdbool.h>

#include "hadamard.h"
#include "rotate.h"

/// The levels between registers, at distances 1 … `radix`/2; `radix` is a constant.
INLINE void butterflies(vector *v, size_t radix) {
#pragma clang loop unroll(full)
  for (size_t distance = 1; distance < radix; distance *= 2) {
#pragma clang loop unroll(full)
    for (size_t k = 0; k < radix; k++) {
      if (k & distance) continue;
      const vector first = v[k], second = v[k + distance];
      v[k] = added(first, second);
      v[k + distance] = subtracted(first, second);
    }
  }
}

/// Flips the signs of `count` values, the first of which is number `place` of the vector, then the levels
/// inside a register and between `radix` neighbours. Without `flips` it flips none. `radix`, `last` and `flips`
/// are constants.
INLINE void first_pass(float *values, size_t count, const uint64_t *signs, size_t place, size_t radix,
                       bool last, bool flips) {
  const float scale = moult_hadamard_scale(count);
  for (size_t i = 0; i < count; i += radix * LANES) {
    vector v[RADIX_MAX];
#pragma clang loop unroll(full)
    for (size_t k = 0; k < radix; k++) {
      const size_t at = i + k * LANES;
      const vector own = load(values + at);
      v[k] = transform_lanes(flips ? flipped(own, signs, place + at) : own);
    }
    butterflies(v, radix);
#pragma clang loop unroll(full)
    for (size_t k = 0; k < radix; k++) {
      store(values + i + k * LANES, last ? scaled(v[k], scale) : v[k]);
    }
  }
}

/// The levels at distances `half` … `half`·`radix`/2; `radix` is a constant.
INLINE void middle_pass(float *values, size_t count, size_t half, size_t radix, float scale) {
  for (size_t block = 0; block < count; block += radix * half) {
    for (size_t i = block; i < block + half; i += LANES) {
      vector v[RADIX_MAX];
#pragma clang loop unroll(full)
      for (size_t k = 0; k < radix; k++) v[k] = load(values + i + k * half);
      butterflies(v, radix);
#pragma clang loop unroll(full)
      for (size_t k = 0; k < radix; k++) store(values + i + k * half, scaled(v[k], scale));
    }
  }
}

/// The widest of the radixes 1, 2, 4 … RADIX_MAX that stays within `rest`.
INLINE size_t widest_radix(size_t rest) {
  size_t radix = RADIX_MAX;
  while (radix > rest) radix /= 2;
  return radix;
}

/// Flips and the levels at distances below `end`, 2·LANES or more, of a transform of `count` values; with all
/// its levels (`end` = `count`) scaled. `flips` is a constant.
INLINE void lower_levels(float *values, size_t count, size_t end, const uint64_t *signs, size_t place,
                         bool flips) {
  size_t half = LANES * widest_radix(end / LANES);
  const bool last = half == count;
#define FIRST_PASS(radix)                                                      \
  case radix:                                                                  \
    if (last) first_pass(values, count, signs, place, radix, true, flips);     \
    else first_pass(values, count, signs, place, radix, false, flips);         \
    break
  switch (half / LANES) {
    FIRST_PASS(2);
    FIRST_PASS(4);
    FIRST_PASS(8);
#if MOULT_ROTATE_RADIX_16
    FIRST_PASS(16);
#endif
  }
#undef FIRST_PASS
  while (half < end) {
    const size_t radix = widest_radix(end / half);
    // Whichever pass is the last one multiplies by the scale, the others by 1, which changes nothing.
    const float scale = half * radix == count ? moult_hadamard_scale(count) : 1;
    switch (radix) {
      case 2: middle_pass(values, count, half, 2, scale); break;
      case 4: middle_pass(values, count, half, 4, scale); break;
      case 8: middle_pass(values, count, half, 8, scale); break;
#if MOULT_ROTATE_RADIX_16
      case 16: middle_pass(values, count, half, 16, scale); break;
#endif
    }
    half *= radix;
  }
}

/// `count` is 2·LANES or more.
static void transform_in_passes(float *values, size_t count) {
  lower_levels(values, count, count, NULL, 0, false);
}

static void flip_and_transform(float *values, size_t count, size_t end, const uint64_t *signs, size_t place) {
  lower_levels(values, count, end, signs, place, true);
}

/// The end of a round for dimensions 3·2^k, in sixths: the transform takes four of them, so its last two
/// levels and the turn, which joins each sixth with the third one after it, need only one pass together.
/// The other two sixths are flipped on the way. `odd` is a constant.
INLINE void last_pass_of_sixths(float *values, size_t dimension, const uint64_t *signs, bool odd) {
  const size_t sixth = dimension / 6;
  const size_t transformed = odd ? 2 : 0, other = odd ? 0 : 4;
  const float scale = moult_hadamard_scale(4 * sixth);
  for (size_t i = 0; i < sixth; i += LANES) {
    vector v[6];
#pragma clang loop unroll(full)
    for (size_t k = 0; k < 6; k++) v[k] = load(values + i + k * sixth);
#pragma clang loop unroll(full)
    for (size_t k = other; k < other + 2; k++) v[k] = flipped(v[k], signs, i + k * sixth);
    butterflies(v + transformed, 4);
#pragma clang loop unroll(full)
    for (size_t k = transformed; k < transformed + 4; k++) v[k] = scaled(v[k], scale);
#pragma clang loop unroll(full)
    for (size_t k = 0; k < 3; k++) {
      store(values + i + k * sixth, scaled(added(v[k], v[k + 3]), MOULT_ROTATE_TURN));
      store(values + i + (k + 3) * sixth, scaled(subtracted(v[k], v[k + 3]), MOULT_ROTATE_TURN));
    }
  }
}

/// The end of a round for other dimensions that are no power of two: the coordinates outside the transform
/// are flipped, then the halves are turned.
static void flip_and_turn(float *values, size_t dimension, const uint64_t *signs, size_t first,
                          size_t end) {
  for (size_t i = first; i < end; i += LANES) store(values + i, flipped(load(values + i), signs, i));
  const size_t half = dimension / 2;
  for (size_t i = 0; i < half; i += LANES) {
    const vector a = load(values + i), b = load(values + i + half);
    store(values + i, scaled(added(a, b), MOULT_ROTATE_TURN));
    store(values + i + half, scaled(subtracted(a, b), MOULT_ROTATE_TURN));
  }
}

static void rotate_in_passes(float *values, const uint64_t *signs, size_t dimension) {
  const size_t count = moult_rotate_transformed(dimension);
  const bool in_sixths = 2 * dimension == 3 * count;
  for (size_t round = 0; round < MOULT_ROTATE_ROUNDS; round++, signs += dimension / 64) {
    const bool odd = round % 2;
    const size_t start = odd ? dimension - count : 0;
    flip_and_transform(values + start, count, in_sixths ? count / 4 : count, signs, start);
    if (in_sixths) {
      if (odd) last_pass_of_sixths(values, dimension, signs, true);
      else last_pass_of_sixths(values, dimension, signs, false);
    } else if (count < dimension) {
      flip_and_turn(values, dimension, signs, odd ? 0 : count, odd ? start : dimension);
    }
  }
}
