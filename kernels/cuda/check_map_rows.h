// Mapped rows against their definition: the same bits.
#ifndef MOULT_DEVICE_CHECK_MAP_ROWS_H
#define MOULT_DEVICE_CHECK_MAP_ROWS_H

#include "check.h"
#include "map_rows.h"

#ifdef MOULT_EMULATED
extern "C" void moult_scalar_map_rows_f32(const float *blocks, size_t inputs, size_t outputs, const float *rows,
                                          size_t stride, size_t count, float *out);
#endif

namespace check {

/// y = A·x + b, each result a chain from input 0 on.
static std::vector<float> mapped_by_chains(const float *matrix, const float *bias, uint32_t outputs, uint32_t inputs,
                                           const float *row) {
  std::vector<float> result(outputs);
  for (uint32_t o = 0; o < outputs; o++) {
    float sum = 0;
    for (uint32_t j = 0; j < inputs; j++) sum = fmaf(row[j], matrix[uint64_t(o) * inputs + j], sum);
    result[o] = bias ? sum + bias[o] : sum;
  }
  return result;
}

#ifdef MOULT_EMULATED
/// The same by the CPU's kernel.
static std::vector<float> mapped_by_kernel(const float *matrix, uint32_t outputs, uint32_t inputs, const float *row) {
  std::vector<float> blocks(uint64_t(outputs + 15) / 16 * 16 * inputs), result(outputs);
  for (uint32_t o = 0; o < outputs; o++) {
    for (uint32_t j = 0; j < inputs; j++) {
      blocks[uint64_t(o / 16) * 16 * inputs + 16 * j + o % 16] = matrix[uint64_t(o) * inputs + j];
    }
  }
  moult_scalar_map_rows_f32(blocks.data(), inputs, outputs, row, 4 * size_t(inputs), 1, result.data());
  return result;
}
#endif

static void check_map_case(Check &check, moult_device *device, uint32_t outputs, uint32_t inputs, uint64_t count,
                           size_t gap, uint64_t seed) {
  Random random(seed);
  const size_t stride = inputs + gap;
  std::vector<float> matrix = random.normals(uint64_t(outputs) * inputs), rows = random.normals(count * stride);
  // The last row's sums begin below the smallest number: among them are zeros with a sign.
  for (size_t j = 0; j < inputs; j++) rows[(count - 1) * stride + j] *= 1e-45f;
  std::vector<float> results(count * outputs, NAN);
  const moult_device_status status = check.library->map_rows(device, matrix.data(), outputs, inputs, rows.data(),
                                                             4 * stride, count, nullptr, results.data());
  if (!check.expect_status(status, MOULT_DEVICE_OK, "map_rows")) return;
  for (uint64_t i = 0; i < count; i++) {
    const float *const row = rows.data() + i * stride;
    const std::vector<float> wanted = mapped_by_chains(matrix.data(), nullptr, outputs, inputs, row);
#ifdef MOULT_EMULATED
    check.expect(memcmp(mapped_by_kernel(matrix.data(), outputs, inputs, row).data(), wanted.data(), 4 * outputs) == 0,
                 "%u × %u, row %llu: the reference is not what the CPU's kernel gives", outputs, inputs,
                 static_cast<unsigned long long>(i));
#endif
    for (uint32_t o = 0; o < outputs; o++) {
      const float found = results[i * outputs + o];
      if (!check.expect(memcmp(&found, &wanted[o], 4) == 0, "%u × %u, row %llu, output %u: %.9g instead of %.9g",
                        outputs, inputs, static_cast<unsigned long long>(i), o, double(found), double(wanted[o]))) {
        return;
      }
    }
  }
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
