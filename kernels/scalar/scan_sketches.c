#include "tables.h"

void moult_scalar_scan_sketches(const uint8_t *chunks, size_t lines, size_t chunk_count,
                                const int8_t *tables, const int8_t *bars, size_t query_count,
                                uint64_t *masks) {
  for (size_t q = 0; q < query_count; q++) {
    for (size_t c = 0; c < chunk_count; c++) {
      uint64_t mask = 0;
      for (size_t row = 0; row < 64; row++) {
        int sum = 0;
        for (size_t g = 0; g < lines; g++) {
          sum += tables[(q * lines + g) * 64 + (chunks[(c * lines + g) * 64 + row] & 63)];
          if (sum > 127) sum = 127;
          if (sum < -128) sum = -128;
        }
        mask |= (uint64_t)(sum >= bars[q]) << row;
      }
      masks[q * chunk_count + c] = mask;
    }
  }
}
