// Neighbour lists by their recall against lists in double; links of level 0 against the rule in plain C++, exactly.
#ifndef MOULT_DEVICE_CHECK_GRAPH_H
#define MOULT_DEVICE_CHECK_GRAPH_H

#include <cuda_runtime.h>

#include <set>

#include "check.h"

namespace check {
namespace graph {

constexpr uint32_t none = UINT32_MAX;

/// Vectors in clusters, held by a device.
class Data {
 public:
  uint32_t dimension;
  uint64_t count;
  moult_device_metric metric;
  std::vector<float> rows;
  std::vector<float> inverse_norms;
  std::vector<uint64_t> live;  ///< empty: all

  Data(uint64_t count, uint32_t dimension, moult_device_metric metric, uint64_t seed, uint32_t clusters = 20)
      : dimension(dimension), count(count), metric(metric), rows(count * dimension) {
    Random random(seed);
    const std::vector<float> centres = random.normals(size_t(clusters) * dimension);
    for (uint64_t i = 0; i < count; i++) {
      const float *const centre = &centres[random.below(clusters) * dimension];
      const float length = metric == MOULT_DEVICE_COSINE ? 0.5f + float(random.uniform()) : 1;
      for (uint32_t j = 0; j < dimension; j++) {
        rows[i * dimension + j] = length * (centre[j] + 0.5f * random.normal() + 1);
      }
    }
    finish();
  }
  void finish() {
    inverse_norms.resize(count);
    for (uint64_t i = 0; i < count; i++) inverse_norms[i] = inverse_norm(row(i), dimension);
  }
  void kill(uint64_t place) {
    if (live.empty()) live.assign((count + 63) / 64, ~uint64_t(0));
    live[place / 64] &= ~(uint64_t(1) << place % 64);
  }
  const float *row(uint64_t i) const { return &rows[i * dimension]; }
  bool is_live(uint64_t i) const { return live.empty() || (live[i / 64] >> i % 64 & 1); }

  /// In two segments where there are rows for that.
  moult_device_status hold(Check &check, moult_device *device, moult_device_set **set) const {
    moult_device_rows segments[2];
    size_t segment_count = 0;
    const uint64_t cut = count > 100 ? 64 : count;
    for (uint64_t first = 0; first < count; first += first ? count : cut) {
      segments[segment_count++] = {row(first),
                                   dimension * sizeof(float),
                                   first ? count - first : cut,
                                   &inverse_norms[first],
                                   sizeof(float),
                                   live.empty() ? nullptr : &live[first / 64],
                                   int64_t(1000 + first)};
    }
    return check.library->hold(device, segments, segment_count, dimension, metric, set);
  }

  double score_f64(uint64_t a, uint64_t b) const {
    switch (metric) {
      case MOULT_DEVICE_COSINE: return dot_f64(row(a), row(b), dimension) * inverse_norms[a] * inverse_norms[b];
      case MOULT_DEVICE_INNER_PRODUCT: return dot_f64(row(a), row(b), dimension);
      case MOULT_DEVICE_SQUARED_L2: return -squared_l2_f64(row(a), row(b), dimension);
    }
    return 0;
  }

  /// As `score_rows` in graph.h sums it up.
  float score_f32(uint64_t a, uint64_t b) const {
    float sums[32] = {};
    for (uint32_t j = 0; j < dimension; j++) {
      const float x = row(a)[j], y = row(b)[j];
      // A lane sums its pieces of four one after the other; zeros that fill up the last one add nothing.
      float &sum = sums[j / 4 % 32];
      if (metric == MOULT_DEVICE_SQUARED_L2) {
        const float difference = x - y;
        sum += difference * difference;
      } else {
        sum += x * y;
      }
    }
    for (int half = 16; half > 0; half /= 2) {
      for (int lane = 0; lane < half; lane++) sums[lane] += sums[lane + half];
    }
    if (metric == MOULT_DEVICE_SQUARED_L2) return -sums[0] + 0.0f;
    if (metric == MOULT_DEVICE_INNER_PRODUCT) return sums[0] + 0.0f;
    return sums[0] * (inverse_norms[a] * inverse_norms[b]) + 0.0f;
  }
};

struct Lists {
  uint32_t degree;
  std::vector<uint32_t> places;
  std::vector<float> scores;

  Lists(uint64_t count, uint32_t degree) : degree(degree), places(count * degree, 7), scores(count * degree, -7) {}
};

/// What must hold of any lists: order, no doubles, no dead rows, none missing that could be there.
static void check_form(Check &check, const Data &data, const Lists &lists, const char *what) {
  uint64_t live_count = 0;
  for (uint64_t i = 0; i < data.count; i++) live_count += data.is_live(i);
  for (uint64_t i = 0; i < data.count; i++) {
    const uint32_t *const list = &lists.places[i * lists.degree];
    const float *const scores = &lists.scores[i * lists.degree];
    std::set<uint32_t> seen;
    uint32_t found = 0;
    while (found < lists.degree && list[found] != none) found++;
    const uint64_t wanted = data.is_live(i) ? std::min<uint64_t>(lists.degree, live_count - 1) : 0;
    if (!check.expect(found == wanted, "%s: row %llu has %u neighbours instead of %llu", what,
                      static_cast<unsigned long long>(i), found, static_cast<unsigned long long>(wanted))) {
      return;
    }
    for (uint32_t j = 0; j < lists.degree; j++) {
      if (j >= found) {
        if (!check.expect(list[j] == none, "%s: row %llu has a gap", what, static_cast<unsigned long long>(i))) return;
        continue;
      }
      const bool is_in_order =
          j == 0 || scores[j] < scores[j - 1] || (scores[j] == scores[j - 1] && list[j] > list[j - 1]);
      const bool is_right = is_in_order && list[j] < data.count && list[j] != i && data.is_live(list[j]) &&
                            seen.insert(list[j]).second && scores[j] == data.score_f32(i, list[j]);
      if (!check.expect(is_right, "%s: row %llu has row %u with %.9g at %u, %.9g was expected", what,
                        static_cast<unsigned long long>(i), list[j], double(scores[j]), j,
                        list[j] < data.count ? double(data.score_f32(i, list[j])) : 0)) {
        return;
      }
    }
  }
}

/// The part of the true neighbours that lists hold, over every `step`-th row; equal scores count.
static double recall(const Data &data, const Lists &lists, uint64_t step = 1) {
  uint64_t found = 0, wanted = 0;
  for (uint64_t i = 0; i < data.count; i += step) {
    if (!data.is_live(i)) continue;
    std::vector<double> scores;
    for (uint64_t other = 0; other < data.count; other++) {
      if (other != i && data.is_live(other)) scores.push_back(data.score_f64(i, other));
    }
    const size_t k = std::min<size_t>(lists.degree, scores.size());
    if (k == 0) continue;
    std::nth_element(scores.begin(), scores.begin() + (k - 1), scores.end(), std::greater<double>());
    const double bar = scores[k - 1];
    wanted += k;
    for (uint32_t j = 0; j < lists.degree; j++) {
      const uint32_t place = lists.places[i * lists.degree + j];
      if (place != none && data.score_f64(i, place) >= bar) found++;
    }
  }
  return wanted ? double(found) / double(wanted) : 1;
}

/// The contract of `prune`, the plain way.
static std::vector<uint32_t> pruned(const Data &data, const Lists &lists, uint32_t link_count) {
  struct Candidate {
    float score;
    uint32_t place;
    bool operator<(const Candidate &other) const {
      return score > other.score || (score == other.score && place < other.place);
    }
    bool operator==(const Candidate &other) const { return place == other.place; }
  };
  std::vector<std::vector<Candidate>> near(data.count);
  for (uint64_t i = 0; i < data.count; i++) {
    for (uint32_t j = 0; j < lists.degree; j++) {
      const uint32_t place = lists.places[i * lists.degree + j];
      if (place == none) continue;
      const float score = data.score_f32(i, place);
      near[i].push_back({score, place});
      near[place].push_back({score, uint32_t(i)});
    }
  }
  std::vector<uint32_t> links(data.count * link_count, none);
  for (uint64_t i = 0; i < data.count; i++) {
    std::vector<Candidate> &all = near[i];
    std::sort(all.begin(), all.end());
    all.erase(std::unique(all.begin(), all.end()), all.end());
    if (all.size() > 2 * lists.degree) all.resize(2 * lists.degree);
    std::vector<Candidate> kept, covered;
    for (const Candidate &candidate : all) {
      bool is_covered = false;
      for (const Candidate &other : kept) {
        const float between = data.score_f32(other.place, candidate.place);
        is_covered |= between > candidate.score || (between == candidate.score && candidate.score == other.score);
      }
      (is_covered ? covered : kept).push_back(candidate);
    }
    kept.insert(kept.end(), covered.begin(), covered.end());
    for (size_t j = 0; j < std::min<size_t>(link_count, kept.size()); j++) {
      links[i * link_count + j] = kept[j].place;
    }
  }
  return links;
}

static const char *name(moult_device_metric metric) {
  return metric == MOULT_DEVICE_COSINE ? "cosine" : metric == MOULT_DEVICE_INNER_PRODUCT ? "inner product" : "L2";
}

/// Lists and links of some data, on any handle.
static void check_data(Check &check, moult_device *device, const Data &data, uint32_t degree, uint32_t link_count,
                       double least, const char *what) {
  moult_device_set *set = nullptr;
  if (!check.expect_status(data.hold(check, device, &set), MOULT_DEVICE_OK, what)) return;
  Lists lists(data.count, degree), again(data.count, degree);
  const auto make = [&](Lists &target, uint64_t seed) {
    return check.library->neighbour_lists(device, set, degree, seed, nullptr, target.places.data(),
                                          target.scores.data());
  };
  if (check.expect_status(make(lists, 3), MOULT_DEVICE_OK, what)) {
    check_form(check, data, lists, what);
    const double found = recall(data, lists, data.count > 20000 ? data.count / 500 : 1);
    check.expect(found >= least, "%s: recall of lists %.4f instead of %.4f", what, found, least);
    check.expect(make(again, 3) == MOULT_DEVICE_OK && again.places == lists.places && again.scores == lists.scores,
                 "%s: another run gives other lists", what);
    std::vector<uint32_t> links(data.count * link_count, 7);
    const moult_device_status status = check.library->prune(device, set, lists.places.data(), degree, link_count,
                                                            nullptr, links.data());
    if (check.expect_status(status, MOULT_DEVICE_OK, what) && data.count <= 20000) {
      check.expect(links == pruned(data, lists, link_count), "%s: other links than by the rule", what);
    }
  }
  check.library->release(device, set);
}

/// Leaves so much of the device's memory: an emulated one has no more, of another one the rest is taken.
class LittleMemory {
 public:
  LittleMemory(Check &check, uint64_t bytes) : environment_("MOULT_EMULATED_MEMORY", std::to_string(bytes)) {
    if (check.is_emulated) return;
    size_t free = 0, total = 0;
    const bool is_taken = cudaMemGetInfo(&free, &total) == cudaSuccess && free > bytes &&
                          cudaMalloc(&rest_, free - bytes) == cudaSuccess;
    check.expect(is_taken, "%zu of %zu bytes of memory are free, and all but %llu cannot be taken", free, total,
                 static_cast<unsigned long long>(bytes));
  }
  ~LittleMemory() { static_cast<void>(cudaFree(rest_)); }

 private:
  Environment environment_;
  void *rest_ = nullptr;
};

/// Lists of a set in little memory: in parts, of which each row is in some.
static void check_in_parts(Check &check, const Data &data, uint32_t degree, uint64_t memory, double least,
                           const char *what) {
  Lists lists(data.count, degree), again(data.count, degree);
  for (Lists *made : {&lists, &again}) {
    LittleMemory little(check, memory);
    Handle handle(check);
    moult_device_set *set = nullptr;
    if (!check.expect_status(data.hold(check, handle.device, &set), MOULT_DEVICE_OK, what)) return;
    const moult_device_status status = check.library->neighbour_lists(handle.device, set, degree, 5, nullptr,
                                                                      made->places.data(), made->scores.data());
    check.expect(status == MOULT_DEVICE_OK, "%s: status %d, %s", what, int(status),
                 check.library->message(handle.device));
    if (made == &again) {
      // The set is there for searches as before: a live row finds itself, or what is nearer.
      uint64_t row = 0;
      while (row + 1 < data.count && !data.is_live(row)) row++;
      moult_device_hit hit{};
      uint32_t count = 0;
      moult_device_exact_report report{};
      check.expect_status(
          check.library->exact(handle.device, set, data.row(row), 1, 1, nullptr, &hit, &count, &report),
          MOULT_DEVICE_OK, what);
      const double own = data.score_f64(row, row);
      check.expect(count == 1 && hit.score >= own - 1e-6 * fabs(own), "%s: a search after it finds %g, not %g", what,
                   hit.score, own);
    }
    check.library->release(handle.device, set);
    if (status != MOULT_DEVICE_OK) return;
  }
  check_form(check, data, lists, what);
  const double found = recall(data, lists, data.count > 20000 ? data.count / 500 : 3);
  check.expect(found >= least, "%s: recall of lists %.4f instead of %.4f", what, found, least);
  check.expect(again.places == lists.places && again.scores == lists.scores, "%s: another run gives other lists", what);
}

static int stop_after(void *context) { return --*static_cast<int *>(context) < 0; }

static void check_faults(Check &check) {
  Environment clusters("MOULT_EMULATED_GRAPH_CLUSTERS", "9"), probed("MOULT_EMULATED_GRAPH_PROBED", "3");
  const Data data(300, 20, MOULT_DEVICE_COSINE, 91);
  const uint32_t degree = 10, link_count = 8;
  moult_device_set *set = nullptr;
  Lists right(data.count, degree), lists(data.count, degree);
  std::vector<uint32_t> right_links(data.count * link_count), links(right_links);
  {
    Handle handle(check);
    if (!check.expect_status(data.hold(check, handle.device, &set), MOULT_DEVICE_OK, "hold")) return;
    check.library->neighbour_lists(handle.device, set, degree, 1, nullptr, right.places.data(), right.scores.data());
    check.library->prune(handle.device, set, right.places.data(), degree, link_count, nullptr, right_links.data());
    // Stopped wherever it asks.
    for (int asked = 0; asked < 40; asked += asked < 5 ? 1 : 7) {
      int left = asked;
      const moult_device_stop stop = {stop_after, &left};
      const moult_device_status status = check.library->neighbour_lists(handle.device, set, degree, 1, &stop,
                                                                        lists.places.data(), lists.scores.data());
      check.expect(status == (left < 0 ? MOULT_DEVICE_STOPPED : MOULT_DEVICE_OK), "stopped lists: status %d after %d",
                   int(status), asked);
      left = asked;
      const moult_device_status pruning = check.library->prune(handle.device, set, right.places.data(), degree,
                                                               link_count, &stop, links.data());
      check.expect(pruning == (left < 0 ? MOULT_DEVICE_STOPPED : MOULT_DEVICE_OK), "stopped links: status %d after %d",
                   int(pruning), asked);
    }
    check.expect_status(check.library->neighbour_lists(handle.device, set, 5000, 1, nullptr, lists.places.data(),
                                                       lists.scores.data()),
                        MOULT_DEVICE_UNSUPPORTED, "a degree that cannot be");
    check.library->release(handle.device, set);
  }
  // What goes wrong may come at any allocation or launch; what succeeds is right.
  const auto attempt = [&](const char *variable, const std::string &value, const char *what) {
    Environment environment(variable, value);
    Handle handle(check);
    if (handle.status != MOULT_DEVICE_OK) return true;
    moult_device_set *held = nullptr;
    moult_device_status status = data.hold(check, handle.device, &held);
    bool is_right = true;
    if (status == MOULT_DEVICE_OK) {
      status = check.library->neighbour_lists(handle.device, held, degree, 1, nullptr, lists.places.data(),
                                              lists.scores.data());
      if (status == MOULT_DEVICE_OK) {
        is_right = lists.places == right.places;
        status = check.library->prune(handle.device, held, right.places.data(), degree, link_count, nullptr,
                                      links.data());
        if (status == MOULT_DEVICE_OK) is_right &= links == right_links;
      }
      check.library->release(handle.device, held);
    }
    check.expect(is_right, "%s %s: wrong lists or links", what, value.c_str());
    check.expect(status == MOULT_DEVICE_OK || status == MOULT_DEVICE_OUT_OF_MEMORY || status == MOULT_DEVICE_LOST,
                 "%s %s: status %d", what, value.c_str(), int(status));
    return status == MOULT_DEVICE_OK;
  };
  for (uint64_t bytes = 1 << 16; bytes < uint64_t(1) << 30; bytes *= 4) {
    attempt("MOULT_EMULATED_MEMORY", std::to_string(bytes), "device memory of");
  }
  for (int n = 1; n < 60; n += 4) attempt("MOULT_EMULATED_FAIL_ALLOCATION", std::to_string(n), "allocation");
  for (int n = 1; n < 400; n = n * 3 / 2 + 1) attempt("MOULT_EMULATED_LOSE_LAUNCH", std::to_string(n), "launch");
}

/// Sets that do not fit, whatever they hold.
static void check_parts(Check &check) {
  char what[128];
  for (moult_device_metric metric : {MOULT_DEVICE_COSINE, MOULT_DEVICE_INNER_PRODUCT, MOULT_DEVICE_SQUARED_L2}) {
    snprintf(what, sizeof what, "%s in parts", name(metric));
    Data data(1000, 24, metric, 21, 40);
    for (uint64_t i = 5; i < 1000; i += 11) data.kill(i);
    check_in_parts(check, data, 16, 1500 << 10, metric == MOULT_DEVICE_INNER_PRODUCT ? 0.9 : 0.97, what);
  }
  Data data(1000, 24, MOULT_DEVICE_COSINE, 22, 40);
  for (uint64_t i = 100; i < 600; i++) std::copy_n(data.row(3), 24, &data.rows[i * 24]);
  for (uint64_t i = 600; i < 700; i++) std::fill_n(&data.rows[i * 24], 24, 0.0f);
  data.finish();
  check_in_parts(check, data, 16, 1500 << 10, 0.95, "duplicates and zeros in parts");
  Data same(600, 9, MOULT_DEVICE_SQUARED_L2, 23);
  for (uint64_t i = 1; i < 600; i++) std::copy_n(same.row(0), 9, &same.rows[i * 9]);
  same.finish();
  check_in_parts(check, same, 12, 1000 << 10, 1, "one vector in parts");
  check_in_parts(check, Data(1500, 32, MOULT_DEVICE_COSINE, 24, 40), 64, 2000 << 10, 0.95, "lists of 64 in parts");
}

/// What goes wrong in the middle of parts: a status, or lists of the form that they have to have.
static void check_faults_in_parts(Check &check) {
  const Data data(600, 20, MOULT_DEVICE_COSINE, 92, 30);
  const uint32_t degree = 10;
  Environment memory("MOULT_EMULATED_MEMORY", std::to_string(1000 << 10));
  Lists lists(data.count, degree);
  const auto attempt = [&](const char *what, const moult_device_stop *stop) {
    Handle handle(check);
    moult_device_set *set = nullptr;
    if (handle.status != MOULT_DEVICE_OK) return handle.status;
    moult_device_status status = data.hold(check, handle.device, &set);
    if (status != MOULT_DEVICE_OK) return status;
    status = check.library->neighbour_lists(handle.device, set, degree, 1, stop, lists.places.data(),
                                            lists.scores.data());
    check.library->release(handle.device, set);
    if (status == MOULT_DEVICE_OK) check_form(check, data, lists, what);
    return status;
  };
  for (int asked = 0; asked < 100; asked += asked < 3 ? 1 : 31) {
    int left = asked;
    const moult_device_stop stop = {stop_after, &left};
    const moult_device_status status = attempt("stopped parts", &stop);
    check.expect(status == (left < 0 ? MOULT_DEVICE_STOPPED : MOULT_DEVICE_OK), "stopped parts: status %d after %d",
                 int(status), asked);
  }
  for (int n = 9; n < 150; n += 31) {
    Environment environment("MOULT_EMULATED_FAIL_ALLOCATION", std::to_string(n));
    const moult_device_status status = attempt("parts with an allocation that fails", nullptr);
    check.expect(status == MOULT_DEVICE_OK || status == MOULT_DEVICE_OUT_OF_MEMORY, "allocation %d in parts: status %d",
                 n, int(status));
  }
  for (int n = 1; n < 800; n = n * 4 + 1) {
    Environment environment("MOULT_EMULATED_LOSE_LAUNCH", std::to_string(n));
    const moult_device_status status = attempt("parts and a lost device", nullptr);
    check.expect(status == MOULT_DEVICE_OK || status == MOULT_DEVICE_LOST, "launch %d in parts: status %d", n,
                 int(status));
  }
}

static void check_all(Check &check) {
  const moult_device_metric metrics[] = {MOULT_DEVICE_COSINE, MOULT_DEVICE_INNER_PRODUCT, MOULT_DEVICE_SQUARED_L2};
  char what[128];
  for (moult_device_metric metric : metrics) {
    snprintf(what, sizeof what, "%s, 700 × 50", name(metric));
    check_data(check, check.device, Data(700, 50, metric, 11), 32, 16, 0.99, what);
    // Few rows, and more places than neighbours.
    for (uint64_t count : {1, 2, 3, 17, 130}) {
      snprintf(what, sizeof what, "%s, %d rows", name(metric), int(count));
      check_data(check, check.device, Data(count, 7, metric, 12 + count), 16, 24, 1, what);
    }
    snprintf(what, sizeof what, "%s with dead rows, duplicates and zeros", name(metric));
    Data data(500, 33, metric, 13);
    for (uint64_t i = 100; i < 250; i++) std::copy_n(data.row(3), 33, &data.rows[i * 33]);
    for (uint64_t i = 300; i < 330; i++) std::fill_n(&data.rows[i * 33], 33, 0.0f);
    data.finish();
    for (uint64_t i = 0; i < 500; i += 7) data.kill(i);
    check_data(check, check.device, data, 20, 32, 0.98, what);
    snprintf(what, sizeof what, "%s, all rows dead", name(metric));
    Data dead(70, 5, metric, 14);
    for (uint64_t i = 0; i < 70; i++) dead.kill(i);
    check_data(check, check.device, dead, 4, 4, 1, what);
  }
  // Shared memory of the launch is 48 KiB, with the kernel's own above.
  check_data(check, check.device, Data(40, 3584, MOULT_DEVICE_COSINE, 18), 96, 16, 0.99, "40 × 3584");
  if (check.is_emulated) {
    Environment clusters("MOULT_EMULATED_GRAPH_CLUSTERS", "24"), probed("MOULT_EMULATED_GRAPH_PROBED", "4");
    for (moult_device_metric metric : metrics) {
      snprintf(what, sizeof what, "%s, by clusters", name(metric));
      Data data(1200, 40, metric, 15);
      for (uint64_t i = 5; i < 1200; i += 11) data.kill(i);
      check_data(check, check.device, data, 16, 12, metric == MOULT_DEVICE_INNER_PRODUCT ? 0.8 : 0.95, what);
    }
    check_faults(check);
    check_parts(check);
    check_faults_in_parts(check);
  } else {
    for (moult_device_metric metric : metrics) {
      snprintf(what, sizeof what, "%s, 50,000 × 96", name(metric));
      check_data(check, check.device, Data(50000, 96, metric, 16, 300), 64, 32, 0.95, what);
    }
    // Room for about a third of the rows.
    check_in_parts(check, Data(100000, 96, MOULT_DEVICE_COSINE, 25, 300), 64, 120 << 20, 0.93, "100,000 × 96 in parts");
  }
}

static void rate_all(Check &check) {
  for (uint32_t dimension : {384u, 768u}) {
    const Data data(1000000, dimension, MOULT_DEVICE_COSINE, 17, 5000);
    const uint32_t degree = 64, link_count = 32;
    moult_device_set *set = nullptr;
    if (!check.expect_status(data.hold(check, check.device, &set), MOULT_DEVICE_OK, "hold")) return;
    Lists lists(data.count, degree);
    std::vector<uint32_t> links(data.count * link_count);
    const double making = Check::seconds(1, [&] {
      check.expect_status(check.library->neighbour_lists(check.device, set, degree, 1, nullptr, lists.places.data(),
                                                         lists.scores.data()),
                          MOULT_DEVICE_OK, "lists");
    });
    const double pruning = Check::seconds(1, [&] {
      check.expect_status(check.library->prune(check.device, set, lists.places.data(), degree, link_count, nullptr,
                                               links.data()),
                          MOULT_DEVICE_OK, "links");
    });
    check.library->release(check.device, set);
    char what[96], note[96];
    snprintf(what, sizeof what, "neighbour lists, 1 M × %u, degree 64", dimension);
    snprintf(note, sizeof note, "%.2f s, recall %.4f", making, recall(data, lists, data.count / 200));
    check.rate({"graph", what, double(data.count) / making, "rows/s", 0, "", note});
    snprintf(what, sizeof what, "links, 1 M × %u, 64 to 32", dimension);
    snprintf(note, sizeof note, "%.2f s", pruning);
    check.rate({"graph", what, double(data.count) / pruning, "rows/s", 0, "", note});
  }
}

static const Part part("graph", check_all, rate_all);

}  // namespace graph
}  // namespace check
#endif
