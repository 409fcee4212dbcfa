#include <math.h>
#include <string.h>

#include "rows.h"
#include "tables.h"

enum { LANES = 16 };

static float entry(const uint8_t *row, size_t i) {
  float result;
  memcpy(&result, row + i * sizeof result, sizeof result);
  return result;
}

void moult_scalar_map_rows_f32(const float *blocks, size_t inputs, size_t outputs, const float *rows, size_t stride,
                               size_t count, float *out) {
  for (size_t r = 0; r < count; r++) {
    const uint8_t *const row = moult_row(rows, stride, NULL, r);
    for (size_t o = 0; o < outputs; o++) {
      const float *const lines = blocks + o / LANES * inputs * LANES + o % LANES;
      float sum = 0;
      for (size_t j = 0; j < inputs; j++) sum = fmaf(entry(row, j), lines[j * LANES], sum);
      out[r * outputs + o] = sum;
    }
  }
}
