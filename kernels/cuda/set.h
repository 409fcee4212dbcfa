// Vectors that a device holds: as far as there is room their floats, and codes for the scan with what bounds them.
#ifndef MOULT_DEVICE_SET_H
#define MOULT_DEVICE_SET_H

#include <vector>

#include "matrix.h"

namespace moult {

/// What bounds the scan's sums for some rows. `exact.h` has the proof.
struct RowBounds {
  float *widths;   ///< what does not depend on the queries; NaN: the row is not live, ∞: it has no code
  float *lengths;  ///< at least ‖v‖
  float *squares;  ///< at most ‖v‖², a little less; 0 but for squared Euclidean distances
};

/// Codes and bounds of rows in device memory, whole tiles of them.
struct CodedRows {
  DeviceBuffer<unsigned char> codes;
  DeviceBuffer<float> bounds;  ///< widths, lengths, squares
  /// For the queries at hand: of row i what is added to its sum, and its square.
  DeviceBuffer<float> upper;
  uint64_t rows = 0;  ///< room, a multiple of row_tile
  uint32_t lines = 0;

  void allocate(uint64_t count, uint32_t line_count);
  void free();
  static size_t bytes_per_row(uint32_t lines) { return size_t(lines) * line_bytes + 5 * sizeof(float); }
  RowBounds row_bounds() const { return {bounds.get(), bounds.get() + rows, bounds.get() + 2 * rows}; }
};

/// Codes in int8, and what bounds their sums, for whole tiles. `exact_int8.h` has the proof.
struct Int8Rows {
  DeviceBuffer<unsigned char> codes;
  DeviceBuffer<float4> bounds;  ///< of a row 1/s, ρ/s, ‖v‖/s, ‖v‖²/s
  uint64_t rows = 0;            ///< 0: there are none
  uint32_t lines = 0;

  /// Codes rows that lie on the device. false: there is no room.
  bool try_code(moult_device *device, const moult_device_set &set, const float *floats, const uint8_t *live,
                uint64_t count);
};

/// A run of rows with consecutive numbers.
struct RowRun {
  uint64_t first_place;
  int64_t first_row;
};

}  // namespace moult

/// Places are numbers of rows by segments in the order they were given in.
struct moult_device_set {
  std::vector<moult_device_rows> segments;
  std::vector<uint64_t> first_places;  ///< of segments, and the count at the end
  uint32_t dimension = 0;
  moult_device_metric metric = MOULT_DEVICE_COSINE;
  uint64_t count = 0, live_count = 0;

  /// The first `resident` places are on the device: floats `row_floats` apart, filled up with zeros, and whether a
  /// place is live (one byte each). All of them where there is room: is_resident().
  uint64_t resident = 0;
  uint32_t row_floats = 0;  ///< dimension rounded up to a multiple of 4
  moult::DeviceBuffer<float> floats;
  moult::DeviceBuffer<uint8_t> live;
  moult::CodedRows coded;

  /// The mean of some rows, taken off all of them.
  moult::DeviceBuffer<float> centre;
  double centre_length = 0;
  /// Live rows at even distances, coded: they give the first bars.
  moult::CodedRows sample;
  moult::Int8Rows int8_sample;
  uint32_t sample_count = 0;

  /// Of all rows, once searches have found that they pay: until then the seconds that they would have saved.
  moult::Int8Rows int8;
  double int8_saving = 0;

  /// On the device: the runs of places, for row numbers.
  moult::DeviceBuffer<moult::RowRun> runs;
  uint32_t run_count = 0;

  bool is_resident() const { return resident == count; }
  /// Gives up what `hold` put onto the device of the rows: searches bring them in tiles from then on.
  void give_back_rows() {
    floats.free();
    live.free();
    coded.free();
    int8 = moult::Int8Rows();
    resident = 0;
  }
  /// Segment and row of a place.
  std::pair<size_t, uint64_t> find(uint64_t place) const;
  const float *row(uint64_t place) const;
  bool is_live(uint64_t place) const;
};

namespace moult {

/// Copies floats of the places `first ..< first + count` to `target` (row_floats apart) and their live bytes to `live`.
/// The host's rows have been read when it returns.
void upload_places(moult_device *device, const moult_device_set &set, cudaStream_t stream, uint64_t first,
                   uint64_t count, float *target, uint8_t *live);

/// Codes rows that lie on the device; `room` has place for them from row 0 on. Rows that fill up the last tile are set.
void code_rows(moult_device *device, const moult_device_set &set, cudaStream_t stream, const float *floats,
               const uint8_t *live, uint64_t count, CodedRows &room, uint64_t first_row = 0);

}  // namespace moult
#endif
