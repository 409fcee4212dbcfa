#include "exact_int8.h"

namespace moult {

namespace {

constexpr double int8_length_max = 1900, int8_step_min = 1e-20;

/// A vector's step, from its largest magnitude and its length.
__device__ __forceinline__ float int8_step(double most, double length) {
  return __double2float_ru(fmax(fmax(most / 127, length / int8_length_max), int8_step_min));
}

/// Codes four values of a vector and adds up what is lost.
__device__ __forceinline__ uint32_t int8_coded(const double (&values)[4], double step, double &lost) {
  uint32_t word = 0;
  MOULT_UNROLL
  for (int e = 0; e < 4; e++) {
    const int code = __double2int_rn(values[e] / step);
    const double difference = values[e] - step * code;
    lost += difference * difference;
    word |= uint32_t(code & 0xff) << 8 * e;
  }
  return word;
}

/// Where unit u, the values 4u … 4u + 3, of a vector lies.
__device__ __forceinline__ uint32_t *int8_place(unsigned char *codes, uint32_t tile_vectors, uint32_t lines,
                                                uint64_t vector, uint32_t unit) {
  return reinterpret_cast<uint32_t *>(codes + code_offset(tile_vectors, lines, vector, unit / 4) + unit % 4 * 4);
}

/// A warp a row, whole tiles of them. Rows that are not live get bounds that nothing reaches, those without a code
/// bounds that everything does.
__global__ __launch_bounds__(256) void int8_rows_kernel(const float *floats, uint32_t row_floats, const uint8_t *live,
                                                        uint64_t count, uint64_t padded, uint32_t dimension,
                                                        uint32_t lines, moult_device_metric metric,
                                                        const float *centre, double centre_length,
                                                        unsigned char *codes, float4 *bounds) {
  const double length_max = metric == MOULT_DEVICE_SQUARED_L2 ? 1e15 : 1e30;
  for (uint64_t i = uint64_t(blockIdx.x) * 8 + uniform_warp(); i < padded; i += gridDim.x * 8) {
    const bool is_there = i < count && live[i];
    const float *const row = floats + i * row_floats;
    double inverse = 1, square = 0, most = 0;
    if (is_there && metric == MOULT_DEVICE_COSINE) {
      const double norm = sqrt(warp_dot_f64(row, row, dimension));
      inverse = norm > 0 ? 1 / norm : 0;
    }
    const auto value = [&](uint32_t j) { return double(row[j]) * inverse - double(centre[j]); };
    for (uint32_t j = lane_index(); is_there && j < dimension; j += 32) {
      const double own = value(j);
      square += own * own;
      most = fmax(most, fabs(own));
    }
    const double length = sqrt(warp_sum(square)) * (1 + 1e-12);
    most = warp_max(most);
    const bool is_coded = is_there && length < length_max;
    const float step = is_coded ? int8_step(most, length) : 1;
    double lost = 0;
    for (uint32_t unit = lane_index(); unit < lines * 32; unit += 32) {
      double values[4];
      MOULT_UNROLL
      for (uint32_t e = 0; e < 4; e++) {
        const uint32_t j = 4 * unit + e;
        values[e] = is_coded && j < dimension ? value(j) : 0;
      }
      *int8_place(codes, row_tile, lines, i, unit) = int8_coded(values, step, lost);
    }
    const double rest = sqrt(warp_sum(lost)) * (1 + 1e-9);
    if (lane_index() != 0) continue;
    if (!is_coded) {
      const float none = __uint_as_float(0x7fffffffu), all = __uint_as_float(0x7f800000u);
      bounds[i] = is_there ? make_float4(1, all, 0, 0) : make_float4(none, 0, 0, 0);
      continue;
    }
    const double width = rest + 0x1p-18 * (length + rest) + 1e-11 * (length + centre_length) + 1e-30;
    const bool is_distance = metric == MOULT_DEVICE_SQUARED_L2;
    bounds[i] = make_float4(__double2float_rn(1 / double(step)), __double2float_ru(width / step),
                            __double2float_ru(length / step),
                            is_distance ? __double2float_rd(length * length * (1 - 0x1p-18) / step) : 0);
  }
}

/// A warp a query, whole tiles of them, after `code_queries_kernel`.
__global__ __launch_bounds__(256) void int8_queries_kernel(const float *floats, uint32_t count, uint32_t padded,
                                                           uint32_t dimension, uint32_t lines,
                                                           moult_device_metric metric, const float *centre,
                                                           const QueryTerms *terms, const float *gammas,
                                                           const float *bars, unsigned char *codes,
                                                           float4 *int8_terms) {
  const bool is_distance = metric == MOULT_DEVICE_SQUARED_L2;
  for (uint64_t q = uint64_t(blockIdx.x) * 8 + uniform_warp(); q < padded; q += gridDim.x * 8) {
    // The bar of others is NaN.
    const bool is_sound = q < count && bars[q] == bars[q];
    const float *const query = floats + q * dimension;
    const double inverse = !is_sound ? 0 : is_distance ? 2 * terms[q].factor : 1 / terms[q].norm;
    const auto value = [&](uint32_t j) {
      return (double(query[j]) - (is_distance ? double(centre[j]) : 0)) * inverse;
    };
    double most = 0;
    for (uint32_t j = lane_index(); is_sound && j < dimension; j += 32) most = fmax(most, fabs(value(j)));
    const float step = int8_step(warp_max(most), is_sound ? 1 + 1e-9 : 0);
    double lost = 0;
    for (uint32_t unit = lane_index(); unit < lines * 32; unit += 32) {
      double values[4];
      MOULT_UNROLL
      for (uint32_t e = 0; e < 4; e++) {
        const uint32_t j = 4 * unit + e;
        values[e] = is_sound && j < dimension ? value(j) : 0;
      }
      *int8_place(codes, query_tile, lines, q, unit) = int8_coded(values, step, lost);
    }
    const double rest = sqrt(warp_sum(lost)) * (1 + 1e-9) + 1e-13;
    if (lane_index() != 0) continue;
    const double wider = (1 + 0x1p-18) / step;
    int8_terms[q] = make_float4(__double2float_rn(1 / double(step)), __double2float_ru((1 + rest) * wider),
                                __double2float_ru(rest * wider),
                                is_distance ? __double2float_rd(double(gammas[q]) / step) : 0);
  }
}

}  // namespace

bool Int8Rows::try_code(moult_device *device, const moult_device_set &set, const float *floats, const uint8_t *live,
                        uint64_t count) {
  const uint64_t padded = (count + row_tile - 1) / row_tile * row_tile;
  Int8Rows coded;
  coded.lines = lines_of<Int8Codes>(set.dimension);
  if (!coded.codes.try_allocate(padded * coded.lines * line_bytes) || !coded.bounds.try_allocate(padded)) return false;
  device->launch("int8 codes of rows", int8_rows_kernel, device->grid(padded, 8), 256, 0, device->work, floats,
                 set.row_floats, live, count, padded, set.dimension, coded.lines, set.metric, set.centre.get(),
                 set.centre_length, coded.codes.get(), coded.bounds.get());
  coded.rows = padded;
  *this = std::move(coded);
  return true;
}

bool try_code_queries_int8(moult_device *device, const moult_device_set &set, QueryGroup &group) {
  const uint32_t padded = group.tiles * query_tile, lines = lines_of<Int8Codes>(set.dimension);
  QueryGroup::Int8 coded;
  if (!coded.codes.try_allocate(size_t(padded) * lines * line_bytes) || !coded.terms.try_allocate(padded) ||
      !coded.narrow_counts.try_allocate(padded) || !coded.tally.try_allocate(1)) {
    return false;
  }
  check(cudaMemsetAsync(coded.narrow_counts.get(), 0, padded * sizeof(uint32_t), device->work), "memory");
  device->launch("int8 codes of queries", int8_queries_kernel, device->grid(padded, 8), 256, 0, device->work,
                 group.floats.get(), group.count, padded, set.dimension, lines, set.metric, set.centre.get(),
                 group.terms.get(), group.gammas.get(), group.bars.get(), coded.codes.get(), coded.terms.get());
  coded.is_there = true;
  group.int8 = std::move(coded);
  return true;
}

}  // namespace moult
