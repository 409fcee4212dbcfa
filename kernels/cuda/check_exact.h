// Exact search against brute force in double, with rows and queries that are hard on bounds.
#ifndef MOULT_DEVICE_CHECK_EXACT_H
#define MOULT_DEVICE_CHECK_EXACT_H

#include "check.h"
#include "runtime.h"

namespace check {

/// Vectors in host memory, in segments.
struct ExactData {
  uint32_t dimension = 0;
  moult_device_metric metric = MOULT_DEVICE_COSINE;
  /// Bytes between rows; at least 4·dimension.
  size_t stride = 0;
  struct Segment {
    std::vector<unsigned char> bytes;
    std::vector<float> inverse_norms;
    std::vector<uint64_t> live;
    uint64_t count = 0;
    int64_t first_row = 0;
  };
  std::vector<Segment> segments;

  ExactData(uint32_t dimension, moult_device_metric metric, size_t gap = 0)
      : dimension(dimension), metric(metric), stride(4 * size_t(dimension) + gap) {}

  void add(const std::vector<float> &rows, int64_t first_row, const std::function<bool(uint64_t)> &is_live = {}) {
    Segment segment;
    segment.count = rows.size() / dimension;
    segment.first_row = first_row;
    segment.bytes.resize(segment.count * stride);
    for (uint64_t i = 0; i < segment.count; i++) {
      memcpy(segment.bytes.data() + i * stride, rows.data() + i * dimension, 4 * size_t(dimension));
      segment.inverse_norms.push_back(inverse_norm(rows.data() + i * dimension, dimension));
    }
    if (is_live) {
      segment.live.resize((segment.count + 63) / 64);
      for (uint64_t i = 0; i < segment.count; i++) {
        if (is_live(i)) segment.live[i / 64] |= uint64_t(1) << i % 64;
      }
    }
    segments.push_back(std::move(segment));
  }
  const float *row(const Segment &segment, uint64_t i) const {
    return reinterpret_cast<const float *>(segment.bytes.data() + i * stride);
  }
  std::vector<moult_device_rows> rows() const {
    std::vector<moult_device_rows> result;
    for (const Segment &segment : segments) {
      result.push_back({segment.bytes.data(), stride, segment.count, segment.inverse_norms.data(), 4,
                        segment.live.empty() ? nullptr : segment.live.data(), segment.first_row});
    }
    return result;
  }
  double score(const float *query, const float *row) const {
    if (metric == MOULT_DEVICE_SQUARED_L2) return -squared_l2_f64(query, row, dimension);
    const double product = dot_f64(query, row, dimension);
    if (metric == MOULT_DEVICE_INNER_PRODUCT) return product;
    const double norms = sqrt(dot_f64(query, query, dimension)) * sqrt(dot_f64(row, row, dimension));
    return norms > 0 ? product / norms : 0;
  }
  std::vector<moult_device_hit> truth(const float *query, uint32_t k) const {
    std::vector<moult_device_hit> all;
    for (const Segment &segment : segments) {
      for (uint64_t i = 0; i < segment.count; i++) {
        if (!segment.live.empty() && !(segment.live[i / 64] >> i % 64 & 1)) continue;
        all.push_back({score(query, row(segment, i)), segment.first_row + int64_t(i)});
      }
    }
    const auto before = [](const moult_device_hit &a, const moult_device_hit &b) {
      return a.score > b.score || (a.score == b.score && a.row < b.row);
    };
    const size_t count = std::min<size_t>(k, all.size());
    std::partial_sort(all.begin(), all.begin() + count, all.end(), before);
    all.resize(count);
    return all;
  }
};

/// One search, compared with brute force; `device` NULL takes the run's.
static moult_device_exact_report expect_exact(Check &check, const ExactData &data, const std::vector<float> &queries,
                                              uint32_t k, const char *what, moult_device *device = nullptr) {
  if (!device) device = check.device;
  const moult_device_library *const library = check.library;
  const size_t count = queries.size() / data.dimension;
  moult_device_set *set = nullptr;
  moult_device_exact_report report{};
  const std::vector<moult_device_rows> rows = data.rows();
  moult_device_status status = library->hold(device, rows.data(), rows.size(), data.dimension, data.metric, &set);
  if (!check.expect(status == MOULT_DEVICE_OK, "%s: hold: %d, %s", what, status, library->message(device))) {
    return report;
  }
  // Twice, so that nothing is left of the first time.
  for (int round = 0; round < 2; round++) {
    std::vector<moult_device_hit> hits(count * k, moult_device_hit{-7, -7});
    std::vector<uint32_t> counts(count, 77);
    status = library->exact(device, set, queries.data(), round ? std::min<size_t>(count, 3) : count, k, nullptr,
                            hits.data(), counts.data(), &report);
    if (!check.expect(status == MOULT_DEVICE_OK, "%s: exact: %d, %s", what, status, library->message(device))) break;
    for (size_t q = 0; q < (round ? std::min<size_t>(count, 3) : count); q++) {
      const std::vector<moult_device_hit> truth = data.truth(queries.data() + q * data.dimension, k);
      if (!check.expect(counts[q] == truth.size(), "%s: query %zu has %u hits instead of %zu", what, q, counts[q],
                        truth.size())) {
        continue;
      }
      for (size_t i = 0; i < truth.size(); i++) {
        if (!check.expect(hits[q * k + i].score == truth[i].score && hits[q * k + i].row == truth[i].row,
                          "%s: metric %d, query %zu, hit %zu: row %lld with %.17g instead of %lld with %.17g", what,
                          int(data.metric), q, i, static_cast<long long>(hits[q * k + i].row), hits[q * k + i].score,
                          static_cast<long long>(truth[i].row), truth[i].score)) {
          break;
        }
      }
    }
  }
  library->release(device, set);
  return report;
}

static const moult_device_metric exact_metrics[] = {MOULT_DEVICE_COSINE, MOULT_DEVICE_INNER_PRODUCT,
                                                    MOULT_DEVICE_SQUARED_L2};

/// Rows around a mean, some of them scaled; `spread` small makes them all alike.
static std::vector<float> exact_rows(Random &random, uint64_t count, uint32_t dimension, float spread) {
  const std::vector<float> mean = random.normals(dimension);
  std::vector<float> rows(count * dimension);
  for (uint64_t i = 0; i < count; i++) {
    for (uint32_t j = 0; j < dimension; j++) rows[i * dimension + j] = mean[j] + spread * random.normal();
  }
  return rows;
}

static void check_exact_shapes(Check &check) {
  Random random(1);
  for (const moult_device_metric metric : exact_metrics) {
    for (const uint32_t dimension : {1u, 3u, 63u, 64u, 65u, 100u, 384u}) {
      ExactData data(dimension, metric, dimension % 2 ? 12 : 0);
      data.add(exact_rows(random, 700, dimension, 1), 5, [](uint64_t i) { return i % 7 != 3; });
      data.add(exact_rows(random, 1, dimension, 1), 100000);
      data.add(exact_rows(random, 333, dimension, 0.1f), 1000);
      std::vector<float> queries = exact_rows(random, 9, dimension, 1);
      const ExactData::Segment &last = data.segments.back();
      // Rows themselves are queries too.
      for (int i = 0; i < 3; i++) {
        queries.insert(queries.end(), data.row(last, i), data.row(last, i) + dimension);
      }
      expect_exact(check, data, queries, dimension == 64 ? 1 : 10, "shapes");
    }
  }
}

/// Zero vectors, equal rows, rows and queries of any length, denormal numbers.
static void check_exact_extremes(Check &check) {
  Random random(2);
  const uint32_t dimension = 40;
  for (const moult_device_metric metric : exact_metrics) {
    std::vector<float> rows = exact_rows(random, 600, dimension, 0.5f);
    const float scales[] = {0, 1e-45f, 1e-38f, 1e-30f, 1e-20f, 1e-10f, 1e10f, 1e15f, 1e20f, 1e30f, 3e37f};
    for (int i = 0; i < 110; i++) {
      for (uint32_t j = 0; j < dimension; j++) rows[i * dimension + j] *= scales[i / 10];
    }
    for (int i = 120; i < 200; i++) {
      memcpy(&rows[i * dimension], &rows[(120 + i % 3) * dimension], dimension * 4);
    }
    ExactData data(dimension, metric);
    data.add(rows, 0);
    std::vector<float> queries;
    for (const float scale : scales) {
      for (uint32_t j = 0; j < dimension; j++) queries.push_back(random.normal() * scale);
    }
    for (const int row : {0, 15, 55, 75, 95, 121, 122, 300}) {
      queries.insert(queries.end(), &rows[row * dimension], &rows[row * dimension] + dimension);
    }
    for (const uint32_t k : {1u, 5u, 50u}) expect_exact(check, data, queries, k, "extremes");
  }
}

/// More rows than there are survivors' places, all equal, or nearly; more hits than rows; few live rows.
static void check_exact_ties(Check &check, bool outgrows = true) {
  Random random(3);
  const uint32_t dimension = 16;
  for (const moult_device_metric metric : exact_metrics) {
    const std::vector<float> one = random.normals(dimension);
    std::vector<float> rows;
    for (int i = 0; i < 5000; i++) {
      rows.insert(rows.end(), one.begin(), one.end());
      // Some are better by the last bit of one value.
      if (i % 1000 == 999) rows.back() = nextafterf(rows.back(), one[0] > 0 ? 10 : -10);
    }
    ExactData data(dimension, metric);
    data.add(rows, 0);
    std::vector<float> queries = random.normals(4 * dimension);
    queries.insert(queries.end(), one.begin(), one.end());
    queries.resize(queries.size() + dimension, 0.0f);
    const moult_device_exact_report report = expect_exact(check, data, queries, 7, "ties");
    check.expect(report.loose_queries > 0 || !outgrows, "ties: nothing outgrew its room");
    if (metric == MOULT_DEVICE_INNER_PRODUCT) {
      // More loose queries than have their scores by many blocks.
      std::vector<float> same;
      for (int i = 0; i < 70; i++) same.insert(same.end(), one.begin(), one.end());
      // The report is of the second round, with three queries.
      const moult_device_exact_report some = expect_exact(check, data, same, 3, "loose queries");
      check.expect(some.loose_queries == 3 || !outgrows, "loose queries: %llu of 3",
                   static_cast<unsigned long long>(some.loose_queries));
    }
    ExactData sparse(dimension, metric);
    sparse.add(exact_rows(random, 3000, dimension, 1), -50, [](uint64_t i) { return i % 500 == 77; });
    expect_exact(check, sparse, queries, 20, "few live rows");
    ExactData dead(dimension, metric);
    dead.add(exact_rows(random, 300, dimension, 1), 0, [](uint64_t) { return false; });
    expect_exact(check, dead, queries, 3, "dead rows");
    ExactData empty(dimension, metric);
    expect_exact(check, empty, queries, 3, "no rows");
  }
}

/// Many rows and hits, more queries than a tile.
static void check_exact_sizes(Check &check) {
  Random random(4);
  for (const moult_device_metric metric : exact_metrics) {
    ExactData data(24, metric);
    data.add(exact_rows(random, 9000, 24, 1), 1 << 20);
    data.add(exact_rows(random, 2500, 24, 1), 0, [](uint64_t i) { return i % 3 != 0; });
    std::vector<float> queries = exact_rows(random, 149, 24, 1);
    queries.resize(150 * 24, 0.0f);  // and a zero vector
    expect_exact(check, data, queries, 10, "many queries");
    expect_exact(check, data, exact_rows(random, 3, 24, 1), 300, "k = 300");
  }
  ExactData data(8, MOULT_DEVICE_SQUARED_L2);
  data.add(exact_rows(random, 7000, 8, 1), 0);
  // 4096 hits are sorted in 128 KiB of shared memory; parts with 99 KiB refuse them.
  const uint32_t most = check.device->properties.sharedMemPerBlockOptin >= (132 << 10) ? 4096 : 2048;
  expect_exact(check, data, exact_rows(random, 2, 8, 1), most, "many hits");
}

/// Rows in the order of their nearness to the queries, the worst first: every chunk has more survivors than the last.
static void check_exact_order(Check &check) {
  Random random(5);
  const uint32_t dimension = 12;
  const std::vector<float> query = random.normals(dimension);
  std::vector<float> rows;
  for (int i = 0; i < 20000; i++) {
    for (uint32_t j = 0; j < dimension; j++) rows.push_back(query[j] + random.normal() * float(20000 - i) * 1e-4f);
  }
  ExactData data(dimension, MOULT_DEVICE_SQUARED_L2);
  data.add(rows, 0);
  expect_exact(check, data, query, 25, "ascending rows");
}

/// What bfloat16 has of a value.
static float as_bf16(double value) {
  float near = float(value);
  uint32_t bits;
  memcpy(&bits, &near, sizeof bits);
  bits = (bits + 0x7fff + (bits >> 16 & 1)) & 0xffff0000u;
  memcpy(&near, &bits, sizeof bits);
  return near;
}

/// Rows and their negatives, so that the centre is 0.
static void add_symmetric(ExactData &data, const std::vector<float> &rows) {
  std::vector<float> both;
  for (size_t i = 0; i < rows.size(); i += data.dimension) {
    both.insert(both.end(), rows.begin() + i, rows.begin() + i + data.dimension);
    for (uint32_t j = 0; j < data.dimension; j++) both.push_back(-rows[i + j]);
  }
  data.add(both, 0);
}

/// Errors that reach their bounds: one term each, the others as good as 0.
static void check_exact_bounds(Check &check) {
  Random random(10);
  const uint32_t dimension = 64;
  for (int round = 0; round < 20; round++) {
    // B·‖v‖: the best row lies along what is lost of the query, another one across is a little worse. Both are exact in
    // bfloat16, and the scan sees the best one lower by all of B.
    const std::vector<float> query = random.normals(dimension);
    const double norm = sqrt(dot_f64(query.data(), query.data(), dimension));
    std::vector<double> lost(dimension), across(dimension);
    double rest = 0, along = 0;
    for (uint32_t j = 0; j < dimension; j++) {
      lost[j] = query[j] / norm - as_bf16(query[j] / norm);
      rest += lost[j] * lost[j];
    }
    rest = sqrt(rest);
    std::vector<float> rows;
    for (uint32_t j = 0; j < dimension; j++) {
      lost[j] /= rest;
      rows.push_back(as_bf16(lost[j]));
      along += query[j] / norm * rows[j];
    }
    double square = 0;
    for (uint32_t j = 0; j < dimension; j++) {
      across[j] = query[j] / norm - along * lost[j];
      square += across[j] * query[j] / norm;
    }
    for (const double behind : {0.15, 0.3, 0.5, 0.7}) {
      for (uint32_t j = 0; j < dimension; j++) {
        rows.push_back(as_bf16(across[j] * (along - behind * rest) / square));
      }
    }
    ExactData data(dimension, MOULT_DEVICE_INNER_PRODUCT);
    add_symmetric(data, rows);
    for (const uint32_t k : {1u, 2u, 3u, 4u, 5u}) expect_exact(check, data, query, k, "the query's rest");
  }
  // A·ρ: the query is exact, and all values of the best row are rounded towards 0.
  std::vector<float> query, rows;
  for (uint32_t j = 0; j < dimension; j++) query.push_back(random.next() % 2 ? 1 : -1);
  for (uint32_t j = 0; j < dimension; j++) rows.push_back(query[j] * (1 + 0.98f * 0x1p-8f));
  for (const uint32_t raised : {5u, 20u, 30u}) {
    for (uint32_t j = 0; j < dimension; j++) rows.push_back(query[j] * (j < raised ? 1 + 0x1p-7f : 1));
  }
  ExactData rounded(dimension, MOULT_DEVICE_INNER_PRODUCT);
  add_symmetric(rounded, rows);
  for (const uint32_t k : {1u, 2u, 3u}) expect_exact(check, rounded, query, k, "a row's rest");
  // ‖v‖²/G: all is exact, and a long row is as near as a short one; the smaller number is the hit.
  for (const float far : {1.0f, 3.0f, 5.0f, 7.0f}) {
    rows.clear();
    for (uint32_t j = 0; j < dimension; j++) {
      // Across the query, in pairs, and as long as `far` queries: then (far·q + p) − q is as long as the second row − q.
      rows.push_back(query[j] + far * (j % 2 ? -1.0f : 1.0f) * query[j]);
    }
    for (uint32_t j = 0; j < dimension; j++) rows.push_back(query[j] * (1 - far));
    ExactData data(dimension, MOULT_DEVICE_SQUARED_L2);
    add_symmetric(data, rows);
    for (const uint32_t k : {1u, 2u, 3u}) expect_exact(check, data, query, k, "squares");
  }
}

static int stop_at_once(void *context) { return ++*static_cast<int *>(context) > 0; }
static int stop_later(void *context) { return ++*static_cast<int *>(context) > 3; }

static void check_exact_stop(Check &check) {
  Random random(6);
  ExactData data(16, MOULT_DEVICE_COSINE);
  data.add(exact_rows(random, 3000, 16, 1), 0);
  const std::vector<float> queries = exact_rows(random, 2000, 16, 1);
  const std::vector<moult_device_rows> rows = data.rows();
  moult_device_set *set = nullptr;
  check.expect_status(check.library->hold(check.device, rows.data(), rows.size(), 16, data.metric, &set),
                      MOULT_DEVICE_OK, "hold");
  std::vector<moult_device_hit> hits(2000 * 5);
  std::vector<uint32_t> counts(2000);
  for (auto *function : {stop_at_once, stop_later}) {
    int asked = 0;
    const moult_device_stop stop = {function, &asked};
    check.expect_status(check.library->exact(check.device, set, queries.data(), 2000, 5, &stop, hits.data(),
                                             counts.data(), nullptr),
                        MOULT_DEVICE_STOPPED, "a stop");
    check.expect(*check.library->message(check.device) != 0, "a stop says nothing");
  }
  check.library->release(check.device, set);
  expect_exact(check, data, std::vector<float>(queries.begin(), queries.begin() + 16 * 5), 5, "after a stop");
}

/// Emulated only: little memory, allocations that fail, a device that is lost.
static void check_exact_faults(Check &check) {
  if (!check.is_emulated) return;
  Random random(7);
  ExactData data(32, MOULT_DEVICE_COSINE);
  data.add(exact_rows(random, 4000, 32, 1), 0, [](uint64_t i) { return i % 5 != 1; });
  data.add(exact_rows(random, 1000, 32, 1), 10000);
  const std::vector<float> queries = exact_rows(random, 40, 32, 1);
  // So many that tiles take turns with their memory.
  ExactData many(32, MOULT_DEVICE_INNER_PRODUCT);
  many.add(exact_rows(random, 16000, 32, 1), 0);
  {
    Environment memory("MOULT_EMULATED_MEMORY", std::to_string(2200 << 10));
    Handle handle(check);
    const std::vector<float> few(queries.begin(), queries.begin() + 32 * 6);
    expect_exact(check, many, few, 10, "many tiles", handle.device);
  }
  for (const int kilobytes : {1200, 1600, 2200, 4000}) {
    Environment memory("MOULT_EMULATED_MEMORY", std::to_string(kilobytes << 10));
    Handle handle(check);
    if (!check.expect(handle.status == MOULT_DEVICE_OK, "open with %d KiB", kilobytes)) continue;
    expect_exact(check, data, queries, 10, "little memory", handle.device);
  }
  {
    Environment memory("MOULT_EMULATED_MEMORY", "20000");
    Handle handle(check);
    const std::vector<moult_device_rows> rows = data.rows();
    moult_device_set *set = nullptr;
    const moult_device_status status =
        handle.status ? handle.status
                      : check.library->hold(handle.device, rows.data(), rows.size(), 32, data.metric, &set);
    check.expect(status == MOULT_DEVICE_OUT_OF_MEMORY && !set, "20 kB are enough: %d", status);
  }
  // The n-th allocation fails: a call works with less, or says that it is out of memory; the next one is right.
  for (int n = 1; n < 48; n += n < 8 ? 1 : 3) {
    Environment failing("MOULT_EMULATED_FAIL_ALLOCATION", std::to_string(n));
    Handle handle(check);
    if (handle.status != MOULT_DEVICE_OK) {
      check.expect(handle.status == MOULT_DEVICE_OUT_OF_MEMORY, "allocation %d: open: %d", n, handle.status);
      continue;
    }
    const std::vector<moult_device_rows> rows = data.rows();
    std::vector<moult_device_hit> hits(40 * 10);
    std::vector<uint32_t> counts(40);
    moult_device_status status = MOULT_DEVICE_OK;
    // A call may do with less and not fail: then the fault is over when the third one comes.
    for (int round = 0; round < 2 && status == MOULT_DEVICE_OK; round++) {
      moult_device_set *set = nullptr;
      status = check.library->hold(handle.device, rows.data(), rows.size(), 32, data.metric, &set);
      if (status != MOULT_DEVICE_OK) break;
      status = check.library->exact(handle.device, set, queries.data(), 40, 10, nullptr, hits.data(), counts.data(),
                                    nullptr);
      check.library->release(handle.device, set);
    }
    check.expect(status == MOULT_DEVICE_OK || status == MOULT_DEVICE_OUT_OF_MEMORY, "allocation %d: %d, %s", n, status,
                 check.library->message(handle.device));
    expect_exact(check, data, std::vector<float>(queries.begin(), queries.begin() + 32 * 4), 10, "after a failure",
                 handle.device);
  }
  for (int n = 1; n < 40; n += n < 6 ? 1 : 6) {
    Environment losing("MOULT_EMULATED_LOSE_LAUNCH", std::to_string(n));
    Handle handle(check);
    if (handle.status != MOULT_DEVICE_OK) {
      check.expect(handle.status == MOULT_DEVICE_LOST, "launch %d: open: %d", n, handle.status);
      continue;
    }
    const std::vector<moult_device_rows> rows = data.rows();
    moult_device_set *set = nullptr;
    moult_device_status status =
        check.library->hold(handle.device, rows.data(), rows.size(), 32, data.metric, &set);
    std::vector<moult_device_hit> hits(40 * 10);
    std::vector<uint32_t> counts(40);
    bool is_lost = status == MOULT_DEVICE_LOST;
    for (int round = 0; round < 8 && status == MOULT_DEVICE_OK; round++) {
      status = check.library->exact(handle.device, set, queries.data(), 40, 10, nullptr, hits.data(), counts.data(),
                                    nullptr);
      is_lost = status == MOULT_DEVICE_LOST;
    }
    check.expect(is_lost, "launch %d: status %d", n, status);
    check.expect(*check.library->message(handle.device) != 0, "launch %d: no message", n);
    moult_device_info info;
    check.expect(check.library->describe(handle.device, &info) == MOULT_DEVICE_LOST, "a lost device describes itself");
    check.library->release(handle.device, set);
  }
  Handle handle(check);
  expect_exact(check, data, queries, 10, "after all faults", handle.device);
}

/// The other matrix paths.
static void check_exact_paths(Check &check) {
  if (!check.is_emulated) return;
  Random random(8);
  for (const char *path : {"wgmma", "mma", "plain"}) {
    for (const char *capability : {"90", "80"}) {
      Environment wanted("MOULT_DEVICE_MATRIX", path);
      Environment emulated("MOULT_EMULATED_CAPABILITY", capability);
      Handle handle(check);
      if (!check.expect(handle.status == MOULT_DEVICE_OK, "path %s: %s", path, handle.message)) continue;
      moult_device_info info;
      check.expect_status(check.library->describe(handle.device, &info), MOULT_DEVICE_OK, "describe");
      const bool is_hopper = strcmp(capability, "90") == 0;
      const char *const taken = strcmp(path, "wgmma") == 0 && !is_hopper ? "mma.sync" : path;
      check.expect(strstr(info.name, taken) != nullptr, "path %s, capability %s: %s", path, capability, info.name);
      for (const uint32_t dimension : {20u, 333u}) {
        ExactData data(dimension, MOULT_DEVICE_SQUARED_L2);
        data.add(exact_rows(random, 800, dimension, 1), 0);
        expect_exact(check, data, exact_rows(random, 131, dimension, 1), 4, path, handle.device);
      }
    }
  }
}

static void check_exact(Check &check) {
  check_exact_shapes(check);
  check_exact_extremes(check);
  check_exact_ties(check);
  check_exact_sizes(check);
  check_exact_order(check);
  check_exact_bounds(check);
  check_exact_stop(check);
  check_exact_paths(check);
  check_exact_faults(check);
}

/// 1 M × 768 and 10,000 queries, k = 10, as the issue asks: time, rate, and share of the measured matrix rate.
static void rate_exact(Check &check) {
  const uint32_t dimension = 768, k = 10;
  const uint64_t count = 1000000, query_count = 10000;
  std::vector<float> rows(count * dimension);
  // Directions around a thousand centres: neighbours are nearer than random ones.
  Random random(9);
  const std::vector<float> centres = random.normals(1000 * dimension);
  uint64_t state = 1;
  const auto fill = [&](float *target, uint64_t vectors) {
    for (uint64_t i = 0; i < vectors; i++) {
      const float *const centre = &centres[random.below(1000) * dimension];
      for (uint32_t j = 0; j < dimension; j++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        // A sum of four uniform numbers is near enough to a normal one, and quick.
        const uint64_t bits = state ^ state >> 29;
        const uint64_t sum = (bits & 65535) + (bits >> 16 & 65535) + (bits >> 32 & 65535) + (bits >> 48);
        target[i * dimension + j] = centre[j] + 1.7f * (float(sum) * 0x1p-16f - 2);
      }
    }
  };
  fill(rows.data(), count);
  std::vector<float> queries(query_count * dimension);
  fill(queries.data(), query_count);
  const std::vector<float> inverse_norms(count, 1.0f);
  for (const moult_device_metric metric : {MOULT_DEVICE_COSINE, MOULT_DEVICE_SQUARED_L2}) {
    const moult_device_rows segment = {rows.data(), dimension * 4, count, inverse_norms.data(), 4, nullptr, 0};
    moult_device_set *set = nullptr;
    const auto start = std::chrono::steady_clock::now();
    if (!check.expect_status(check.library->hold(check.device, &segment, 1, dimension, metric, &set), MOULT_DEVICE_OK,
                             "hold")) {
      return;
    }
    const double hold_seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    const char *const name = metric == MOULT_DEVICE_COSINE ? "cosine" : "squared L2";
    check.rate({"exact", std::string("hold 1 M x 768, ") + name, double(count) * dimension * 4 / hold_seconds / 1e9,
                "GB/s", 0, "", std::to_string(hold_seconds) + " s"});
    std::vector<moult_device_hit> hits(query_count * k);
    std::vector<uint32_t> counts(query_count);
    moult_device_exact_report report{};
    // As it chooses, then as it is told.
    const std::pair<uint64_t, const char *> runs[] = {{query_count, ""}, {1000, ""},          {100, ""},
                                                      {1, ""},           {query_count, "bf16"}, {query_count, "int8"}};
    for (const auto &run : runs) {
      const uint64_t q = run.first;
      const char *const scan = run.second;
      Environment wanted("MOULT_DEVICE_SCAN", scan);
      moult_device_status status = MOULT_DEVICE_OK;
      const double seconds = Check::seconds(5, [&] {
        status = check.library->exact(check.device, set, queries.data(), q, k, nullptr, hits.data(), counts.data(),
                                      &report);
      });
      if (!check.expect_status(status, MOULT_DEVICE_OK, "exact")) break;
      const double macs = double(count) * double(q) * dimension / seconds;
      char note[160];
      snprintf(note, sizeof note, "%.2f ms, %d bits, %.1f rows scored a query, %llu loose", seconds * 1e3,
               report.precision, double(report.scored) / double(q),
               static_cast<unsigned long long>(report.loose_queries));
      const std::string what = std::string(name) + ", " + std::to_string(q) + " queries, k = 10";
      check.rate({"exact", *scan ? what + ", " + scan : what, 2 * macs / 1e12, "TFLOP/s",
                  macs / check.info.bf16_macs_per_s, "the bf16 matrix rate", note});
    }
    // Some of the answers against brute force.
    ExactData data(dimension, metric);
    for (int probe = 0; probe < 5; probe++) {
      const float *const query = &queries[size_t(probe) * 1999 * dimension];
      std::vector<moult_device_hit> own(k);
      uint32_t own_count = 0;
      check.library->exact(check.device, set, query, 1, k, nullptr, own.data(), &own_count, nullptr);
      std::vector<double> scores(count);
      for (uint64_t i = 0; i < count; i++) scores[i] = data.score(query, &rows[i * dimension]);
      for (uint32_t i = 0; i < k; i++) {
        uint64_t better = 0;
        for (uint64_t j = 0; j < count; j++) {
          better += scores[j] > own[i].score || (scores[j] == own[i].score && int64_t(j) < own[i].row);
        }
        check.expect(own_count == k && better == i && scores[uint64_t(own[i].row)] == own[i].score,
                     "1 M rows, %s: hit %u of query %d has %llu better ones", name, i, probe * 1999,
                     static_cast<unsigned long long>(better));
      }
    }
    check.library->release(check.device, set);
  }
}

static const Part exact_part("exact", check_exact, rate_exact);

}  // namespace check
#endif
