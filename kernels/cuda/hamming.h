// What the parts of the Hamming search share with the check, which measures it from device memory.
#ifndef MOULT_DEVICE_HAMMING_H
#define MOULT_DEVICE_HAMMING_H

#include "runtime.h"

namespace moult {

/// One launch over rows that lie in the device's memory.
///
/// Rows lie in blocks of 32, in chunks of 16 bytes: chunk c of row r at blocks[(r/32·chunks + c)·32 + r%32], zeros
/// behind a row's last byte. So a lane has a row of its own, a warp reads 512 bytes at once, and nothing is added up
/// across lanes. The memory is of whole blocks.
///
/// A key is distance·2³² + row: in the order of results.
struct HammingWork {
  const uint4 *blocks;
  uint32_t row_count;     ///< of this launch
  uint32_t first_row;     ///< the number of its first row
  const uint64_t *live;   ///< bit `number` says whether a row takes part; NULL: all do
  uint32_t chunks;        ///< of a row
  const uint4 *queries;   ///< query_count × chunks, zeros behind the last byte
  uint32_t query_count;
  uint32_t k;
  uint32_t *bars;         ///< of each query: a row at more than this is not among the k nearest
  uint64_t *best;         ///< query_count × k: the best so far, in no order
  uint32_t *best_counts;
  uint64_t *found;        ///< query_count × room: what this launch adds
  uint32_t *found_counts; ///< 0 before and after
  uint32_t room;          ///< hamming_room
  uint64_t *merged;       ///< query_count × k: scratch
  uint32_t *finished;     ///< one a group of queries; 0 before and after
};

/// Rows that a block of threads compares.
constexpr uint32_t hamming_tile_rows = 2048;

/// Keys that one launch may find for a query: each tile brings its own best k at most.
inline uint64_t hamming_room(uint64_t row_count, uint32_t k) {
  const uint64_t tiles = (row_count + hamming_tile_rows - 1) / hamming_tile_rows;
  return tiles * std::min(k, hamming_tile_rows);
}

/// What `bars` are at first.
inline uint32_t hamming_first_bar(uint32_t bytes) { return 8 * bytes; }

/// `source`: rows `stride` bytes apart, a multiple of 16.
void hamming_interleave(moult_device *device, const unsigned char *source, size_t stride, uint32_t chunks,
                        uint64_t count, uint4 *blocks);
/// Merges the rows of `work` into the best of each query.
void hamming_scan(moult_device *device, const HammingWork &work);

}  // namespace moult
#endif
