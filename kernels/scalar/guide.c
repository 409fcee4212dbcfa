#include "guide.h"
#include "tables.h"

void moult_scalar_guide_score_rows(const moult_guide_query *query, const void *records, const uint32_t *indices,
                                    size_t count, float *scores) {
  const size_t bytes = query->lines * MOULT_LINE_BYTES, code_bytes = bytes - 2 * sizeof(float);
  for (size_t i = 0; i < count; i++) {
    const uint8_t *const record = (const uint8_t *)records + (size_t)indices[i] * bytes;
    int32_t sum = 0;
    for (size_t b = 0; b < code_bytes; b++) {
      const int8_t *const weights = query->weights + b / MOULT_LINE_BYTES * 4 * MOULT_LINE_BYTES + b % MOULT_LINE_BYTES;
      for (size_t plane = 0; plane < 4; plane++) {
        sum += (record[b] >> 2 * plane & 3) * weights[plane * MOULT_LINE_BYTES];
      }
    }
    float side[2];
    memcpy(side, record + code_bytes, sizeof side);
    scores[i] = moult_guide_score(query, sum, side[0], side[1]);
  }
}
