/// What Moult asks of a device library: a shared library that the process opens at run time (`device.c`), built from
/// `kernels/cuda` with nvcc for GPUs, or with a C++ compiler and `kernels/cuda/emulated` for tests.
///
/// Rules that hold for every function:
///  - it takes and gives host memory, may be called from any thread, one call at a time per device handle (the
///    library takes a lock), and returns when its results are written;
///  - what comes from the caller has been checked by the caller (finite numbers, lengths, strides), but a shape that
///    the library cannot do is answered with MOULT_DEVICE_UNSUPPORTED, never with a wrong result;
///  - results are those of the CPU: the same bits, where a function does not say otherwise;
///  - unless it returns MOULT_DEVICE_OK, what it wrote is of no meaning, and the caller does the work itself. After
///    MOULT_DEVICE_LOST every further call on that handle answers the same; it can only be closed;
///  - data larger than the device's memory are worked on in tiles; MOULT_DEVICE_OUT_OF_MEMORY means that not even the
///    smallest tile fits now, and leaves the handle as it was;
///  - memory for tiles is allocated for a call, or held by a set, and given back; host memory is copied through two
///    pinned buffers, so that transfer and work overlap.
#ifndef MOULT_DEVICE_ABI_H
#define MOULT_DEVICE_ABI_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// Changes with every change of this file. A library with another number is not used.
#define MOULT_DEVICE_ABI 3u

/// The one symbol of the library: a function of type `moult_device_library_function`.
#define MOULT_DEVICE_SYMBOL "moult_device_library"

typedef enum moult_device_status {
  MOULT_DEVICE_OK = 0,
  MOULT_DEVICE_ABSENT = 1,  ///< no driver, an old driver, no device, or a device that is too old
  MOULT_DEVICE_OUT_OF_MEMORY = 2,
  MOULT_DEVICE_LOST = 3,
  MOULT_DEVICE_UNSUPPORTED = 4,
  MOULT_DEVICE_STOPPED = 5,  ///< `moult_device_stop` said so
} moult_device_status;

typedef struct moult_device moult_device;
typedef struct moult_device_set moult_device_set;

/// Asked between tiles: not 0 stops the call. `is_stopped` may be NULL.
typedef struct moult_device_stop {
  int (*is_stopped)(void *context);
  void *context;
} moult_device_stop;

typedef struct moult_device_info {
  char name[128];
  char matrix_path[32];  ///< "wgmma", "mma.sync" or "emulated": what the matrix products run on
  int32_t major, minor;  ///< compute capability
  int32_t driver, runtime;  ///< CUDA versions, 1000·major + 10·minor
  int32_t multiprocessors;
  uint64_t memory_bytes, free_bytes;
  /// Measured when the library was asked to describe (about 0.2 s): bytes, multiply-adds a second.
  double copy_bytes_per_s;       ///< within the device: bytes read and bytes written
  double to_device_bytes_per_s;  ///< from pinned host memory
  double from_device_bytes_per_s;
  double bf16_macs_per_s, int8_macs_per_s;  ///< of the kernels of `exact`
  double f32_macs_per_s;
} moult_device_info;

typedef enum moult_device_metric {
  MOULT_DEVICE_COSINE = 0,
  MOULT_DEVICE_INNER_PRODUCT = 1,
  MOULT_DEVICE_SQUARED_L2 = 2,
} moult_device_metric;

/// Vectors of float32 in host memory.
typedef struct moult_device_rows {
  const void *rows;  ///< row i at rows + i·stride
  size_t stride;     ///< bytes, a multiple of 4
  uint64_t count;    ///< ≤ 2³² − 1
  /// 1/‖row‖ as float, the nearest one, 0 for zero vectors; row i's at inverse_norms + i·inverse_norm_stride
  const void *inverse_norms;
  size_t inverse_norm_stride;
  const uint64_t *live;  ///< bit i % 64 of word i / 64; NULL: all rows
  int64_t first_row;     ///< the number of row 0 in results
} moult_device_rows;

/// Higher is nearer. The score in double, as `dot_f32_f64` and `squared_l2_f32_f64` in kernels.h sum it up.
typedef struct moult_device_hit {
  double score;
  int64_t row;
} moult_device_hit;

/// What an exact search had to do.
typedef struct moult_device_exact_report {
  uint64_t scored;          ///< rows scored in double
  uint64_t loose_queries;   ///< queries whose survivors outgrew their room, so that they were scored otherwise
  int32_t precision;        ///< 8: int8 was scanned, 16: bfloat16, 32: float32
} moult_device_exact_report;

/// One exact neighbour list: distances are numbers of differing bits.
typedef struct moult_device_bit_hit {
  uint32_t distance;
  uint32_t row;
} moult_device_bit_hit;

/// What vectors go through before they are coded: y = A·x, each result one chain as `map_rows` tells, then + bias,
/// rounded by itself.
typedef struct moult_device_map {
  uint32_t inputs, outputs;
  const float *matrix;  ///< outputs × inputs
  const float *bias;    ///< `outputs`; NULL: none
} moult_device_map;

/// How rows become codes of integer levels: `LevelQuantizer`. Runs cover the rotated vector in order.
typedef struct moult_device_level_run {
  uint32_t segments;        ///< of 32 dimensions
  uint32_t bits;            ///< 1, 2, 3, 4, 5 or 8
  float divisor;            ///< the spread: values are multiplied with (1/‖v‖)/divisor, and
  float unit;               ///< with 8 bits divided by this, else 1
  float gain;               ///< of the sum in the factor
  const float *thresholds;  ///< 2^bits − 1, ascending; NULL with 8 bits
  const int8_t *levels;     ///< 2^bits; NULL with 8 bits
} moult_device_level_run;

typedef struct moult_device_level_coder {
  uint32_t dimension;      ///< of the vectors
  uint32_t rotated;        ///< with signs a multiple of 64, ≥ dimension; with directions a multiple of 32
  int32_t normalizes;      ///< not 0: vectors are scaled to unit length first
  moult_device_metric metric;
  const float *centre;     ///< `dimension`
  const uint64_t *signs;   ///< a random rotation: 4 × rotated/64 words, see rotate_kac_f32; or NULL
  const moult_device_level_run *runs;
  uint32_t run_count;
  uint32_t row_bytes;      ///< Σ 4·segments·bits of the runs; 32·Σ segments is `rotated`
  /// Learned directions in the place of signs: rotated × dimension, a vector's values as `map_rows` has them.
  const float *directions;
  /// To `dimension`, before all else: rows are of `inputs` floats then. NULL: they are the vectors.
  const moult_device_map *map;
  /// A grid, with one run of at most 5 bits: each row is coded with the scale √rotated·(1/‖v‖)·(2^bits − 1)/reach whose
  /// code points nearest to it, of equally near ones the first. NULL: with the run's divisor.
  const float *reaches;
  uint32_t reach_count;
} moult_device_level_coder;

/// Codes of one byte a dimension: `ScalarQuantizer`; see moult_u8_coder in kernels.h.
typedef struct moult_device_u8_coder {
  uint32_t dimension;
  int32_t normalizes;
  const float *centre;
  float lower, inverse_step;
  const int8_t *high, *low;  ///< two limbs of a query, or both NULL
  const moult_device_map *map;  ///< as in a coder of levels
} moult_device_u8_coder;

/// As moult_u8_row in kernels.h.
typedef struct moult_device_u8_row {
  double given_square, square;
  uint32_t offset_square;
  int32_t high, low;
} moult_device_u8_row;

typedef struct moult_device_library {
  uint32_t abi;
  uint32_t bytes;  ///< sizeof(moult_device_library)

  /// Opens device `ordinal`. `message` (NUL-terminated, cut to `message_bytes`) says why where it is refused.
  moult_device_status (*open)(int32_t ordinal, moult_device **device, char *message, size_t message_bytes);
  void (*close)(moult_device *device);
  /// The reason of the last status but OK, for a log. Valid until the next call on the handle.
  const char *(*message)(moult_device *device);
  /// Measures, once.
  moult_device_status (*describe)(moult_device *device, moult_device_info *info);

  // MARK: Exact search

  /// Puts vectors where `exact` finds them, in the device's memory as far as they fit. The host memory must stay
  /// there, unchanged, until `release`. Row ranges do not overlap.
  moult_device_status (*hold)(moult_device *device, const moult_device_rows *segments, size_t segment_count,
                              uint32_t dimension, moult_device_metric metric, moult_device_set **set);
  void (*release)(moult_device *device, moult_device_set *set);
  /// The k best live rows of each query by their score in double, of equal scores the smaller row: exactly the
  /// answer of `ExactSearch`. hits: query_count × k; counts[q] ≤ k of them are of meaning, best first. A query's
  /// zero vector is nobody's neighbour under cosine: all scores are 0. k ≤ 4096, dimension ≤ 32 768.
  moult_device_status (*exact)(moult_device *device, moult_device_set *set, const float *queries,
                               size_t query_count, uint32_t k, const moult_device_stop *stop,
                               moult_device_hit *hits, uint32_t *counts, moult_device_exact_report *report);

  /// The k nearest rows of bits, of equal distances the smaller row. Rows of `bytes` bytes, `stride` apart.
  moult_device_status (*hamming)(moult_device *device, const uint8_t *rows, size_t stride, uint64_t count,
                                 const uint64_t *live, uint32_t bytes, const uint8_t *queries,
                                 size_t query_count, uint32_t k, const moult_device_stop *stop,
                                 moult_device_bit_hit *hits, uint32_t *counts);

  // MARK: Encoding

  /// codes: count × row_bytes. side: count × two floats (factor, additive) or NULL. Vectors of any length, those that
  /// VectorNorm scales in double too. `rotated` ≤ 32 768, and among the runs at most 8 different tables, else it is
  /// unsupported.
  moult_device_status (*encode_levels)(moult_device *device, const moult_device_level_coder *coder,
                                       const float *rows, size_t stride, uint64_t count,
                                       const moult_device_stop *stop, uint8_t *codes, float *side);
  /// codes: count × dimension. As encode_u8_rows in kernels.h, rows that it leaves to its caller included.
  moult_device_status (*encode_u8)(moult_device *device, const moult_device_u8_coder *coder, const float *rows,
                                   size_t stride, uint64_t count, const moult_device_stop *stop,
                                   uint8_t *codes, moult_device_u8_row *sums);

  // MARK: k-means and graphs

  /// The nearest centroid of each vector by squared Euclidean distance in double (`squared_l2_f32_f64`), of equal
  /// ones the smaller number: the answer of `NearestCentroids`. Vectors and centroids are contiguous.
  moult_device_status (*nearest)(moult_device *device, const float *centroids, uint32_t centroid_count,
                                 uint32_t dimension, const float *vectors, uint64_t count,
                                 const moult_device_stop *stop, uint32_t *nearest);
  /// Approximate neighbour lists of all rows of a set among themselves, by segments in order: numbers are places in
  /// that order. neighbours: rows × degree, best first by the score in float32 (its bits are the device's own), the
  /// row itself left out, UINT32_MAX where there are fewer. Rows that are not live have no neighbours and are
  /// nobody's. Recall of the lists ≥ 0.95 on embeddings. `seed` decides what is random.
  /// Where the set or its lists do not fit the device's memory, the set gives up what it holds of its rows (searches
  /// bring them in tiles then), and lists are made in batches of at least a thirty-second of the rows: they depend on
  /// the free memory too.
  moult_device_status (*neighbour_lists)(moult_device *device, moult_device_set *set, uint32_t degree,
                                         uint64_t seed, const moult_device_stop *stop, uint32_t *neighbours,
                                         float *scores);
  /// Links of a graph's level 0 from neighbour lists: of a row's list and of the rows that name it the 2·degree
  /// nearest are considered, nearest first; those that no kept one covers (GraphLinkTable.covers, by scores in
  /// float32), then the nearest others, until `link_count`. links: rows × link_count, UINT32_MAX where there are fewer.
  /// Without room for all vectors and lists at once it is out of memory; a set may give up its rows likewise.
  moult_device_status (*prune)(moult_device *device, moult_device_set *set, const uint32_t *neighbours,
                               uint32_t degree, uint32_t link_count, const moult_device_stop *stop,
                               uint32_t *links);

  // MARK: Maps

  /// y = A·x of each row x: matrix outputs × inputs, results count × outputs, both contiguous. A result is one chain of
  /// fused multiply-adds from input 0 on: a row's are the same bits whatever stands beside it, and within
  /// inputs·2⁻²⁴·(1 + inputs·2⁻²⁴)·Σ|A[i][j]·x[j]| of the exact ones; those of `map_rows_f32` in kernels.h.
  moult_device_status (*map_rows)(moult_device *device, const float *matrix, uint32_t outputs, uint32_t inputs,
                                  const float *rows, size_t stride, uint64_t count, const moult_device_stop *stop,
                                  float *results);
} moult_device_library;

typedef const moult_device_library *(*moult_device_library_function)(void);

#ifdef __cplusplus
}
#endif
#endif
