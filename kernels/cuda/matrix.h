// Products of all queries with all rows in bfloat16 or int8, and something done with each of them while it is in
// registers.
//
// One tile is 128 queries × 256 rows; blocks take tiles in turn, those of the same rows after each other, so that rows
// come from device memory once and queries from the second-level cache. Bounds, for d dimensions a tile: 128·256·d
// multiply-adds, 768·d bytes from the second-level cache (384·d of int8).
//
// An Epilogue is a struct that the kernel gets by value; a Sum is a float, or int32_t for int8:
//
//     struct Query {…};  struct RowPair {…};
//     Query query(uint32_t q);                  what it wants to know of a query (all of a tile exist as memory)
//     RowPair pair(uint32_t row);               of rows `row` (even) and `row + 1`
//     void take(uint32_t q, const Query &, uint32_t row, const RowPair &, Sum first, Sum second);
//
// One that has `looks_first` sees all sums of a query that the warp has, before any is taken, and may change them:
// look(Query &, const RowPair &, Sum &first, Sum &second), then settle(q, Query &, lanes): the `lanes` (4 or 1)
// neighbouring lanes have the same query.
#ifndef MOULT_DEVICE_MATRIX_H
#define MOULT_DEVICE_MATRIX_H

#include <type_traits>

#include "runtime.h"
#include "tensor.h"

namespace moult {

template <typename Epilogue, typename = void>
struct LooksFirst : std::false_type {};
template <typename Epilogue>
struct LooksFirst<Epilogue, std::void_t<decltype(Epilogue::looks_first)>> : std::true_type {};

constexpr uint32_t query_tile = 128, row_tile = 256;
constexpr uint32_t line_bytes = 128;  ///< 64 values of bfloat16, 128 of int8
constexpr uint32_t query_line_bytes = query_tile * line_bytes, row_line_bytes = row_tile * line_bytes;
constexpr uint32_t stage_bytes = query_line_bytes + row_line_bytes;

/// Codes in tiles: tile t, line l of its rows at (t·lines + l)·(rows a tile)·128.
struct Panel {
  const unsigned char *codes;
  uint32_t tiles;
  uint32_t lines;  ///< a vector
};

/// bfloat16, summed up in float32.
struct Bf16Codes {
  using Sum = float;
  static constexpr uint32_t line_values = 64;

#ifdef MOULT_HAS_WGMMA
  static __device__ __forceinline__ void multiply_async(Sum (&d)[128], uint64_t a, uint64_t b, bool adds) {
    multiply_bf16_async(d, a, b, adds);
  }
#endif
  static __device__ __forceinline__ void multiply(Sum (&d)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1) {
    multiply_bf16(d, a, b0, b1);
  }
  /// Of four bytes of each, without tensor cores.
  static __device__ __forceinline__ Sum multiply(uint32_t a, uint32_t b, Sum sum) {
    sum += __uint_as_float(a << 16) * __uint_as_float(b << 16);
    return sum + __uint_as_float(a & 0xffff0000u) * __uint_as_float(b & 0xffff0000u);
  }
};

/// int8, summed up in int32: exact for up to 133,000 values.
struct Int8Codes {
  using Sum = int32_t;
  static constexpr uint32_t line_values = 128;

#ifdef MOULT_HAS_WGMMA
  static __device__ __forceinline__ void multiply_async(Sum (&d)[128], uint64_t a, uint64_t b, bool adds) {
    multiply_s8_async(d, a, b, adds);
  }
#endif
  static __device__ __forceinline__ void multiply(Sum (&d)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1) {
    multiply_s8(d, a, b0, b1);
  }
  static __device__ __forceinline__ Sum multiply(uint32_t a, uint32_t b, Sum sum) {
    return __dp4a(int(a), int(b), sum);
  }
};

template <typename Codes = Bf16Codes>
__host__ __device__ inline uint32_t lines_of(uint32_t dimension) {
  return (dimension + Codes::line_values - 1) / Codes::line_values;
}

/// Where piece `piece` of a vector lies, 16 bytes: eight values of bfloat16, 16 of int8.
__host__ __device__ __forceinline__ uint64_t code_offset(uint32_t tile_vectors, uint32_t lines, uint64_t vector,
                                                         uint32_t piece) {
  const uint64_t tile = vector / tile_vectors;
  const uint32_t place = uint32_t(vector % tile_vectors);
  return ((tile * lines + piece / 8) * tile_vectors) * line_bytes + piece_offset(place, piece % 8);
}

// MARK: wgmma

/// Stages of queries and rows, then their barriers.
constexpr uint32_t wgmma_stages = 4;
constexpr size_t wgmma_shared_bytes = size_t(wgmma_stages) * stage_bytes + 2 * wgmma_stages * sizeof(uint64_t);

/// Warpgroup 0 brings tiles, one thread of it with bulk copies; warpgroups 1 and 2 multiply 64 queries each.
/// An Epilogue that `marks` only says which sums pass (bit 0 the first row's, bit 1 the second's):
/// uint32_t passes(const Query &, const RowPair &, Sum first, Sum second), and keep(q, row) is called for those once
/// all are looked at: without branches among the sums.
template <typename Epilogue, typename = void>
struct Marks : std::false_type {};
template <typename Epilogue>
struct Marks<Epilogue, std::void_t<decltype(Epilogue::marks)>> : std::true_type {};

/// Bits 2i and 2i + 1 are of rows `first_row + 8·i` and the one after.
template <typename Marked, typename Epilogue>
__device__ __forceinline__ void keep_marked(const Epilogue &epilogue, uint32_t query, uint32_t first_row, Marked marked) {
  while (marked) {
    const uint32_t bit = uint32_t(sizeof marked > 4 ? __ffsll(static_cast<long long>(marked)) : __ffs(int(marked))) - 1;
    epilogue.keep(query, first_row + bit / 2 * 8 + bit % 2);
    marked &= marked - 1;
  }
}

template <typename Codes, typename Epilogue>
__global__ __launch_bounds__(384, 1) void wgmma_kernel(Panel queries, Panel rows, Epilogue epilogue) {
#ifdef MOULT_HAS_WGMMA
  MOULT_SHARED_BYTES(memory);
  uint64_t *const full = reinterpret_cast<uint64_t *>(memory + wgmma_stages * stage_bytes);
  uint64_t *const empty = full + wgmma_stages;
  if (threadIdx.x == 0) {
    for (uint32_t s = 0; s < wgmma_stages; s++) {
      barrier_init(full + s, 1);
      barrier_init(empty + s, 8);  // lane 0 of each warp that multiplies
    }
    barrier_init_fence();
  }
  __syncthreads();
  const uint32_t lines = rows.lines;
  const uint64_t tiles = uint64_t(queries.tiles) * rows.tiles;
  const uint32_t group = threadIdx.x / 128;
  uint32_t stage = 0, phase = 0;
  if (group == 0) {
    registers_give<40>();
    if (threadIdx.x == 0) {
      for (uint64_t tile = blockIdx.x; tile < tiles; tile += gridDim.x) {
        const unsigned char *query_line = queries.codes + (tile % queries.tiles) * lines * query_line_bytes;
        const unsigned char *row_line = rows.codes + (tile / queries.tiles) * lines * row_line_bytes;
        for (uint32_t line = 0; line < lines; line++) {
          // The first time around every stage is free: the phase before the first one counts as over.
          barrier_wait(empty + stage, phase ^ 1);
          unsigned char *const target = memory + stage * stage_bytes;
          barrier_arrive_expecting(full + stage, stage_bytes);
          bulk_copy(target, query_line, query_line_bytes, full + stage);
          bulk_copy(target + query_line_bytes, row_line, row_line_bytes, full + stage);
          query_line += query_line_bytes;
          row_line += row_line_bytes;
          if (++stage == wgmma_stages) {
            stage = 0;
            phase ^= 1;
          }
        }
      }
    }
  } else {
    registers_take<232>();
    const uint32_t memory_address = shared_address(memory);
    const uint32_t lane = threadIdx.x & 31, warp = threadIdx.x / 32 % 4;
    typename Codes::Sum sums[128];
    for (uint64_t tile = blockIdx.x; tile < tiles; tile += gridDim.x) {
      uint32_t last = 0;
      for (uint32_t line = 0; line < lines; line++) {
        barrier_wait(full + stage, phase);
        const uint32_t address = memory_address + stage * stage_bytes;
        const uint64_t a = matrix_descriptor(address + (group - 1) * (64 * line_bytes));
        const uint64_t b = matrix_descriptor(address + query_line_bytes);
        products_fence();
        MOULT_UNROLL
        for (uint32_t step = 0; step < 4; step++) {
          // 16 values of bfloat16, 32 of int8 are 32 bytes: 2 in the descriptor's units.
          Codes::multiply_async(sums, a + 2 * step, b + 2 * step, line > 0 || step > 0);
        }
        products_commit();
        // The stage before this one has been read.
        products_wait<1>();
        if (line > 0 && lane == 0) barrier_arrive(empty + last);
        last = stage;
        if (++stage == wgmma_stages) {
          stage = 0;
          phase ^= 1;
        }
      }
      products_wait<0>();
      products_settle(sums);
      if (lane == 0) barrier_arrive(empty + last);
      const uint32_t first_query =
          uint32_t(tile % queries.tiles) * query_tile + (group - 1) * 64 + warp * 16 + lane / 4;
      const uint32_t first_row = uint32_t(tile / queries.tiles) * row_tile + 2 * (lane % 4);
      typename Epilogue::Query low = epilogue.query(first_query), high = epilogue.query(first_query + 8);
      if constexpr (LooksFirst<Epilogue>::value) {
        MOULT_UNROLL
        for (uint32_t i = 0; i < 32; i++) {
          const typename Epilogue::RowPair pair = epilogue.pair(first_row + 8 * i);
          epilogue.look(low, pair, sums[4 * i], sums[4 * i + 1]);
          epilogue.look(high, pair, sums[4 * i + 2], sums[4 * i + 3]);
        }
        epilogue.settle(first_query, low, 4);
        epilogue.settle(first_query + 8, high, 4);
      }
      if constexpr (Marks<Epilogue>::value) {
        uint64_t low_marked = 0, high_marked = 0;
        MOULT_UNROLL
        for (uint32_t i = 0; i < 32; i++) {
          const typename Epilogue::RowPair pair = epilogue.pair(first_row + 8 * i);
          low_marked |= uint64_t(epilogue.passes(low, pair, sums[4 * i], sums[4 * i + 1])) << 2 * i;
          high_marked |= uint64_t(epilogue.passes(high, pair, sums[4 * i + 2], sums[4 * i + 3])) << 2 * i;
        }
        keep_marked(epilogue, first_query, first_row, low_marked);
        keep_marked(epilogue, first_query + 8, first_row, high_marked);
      } else {
        MOULT_UNROLL
        for (uint32_t i = 0; i < 32; i++) {
          const uint32_t row = first_row + 8 * i;
          const typename Epilogue::RowPair pair = epilogue.pair(row);
          epilogue.take(first_query, low, row, pair, sums[4 * i], sums[4 * i + 1]);
          epilogue.take(first_query + 8, high, row, pair, sums[4 * i + 2], sums[4 * i + 3]);
        }
      }
    }
  }
#else
  static_cast<void>(queries), static_cast<void>(rows), static_cast<void>(epilogue);
#endif
}

// MARK: mma.sync

/// Eight warps, 2 × 4, each 64 queries × 64 rows. Two or three stages, as the shared memory has room for.
template <typename Codes, typename Epilogue>
__global__ __launch_bounds__(256, 1) void mma_kernel(Panel queries, Panel rows, uint32_t stages, Epilogue epilogue) {
  MOULT_SHARED_BYTES(memory);
  const uint32_t lines = rows.lines;
  const uint64_t tiles = uint64_t(queries.tiles) * rows.tiles;
  const uint32_t lane = lane_index(), warp = warp_index();
  const uint32_t memory_address = shared_address(memory);
  for (uint64_t tile = blockIdx.x; tile < tiles; tile += gridDim.x) {
    const unsigned char *const query_lines = queries.codes + (tile % queries.tiles) * lines * query_line_bytes;
    const unsigned char *const row_lines = rows.codes + (tile / queries.tiles) * lines * row_line_bytes;
    const auto bring = [&](uint32_t line) {
      if (line < lines) {
        unsigned char *const target = memory + line % stages * stage_bytes;
        const unsigned char *const query_line = query_lines + size_t(line) * query_line_bytes;
        const unsigned char *const row_line = row_lines + size_t(line) * row_line_bytes;
        MOULT_UNROLL
        for (uint32_t i = 0; i < query_line_bytes / 16 / 256; i++) {
          const uint32_t byte = (i * 256 + threadIdx.x) * 16;
          copy_async_16(target + byte, query_line + byte);
        }
        MOULT_UNROLL
        for (uint32_t i = 0; i < row_line_bytes / 16 / 256; i++) {
          const uint32_t byte = (i * 256 + threadIdx.x) * 16;
          copy_async_16(target + query_line_bytes + byte, row_line + byte);
        }
      }
      // Groups are counted, so empty ones too.
      copy_async_commit();
    };
    for (uint32_t line = 0; line < stages - 1; line++) bring(line);
    typename Codes::Sum sums[4][8][4];
    MOULT_UNROLL
    for (int i = 0; i < 4; i++) {
      MOULT_UNROLL
      for (int j = 0; j < 8; j++) {
        MOULT_UNROLL
        for (int e = 0; e < 4; e++) sums[i][j][e] = 0;
      }
    }
    for (uint32_t line = 0; line < lines; line++) {
      if (stages == 2) copy_async_wait<0>();
      else copy_async_wait<1>();
      // Everybody's part of this line is there, and nobody reads the line before it any more.
      __syncthreads();
      bring(line + stages - 1);
      const uint32_t query_address = memory_address + line % stages * stage_bytes + (warp / 4) * (64 * line_bytes);
      const uint32_t row_address =
          memory_address + line % stages * stage_bytes + query_line_bytes + (warp % 4) * (64 * line_bytes);
      MOULT_UNROLL
      for (uint32_t step = 0; step < 4; step++) {
        uint32_t a[4][4], b[4][4];
        // Matrices of a: lines 0–7 and 8–15 of the first eight values, then of the other eight.
        MOULT_UNROLL
        for (uint32_t i = 0; i < 4; i++) {
          load_matrices(a[i], query_address + piece_offset(16 * i + lane % 16, 2 * step + lane / 16));
        }
        // Of b: both halves of the values of rows 0–7, then of rows 8–15.
        MOULT_UNROLL
        for (uint32_t i = 0; i < 4; i++) {
          load_matrices(b[i], row_address + piece_offset(16 * i + lane / 16 * 8 + lane % 8, 2 * step + lane / 8 % 2));
        }
        MOULT_UNROLL
        for (int i = 0; i < 4; i++) {
          MOULT_UNROLL
          for (int j = 0; j < 4; j++) {
            Codes::multiply(sums[i][2 * j], a[i], b[j][0], b[j][1]);
            Codes::multiply(sums[i][2 * j + 1], a[i], b[j][2], b[j][3]);
          }
        }
      }
    }
    copy_async_wait<0>();
    // Before the next tile overwrites what is still read.
    __syncthreads();
    const uint32_t first_query = uint32_t(tile % queries.tiles) * query_tile + warp / 4 * 64 + lane / 4;
    const uint32_t first_row = uint32_t(tile / queries.tiles) * row_tile + warp % 4 * 64 + 2 * (lane % 4);
    MOULT_UNROLL
    for (int i = 0; i < 4; i++) {
      const uint32_t query = first_query + 16 * i;
      typename Epilogue::Query low = epilogue.query(query), high = epilogue.query(query + 8);
      if constexpr (LooksFirst<Epilogue>::value) {
        MOULT_UNROLL
        for (int j = 0; j < 8; j++) {
          const typename Epilogue::RowPair pair = epilogue.pair(first_row + 8 * j);
          epilogue.look(low, pair, sums[i][j][0], sums[i][j][1]);
          epilogue.look(high, pair, sums[i][j][2], sums[i][j][3]);
        }
        epilogue.settle(query, low, 4);
        epilogue.settle(query + 8, high, 4);
      }
      if constexpr (Marks<Epilogue>::value) {
        uint32_t low_marked = 0, high_marked = 0;
        MOULT_UNROLL
        for (int j = 0; j < 8; j++) {
          const typename Epilogue::RowPair pair = epilogue.pair(first_row + 8 * j);
          low_marked |= epilogue.passes(low, pair, sums[i][j][0], sums[i][j][1]) << 2 * j;
          high_marked |= epilogue.passes(high, pair, sums[i][j][2], sums[i][j][3]) << 2 * j;
        }
        keep_marked(epilogue, query, first_row, low_marked);
        keep_marked(epilogue, query + 8, first_row, high_marked);
      } else {
        MOULT_UNROLL
        for (int j = 0; j < 8; j++) {
          const uint32_t row = first_row + 8 * j;
          const typename Epilogue::RowPair pair = epilogue.pair(row);
          epilogue.take(query, low, row, pair, sums[i][j][0], sums[i][j][1]);
          epilogue.take(query + 8, high, row, pair, sums[i][j][2], sums[i][j][3]);
        }
      }
    }
  }
}

// MARK: Plain

/// Without tensor cores: a thread takes a query and two rows. Where the others are not right, and what they are
/// compared with.
template <typename Codes, typename Epilogue>
__global__ __launch_bounds__(256) void plain_kernel(Panel queries, Panel rows, Epilogue epilogue) {
  const uint32_t pairs = rows.tiles * (row_tile / 2);
  const uint64_t count = uint64_t(queries.tiles) * query_tile * pairs;
  for (uint64_t i = global_thread(); i < count; i += thread_count()) {
    const uint32_t query = uint32_t(i / pairs), row = uint32_t(i % pairs) * 2;
    typename Codes::Sum first = 0, second = 0;
    for (uint32_t piece = 0; piece < 8 * rows.lines; piece++) {
      const uint4 q =
          *reinterpret_cast<const uint4 *>(queries.codes + code_offset(query_tile, queries.lines, query, piece));
      const uint4 a = *reinterpret_cast<const uint4 *>(rows.codes + code_offset(row_tile, rows.lines, row, piece));
      const uint4 b = *reinterpret_cast<const uint4 *>(rows.codes + code_offset(row_tile, rows.lines, row + 1, piece));
      const uint32_t qs[4] = {q.x, q.y, q.z, q.w}, as[4] = {a.x, a.y, a.z, a.w}, bs[4] = {b.x, b.y, b.z, b.w};
      MOULT_UNROLL
      for (int j = 0; j < 4; j++) {
        first = Codes::multiply(qs[j], as[j], first);
        second = Codes::multiply(qs[j], bs[j], second);
      }
    }
    typename Epilogue::Query known = epilogue.query(query);
    if constexpr (LooksFirst<Epilogue>::value) {
      epilogue.look(known, epilogue.pair(row), first, second);
      epilogue.settle(query, known, 1);
    }
    if constexpr (Marks<Epilogue>::value) {
      keep_marked(epilogue, query, row, epilogue.passes(known, epilogue.pair(row), first, second));
    } else {
      epilogue.take(query, known, row, epilogue.pair(row), first, second);
    }
  }
}

// MARK: Launches

/// All queries × all rows on the path that this device takes; `blocks_most` only for checks.
template <typename Codes = Bf16Codes, typename Epilogue>
void multiply(moult_device *device, MatrixPath path, const char *name, Panel queries, Panel rows, Epilogue epilogue,
              cudaStream_t stream, unsigned blocks_most = UINT32_MAX) {
  const uint64_t tiles = uint64_t(queries.tiles) * rows.tiles;
  if (tiles == 0) return;
  const uint64_t multiprocessors = uint64_t(device->properties.multiProcessorCount);
  const unsigned blocks = std::min(unsigned(std::min(tiles, multiprocessors)), blocks_most);
  switch (path) {
    case MatrixPath::wgmma:
      device->launch(name, wgmma_kernel<Codes, Epilogue>, blocks, 384, wgmma_shared_bytes, stream, queries, rows, epilogue);
      return;
    case MatrixPath::mma_sync: {
      const uint32_t stages = device->properties.sharedMemPerBlockOptin >= 3 * stage_bytes ? 3 : 2;
      device->launch(name, mma_kernel<Codes, Epilogue>, blocks, 256, stages * stage_bytes, stream, queries, rows, stages,
                     epilogue);
      return;
    }
    case MatrixPath::plain:
      device->launch(name, plain_kernel<Codes, Epilogue>, device->grid(tiles * (query_tile * row_tile / 2), 256), 256, 0,
                     stream, queries, rows, epilogue);
      return;
  }
}

/// Writes every product to a matrix of `stride` sums a query.
template <typename Sum>
struct StoreProducts {
  Sum *products;
  uint64_t stride;
  uint32_t queries, rows;

  struct Query {};
  struct RowPair {};
  __device__ Query query(uint32_t) const { return {}; }
  __device__ RowPair pair(uint32_t) const { return {}; }
  __device__ __forceinline__ void take(uint32_t q, const Query &, uint32_t row, const RowPair &, Sum first,
                                       Sum second) const {
    if (q >= queries) return;
    if (row < rows) products[q * stride + row] = first;
    if (row + 1 < rows) products[q * stride + row + 1] = second;
  }
};

}  // namespace moult
#endif
