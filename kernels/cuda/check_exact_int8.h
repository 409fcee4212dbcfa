// Exact search whose scan is in int8: the checks of exact search again, and errors that reach int8's own bounds.
#ifndef MOULT_DEVICE_CHECK_EXACT_INT8_H
#define MOULT_DEVICE_CHECK_EXACT_INT8_H

#include "check_exact.h"

namespace check {

/// A search that must have been scanned in int8.
static void expect_int8(Check &check, const ExactData &data, const std::vector<float> &queries, uint32_t k,
                        const char *what) {
  const moult_device_exact_report report = expect_exact(check, data, queries, k, what);
  check.expect(report.precision == 8, "%s: a scan in %d bits", what, report.precision);
}

/// The query's rest, B·‖v‖: the best row lies along what is lost of the query and is whole numbers, so it loses nothing;
/// other ones, much shorter, are a little worse. The scan sees the best one lower by all of B.
static void check_int8_query(Check &check) {
  Random random(20);
  const uint32_t dimension = 64;
  for (int round = 0; round < 20; round++) {
    const std::vector<float> query = random.normals(dimension);
    const double norm = sqrt(dot_f64(query.data(), query.data(), dimension));
    double most = 0, rest = 0, largest = 0;
    for (const float value : query) most = std::max(most, fabs(value / norm));
    const double step = std::max(most / 127, 1.0 / 1900);
    std::vector<double> lost(dimension);
    for (uint32_t j = 0; j < dimension; j++) {
      lost[j] = query[j] / norm - step * nearbyint(query[j] / norm / step);
      rest += lost[j] * lost[j];
      largest = std::max(largest, fabs(lost[j]));
    }
    rest = sqrt(rest);
    std::vector<float> rows;
    double length = 0, along = 0;
    for (uint32_t j = 0; j < dimension; j++) {
      rows.push_back(float(nearbyint(lost[j] / largest * 127)));
      length += double(rows[j]) * rows[j];
      along += query[j] / norm * rows[j];
    }
    length = sqrt(length);
    for (const double behind : {0.15, 0.3, 0.5, 0.7}) {
      for (uint32_t j = 0; j < dimension; j++) {
        rows.push_back(float(query[j] / norm * (along - behind * rest * length)));
      }
    }
    ExactData data(dimension, MOULT_DEVICE_INNER_PRODUCT);
    add_symmetric(data, rows);
    for (const uint32_t k : {1u, 2u, 3u, 4u, 5u}) expect_int8(check, data, query, k, "the query's rest in int8");
  }
}

/// A row's rest, (1 + B)·ρ: the query is exact, and all values of the best row but one are rounded towards 0.
static void check_int8_row(Check &check) {
  Random random(21);
  const uint32_t dimension = 64;
  std::vector<float> query, rows;
  for (uint32_t j = 0; j < dimension; j++) query.push_back(random.next() % 2 ? 1 : -1);
  for (uint32_t j = 0; j < dimension; j++) rows.push_back(query[j] * (j == 0 ? 127.0f : 100.49f));
  for (const uint32_t raised : {5u, 20u, 30u}) {
    for (uint32_t j = 0; j < dimension; j++) {
      rows.push_back(query[j] * (j == 0 ? 127.0f : j <= raised ? 101.0f : 100.0f));
    }
  }
  ExactData data(dimension, MOULT_DEVICE_INNER_PRODUCT);
  add_symmetric(data, rows);
  for (const uint32_t k : {1u, 2u, 3u}) expect_int8(check, data, query, k, "a row's rest in int8");
}

/// Sums at the ends of what the comparison can hold: values of equal magnitude, and thousands of them.
static void check_int8_flat(Check &check) {
  Random random(22);
  for (const uint32_t dimension : {127u, 128u, 129u, 5000u}) {
    for (const moult_device_metric metric : exact_metrics) {
      std::vector<float> rows;
      for (int i = 0; i < 60; i++) {
        for (uint32_t j = 0; j < dimension; j++) rows.push_back(random.below(100) < uint32_t(i) ? -1 : 1);
      }
      ExactData data(dimension, metric);
      add_symmetric(data, rows);
      const std::vector<float> queries(rows.begin(), rows.begin() + 5 * dimension);
      expect_int8(check, data, queries, 4, "flat vectors in int8");
    }
  }
}

/// Rows too long for a code behind others, each better than the last: the bar is beyond what int8 can hold.
static void check_int8_long(Check &check) {
  Random random(23);
  const uint32_t dimension = 20;
  std::vector<float> rows = exact_rows(random, 4000, dimension, 1);
  const std::vector<float> query = random.normals(dimension);
  for (int i = 300; i < 4000; i += 100) {
    for (uint32_t j = 0; j < dimension; j++) rows[i * dimension + j] = query[j] * float(i) * 1e33f;
  }
  ExactData data(dimension, MOULT_DEVICE_INNER_PRODUCT);
  data.add(rows, 0);
  std::vector<float> queries = query;
  // As flat as can be: the step is a nineteen-hundredth of the length, and the bar is multiplied with most.
  for (uint32_t j = 0; j < dimension; j++) queries.push_back(query[j] > 0 ? 1 : -1);
  for (const uint32_t k : {1u, 3u, 10u}) expect_int8(check, data, queries, k, "long rows in int8");
}

/// As it chooses itself, on the emulated device, with small chunks: after some searches that would have been quicker the
/// set has codes in int8, and the middle of a search goes over to them; not where they let many more rows through.
static void check_int8_choice(Check &check) {
  if (!check.is_emulated) return;
  Environment chunks("MOULT_EMULATED_CHUNK_ROWS", "2048");
  Random random(24);
  const uint32_t dimension = 256, count = 9000, query_count = 130;
  for (const bool is_easy : {true, false}) {
    ExactData data(dimension, MOULT_DEVICE_COSINE);
    const std::vector<float> rows = random.normals(count * dimension);
    data.add(rows, 0);
    std::vector<float> queries = random.normals(query_count * dimension);
    for (uint32_t i = 0; i < query_count * dimension && is_easy; i++) {
      // Near one row, and far from all others.
      queries[i] = rows[i / dimension * 61 * dimension + i % dimension] + 0.05f * queries[i];
    }
    const std::vector<moult_device_rows> held = data.rows();
    moult_device_set *set = nullptr;
    check.expect_status(check.library->hold(check.device, held.data(), held.size(), dimension, data.metric, &set),
                        MOULT_DEVICE_OK, "hold");
    const uint32_t k = is_easy ? 1 : 10;
    std::vector<moult_device_hit> hits(query_count * k), first_hits;
    std::vector<uint32_t> counts(query_count);
    moult_device_exact_report report{};
    int searches = 0;
    do {
      check.expect_status(check.library->exact(check.device, set, queries.data(), query_count, k, nullptr, hits.data(),
                                               counts.data(), &report),
                          MOULT_DEVICE_OK, "exact");
      if (searches++ == 0) {
        check.expect(report.precision == 16, "the first search was in %d bits", report.precision);
        first_hits = hits;
      }
      check.expect(memcmp(hits.data(), first_hits.data(), hits.size() * sizeof hits[0]) == 0,
                   "search %d, in %d bits, has other hits", searches, report.precision);
    } while (report.precision == 16 && searches < 30);
    check.expect((report.precision == 8) == is_easy, "after %d searches it is scanned in %d bits", searches,
                 report.precision);
    check.expect(!is_easy || searches > 2, "codes in int8 for %d searches", searches);
    check.library->release(check.device, set);
  }
}

static void check_exact_int8(Check &check) {
  check_int8_choice(check);
  Environment wanted("MOULT_DEVICE_SCAN", "int8");
  check_exact_shapes(check);
  check_exact_extremes(check);
  check_exact_ties(check, false);
  check_exact_sizes(check);
  check_exact_order(check);
  check_exact_bounds(check);
  check_int8_query(check);
  check_int8_row(check);
  check_int8_flat(check);
  check_int8_long(check);
  check_exact_stop(check);
  check_exact_paths(check);
  check_exact_faults(check);
}

static const Part exact_int8_part("exact-int8", check_exact_int8, nullptr);

}  // namespace check
#endif
