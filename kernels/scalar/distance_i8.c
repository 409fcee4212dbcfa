#include "rows.h"
#include "tables.h"

uint32_t moult_scalar_dot_u8(const uint8_t *a, const uint8_t *b, size_t dimension) {
  uint32_t sum = 0;
  for (size_t i = 0; i < dimension; i++) sum += (uint32_t)a[i] * b[i];
  return sum;
}

static int32_t dot_u8_i8(const uint8_t *a, const int8_t *b, size_t dimension) {
  int32_t sum = 0;
  for (size_t i = 0; i < dimension; i++) sum += (int32_t)a[i] * b[i];
  return sum;
}

void moult_scalar_dot_u8_i8x2_rows(const int8_t *query_high, const int8_t *query_low, const void *rows,
                                   size_t stride, const uint32_t *indices, size_t count, size_t dimension,
                                   int32_t *high, int32_t *low) {
  for (size_t i = 0; i < count; i++) {
    moult_prefetch_rows(rows, stride, indices, count, i + 2, 1, dimension);
    const uint8_t *row = moult_row(rows, stride, indices, i);
    high[i] = dot_u8_i8(row, query_high, dimension);
    low[i] = dot_u8_i8(row, query_low, dimension);
  }
}
