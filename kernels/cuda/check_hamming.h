// Hamming search against sorting all distances.
#ifndef MOULT_DEVICE_CHECK_HAMMING_H
#define MOULT_DEVICE_CHECK_HAMMING_H

#include "check.h"
#include "hamming.h"

namespace check {

struct HammingCase {
  uint32_t bytes;
  size_t stride;
  uint64_t count;
  size_t query_count;
  uint32_t k;
  int noise;     ///< of 256: how often a byte of a row is random; 0: rows are alike, mostly ties
  bool is_live;  ///< with rows that are not
};

static std::vector<moult_device_bit_hit> nearest_bits(const HammingCase &shape, const uint8_t *rows,
                                                      const uint8_t *query, const uint64_t *live) {
  std::vector<uint64_t> keys;
  for (uint64_t i = 0; i < shape.count; i++) {
    if (live && !(live[i / 64] >> i % 64 & 1)) continue;
    uint32_t distance = 0;
    for (uint32_t j = 0; j < shape.bytes; j++) {
      distance += uint32_t(__builtin_popcount(rows[i * shape.stride + j] ^ query[j]));
    }
    keys.push_back(uint64_t(distance) << 32 | i);
  }
  const size_t kept = std::min<size_t>(shape.k, keys.size());
  std::partial_sort(keys.begin(), keys.begin() + long(kept), keys.end());
  std::vector<moult_device_bit_hit> hits;
  for (size_t i = 0; i < kept; i++) hits.push_back({uint32_t(keys[i] >> 32), uint32_t(keys[i])});
  return hits;
}

static void check_hamming_case(Check &check, moult_device *device, const HammingCase &shape, uint64_t seed) {
  Random random(seed);
  std::vector<uint8_t> rows(shape.count * shape.stride + 1), queries(shape.query_count * shape.bytes + 1);
  std::vector<uint64_t> live((shape.count + 63) / 64);
  for (uint8_t &byte : rows) byte = int(random.below(256)) < shape.noise ? uint8_t(random.next()) : uint8_t(0x5a);
  for (uint8_t &byte : queries) byte = int(random.below(256)) < shape.noise ? uint8_t(random.next()) : uint8_t(0x5a);
  for (uint64_t &word : live) word = random.next() | random.next();
  // Rows and queries begin at odd addresses.
  const uint8_t *const first_row = rows.data() + 1, *const first_query = queries.data() + 1;
  const uint64_t *const live_words = shape.is_live ? live.data() : nullptr;
  std::vector<moult_device_bit_hit> hits(shape.query_count * shape.k, {~0u, ~0u});
  std::vector<uint32_t> counts(shape.query_count, ~0u);
  const moult_device_status status =
      check.library->hamming(device, first_row, shape.stride, shape.count, live_words, shape.bytes, first_query,
                             shape.query_count, shape.k, nullptr, hits.data(), counts.data());
  if (!check.expect_status(status, MOULT_DEVICE_OK, "hamming")) return;
  HammingCase reference = shape;
  for (size_t q = 0; q < shape.query_count; q++) {
    const auto wanted = nearest_bits(reference, first_row, first_query + q * shape.bytes, live_words);
    check.expect(counts[q] == wanted.size(), "%u bytes, %llu rows, k %u: %u hits instead of %zu", shape.bytes,
                 static_cast<unsigned long long>(shape.count), shape.k, counts[q], wanted.size());
    for (size_t i = 0; i < std::min<size_t>(counts[q], wanted.size()); i++) {
      const moult_device_bit_hit hit = hits[q * shape.k + i];
      if (!check.expect(hit.distance == wanted[i].distance && hit.row == wanted[i].row,
                        "%u bytes, %llu rows, k %u, query %zu, place %zu: row %u at %u instead of %u at %u",
                        shape.bytes,
                        static_cast<unsigned long long>(shape.count), shape.k, q, i, hit.row, hit.distance,
                        wanted[i].row, wanted[i].distance)) {
        break;
      }
    }
  }
}

static int hamming_stops(void *context) { return ++*static_cast<int *>(context) > 1; }

static void check_hamming(Check &check) {
  const HammingCase cases[] = {
      {96, 96, 2048, 1, 10, 256, false},    {96, 100, 5000, 9, 10, 256, true},  {1, 1, 3000, 3, 7, 256, false},
      {16, 16, 2049, 5, 1, 256, true},      {13, 17, 4100, 8, 100, 256, true},  {128, 128, 31, 2, 50, 256, false},
      {64, 64, 6000, 12, 33, 1, false},     {48, 48, 9000, 2, 20, 0, true},     {96, 96, 5000, 1, 3000, 2, true},
      {8200, 8200, 300, 3, 5, 256, false},  {8176, 8192, 200, 1, 64, 2, false}, {20, 24, 1, 1, 1, 256, false},
      {96, 96, 12345, 17, 4, 256, true},
  };
  uint64_t seed = 100;
  for (const HammingCase &shape : cases) check_hamming_case(check, check.device, shape, seed++);

  // No rows, no k, none alive.
  uint32_t counts[2] = {9, 9};
  const uint8_t bits[2] = {1, 2};
  const uint64_t dead = 0;
  moult_device_bit_hit hits[2];
  check.expect_status(
      check.library->hamming(check.device, bits, 1, 0, nullptr, 1, bits, 2, 1, nullptr, hits, counts), MOULT_DEVICE_OK,
      "no rows");
  check.expect(counts[0] == 0 && counts[1] == 0, "hits among no rows");
  counts[0] = 9;
  check.expect_status(
      check.library->hamming(check.device, bits, 1, 2, &dead, 1, bits, 1, 2, nullptr, hits, counts), MOULT_DEVICE_OK,
      "dead rows");
  check.expect(counts[0] == 0, "hits among dead rows");

  if (!check.is_emulated) return;
  {
    // Little memory: rows in tiles, queries in batches.
    Environment memory("MOULT_EMULATED_MEMORY", "1600000");
    Handle handle(check);
    if (check.expect(handle.device != nullptr, "a small device opens: %s", handle.message)) {
      check_hamming_case(check, handle.device, {96, 96, 20000, 40, 12, 256, true}, seed++);
      check_hamming_case(check, handle.device, {96, 96, 20000, 11, 700, 3, false}, seed++);
      std::vector<uint8_t> rows(96 * 20000);
      std::vector<moult_device_bit_hit> stopped(10);
      int asked = 0;
      const moult_device_stop stop = {hamming_stops, &asked};
      check.expect_status(check.library->hamming(handle.device, rows.data(), 96, 20000, nullptr, 96, rows.data(), 1, 10,
                                                 &stop, stopped.data(), counts),
                          MOULT_DEVICE_STOPPED, "stopped");
    }
  }
  {
    Environment memory("MOULT_EMULATED_MEMORY", "1600000");
    Handle handle(check);
    if (check.expect(handle.device != nullptr, "a small device opens: %s", handle.message)) {
      std::vector<uint8_t> rows(1000 * 4096);
      std::vector<moult_device_bit_hit> few(10);
      check.expect_status(check.library->hamming(handle.device, rows.data(), 1000, 4096, nullptr, 1000, rows.data(), 1,
                                                 10, nullptr, few.data(), counts),
                          MOULT_DEVICE_OUT_OF_MEMORY, "no room");
    }
  }
}

// MARK: Rates

static void rate_hamming_shape(Check &check, uint64_t count, uint32_t bytes, uint32_t query_count, uint32_t k) {
  using namespace moult;
  Random random(7);
  moult_device *const device = check.device;
  const uint32_t chunks = (bytes + 15) / 16;
  const uint64_t words = (count + 31) / 32 * 32 * chunks;
  const auto status = call(device, [&] {
    DeviceBuffer<uint4> blocks(words), queries(uint64_t(query_count) * chunks);
    std::vector<uint64_t> host(words * 2);
    for (uint64_t &word : host) word = random.next();
    upload(device, device->work, blocks.get(), host.data(), host.size() * 8);
    for (uint64_t i = 0; i < uint64_t(query_count) * chunks * 2; i++) host[i % host.size()] = random.next();
    upload(device, device->work, queries.get(), host.data(), uint64_t(query_count) * chunks * 16);
    const uint32_t room = uint32_t(hamming_room(count, k));
    DeviceBuffer<uint32_t> bars(query_count), best_counts(query_count), found_counts(query_count),
        finished(query_count);
    DeviceBuffer<uint64_t> best(uint64_t(query_count) * k), found(uint64_t(query_count) * room),
        merged(uint64_t(query_count) * k);
    moult::check(cudaMemset(found_counts.get(), 0, query_count * 4), "clearing");
    moult::check(cudaMemset(finished.get(), 0, query_count * 4), "clearing");
    HammingWork work{};
    work.blocks = blocks.get();
    work.row_count = uint32_t(count);
    work.chunks = chunks;
    work.queries = queries.get();
    work.query_count = query_count;
    work.k = k;
    work.bars = bars.get();
    work.best = best.get();
    work.best_counts = best_counts.get();
    work.found = found.get();
    work.found_counts = found_counts.get();
    work.room = room;
    work.merged = merged.get();
    work.finished = finished.get();
    const std::vector<uint32_t> first_bars(query_count, hamming_first_bar(bytes));
    std::vector<double> times;
    Timer timer;
    for (int round = 0; round < 12; round++) {
      moult::check(cudaMemsetAsync(best_counts.get(), 0, query_count * 4, device->work), "clearing");
      upload(device, device->work, bars.get(), first_bars.data(), query_count * 4);
      timer.start(device->work);
      hamming_scan(device, work);
      times.push_back(timer.stop(device->work) * 1e-3);
    }
    std::sort(times.begin() + 2, times.end());
    const double seconds = times[2 + (times.size() - 2) / 2];
    char what[64], note[64];
    snprintf(what, sizeof what, "%llu rows of %u bits, %u queries, k %u", static_cast<unsigned long long>(count),
             8 * bytes, query_count, k);
    snprintf(note, sizeof note, "%.4g G rows/s", double(count) * query_count / seconds * 1e-9);
    const double rate = double(count) * bytes / seconds;
    Rate line;
    line.part = "hamming";
    line.what = what;
    line.value = rate;
    line.unit = "B/s";
    // A scan reads only; the copy's figure counts bytes read and written, both over the same wires.
    line.share = query_count == 1 ? rate / check.info.copy_bytes_per_s : 0;
    line.ceiling = "copy";
    line.note = note;
    check.rate(line);
  });
  check.expect_status(status, MOULT_DEVICE_OK, "hamming, rates");
}

static void rate_hamming(Check &check) {
  rate_hamming_shape(check, 1000000, 96, 1, 10);
  rate_hamming_shape(check, 10000000, 96, 1, 10);
  rate_hamming_shape(check, 10000000, 128, 1, 100);
  rate_hamming_shape(check, 1000000, 96, 4, 10);
  rate_hamming_shape(check, 1000000, 96, 1000, 10);
}

static const Part hamming_part("hamming", check_hamming, rate_hamming);

}  // namespace check
#endif
