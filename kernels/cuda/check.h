// What parts of the check share. A family adds `check_<family>.h` with
//
//     static void check_hamming(Check &check) { … check.expect(holds, "what %d", …); … }
//     static void rate_hamming(Check &check) { … check.rate({"hamming", "1 query", bytes / seconds, "B/s", …}); }
//     static const Part hamming_part("hamming", check_hamming, rate_hamming);
//
// and one #include in `check.cu`.
#ifndef MOULT_DEVICE_CHECK_H
#define MOULT_DEVICE_CHECK_H

#include <math.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "abi.h"

namespace check {

/// SplitMix64: the same numbers on every machine.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}
  uint64_t next() {
    uint64_t z = state_ += 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
  }
  uint64_t below(uint64_t bound) { return next() % bound; }
  double uniform() { return double(next() >> 11) * 0x1p-53; }
  float normal() {
    return float(sqrt(-2 * log(1 - uniform())) * cos(6.283185307179586 * uniform()));
  }
  std::vector<float> normals(size_t count) {
    std::vector<float> values(count);
    for (float &value : values) value = normal();
    return values;
  }

 private:
  uint64_t state_;
};

/// A line of the table of rates.
struct Rate {
  std::string part, what;
  double value = 0;
  std::string unit;
  double share = 0;       ///< of the ceiling that bounds it; 0: none
  std::string ceiling;    ///< "copy", "bf16", …
  std::string note;
};

/// Variables of the environment that hold for a while.
class Environment {
 public:
  Environment(const char *name, const std::string &value) : name_(name) { setenv(name, value.c_str(), 1); }
  ~Environment() { unsetenv(name_); }

 private:
  const char *name_;
};

class Check {
 public:
  const moult_device_library *library = nullptr;
  /// Opened for the whole run.
  moult_device *device = nullptr;
  moult_device_info info{};
  bool is_emulated = false, is_quick = false;
  int failures = 0;
  uint64_t expectations = 0;
  std::string part;
  std::vector<Rate> rates;

  /// Notes a failure where `holds` is false; returns it.
  __attribute__((format(printf, 3, 4))) bool expect(bool holds, const char *format, ...) {
    expectations++;
    if (holds) return true;
    if (failures++ < 40) {
      va_list arguments;
      va_start(arguments, format);
      fprintf(stderr, "%s: ", part.c_str());
      vfprintf(stderr, format, arguments);
      fputc('\n', stderr);
      va_end(arguments);
    }
    return false;
  }
  bool expect_status(moult_device_status found, moult_device_status wanted, const char *what) {
    return expect(found == wanted, "%s: status %d instead of %d (%s)", what, int(found), int(wanted),
                  device ? library->message(device) : "");
  }
  void rate(Rate rate) { rates.push_back(std::move(rate)); }

  /// The median of some runs, in seconds of the clock.
  static double seconds(int rounds, const std::function<void()> &work) {
    std::vector<double> times;
    work();
    for (int i = 0; i < rounds; i++) {
      const auto start = std::chrono::steady_clock::now();
      work();
      times.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
    }
    std::sort(times.begin(), times.end());
    return times[times.size() / 2];
  }
};

struct Part {
  const char *name;
  void (*correctness)(Check &);
  void (*rates)(Check &);  ///< or NULL; only on a GPU

  Part(const char *name, void (*correctness)(Check &), void (*rates)(Check &))
      : name(name), correctness(correctness), rates(rates) {
    all().push_back(this);
  }
  static std::vector<const Part *> &all() {
    static std::vector<const Part *> parts;
    return parts;
  }
};

/// A handle of its own, for faults. Emulated only: the environment says what goes wrong.
class Handle {
 public:
  explicit Handle(Check &check) : library_(check.library) {
    status = library_->open(0, &device, message, sizeof message);
  }
  ~Handle() {
    if (device) library_->close(device);
  }
  moult_device *device = nullptr;
  moult_device_status status;
  char message[256] = {};

 private:
  const moult_device_library *library_;
};

// MARK: Sums in double of kernels.h

inline double folded(double *sums) {
  for (int half = 16; half > 0; half /= 2) {
    for (int lane = 0; lane < half; lane++) sums[lane] += sums[lane + half];
  }
  return sums[0];
}
inline double dot_f64(const float *a, const float *b, size_t count) {
  double sums[32] = {};
  for (size_t j = 0; j < count; j++) sums[j % 32] += double(a[j]) * double(b[j]);
  return folded(sums);
}
inline double squared_l2_f64(const float *a, const float *b, size_t count) {
  double sums[32] = {};
  for (size_t j = 0; j < count; j++) {
    const double difference = double(a[j]) - double(b[j]);
    const double square = difference * difference;
    sums[j % 32] += square;
  }
  return folded(sums);
}
/// As the identity encoder stores it: the nearest float, at most the largest; 0 for the zero vector.
inline float inverse_norm(const float *row, size_t count) {
  const double norm = sqrt(dot_f64(row, row, count));
  if (norm == 0) return 0;
  const double inverse = 1 / norm;
  return inverse > 3.4028234663852886e38 ? 3.4028234663852886e38f : float(inverse);
}

}  // namespace check
#endif
