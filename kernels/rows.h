/// What all `_rows` kernels share: where a row starts, and fetching rows ahead of their use.
#ifndef MOULT_ROWS_H
#define MOULT_ROWS_H

#include "moult/kernels.h"

static inline const uint8_t *moult_row(const void *rows, size_t stride, const uint32_t *indices, size_t i) {
  return (const uint8_t *)rows + (size_t)(indices ? indices[i] : i) * stride;
}

/// Fetches the beginnings of rows `first ..< first + group`, as far as there are so many.
///
/// Rows of a gather list lie anywhere, so the processor cannot guess them: a miss costs as much as the
/// arithmetic of many rows. It does guess how one row goes on, so a few lines of each are enough; more
/// would only fill its queue of outstanding loads. Contiguous rows it follows by itself.
static inline void moult_prefetch_rows(const void *rows, size_t stride, const uint32_t *indices,
                                       size_t count, size_t first, size_t group, size_t bytes) {
  if (!indices || bytes == 0) return;
  const size_t line = 64, fetched = bytes < 8 * line ? bytes : 8 * line;
  const size_t end = first + group < count ? first + group : count;
  for (size_t i = first; i < end; i++) {
    const uint8_t *row = moult_row(rows, stride, indices, i);
    for (size_t offset = 0; offset < fetched; offset += line) moult_prefetch(row + offset);
    moult_prefetch(row + fetched - 1);  // an unaligned row touches one line more
  }
}

#endif
