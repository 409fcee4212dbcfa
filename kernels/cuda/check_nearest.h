// Nearest centroids and mapped rows against sums in double.
#ifndef MOULT_DEVICE_CHECK_NEAREST_H
#define MOULT_DEVICE_CHECK_NEAREST_H

#include "check.h"
#include "nearest.h"

namespace check {

enum class CentroidKind { normal, unit, alike, huge, tiny, integers, far };

static std::vector<float> centroid_rows(Random &random, CentroidKind kind, uint64_t count, uint32_t dimension) {
  std::vector<float> rows = random.normals(count * dimension);
  for (uint64_t i = 0; i < count; i++) {
    float *const row = rows.data() + i * dimension;
    switch (kind) {
      case CentroidKind::normal: break;
      case CentroidKind::unit: {
        const float inverse = inverse_norm(row, dimension);
        for (uint32_t j = 0; j < dimension; j++) row[j] *= inverse;
        break;
      }
      // A large common part: much cancels, and many are within the bound.
      case CentroidKind::alike:
        for (uint32_t j = 0; j < dimension; j++) row[j] = 10 + 0.01f * row[j];
        break;
      case CentroidKind::huge:
        for (uint32_t j = 0; j < dimension; j++) row[j] *= i % 3 ? 1.0f : 1e30f;
        break;
      case CentroidKind::tiny:
        for (uint32_t j = 0; j < dimension; j++) row[j] *= i % 3 ? 1e-22f : 1e-40f;
        break;
      // Vectors much farther away than centroids are from each other: distances differ in their last bits.
      case CentroidKind::far:
        for (uint32_t j = 0; j < dimension; j++) row[j] = i % 7 == 3 ? 1e9f * row[j] : 1e-4f * row[j];
        break;
      // Few values: many equal distances, and rows that are the same.
      case CentroidKind::integers:
        for (uint32_t j = 0; j < dimension; j++) row[j] = float(random.below(2));
        break;
    }
  }
  return rows;
}

static void check_nearest_case(Check &check, moult_device *device, CentroidKind kind, uint32_t centroid_count,
                               uint32_t dimension, uint64_t count, uint64_t seed) {
  Random random(seed);
  const std::vector<float> centroids = centroid_rows(random, kind, centroid_count, dimension);
  std::vector<float> vectors = centroid_rows(random, kind, count, dimension);
  // Some are centroids, some are zero.
  for (uint64_t i = 0; i + 1 < count; i += 7) {
    for (uint32_t j = 0; j < dimension; j++) {
      vectors[i * dimension + j] = centroids[i % centroid_count * dimension + j];
      if (i % 3 == 0) vectors[(i + 1) * dimension + j] = 0;
    }
  }
  std::vector<uint32_t> nearest(count, ~0u);
  const moult_device_status status = check.library->nearest(device, centroids.data(), centroid_count, dimension,
                                                            vectors.data(), count, nullptr, nearest.data());
  if (!check.expect_status(status, MOULT_DEVICE_OK, "nearest")) return;
  for (uint64_t i = 0; i < count; i++) {
    uint32_t wanted = 0;
    double least = INFINITY;
    for (uint32_t c = 0; c < centroid_count; c++) {
      const double distance =
          squared_l2_f64(vectors.data() + i * dimension, centroids.data() + c * dimension, dimension);
      if (distance < least) {
        least = distance;
        wanted = c;
      }
    }
    if (!check.expect(nearest[i] == wanted, "kind %d, %u centroids of %u dimensions, vector %llu: %u instead of %u",
                      int(kind), centroid_count, dimension, static_cast<unsigned long long>(i), nearest[i], wanted)) {
      break;
    }
  }
}

static void check_nearest(Check &check) {
  uint64_t seed = 1400;
  const auto run = [&](CentroidKind kind, uint32_t centroid_count, uint32_t dimension, uint64_t count) {
    check_nearest_case(check, check.device, kind, centroid_count, dimension, count, seed++);
  };
  run(CentroidKind::normal, 300, 100, 200);
  run(CentroidKind::unit, 513, 64, 129);
  run(CentroidKind::alike, 256, 96, 128);
  run(CentroidKind::huge, 50, 33, 60);
  run(CentroidKind::tiny, 70, 40, 60);
  run(CentroidKind::integers, 600, 6, 300);
  run(CentroidKind::integers, 400, 40, 130);
  run(CentroidKind::normal, 1, 5, 10);
  run(CentroidKind::normal, 3, 1, 300);
  if (!check.is_quick) run(CentroidKind::unit, 260, 1030, 40);
  const float value = 1;
  uint32_t number = 9;
  check.expect_status(check.library->nearest(check.device, &value, 1, 1, &value, 0, nullptr, &number), MOULT_DEVICE_OK,
                      "no vectors");
  check.expect_status(check.library->nearest(check.device, &value, 0, 1, &value, 1, nullptr, &number),
                      MOULT_DEVICE_UNSUPPORTED, "no centroids");
  if (!check.is_emulated) return;
  using Path = moult::MatrixPath;
  for (const Path path : {Path::plain, Path::mma_sync, Path::wgmma}) {
    Handle handle(check);
    if (!check.expect(handle.device != nullptr, "a device opens: %s", handle.message)) return;
    handle.device->path = path;
    check_nearest_case(check, handle.device, CentroidKind::integers, 300, 70, 130, seed);
    check_nearest_case(check, handle.device, CentroidKind::unit, 300, 70, 130, seed);
    check_nearest_case(check, handle.device, CentroidKind::far, 300, 70, 30, seed);
  }
  Environment memory("MOULT_EMULATED_MEMORY", "1600000");
  Handle handle(check);
  if (!check.expect(handle.device != nullptr, "a small device opens: %s", handle.message)) return;
  check_nearest_case(check, handle.device, CentroidKind::normal, 100, 64, 5000, seed++);
}

static void rate_nearest_shape(Check &check, uint64_t count, uint32_t centroid_count, uint32_t dimension) {
  using namespace moult;
  moult_device *const device = check.device;
  const auto status = call(device, [&] {
    Random random(8);
    const std::vector<float> centroids = random.normals(uint64_t(centroid_count) * dimension);
    const std::vector<float> some = random.normals(size_t(1) << 20);
    DeviceBuffer<float> vectors(count * dimension);
    for (size_t first = 0; first < vectors.count(); first += some.size()) {
      upload(device, device->work, vectors.get() + first, some.data(),
             4 * std::min(some.size(), vectors.count() - first));
    }
    DeviceBuffer<uint32_t> nearest(count);
    CentroidSearch search(device, centroids.data(), centroid_count, dimension);
    const uint64_t tile = (uint64_t(50) << 20) / (4 * dimension) / query_tile * query_tile;
    search.allocate(tile);
    std::vector<double> times;
    Timer timer;
    for (int round = 0; round < 7; round++) {
      timer.start(device->work);
      for (uint64_t first = 0; first < count; first += tile) {
        search.assign(vectors.get() + first * dimension, dimension, std::min(tile, count - first),
                      nearest.get() + first);
      }
      times.push_back(timer.stop(device->work) * 1e-3);
    }
    std::sort(times.begin() + 1, times.end());
    const double seconds = times[1 + (times.size() - 1) / 2];
    char what[64], note[64];
    snprintf(what, sizeof what, "%llu vectors, %u centroids, %u dimensions", static_cast<unsigned long long>(count),
             centroid_count, dimension);
    snprintf(note, sizeof note, "%.4g M vectors/s", double(count) / seconds * 1e-6);
    Rate line;
    line.part = "nearest";
    line.what = what;
    line.value = double(count) * centroid_count * dimension / seconds;
    line.unit = "MAC/s";
    line.share = line.value / check.info.bf16_macs_per_s;
    line.ceiling = "bf16";
    line.note = note;
    check.rate(line);
  });
  check.expect_status(status, MOULT_DEVICE_OK, "nearest, rates");
}

static void rate_nearest(Check &check) {
  rate_nearest_shape(check, 1 << 20, 4096, 768);
  rate_nearest_shape(check, 1 << 20, 1024, 384);
  rate_nearest_shape(check, 1 << 18, 65536, 768);
}

static const Part nearest_part("nearest", check_nearest, rate_nearest);

}  // namespace check
#endif
