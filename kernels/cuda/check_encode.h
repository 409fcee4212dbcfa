// Encoding against references written from the contracts of kernels.h and LevelQuantizer: the same bytes.
#ifndef MOULT_DEVICE_CHECK_ENCODE_H
#define MOULT_DEVICE_CHECK_ENCODE_H

#include "check_map_rows.h"
#include "encode.h"

#ifdef MOULT_EMULATED
// The CPU's kernels; `build.sh` links them where the check runs on the CPU.
#include "../include/moult/kernels.h"
extern "C" {
void moult_scalar_rotate_kac_f32(float *values, const uint64_t *signs, size_t dimension);
void moult_scalar_encode_levels(const float *values, float scale, size_t count, const moult_levels *levels,
                                uint8_t *codes, float *dot, int64_t *square);
void moult_scalar_encode_u8_rows(const moult_u8_coder *coder, const float *rows, size_t stride, size_t count,
                                 float *scratch, uint8_t *codes, moult_u8_row *out);
double moult_scalar_sum_of_squares_f32(const float *values, size_t count);
double moult_scalar_centre_sums_f32(const float *values, float factor, const float *centre, float *target,
                                    size_t count, double *along);
}
#endif

namespace check {

// MARK: References. The program is compiled without contraction.

static double unit_scale(double square) { return square > 0 ? 1 / sqrt(square) : 0; }
static bool is_ordinary(double square) { return square > 1e-70 && square < 1e70; }

static std::vector<float> normalized(const float *row, uint32_t dimension) {
  std::vector<float> unit(dimension);
  const double square = dot_f64(row, row, dimension);
  const float factor = is_ordinary(square) ? float(1 / sqrt(square)) : 0;
  for (uint32_t j = 0; j < dimension; j++) {
    unit[j] = is_ordinary(square) ? row[j] * factor : float(double(row[j]) * unit_scale(square));
  }
  return unit;
}

static void rotate_reference(std::vector<float> &values, const uint64_t *signs) {
  const size_t dimension = values.size();
  size_t transformed = 1;
  while (2 * transformed <= dimension) transformed *= 2;
  const float turn = 0x1.6a09e6p-1f;
  float scale = 1;
  size_t left = transformed;
  for (; left >= 4; left /= 4) scale *= 0.5f;
  if (left == 2) scale *= turn;
  for (size_t round = 0; round < 4; round++) {
    for (size_t i = 0; i < dimension; i++) {
      if (signs[round * (dimension / 64) + i / 64] >> i % 64 & 1) values[i] = -values[i];
    }
    float *const part = values.data() + (round % 2 ? dimension - transformed : 0);
    for (size_t half = 1; half < transformed; half *= 2) {
      for (size_t block = 0; block < transformed; block += 2 * half) {
        for (size_t i = block; i < block + half; i++) {
          const float a = part[i], b = part[i + half];
          part[i] = a + b;
          part[i + half] = a - b;
        }
      }
    }
    for (size_t i = 0; i < transformed; i++) part[i] *= scale;
    if (transformed == dimension) continue;
    for (size_t i = 0; i < dimension / 2; i++) {
      const float a = values[i], b = values[i + dimension / 2];
      values[i] = (a + b) * turn;
      values[i + dimension / 2] = (a - b) * turn;
    }
  }
}

/// A code of all values and what it comes to, as encode_levels in kernels.h.
struct Trial {
  float dot;
  int64_t square;
};

static uint32_t level_code(float scaled, const moult_device_level_run &run) {
  if (run.bits == 8) return uint32_t(int(nearbyintf(fminf(fmaxf(scaled, -127), 127))) + 128);
  uint32_t code = 0;
  for (uint32_t i = 0; i < (1u << run.bits) - 1; i++) code += run.thresholds[i] <= scaled;
  return code;
}

static void put_code(uint32_t code, uint32_t bits, uint32_t place, uint8_t *segment) {
  const uint32_t low_bits = bits == 3 ? 2 : bits == 5 ? 4 : bits, fields = 8 / low_bits;
  segment[place / fields] |= uint8_t((code & ((1u << low_bits) - 1)) << low_bits * (place % fields));
  if (bits == 3) segment[8 + place / 4 % 4] |= uint8_t(code >> 2 << (place / 16 * 4 + place % 4));
  if (bits == 5) segment[16 + place / 2 % 4] |= uint8_t(code >> 4 << (place / 8 * 2 + place % 2));
}

/// Writes no codes where there is no room for them.
static Trial try_reference(const float *values, float scale, const moult_device_level_run &run, uint8_t *codes) {
  float sums[16] = {};
  int64_t squares = 0;
  for (uint32_t i = 0; i < 32 * run.segments; i++) {
    const uint32_t code = level_code(values[i] * scale, run);
    if (codes) put_code(code, run.bits, i % 32, codes + i / 32 * 4 * run.bits);
    const int level = run.bits == 8 ? int(code) - 128 : run.levels[code];
    const float product = values[i] * float(level);
    sums[i % 16] += product;
    squares += level * level;
  }
  for (int half = 8; half > 0; half /= 2) {
    for (int lane = 0; lane < half; lane++) sums[lane] += sums[lane + half];
  }
  return {sums[0], squares};
}

/// As LevelQuantizer.encodeGrid.
template <typename Try>
static float grid_reference(const moult_device_level_coder &coder, float inverse, Try &&try_scale) {
  const float normalized = inverse * sqrtf(float(coder.rotated));
  const float widest = normalized * float((1 << coder.runs[0].bits) - 1);
  double best_cosine = -1;
  float best = 0;
  for (uint32_t i = 0; i < coder.reach_count; i++) {
    float scale = widest / coder.reaches[i];
    if (!std::isfinite(scale)) scale = 0;
    const Trial trial = try_scale(scale);
    const double cosine = trial.square > 0 ? double(trial.dot) / sqrt(double(trial.square)) : 0;
    if (cosine > best_cosine) {
      best_cosine = cosine;
      best = scale;
    }
  }
  return best;
}

/// What a row is once it has gone through the map before its encoder.
static std::vector<float> mapped(const moult_device_map *map, uint32_t dimension, const float *row) {
  if (!map) return {row, row + dimension};
  return mapped_by_chains(map->matrix, map->bias, map->outputs, map->inputs, row);
}

/// As LevelQuantizer.encodeOne, of a vector that is mapped.
static void encode_reference(const moult_device_level_coder &coder, const float *row, uint8_t *codes, float *side) {
  const uint32_t dimension = coder.dimension;
  std::vector<float> values(row, row + dimension);
  if (coder.normalizes) values = normalized(row, dimension);
  for (uint32_t j = 0; j < dimension; j++) values[j] -= coder.centre[j];
  const double square = dot_f64(values.data(), values.data(), dimension);
  const double along = dot_f64(values.data(), coder.centre, dimension);
  if (coder.directions) {
    values = mapped_by_chains(coder.directions, nullptr, coder.rotated, dimension, values.data());
  } else {
    values.resize(coder.rotated, 0.0f);
    rotate_reference(values, coder.signs);
  }
  if (!(square < 1e72)) std::fill(values.begin(), values.end(), 0.0f);
  const double covered = coder.directions ? dot_f64(values.data(), values.data(), coder.rotated) : square;
  float inverse = square > 0 ? float(1 / sqrt(square)) : 0;
  if (!std::isfinite(inverse)) inverse = 0;
  memset(codes, 0, coder.row_bytes);
  double dot = 0;
  const float *own = values.data();
  for (uint32_t r = 0; r < coder.run_count; r++) {
    const moult_device_level_run &run = coder.runs[r];
    float scale = inverse / run.divisor;
    if (run.bits == 8) scale /= run.unit;
    if (!std::isfinite(scale)) scale = 0;
    if (coder.reaches) {
      scale = grid_reference(coder, inverse, [&](float tried) { return try_reference(own, tried, run, nullptr); });
    }
    const double part = double(run.gain) * double(try_reference(own, scale, run, codes).dot);
    dot += part;
    own += 32 * run.segments;
    codes += 4 * run.bits * run.segments;
  }
  const double ratio = dot > 0 && covered > 0 ? covered / dot : 0;
  const float factor = ratio < double(3.4028234663852886e38f) / 4 ? float(ratio) : 0;
  const bool is_distance = coder.metric == MOULT_DEVICE_SQUARED_L2;
  side[0] = is_distance ? 2 * factor : factor;
  side[1] = float(is_distance ? -square : along);
}

#ifdef MOULT_EMULATED
/// The same out of the CPU's kernels, put together as LevelQuantizer does; vectors as `normalized` gives them.
static void encode_with_kernels(const moult_device_level_coder &coder, const float *row, uint8_t *codes, float *side) {
  const uint32_t dimension = coder.dimension;
  std::vector<float> values(std::max(coder.rotated, dimension));
  const std::vector<float> given =
      coder.normalizes ? normalized(row, dimension) : std::vector<float>(row, row + dimension);
  double along = 0, dot = 0;
  const double square =
      moult_scalar_centre_sums_f32(given.data(), 1, coder.centre, values.data(), dimension, &along);
  if (coder.directions) values = mapped_by_kernel(coder.directions, coder.rotated, dimension, values.data());
  else moult_scalar_rotate_kac_f32(values.data(), coder.signs, coder.rotated);
  if (!(square < 1e72)) std::fill(values.begin(), values.end(), 0.0f);
  const double covered =
      coder.directions ? moult_scalar_sum_of_squares_f32(values.data(), coder.rotated) : square;
  const float inverse = square > 0 ? float(1 / sqrt(square)) : 0, known = std::isfinite(inverse) ? inverse : 0;
  const float *own = values.data();
  for (uint32_t r = 0; r < coder.run_count; r++) {
    const moult_device_level_run &run = coder.runs[r];
    const moult_levels levels = {run.bits, run.thresholds, run.levels};
    float scale = known / run.divisor, part = 0;
    if (run.bits == 8) scale /= run.unit;
    int64_t squares = 0;
    const auto encode = [&](float tried) {
      moult_scalar_encode_levels(own, tried, 32 * run.segments, &levels, codes, &part, &squares);
      return Trial{part, squares};
    };
    if (coder.reaches) scale = grid_reference(coder, known, encode);
    encode(std::isfinite(scale) ? scale : 0);
    dot += double(run.gain) * double(part);
    own += 32 * run.segments;
    codes += 4 * run.bits * run.segments;
  }
  const double ratio = dot > 0 && covered > 0 ? covered / dot : 0;
  const float factor = ratio < double(3.4028234663852886e38f) / 4 ? float(ratio) : 0;
  const bool is_distance = coder.metric == MOULT_DEVICE_SQUARED_L2;
  side[0] = is_distance ? 2 * factor : factor;
  side[1] = float(is_distance ? -square : along);
}
#endif

// MARK: Coders

/// A table of 2^bits levels with thresholds midway, like those of Lloyd and Max.
struct LevelTable {
  std::vector<float> thresholds;
  std::vector<int8_t> levels;
};

static LevelTable level_table(uint32_t bits) {
  LevelTable table;
  const int count = 1 << bits;
  for (int i = 0; i < count; i++) {
    const double place = (2.0 * i + 1 - count) / count;
    table.levels.push_back(int8_t(lround(127 * place * (0.6 + 0.4 * place * place))));
    if (i > 0) table.thresholds.push_back(float(2.0 * i / count - 1) * float(1.5 + 0.3 * bits));
  }
  return table;
}

/// A map before an encoder.
struct MapCase {
  moult_device_map map{};
  std::vector<float> matrix, bias;

  template <typename Coder>
  void set(Random &random, uint32_t inputs, Coder &coder, bool has_bias) {
    matrix = random.normals(size_t(coder.dimension) * inputs);
    bias = random.normals(coder.dimension);
    for (float &value : matrix) value /= sqrtf(float(inputs));
    for (float &value : bias) value *= 0.05f;
    map = {inputs, coder.dimension, matrix.data(), has_bias ? bias.data() : nullptr};
    coder.map = &map;
  }
};

class LevelCoderCase {
 public:
  LevelCoderCase(Random &random, uint32_t dimension, uint32_t rotated, std::vector<std::pair<uint32_t, uint32_t>> runs,
                 moult_device_metric metric, bool normalizes)
      : centre_(random.normals(dimension)) {
    for (float &value : centre_) value *= 0.02f;
    for (uint32_t i = 0; i < 4 * rotated / 64; i++) signs_.push_back(random.next());
    coder.dimension = dimension;
    coder.rotated = rotated;
    coder.normalizes = normalizes;
    coder.metric = metric;
    coder.centre = centre_.data();
    coder.signs = signs_.data();
    tables_.reserve(runs.size());
    for (const auto &[segments, bits] : runs) {
      moult_device_level_run run{};
      run.segments = segments;
      run.bits = bits;
      run.divisor = 1 / sqrtf(float(rotated)) * float(1 + 0.1 * double(runs_.size()));
      run.unit = bits == 8 ? 4.2f / 127 : 1;
      run.gain = 0.021f * run.divisor;
      tables_.push_back(level_table(bits));
      run.thresholds = bits == 8 ? nullptr : tables_.back().thresholds.data();
      run.levels = bits == 8 ? nullptr : tables_.back().levels.data();
      runs_.push_back(run);
      coder.row_bytes += 4 * segments * bits;
    }
    coder.runs = runs_.data();
    coder.run_count = uint32_t(runs_.size());
  }
  LevelCoderCase(const LevelCoderCase &) = delete;
  moult_device_level_coder coder{};

  /// Directions in the place of the random rotation.
  void learn(Random &random) {
    directions_ = random.normals(size_t(coder.rotated) * coder.dimension);
    for (float &value : directions_) value /= sqrtf(float(coder.dimension));
    coder.signs = nullptr;
    coder.directions = directions_.data();
  }
  void map_from(Random &random, uint32_t inputs, bool has_bias) { before_.set(random, inputs, coder, has_bias); }
  uint32_t inputs() const { return coder.map ? coder.map->inputs : coder.dimension; }
  /// A search of a grid: levels evenly apart, and so many scales.
  void search(uint32_t trials) {
    const uint32_t bits = coder.runs[0].bits;
    for (int i = 0; i < 1 << bits; i++) {
      tables_[0].levels[i] = int8_t(2 * i + 1 - (1 << bits));
      if (i > 0) tables_[0].thresholds[i - 1] = float(2 * i - (1 << bits));
    }
    for (uint32_t i = 0; i < trials; i++) reaches_.push_back(1 + 4 * float(i) / float(std::max(1u, trials - 1)));
    coder.reaches = reaches_.data();
    coder.reach_count = trials;
  }

 private:
  MapCase before_;
  std::vector<float> directions_, reaches_;
  std::vector<float> centre_;
  std::vector<uint64_t> signs_;
  std::vector<LevelTable> tables_;
  std::vector<moult_device_level_run> runs_;
};

/// Vectors with some of unusual lengths among them.
static std::vector<float> odd_rows(Random &random, uint64_t count, uint32_t dimension, size_t stride) {
  std::vector<float> rows(count * stride, NAN);
  const double sizes[] = {1, 1, 1, 0, 1e-30, 1e-37, 1e-44, 3e36, 1e30, 1e-20, 7};
  for (uint64_t i = 0; i < count; i++) {
    const double size = sizes[i % 11];
    for (uint32_t j = 0; j < dimension; j++) rows[i * stride + j] = float(size * random.normal());
  }
  return rows;
}

static void check_levels_case(Check &check, moult_device *device, const LevelCoderCase &shape, uint64_t count,
                              size_t gap, bool has_side, uint64_t seed) {
  const moult_device_level_coder &coder = shape.coder;
  Random random(seed);
  const size_t stride = shape.inputs() + gap;
  std::vector<float> rows = odd_rows(random, count, shape.inputs(), stride);
  std::vector<uint8_t> codes(count * coder.row_bytes, 0xee), wanted(coder.row_bytes);
  std::vector<float> side(2 * count, 12345);
  const moult_device_status status =
      check.library->encode_levels(device, &coder, rows.data(), 4 * stride, count, nullptr, codes.data(),
                                   has_side ? side.data() : nullptr);
  if (!check.expect_status(status, MOULT_DEVICE_OK, "encode_levels")) return;
  for (uint64_t i = 0; i < count; i++) {
    float wanted_side[2];
    const std::vector<float> vector = mapped(coder.map, coder.dimension, rows.data() + i * stride);
    encode_reference(coder, vector.data(), wanted.data(), wanted_side);
#ifdef MOULT_EMULATED
    std::vector<uint8_t> kernel_codes(coder.row_bytes);
    float kernel_side[2];
    encode_with_kernels(coder, vector.data(), kernel_codes.data(), kernel_side);
    check.expect(kernel_codes == wanted && memcmp(kernel_side, wanted_side, 8) == 0,
                 "levels, %u to %u dimensions, row %llu: the reference is not what the CPU's kernels give",
                 coder.dimension, coder.rotated, static_cast<unsigned long long>(i));
#endif
    const bool is_same = memcmp(codes.data() + i * coder.row_bytes, wanted.data(), coder.row_bytes) == 0;
    check.expect(is_same, "levels, %u to %u dimensions, %u bits, row %llu: other codes", coder.dimension, coder.rotated,
                 coder.runs[0].bits, static_cast<unsigned long long>(i));
    if (!has_side) continue;
    check.expect(memcmp(side.data() + 2 * i, wanted_side, 8) == 0,
                 "levels, %u to %u dimensions, %u bits, row %llu: %.9g, %.9g beside it instead of %.9g, %.9g",
                 coder.dimension, coder.rotated, coder.runs[0].bits, static_cast<unsigned long long>(i), side[2 * i],
                 side[2 * i + 1], wanted_side[0], wanted_side[1]);
  }
}

static void check_levels(Check &check) {
  Random random(11);
  uint64_t seed = 1100;
  const auto run = [&](uint32_t dimension, uint32_t rotated, std::vector<std::pair<uint32_t, uint32_t>> runs,
                       moult_device_metric metric, bool normalizes, uint64_t count, size_t gap, bool has_side) {
    const LevelCoderCase shape(random, dimension, rotated, std::move(runs), metric, normalizes);
    check_levels_case(check, check.device, shape, count, gap, has_side, seed++);
  };
  const moult_device_metric cosine = MOULT_DEVICE_COSINE, product = MOULT_DEVICE_INNER_PRODUCT,
                            distance = MOULT_DEVICE_SQUARED_L2;
  run(768, 768, {{24, 4}}, cosine, true, 40, 0, true);
  run(384, 384, {{12, 1}}, product, false, 30, 3, true);
  run(384, 384, {{12, 5}}, cosine, true, 23, 0, true);
  run(100, 128, {{4, 2}}, distance, false, 50, 1, true);
  run(256, 256, {{8, 8}}, distance, true, 23, 0, true);
  run(500, 512, {{16, 3}}, cosine, true, 23, 0, true);
  run(1024, 1024, {{32, 4}}, product, false, 12, 0, false);
  run(1, 64, {{2, 4}}, distance, false, 22, 0, true);
  run(300, 320, {{10, 4}}, cosine, true, 22, 0, true);
  run(640, 640, {{3, 5}, {5, 3}, {12, 2}}, product, true, 22, 2, true);
  run(768, 768, {{1, 8}, {9, 4}, {14, 1}}, cosine, true, 22, 0, true);
  // Shared memory of the launch is below 48 KiB, with the kernel's own above.
  run(1408, 1408, {{44, 4}}, cosine, true, 10, 0, true);
  if (!check.is_quick) {
    run(1536, 1536, {{48, 2}}, cosine, true, 12, 0, true);
    run(2048, 2048, {{64, 4}}, cosine, true, 12, 0, true);
    run(3072, 3072, {{96, 3}}, cosine, true, 12, 0, true);
    run(4160, 4160, {{130, 1}}, cosine, true, 12, 0, true);
    run(20000, 20032, {{626, 5}}, distance, true, 3, 0, true);
  }
  const auto run_mapped = [&](uint32_t inputs, uint32_t dimension, uint32_t rotated,
                              std::vector<std::pair<uint32_t, uint32_t>> runs, moult_device_metric metric,
                              bool normalizes, uint64_t count, size_t gap, bool is_learned) {
    LevelCoderCase shape(random, dimension, rotated, std::move(runs), metric, normalizes);
    if (is_learned) shape.learn(random);
    if (inputs != dimension) shape.map_from(random, inputs, metric == distance);
    check_levels_case(check, check.device, shape, count, gap, true, seed++);
  };
  run_mapped(100, 64, 64, {{2, 4}}, cosine, true, 150, 3, false);
  run_mapped(70, 33, 64, {{2, 2}}, distance, false, 40, 0, false);
  run_mapped(100, 100, 96, {{1, 8}, {1, 4}, {1, 2}}, cosine, true, 150, 1, true);
  run_mapped(100, 100, 128, {{1, 5}, {1, 3}, {2, 1}}, product, false, 140, 0, true);
  run_mapped(40, 40, 32, {{1, 4}}, distance, false, 30, 0, true);
  run_mapped(90, 48, 64, {{1, 3}, {1, 2}}, distance, false, 60, 2, true);
  const auto run_grid = [&](uint32_t dimension, uint32_t bits, moult_device_metric metric, bool normalizes,
                            uint64_t count, bool is_learned) {
    LevelCoderCase shape(random, dimension, (dimension + 63) / 64 * 64, {{(dimension + 63) / 64 * 2, bits}}, metric,
                         normalizes);
    shape.search(bits == 1 ? 1 : 48);
    if (is_learned) shape.learn(random);
    check_levels_case(check, check.device, shape, count, 0, true, seed++);
  };
  run_grid(64, 1, cosine, true, 40, false);
  run_grid(100, 2, distance, false, 30, false);
  run_grid(130, 3, product, true, 24, false);
  run_grid(384, 4, cosine, true, 23, false);
  run_grid(64, 5, cosine, true, 24, true);
  // More runs than tables.
  run_mapped(640, 640, 640, std::vector<std::pair<uint32_t, uint32_t>>(20, {1, 4}), cosine, true, 11, 0, true);
  // What the kernels do not do is refused.
  LevelCoderCase bad(random, 64, 64, {{2, 4}}, cosine, true);
  bad.coder.rotated = 96;
  float row[64] = {}, side[2];
  uint8_t codes[64];
  check.expect_status(check.library->encode_levels(check.device, &bad.coder, row, 256, 1, nullptr, codes, side),
                      MOULT_DEVICE_UNSUPPORTED, "96 dimensions to rotate");
  bad.coder.rotated = 64;
  bad.coder.row_bytes = 31;
  check.expect_status(check.library->encode_levels(check.device, &bad.coder, row, 256, 1, nullptr, codes, side),
                      MOULT_DEVICE_UNSUPPORTED, "a row that is cut");
  bad.coder.row_bytes = 32;
  bad.learn(random);
  bad.map_from(random, 10, false);
  LevelCoderCase wide(random, 64, 64, {{2, 8}}, cosine, true);
  const float reach = 1;
  wide.coder.reaches = &reach;
  wide.coder.reach_count = 1;
  check.expect_status(check.library->encode_levels(check.device, &wide.coder, row, 256, 1, nullptr, codes, side),
                      MOULT_DEVICE_UNSUPPORTED, "a grid of bytes");
  const moult_device_map narrow = {10, 63, bad.coder.map->matrix, nullptr};
  bad.coder.map = &narrow;
  check.expect_status(check.library->encode_levels(check.device, &bad.coder, row, 256, 1, nullptr, codes, side),
                      MOULT_DEVICE_UNSUPPORTED, "a map to other dimensions");
}

// MARK: Bytes

static void check_u8_case(Check &check, moult_device *device, uint32_t dimension, bool normalizes, bool has_limbs,
                          uint64_t count, size_t gap, uint64_t seed, uint32_t inputs = 0) {
  Random random(seed);
  const uint32_t given = inputs ? inputs : dimension;
  const size_t stride = given + gap;
  const std::vector<float> rows = odd_rows(random, count, given, stride);
  std::vector<float> centre = random.normals(dimension);
  for (float &value : centre) value *= 0.01f;
  std::vector<int8_t> high(dimension), low(dimension);
  for (int8_t &limb : high) limb = int8_t(random.next());
  for (int8_t &limb : low) limb = int8_t(random.next());
  moult_device_u8_coder coder{};
  coder.dimension = dimension;
  coder.normalizes = normalizes;
  coder.centre = centre.data();
  const float step = normalizes ? 0.03f / sqrtf(float(dimension)) : 0.02f;
  coder.lower = -128 * step;
  coder.inverse_step = 1 / step;
  coder.high = has_limbs ? high.data() : nullptr;
  coder.low = has_limbs ? low.data() : nullptr;
  MapCase before;
  if (inputs) before.set(random, inputs, coder, !normalizes);
  std::vector<float> vectors;
  for (uint64_t i = 0; i < count; i++) {
    const std::vector<float> vector = mapped(coder.map, dimension, rows.data() + i * stride);
    vectors.insert(vectors.end(), vector.begin(), vector.end());
  }
  std::vector<uint8_t> codes(count * dimension, 0xee);
  std::vector<moult_device_u8_row> sums(count);
  memset(sums.data(), 0xee, count * sizeof sums[0]);
  const moult_device_status status = check.library->encode_u8(device, &coder, rows.data(), 4 * stride, count, nullptr,
                                                              codes.data(), sums.data());
  if (!check.expect_status(status, MOULT_DEVICE_OK, "encode_u8")) return;
#ifdef MOULT_EMULATED
  {
    const moult_u8_coder kernel = {dimension, normalizes, 0, centre.data(), coder.lower, coder.inverse_step, coder.high,
                                   coder.low};
    std::vector<float> scratch(dimension);
    std::vector<uint8_t> kernel_codes(count * dimension);
    std::vector<moult_u8_row> rows_sums(count);
    moult_scalar_encode_u8_rows(&kernel, vectors.data(), 4 * size_t(dimension), count, scratch.data(),
                                kernel_codes.data(), rows_sums.data());
    bool is_same = kernel_codes == codes;
    for (uint64_t i = 0; i < count; i++) {
      const moult_u8_row &a = rows_sums[i];
      const moult_device_u8_row &b = sums[i];
      is_same = is_same && a.given_square == b.given_square && a.square == b.square &&
                a.offset_square == b.offset_square && a.high == b.high && a.low == b.low;
    }
    check.expect(is_same, "u8, %u dimensions: not what the CPU's kernel gives", dimension);
  }
#endif
  for (uint64_t i = 0; i < count; i++) {
    const float *const row = vectors.data() + i * dimension;
    std::vector<float> scaled(row, row + dimension);
    moult_device_u8_row wanted{};
    if (normalizes) {
      wanted.given_square = dot_f64(row, row, dimension);
      const float factor = is_ordinary(wanted.given_square) ? float(1 / sqrt(wanted.given_square)) : 0;
      for (float &value : scaled) value *= factor;
    }
    if (has_limbs) wanted.square = dot_f64(scaled.data(), scaled.data(), dimension);
    bool is_same = true;
    for (uint32_t j = 0; j < dimension; j++) {
      const float centred = scaled[j] - centre[j];
      const float offset = centred - coder.lower;
      const float steps = offset * coder.inverse_step;
      const int code = int(nearbyintf(fminf(fmaxf(steps, 0), 255)));
      is_same = is_same && codes[i * dimension + j] == code;
      wanted.offset_square += uint32_t((code - 128) * (code - 128));
      if (has_limbs) {
        wanted.high += code * high[j];
        wanted.low += code * low[j];
      }
    }
    check.expect(is_same, "u8, %u dimensions, row %llu: other codes", dimension, static_cast<unsigned long long>(i));
    const moult_device_u8_row &found = sums[i];
    check.expect(memcmp(&found.given_square, &wanted.given_square, 8) == 0 &&
                     memcmp(&found.square, &wanted.square, 8) == 0 && found.offset_square == wanted.offset_square &&
                     found.high == wanted.high && found.low == wanted.low,
                 "u8, %u dimensions, row %llu: sums %.17g, %.17g, %u, %d, %d instead of %.17g, %.17g, %u, %d, %d",
                 dimension, static_cast<unsigned long long>(i), found.given_square, found.square, found.offset_square,
                 found.high, found.low, wanted.given_square, wanted.square, wanted.offset_square, wanted.high,
                 wanted.low);
  }
}

static void check_u8(Check &check) {
  uint64_t seed = 1200;
  const auto run = [&](uint32_t dimension, bool normalizes, bool has_limbs, uint64_t count, size_t gap) {
    check_u8_case(check, check.device, dimension, normalizes, has_limbs, count, gap, seed++);
  };
  run(768, true, true, 60, 0);
  run(768, false, false, 60, 5);
  run(384, true, false, 60, 0);
  run(1, true, true, 40, 0);
  run(31, false, true, 40, 0);
  run(33, true, true, 40, 2);
  run(126, true, true, 200, 0);
  run(1024, true, true, 23, 0);
  run(1500, true, true, 23, 0);
  run(3072, false, true, 12, 0);
  run(5001, true, true, 12, 0);
  check_u8_case(check, check.device, 64, true, true, 150, 0, seed++, 100);
  check_u8_case(check, check.device, 31, false, false, 40, 2, seed++, 50);
  if (!check.is_quick) run(65536, true, true, 4, 0);
}

static void check_encode(Check &check) {
  check_levels(check);
  check_u8(check);
  if (!check.is_emulated) return;
  Environment memory("MOULT_EMULATED_MEMORY", "1600000");
  Handle handle(check);
  if (!check.expect(handle.device != nullptr, "a small device opens: %s", handle.message)) return;
  Random random(12);
  const LevelCoderCase shape(random, 128, 128, {{4, 4}}, MOULT_DEVICE_COSINE, true);
  check_levels_case(check, handle.device, shape, 6000, 0, true, 1300);
  check_u8_case(check, handle.device, 100, true, true, 6000, 0, 1301);
  LevelCoderCase learned(random, 40, 32, {{1, 4}}, MOULT_DEVICE_COSINE, true);
  learned.learn(random);
  learned.map_from(random, 50, false);
  check_levels_case(check, handle.device, learned, 6000, 0, true, 1302);
  check_u8_case(check, handle.device, 40, true, true, 6000, 0, 1303, 60);
}

// MARK: Rates, from device memory to device memory

/// Several times the cache: 2 GB of rows.
static uint64_t encode_rate_rows(uint32_t dimension) { return (uint64_t(2) << 30) / (4 * uint64_t(dimension)); }

static void encode_rate(Check &check, const char *what, double row_bytes, uint64_t rows,
                        const std::function<void()> &work) {
  std::vector<double> times;
  moult::Timer timer;
  for (int round = 0; round < 9; round++) {
    timer.start(check.device->work);
    work();
    const double seconds = timer.stop(check.device->work) * 1e-3;
    if (round > 1) times.push_back(seconds);
  }
  std::sort(times.begin(), times.end());
  Rate line;
  line.part = "encode";
  line.what = what;
  line.value = double(rows) / times[times.size() / 2];
  line.unit = "rows/s";
  line.share = line.value * row_bytes / check.info.copy_bytes_per_s;
  line.ceiling = "copy";
  check.rate(line);
}

static void fill_rows(moult_device *device, moult::DeviceBuffer<float> &rows) {
  Random random(5);
  const std::vector<float> some = random.normals(size_t(1) << 20);
  for (size_t first = 0; first < rows.count(); first += some.size()) {
    moult::upload(device, device->work, rows.get() + first, some.data(),
                  4 * std::min(some.size(), rows.count() - first));
  }
}

static void rate_levels(Check &check, uint32_t dimension, uint32_t bits) {
  const auto status = moult::call(check.device, [&] {
    Random random(6);
    const uint64_t count = encode_rate_rows(dimension);
    const LevelCoderCase shape(random, dimension, dimension, {{dimension / 32, bits}}, MOULT_DEVICE_COSINE, true);
    const moult::LevelCoder coder(check.device, shape.coder);
    moult::DeviceBuffer<float> rows(count * dimension);
    moult::DeviceBuffer<uint32_t> codes(count * shape.coder.row_bytes / 4);
    moult::DeviceBuffer<float2> side(count);
    fill_rows(check.device, rows);
    moult::EncodeLevelsWork work = coder.work();
    work.rows = rows.get();
    work.stride = dimension;
    work.count = count;
    work.codes = codes.get();
    work.side = side.get();
    char what[64];
    snprintf(what, sizeof what, "levels of %u bits, %u dimensions", bits, dimension);
    encode_rate(check, what, 4.0 * dimension + shape.coder.row_bytes + 8, count,
                [&] { moult::encode_levels(check.device, work, check.device->work); });
  });
  check.expect_status(status, MOULT_DEVICE_OK, "encode_levels, rates");
}

static void rate_u8(Check &check, uint32_t dimension, bool has_limbs) {
  const auto status = moult::call(check.device, [&] {
    const uint64_t count = encode_rate_rows(dimension);
    const std::vector<float> centre(dimension, 0.01f);
    const std::vector<int8_t> limb(dimension, 3);
    moult_device_u8_coder given{};
    given.dimension = dimension;
    given.normalizes = 1;
    given.centre = centre.data();
    given.lower = -0.16f;
    given.inverse_step = 800;
    given.high = given.low = has_limbs ? limb.data() : nullptr;
    const moult::U8Coder coder(check.device, given);
    moult::DeviceBuffer<float> rows(count * dimension);
    moult::DeviceBuffer<uint8_t> codes(count * dimension);
    moult::DeviceBuffer<moult_device_u8_row> sums(count);
    fill_rows(check.device, rows);
    moult::EncodeU8Work work = coder.work();
    work.rows = rows.get();
    work.stride = dimension;
    work.count = count;
    work.codes = codes.get();
    work.sums = sums.get();
    char what[64];
    snprintf(what, sizeof what, "int8, %u dimensions%s", dimension, has_limbs ? ", with limbs" : "");
    encode_rate(check, what, 5.0 * dimension + 32, count,
                [&] { moult::encode_u8(check.device, work, check.device->work); });
  });
  check.expect_status(status, MOULT_DEVICE_OK, "encode_u8, rates");
}

static void rate_encode(Check &check) {
  rate_u8(check, 768, true);
  rate_u8(check, 768, false);
  rate_u8(check, 384, true);
  rate_u8(check, 1536, true);
  rate_levels(check, 768, 4);
  rate_levels(check, 768, 1);
  rate_levels(check, 1024, 4);
  rate_levels(check, 384, 4);
  rate_levels(check, 1536, 4);
}

static const Part encode_part("encode", check_encode, rate_encode);

}  // namespace check
#endif
