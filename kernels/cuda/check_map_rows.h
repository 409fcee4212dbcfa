// Mapped rows against sums in double, within the stated bound.
#ifndef MOULT_DEVICE_CHECK_MAP_ROWS_H
#define MOULT_DEVICE_CHECK_MAP_ROWS_H

#include "check.h"
#include "map_rows.h"

namespace check {

static void check_map_case(Check &check, moult_device *device, uint32_t outputs, uint32_t inputs, uint64_t count,
                           size_t gap, uint64_t seed) {
  Random random(seed);
  const size_t stride = inputs + gap;
  const std::vector<float> matrix = random.normals(uint64_t(outputs) * inputs);
  std::vector<float> rows = random.normals(count * stride);
  // The first row again at the end: the same bits at another place.
  std::copy(rows.begin(), rows.begin() + inputs, rows.begin() + long((count - 1) * stride));
  std::vector<float> results(count * outputs, NAN);
  const moult_device_status status = check.library->map_rows(device, matrix.data(), outputs, inputs, rows.data(),
                                                             4 * stride, count, nullptr, results.data());
  if (!check.expect_status(status, MOULT_DEVICE_OK, "map_rows")) return;
  const double unit = inputs * 0x1p-24;
  for (uint64_t i = 0; i < count; i++) {
    for (uint32_t o = 0; o < outputs; o++) {
      double sum = 0, absolute = 0;
      for (uint32_t j = 0; j < inputs; j++) {
        const double product = double(matrix[uint64_t(o) * inputs + j]) * double(rows[i * stride + j]);
        sum += product;
        absolute += fabs(product);
      }
      const double found = double(results[i * outputs + o]);
      if (!check.expect(fabs(found - sum) <= unit * (1 + unit) * absolute,
                        "%u × %u, row %llu, output %u: %g instead of %g",
                        outputs, inputs, static_cast<unsigned long long>(i), o, found, sum)) {
        return;
      }
    }
  }
  check.expect(memcmp(results.data(), results.data() + (count - 1) * outputs, 4 * outputs) == 0,
               "%u × %u: a row's result depends on its place", outputs, inputs);
}

static void check_map_rows(Check &check) {
  uint64_t seed = 1500;
  check_map_case(check, check.device, 130, 64, 200, 0, seed++);
  check_map_case(check, check.device, 7, 33, 129, 2, seed++);
  check_map_case(check, check.device, 128, 16, 128, 0, seed++);
  check_map_case(check, check.device, 1, 1, 3, 0, seed++);
  check_map_case(check, check.device, 20, 300, 5, 1, seed++);
  if (!check.is_emulated) {
    check_map_case(check, check.device, 768, 768, 1000, 0, seed++);
    return;
  }
  Environment memory("MOULT_EMULATED_MEMORY", "1600000");
  Handle handle(check);
  if (!check.expect(handle.device != nullptr, "a small device opens: %s", handle.message)) return;
  check_map_case(check, handle.device, 40, 50, 12000, 0, seed++);
}

static void rate_map_rows(Check &check) {
  using namespace moult;
  moult_device *const device = check.device;
  const uint32_t dimension = 768;
  const uint64_t count = 1 << 19;
  const auto status = call(device, [&] {
    Random random(9);
    const std::vector<float> some = random.normals(uint64_t(dimension) * dimension);
    DeviceBuffer<float> matrix(some.size()), rows(count * dimension), results(count * dimension);
    upload(device, device->work, matrix.get(), some.data(), 4 * some.size());
    for (size_t first = 0; first < rows.count(); first += some.size()) {
      upload(device, device->work, rows.get() + first, some.data(), 4 * std::min(some.size(), rows.count() - first));
    }
    std::vector<double> times;
    Timer timer;
    for (int round = 0; round < 7; round++) {
      timer.start(device->work);
      map_rows(device, {matrix.get(), dimension, dimension, rows.get(), dimension, count, results.get()},
               device->work);
      times.push_back(timer.stop(device->work) * 1e-3);
    }
    std::sort(times.begin() + 1, times.end());
    Rate line;
    line.part = "map_rows";
    line.what = "768 to 768 dimensions, float32";
    line.value = double(count) * dimension * dimension / times[1 + (times.size() - 1) / 2];
    line.unit = "MAC/s";
    line.share = line.value / check.info.f32_macs_per_s;
    line.ceiling = "f32";
    check.rate(line);
  });
  check.expect_status(status, MOULT_DEVICE_OK, "map_rows, rates");
}

static const Part map_rows_part("map_rows", check_map_rows, rate_map_rows);

}  // namespace check
#endif
