// The nearest centroid of each vector: bfloat16 on the tensor cores, in double among the few that it may be
// (nearest.h).
//
// Vectors are the queries of matrix.h, centroids its rows. A thread has 64 sums of a vector in registers (wgmma): it
// looks for their largest, four lanes and then, by one atomic operation, all tiles agree on the best so far, and what
// is within 2E of that is noted. Then a warp a vector compares what is left in double.
//
// Bound: vectors·centroids·d multiply-adds at the rate of `multiply`. A tile's vectors, some 25 MB of codes, stay in
// the second-level cache for all centroids.
#include "nearest.h"

#include <vector>

#include "code.h"
#include "families.h"

namespace moult {
namespace {

constexpr uint32_t threads = 256, warps = threads / 32;

// MARK: Codes

/// Squares of lengths, in all lanes. Roundings in double are covered by 2.001 instead of 2.
struct CodedLengths {
  double square, rounded, error;
};

/// Writes the codes of a vector less the centre, zeros behind its end, all zeros where `dimension` is 0. One warp.
template <uint32_t tile_vectors>
__device__ CodedLengths code_vector(const float *vector, const float *centre, uint32_t dimension, uint32_t lines,
                                    uint64_t number, unsigned char *codes) {
  CodedLengths lengths = {0, 0, 0};
  for (uint32_t unit = lane_index(); unit < 16 * lines; unit += 32) {
    uint32_t bits[4];
    MOULT_UNROLL
    for (uint32_t e = 0; e < 4; e++) {
      const uint32_t j = 4 * unit + e;
      const double value = j < dimension ? double(vector[j]) - double(centre[j]) : 0;
      bits[e] = bf16_bits(__double2float_rn(value));
      const double rounded = __uint_as_float(bits[e] << 16), error = value - rounded;
      lengths.square += value * value;
      lengths.rounded += rounded * rounded;
      lengths.error += error * error;
    }
    *unit_place(codes, tile_vectors, lines, number, unit) =
        make_uint2(bits[0] | bits[1] << 16, bits[2] | bits[3] << 16);
  }
  return {warp_sum(lengths.square), warp_sum(lengths.rounded), warp_sum(lengths.error)};
}

/// `padded`: whole tiles.
__global__ void __launch_bounds__(threads) code_centroids(const float *centroids, const float *centre, uint32_t count,
                                                          uint32_t dimension, uint32_t lines, uint64_t padded,
                                                          unsigned char *codes, float *halves,
                                                          LargestCentroid *largest) {
  for (uint64_t i = global_warp(); i < padded; i += warp_count()) {
    const bool is_there = i < count;
    const CodedLengths lengths =
        code_vector<row_tile>(centroids + i * dimension, centre, is_there ? dimension : 0, lines, i, codes);
    if (lane_index() != 0) continue;
    halves[i] = is_there ? __double2float_rn(lengths.square / 2) : __uint_as_float(0x7f800000);
    if (!is_there) continue;
    const auto as_bits = [](double square) {
      return static_cast<unsigned long long>(__double_as_longlong(__dsqrt_rn(square)));
    };
    atomicMax(&largest->norm, as_bits(lengths.square));
    atomicMax(&largest->rounded_norm, as_bits(lengths.rounded));
    atomicMax(&largest->rounding_error, as_bits(lengths.error));
  }
}

/// 2E with all roundings; infinite where a product might have overflowed.
__device__ __forceinline__ float slack(const CodedLengths &lengths, uint32_t dimension,
                                       const LargestCentroid &largest) {
  const double centroid = __longlong_as_double(static_cast<long long>(largest.norm));
  const double rounded_centroid = __longlong_as_double(static_cast<long long>(largest.rounded_norm));
  const double centroid_error = __longlong_as_double(static_cast<long long>(largest.rounding_error));
  const double norm = __dsqrt_rn(lengths.rounded), error = __dsqrt_rn(lengths.error), size = norm * rounded_centroid;
  const double farthest = norm + error + centroid;
  if (!(size < 1e37 && centroid < 1e18)) return __uint_as_float(0x7f800000);
  const double bound = error * centroid + norm * centroid_error +
                       double(dimension + 16) * 0x1p-22 * size + 0x1p-22 * centroid * centroid +
                       double(dimension) * 0x1p-123 * (1 + norm + centroid) +
                       double(dimension + 64) * 0x1p-53 * farthest * farthest;
  return __double2float_rn(2.001 * bound);
}

__global__ void __launch_bounds__(threads) code_vectors(const float *vectors, uint64_t stride, const float *centre,
                                                        uint64_t count, uint32_t dimension, uint32_t lines,
                                                        uint64_t padded, const LargestCentroid *largest,
                                                        unsigned char *codes, float *slacks) {
  for (uint64_t i = global_warp(); i < padded; i += warp_count()) {
    const bool is_there = i < count;
    const CodedLengths lengths =
        code_vector<query_tile>(vectors + i * stride, centre, is_there ? dimension : 0, lines, i, codes);
    if (lane_index() == 0) slacks[i] = is_there ? slack(lengths, dimension, *largest) : __uint_as_float(0x7f800000);
  }
}

// MARK: Candidates

struct CandidateEpilogue {
  static constexpr bool looks_first = true;

  const float *halves, *slacks;
  uint32_t *best;    ///< ordered bits of the best so far; 0 before
  uint32_t *counts;  ///< of candidates; 0 before
  uint2 *found;      ///< room a vector: number and bits of product − half

  struct Query {
    float slack;
    float bar;  ///< at first the best of these products
  };
  struct RowPair {
    float first, second;
  };
  __device__ __forceinline__ Query query(uint32_t q) const { return {slacks[q], __uint_as_float(0xff800000)}; }
  __device__ __forceinline__ RowPair pair(uint32_t row) const {
    const float2 both = *reinterpret_cast<const float2 *>(halves + row);
    return {both.x, both.y};
  }
  __device__ __forceinline__ void look(Query &query, const RowPair &pair, float &first, float &second) const {
    first = __fsub_rn(first, pair.first);
    second = __fsub_rn(second, pair.second);
    query.bar = fmaxf(query.bar, fmaxf(first, second));
  }
  __device__ __forceinline__ void settle(uint32_t q, Query &query, int lanes) const {
    uint32_t most = ordered(query.bar);
    if (lanes == 4) {
      most = max(most, __shfl_xor_sync(full_warp, most, 1));
      most = max(most, __shfl_xor_sync(full_warp, most, 2));
      uint32_t before = 0;
      if (lane_index() % 4 == 0) before = atomicMax(best + q, most);
      most = max(most, __shfl_sync(full_warp, before, int(lane_index() & ~3u)));
    } else {
      most = max(most, atomicMax(best + q, most));
    }
    // With an infinite slack all centroids are compared anyway, and nothing is at or above a NaN.
    query.bar = query.slack < __uint_as_float(0x7f800000) ? __fsub_rn(unordered(most), query.slack)
                                                            : __uint_as_float(0x7fc00000);
  }
  __device__ __forceinline__ void take(uint32_t q, const Query &query, uint32_t row, const RowPair &, float first,
                                       float second) const {
    keep(q, query.bar, row, first);
    keep(q, query.bar, row + 1, second);
  }
  __device__ __forceinline__ void keep(uint32_t q, float bar, uint32_t row, float score) const {
    if (!(score >= bar)) return;
    const uint32_t place = atomicAdd(counts + q, 1u);
    if (place < CentroidSearch::room) {
      found[uint64_t(q) * CentroidSearch::room + place] = make_uint2(row, __float_as_uint(score));
    }
  }
};

// MARK: In double

/// The least distance so far, of equal ones the smaller number.
struct Nearest {
  double least;
  uint32_t number;

  __device__ __forceinline__ void compare(const float *vector, const float *centroids, uint32_t dimension,
                                          uint32_t candidate) {
    const double distance = warp_squared_l2_f64(vector, centroids + uint64_t(candidate) * dimension, dimension);
    if (distance < least || (distance == least && candidate < number)) {
      least = distance;
      number = candidate;
    }
  }
};

__global__ void __launch_bounds__(threads) choose(const float *vectors, uint64_t stride, uint64_t count,
                                                  uint32_t dimension, const float *centroids, uint32_t centroid_count,
                                                  CandidateEpilogue candidates, uint32_t *nearest) {
  const unsigned lane = lane_index();
  for (uint64_t i = global_warp(); i < count; i += warp_count()) {
    const float *const vector = vectors + i * stride;
    const uint32_t found = candidates.counts[i];
    const float slack = candidates.slacks[i];
    Nearest result = {__longlong_as_double(0x7ff0000000000000), 0};
    if (found == 0 || found > CentroidSearch::room || !(slack < __uint_as_float(0x7f800000))) {
      for (uint32_t c = 0; c < centroid_count; c++) result.compare(vector, centroids, dimension, c);
    } else {
      const float bar = __fsub_rn(unordered(candidates.best[i]), slack);
      for (uint32_t first = 0; first < found; first += 32) {
        const uint32_t place = first + lane;
        const uint2 own = place < found ? candidates.found[i * CentroidSearch::room + place] : make_uint2(0, 0);
        uint32_t left = __ballot_sync(full_warp, place < found && __uint_as_float(own.y) >= bar);
        for (; left; left &= left - 1) {
          result.compare(vector, centroids, dimension, __shfl_sync(full_warp, own.x, __ffs(int(left)) - 1));
        }
      }
    }
    if (lane == 0) nearest[i] = result.number;
  }
}

/// The mean of some, at most 1024.
std::vector<float> centre_of(const float *centroids, uint32_t count, uint32_t dimension) {
  std::vector<double> sums(dimension);
  const uint64_t step = (uint64_t(count) + 1023) / 1024;
  uint32_t taken = 0;
  for (uint64_t i = 0; i < count; i += step, taken++) {
    for (uint32_t j = 0; j < dimension; j++) sums[j] += centroids[i * dimension + j];
  }
  std::vector<float> centre(dimension);
  for (uint32_t j = 0; j < dimension; j++) centre[j] = float(sums[j] / taken);
  return centre;
}

uint64_t whole_tiles(uint64_t count, uint32_t tile) { return (count + tile - 1) / tile * tile; }

}  // namespace

CentroidSearch::CentroidSearch(moult_device *device, const float *centroids, uint32_t count, uint32_t dimension)
    : device_(device), count_(count), dimension_(dimension), lines_(lines_of(dimension)),
      tiles_(uint32_t(whole_tiles(count, row_tile) / row_tile)) {
  const uint64_t padded = uint64_t(tiles_) * row_tile;
  centroids_.allocate(uint64_t(count) * dimension);
  centre_.allocate(dimension);
  halves_.allocate(padded);
  centroid_codes_.allocate(padded * lines_ * line_bytes);
  largest_.allocate(1);
  upload(device, device->work, centroids_.get(), centroids, centroids_.count() * sizeof(float));
  const std::vector<float> centre = centre_of(centroids, count, dimension);
  upload(device, device->work, centre_.get(), centre.data(), centre.size() * sizeof(float));
  check(cudaMemsetAsync(largest_.get(), 0, sizeof(LargestCentroid), device->work), "clearing");
  device->launch("code_centroids", code_centroids, dim3(device->grid(padded, warps)), dim3(threads), 0, device->work,
                 centroids_.get(), centre_.get(), count, dimension, lines_, padded, centroid_codes_.get(),
                 halves_.get(), largest_.get());
}

void CentroidSearch::allocate(uint64_t count) {
  const uint64_t padded = whole_tiles(count, query_tile);
  vectors_max_ = 0;
  codes_.allocate(padded * lines_ * line_bytes);
  slacks_.allocate(padded);
  best_.allocate(padded);
  counts_.allocate(padded);
  found_.allocate(padded * room);
  vectors_max_ = padded;
}

void CentroidSearch::assign(const float *vectors, uint64_t stride, uint64_t count, uint32_t *nearest) {
  const uint64_t padded = whole_tiles(count, query_tile);
  if (padded > vectors_max_) throw Failure{MOULT_DEVICE_UNSUPPORTED, "a tile of vectors"};
  check(cudaMemsetAsync(best_.get(), 0, padded * 4, device_->work), "clearing");
  check(cudaMemsetAsync(counts_.get(), 0, padded * 4, device_->work), "clearing");
  device_->launch("code_vectors", code_vectors, dim3(device_->grid(padded, warps)), dim3(threads), 0, device_->work,
                  vectors, stride, centre_.get(), count, dimension_, lines_, padded, largest_.get(),
                  codes_.get(), slacks_.get());
  const CandidateEpilogue candidates = {halves_.get(), slacks_.get(), best_.get(), counts_.get(), found_.get()};
  multiply(device_, device_->path, "nearest", Panel{codes_.get(), uint32_t(padded / query_tile), lines_},
           Panel{centroid_codes_.get(), tiles_, lines_}, candidates, device_->work);
  device_->launch("choose", choose, dim3(device_->grid(count, warps)), dim3(threads), 0, device_->work, vectors, stride,
                  count, dimension_, centroids_.get(), count_, candidates, nearest);
}

}  // namespace moult

moult_device_status cuda_nearest(moult_device *device, const float *centroids, uint32_t centroid_count,
                                 uint32_t dimension, const float *vectors, uint64_t count,
                                 const moult_device_stop *stop, uint32_t *nearest) {
  using namespace moult;
  return call(device, [&] {
    if (dimension == 0 || dimension > 65536 || centroid_count == 0 || centroid_count > (1u << 28)) {
      throw Failure{MOULT_DEVICE_UNSUPPORTED, "centroids: their number or dimension"};
    }
    if (count == 0) return;
    CentroidSearch search(device, centroids, centroid_count, dimension);
    const uint64_t row_bytes = 4 * uint64_t(dimension);
    // Codes of some 25 MB: half as many bytes as the floats.
    const uint64_t fitting = std::min<uint64_t>(65536, (uint64_t(50) << 20) / row_bytes);
    with_size(std::max<uint64_t>(query_tile, fitting / query_tile * query_tile), query_tile, [&](uint64_t n) {
      RowTiles tiles(device, {vectors, row_bytes, row_bytes, count}, n, 4);
      search.allocate(tiles.tile_rows());
      DeviceBuffer<uint32_t> results[2];
      for (int turn = 0; turn < (tiles.tile_rows() < count ? 2 : 1); turn++) {
        results[turn].allocate(tiles.tile_rows());
      }
      tiles.run(
          Stop(stop),
          [&](const unsigned char *tile, uint64_t, uint64_t now, int turn) {
            search.assign(reinterpret_cast<const float *>(tile), tiles.row_stride() / 4, now, results[turn].get());
          },
          [&](uint64_t first, uint64_t now, int turn) {
            download(device, device->results, nearest + first, results[turn].get(), now * 4);
          });
    });
  });
}
