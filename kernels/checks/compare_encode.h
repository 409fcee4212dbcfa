/// Compares the kernels around encoding, and those of short floats, of one level with the scalar ones; for the
/// checks that need no Swift.
#ifndef MOULT_COMPARE_ENCODE_H
#define MOULT_COMPARE_ENCODE_H

#include <stdlib.h>
#include <string.h>

#include "moult/kernels.h"

enum { ENCODE_COUNT = 4096 };

static uint64_t encode_random_state = 42;
static uint64_t encode_random(void) {
  uint64_t z = encode_random_state += 0x9E3779B97F4A7C15;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
  return z ^ (z >> 31);
}

/// Between −range and range; every eighth value is on a grid of quarters, so that thresholds are met.
static float encode_random_float(float range) {
  const float value = ((float)(encode_random() >> 40) * 0x1p-23f - 1) * range;
  return encode_random() % 8 ? value : (float)(int)(value * 4) / 4;
}

static int encode_ascending(const void *a, const void *b) {
  const float x = *(const float *)a, y = *(const float *)b;
  return x < y ? -1 : x > y;
}

static int encode_same(const void *a, const void *b, size_t bytes) { return memcmp(a, b, bytes) == 0; }

static void compare_encode_levels(const moult_kernels *fast, const moult_kernels *slow,
                                  int (*expect)(int holds, const char *what)) {
  static const uint32_t widths[] = {1, 2, 3, 4, 5, 8};
  static float values[ENCODE_COUNT];
  static uint8_t codes[2][ENCODE_COUNT];
  for (size_t w = 0; w < sizeof widths / sizeof *widths; w++) {
    for (size_t count = 0; count <= 1024; count += 32) {
      float thresholds[31], dot[2];
      int8_t table[32];
      int64_t square[2];
      for (size_t i = 0; i < 32; i++) table[i] = (int8_t)encode_random();
      const size_t threshold_count = (1u << widths[w] % 8) - 1;
      for (size_t i = 0; i < threshold_count; i++) thresholds[i] = encode_random_float(8);
      qsort(thresholds, threshold_count, sizeof *thresholds, encode_ascending);
      const moult_levels levels = {widths[w], thresholds, table};
      for (size_t i = 0; i < count; i++) values[i] = encode_random_float(widths[w] == 8 ? 200 : 10);
      const float scale = count % 64 ? 1 : 0.7f;
      fast->encode_levels(values, scale, count, &levels, codes[0], &dot[0], &square[0]);
      slow->encode_levels(values, scale, count, &levels, codes[1], &dot[1], &square[1]);
      expect(encode_same(codes[0], codes[1], count / 8 * widths[w]) && encode_same(&dot[0], &dot[1], 4) &&
                 square[0] == square[1],
             "encode_levels");
    }
  }
}

static void compare_float_sums(const moult_kernels *fast, const moult_kernels *slow,
                               int (*expect)(int holds, const char *what)) {
  static float a[ENCODE_COUNT], b[ENCODE_COUNT], differences[2][ENCODE_COUNT];
  static uint8_t codes[2][ENCODE_COUNT];
  for (size_t i = 0; i < ENCODE_COUNT; i++) a[i] = encode_random_float(3), b[i] = encode_random_float(3);
  for (size_t count = 0; count <= 300; count++) {
    double sums[2][5];
    const moult_kernels *const levels[2] = {fast, slow};
    for (size_t k = 0; k < 2; k++) {
      sums[k][0] = levels[k]->sum_of_squares_f32(a, count);
      sums[k][1] = levels[k]->dot_f32_f64(a, b, count);
      sums[k][2] = levels[k]->squared_l2_f32_f64(a, b, count);
      levels[k]->encode_signs_sums(a, codes[k], count, &sums[k][3], &sums[k][4]);
      levels[k]->subtract_f32(a, b, differences[k], count);
    }
    expect(encode_same(sums[0], sums[1], sizeof sums[0]), "a sum in double");
    expect(encode_same(codes[0], codes[1], (count + 7) / 8), "encode_signs_sums");
    expect(encode_same(differences[0], differences[1], count * sizeof(float)), "subtract_f32");
    fast->scale_f32(a, 0.3f, differences[0], count), slow->scale_f32(a, 0.3f, differences[1], count);
    expect(encode_same(differences[0], differences[1], count * sizeof(float)), "scale_f32");
  }
}

static void compare_rotation(const moult_kernels *fast, const moult_kernels *slow,
                             int (*expect)(int holds, const char *what)) {
  static float values[2][ENCODE_COUNT];
  static uint64_t signs[4 * ENCODE_COUNT / 64];
  for (size_t dimension = 64; dimension <= ENCODE_COUNT; dimension += dimension < 1600 ? 64 : 512) {
    for (size_t i = 0; i < dimension / 16; i++) signs[i] = encode_random();
    for (size_t i = 0; i < dimension; i++) values[0][i] = values[1][i] = encode_random_float(1);
    fast->rotate_kac_f32(values[0], signs, dimension);
    slow->rotate_kac_f32(values[1], signs, dimension);
    expect(encode_same(values[0], values[1], dimension * sizeof(float)), "rotate_kac_f32");
  }
}

static void compare_short_rows(const moult_kernels *fast, int (*expect)(int holds, const char *what)) {
  enum { ROWS = 7, ROW_MAX = 300 };
  static float query[ROW_MAX], wide[2][ROWS][ROW_MAX];
  static uint16_t rows[ROWS][ROW_MAX + 1];
  static const uint32_t gather[ROWS] = {3, 0, 6, 6, 1, 5, 2};
  for (size_t i = 0; i < ROW_MAX; i++) query[i] = encode_random_float(1);
  for (size_t i = 0; i < ROWS * (ROW_MAX + 1); i++) {
    // Numbers of either format: the bits below are neither infinity nor NaN in one of them.
    rows[0][i] = (uint16_t)(encode_random() & 0xBBFF);
  }
  for (size_t row = 0; row < ROWS; row++) {
    fast->f16_to_f32(rows[row], wide[0][row], ROW_MAX);
    fast->bf16_to_f32(rows[row], wide[1][row], ROW_MAX);
  }
  for (size_t count = 0; count <= ROW_MAX; count++) {
    float out[4][ROWS];
    fast->dot_f16_rows(query, rows, sizeof rows[0], gather, ROWS, count, out[0]);
    fast->squared_l2_f16_rows(query, rows, sizeof rows[0], gather, ROWS, count, out[1]);
    fast->dot_bf16_rows(query, rows, sizeof rows[0], gather, ROWS, count, out[2]);
    fast->squared_l2_bf16_rows(query, rows, sizeof rows[0], gather, ROWS, count, out[3]);
    for (size_t row = 0; row < ROWS; row++) {
      for (size_t format = 0; format < 2; format++) {
        const float dot = fast->dot_f32(query, wide[format][gather[row]], count);
        const float squared = fast->squared_l2_f32(query, wide[format][gather[row]], count);
        expect(encode_same(&out[2 * format][row], &dot, 4), format ? "dot_bf16_rows" : "dot_f16_rows");
        expect(encode_same(&out[2 * format + 1][row], &squared, 4),
               format ? "squared_l2_bf16_rows" : "squared_l2_f16_rows");
      }
    }
  }
}

static void compare_encode_rows(const moult_kernels *fast, const moult_kernels *slow,
                                int (*expect)(int holds, const char *what)) {
  enum { ROWS = 5, ROW_MAX = 200 };
  static float rows[ROWS * ROW_MAX], centre[ROW_MAX], targets[2][ROW_MAX];
  static int8_t limbs[2][ROW_MAX];
  static uint8_t codes[2][ROWS * ROW_MAX];
  for (size_t i = 0; i < ROWS * ROW_MAX; i++) rows[i] = encode_random_float(3);
  for (size_t i = 0; i < ROW_MAX; i++) {
    centre[i] = encode_random_float(1);
    limbs[0][i] = (int8_t)encode_random(), limbs[1][i] = (int8_t)encode_random();
  }
  for (size_t dimension = 1; dimension <= ROW_MAX; dimension++) {
    for (int way = 0; way < 4; way++) {
      const moult_u8_coder coder = {.dimension = dimension, .normalizes = way & 1, .centre = centre,
                                    .lower = -0.5f, .inverse_step = 200, .high = way & 2 ? limbs[0] : NULL,
                                    .low = way & 2 ? limbs[1] : NULL};
      moult_u8_row found[2][ROWS];
      fast->encode_u8_rows(&coder, rows, 4 * dimension, ROWS, targets[0], codes[0], found[0]);
      slow->encode_u8_rows(&coder, rows, 4 * dimension, ROWS, targets[1], codes[1], found[1]);
      int is_same = encode_same(codes[0], codes[1], ROWS * dimension);
      for (size_t i = 0; i < ROWS; i++) {
        const moult_u8_row *const a = &found[0][i], *const b = &found[1][i];
        is_same &= a->given_square == b->given_square && a->square == b->square &&
                   a->offset_square == b->offset_square && a->high == b->high && a->low == b->low;
      }
      expect(is_same, "encode_u8_rows");
    }
    double sums[2][2] = {{0}};
    sums[0][0] = fast->centre_sums_f32(rows, 0.3f, centre, targets[0], dimension, &sums[0][1]);
    sums[1][0] = slow->centre_sums_f32(rows, 0.3f, centre, targets[1], dimension, &sums[1][1]);
    expect(encode_same(sums[0], sums[1], sizeof sums[0]) && encode_same(targets[0], targets[1], 4 * dimension),
           "centre_sums_f32");
  }
}

/// Around the widths of tiles and their passes.
static void compare_mapped_rows(const moult_kernels *fast, const moult_kernels *slow,
                                int (*expect)(int holds, const char *what)) {
  enum { INPUTS_MAX = 300, OUTPUTS_MAX = 150, ROWS_MAX = 110, BLOCKS = (OUTPUTS_MAX + 15) / 16 };
  static float matrix[OUTPUTS_MAX][INPUTS_MAX], rows[ROWS_MAX * INPUTS_MAX], out[2][ROWS_MAX * OUTPUTS_MAX];
  static _Alignas(64) float blocks[BLOCKS * INPUTS_MAX * 16];
  static uint8_t source[sizeof rows + 3];
  static const size_t inputs[] = {0, 1, 31, 255, 256, 257, 300}, outputs[] = {1, 15, 16, 17, 33, 64, 129, 150};
  for (size_t i = 0; i < sizeof matrix / 4; i++) matrix[0][i] = encode_random_float(1);
  for (size_t i = 0; i < sizeof rows / 4; i++) rows[i] = encode_random_float(1);
  for (size_t i = 0; i < sizeof inputs / sizeof *inputs; i++) {
    for (size_t o = 0; o < sizeof outputs / sizeof *outputs; o++) {
      for (size_t first = 0; first < outputs[o]; first += 16) {
        const size_t now = outputs[o] - first < 16 ? outputs[o] - first : 16;
        fast->interleave_block(matrix[first], sizeof matrix[0], now, 4 * inputs[i], inputs[i],
                               (uint8_t *)(blocks + first * inputs[i]));
      }
      for (size_t count = 0; count <= ROWS_MAX; count += count < 14 ? 1 : 16) {
        memcpy(source + count % 4, rows, sizeof rows);
        memset(out, 0xFF, sizeof out);
        for (int side = 0; side < 2; side++) {
          (side ? slow : fast)->map_rows_f32(blocks, inputs[i], outputs[o], (const float *)(source + count % 4),
                                             sizeof matrix[0], count, out[side]);
        }
        expect(encode_same(out[0], out[1], sizeof out[0]), "map_rows_f32");
      }
    }
  }
}

static void compare_encode(const moult_kernels *fast, const moult_kernels *slow,
                           int (*expect)(int holds, const char *what)) {
  compare_encode_levels(fast, slow, expect);
  compare_float_sums(fast, slow, expect);
  compare_encode_rows(fast, slow, expect);
  compare_rotation(fast, slow, expect);
  compare_mapped_rows(fast, slow, expect);
  compare_short_rows(fast, expect);
}

#endif
