// Links of a graph's level 0 out of neighbour lists, by the rule of GraphLinkTable.
//
// For n rows of d dimensions and lists of 64: 64 scores a row, 4·64·d bytes; then each row that is kept is compared
// with those behind it that are left, of at most 128. With about 12 kept and 40 left in the mean that is 500·4·d bytes a
// row. For 1,000,000 × 768: 1.7 TB, 0.4 s at 4.3 TB/s, less what the second-level cache holds. The lists, their scores
// and the reverse lists take 16·64 bytes a row.
#include <vector>

#include "families.h"
#include "graph.h"

namespace moult {
namespace {

constexpr uint32_t degree_max = list_width_max;
constexpr uint32_t link_count_max = 2 * degree_max;

/// Scores the rows of each list, and counts in how many lists each row is: a block a row. Numbers that are no other row
/// become no_place.
__global__ __launch_bounds__(graph_threads) void score_lists_kernel(GraphRows rows, uint64_t first, uint64_t count,
                                                                    uint64_t row_count, uint32_t degree,
                                                                    uint32_t *neighbours, float *scores,
                                                                    uint32_t *counts) {
  MOULT_SHARED_BYTES(memory);
  float *const vector = reinterpret_cast<float *>(memory);
  for (uint64_t i = blockIdx.x; i < count; i += gridDim.x) {
    const uint64_t place = first + i;
    uint32_t *const list = neighbours + place * degree;
    fetch_row(rows, uint32_t(place), vector);
    for (uint32_t j = threadIdx.x; j < degree; j += blockDim.x) {
      if (list[j] >= row_count || list[j] == place) list[j] = no_place;
      else atomicAdd(counts + list[j], 1u);
    }
    __syncthreads();
    score_rows(
        rows, vector, rows.metric == MOULT_DEVICE_COSINE ? rows.inverse_norms[place] : 0, degree,
        [&](uint32_t j) { return list[j]; }, [&](uint32_t j, float score) { scores[place * degree + j] = score; });
  }
}

/// Keys of the rows that name each row, from starts[row] on, in an order that is left to chance.
__global__ __launch_bounds__(graph_threads) void reverse_kernel(uint64_t row_count, uint32_t degree,
                                                                const uint32_t *neighbours, const float *scores,
                                                                const uint64_t *starts, uint32_t *counts,
                                                                uint64_t *reverse) {
  for (uint64_t i = global_thread(); i < row_count * degree; i += thread_count()) {
    const uint32_t neighbour = neighbours[i];
    if (neighbour == no_place) continue;
    // Counts go down to 0.
    const uint32_t at = atomicSub(counts + neighbour, 1u) - 1;
    reverse[starts[neighbour] + at] = make_key(uint32_t(i / degree), scores[i]);
  }
}

/// Whether of two links of a row the nearer one makes the farther one superfluous, see GraphLinkTable.covers.
__device__ __forceinline__ bool covers(float between, float nearer, float farther) {
  return between > farther || (between == farther && farther == nearer);
}

/// A block a row. `room` is a power of two, 2·degree at least: so many of the nearest are considered.
__global__ __launch_bounds__(graph_threads) void prune_kernel(GraphRows rows, uint64_t first, uint64_t count,
                                                              uint32_t degree, uint32_t candidates, uint32_t room,
                                                              const uint32_t *neighbours, const float *scores,
                                                              const uint64_t *starts, const uint64_t *reverse,
                                                              uint32_t link_count, uint32_t *links) {
  MOULT_SHARED_BYTES(memory);
  enum State : uint8_t { left = 0, kept = 1, struck = 2 };
  float *const vector = reinterpret_cast<float *>(memory);
  uint64_t *const keys = reinterpret_cast<uint64_t *>(vector + rows.row_floats);
  uint8_t *const states = reinterpret_cast<uint8_t *>(keys + 2 * room);
  for (uint64_t at = blockIdx.x; at < count; at += gridDim.x) {
    const uint64_t place = first + at;
    const uint64_t start = starts[place], reverse_count = starts[place + 1] - start, all = degree + reverse_count;
    __syncthreads();
    for (uint32_t i = threadIdx.x; i < room; i += blockDim.x) {
      keys[i] = 0;
      states[i] = left;
    }
    // The nearest so far are the first `room`; as many others come behind them, and all are sorted.
    for (uint64_t taken = 0; taken < all; taken += room) {
      for (uint32_t i = threadIdx.x; i < room; i += blockDim.x) {
        const uint64_t j = taken + i;
        uint64_t key = 0;
        if (j < degree) {
          const uint32_t neighbour = neighbours[place * degree + j];
          if (neighbour != no_place) key = make_key(neighbour, scores[place * degree + j]);
        } else if (j < all) {
          key = reverse[start + (j - degree)];
        }
        keys[room + i] = key;
      }
      __syncthreads();
      sort_keys(keys, 2 * room);
      // A row that is named and names has the same key twice.
      drop_doubles(keys, 2 * room);
      sort_keys(keys, 2 * room);
    }
    uint32_t kept_count = 0, found = 0;
    while (found < candidates && keys[found]) found++;
    uint32_t *const own = links + at * link_count;
    for (uint32_t i = 0; i < found && kept_count < link_count; i++) {
      if (states[i] != left) continue;
      // All threads have read the state before it changes.
      fetch_row(rows, key_place(keys[i]), vector);
      if (threadIdx.x == 0) {
        states[i] = kept;
        own[kept_count] = key_place(keys[i]);
      }
      if (++kept_count == link_count) break;
      const float nearer = key_score(keys[i]);
      score_rows(
          rows, vector, rows.metric == MOULT_DEVICE_COSINE ? rows.inverse_norms[key_place(keys[i])] : 0, found - i - 1,
          [&](uint32_t j) { return states[i + 1 + j] == left ? key_place(keys[i + 1 + j]) : no_place; },
          [&](uint32_t j, float score) {
            if (covers(score, nearer, key_score(keys[i + 1 + j]))) states[i + 1 + j] = struck;
          });
      __syncthreads();
    }
    __syncthreads();
    if (threadIdx.x == 0) {
      for (uint32_t i = 0; i < found && kept_count < link_count; i++) {
        if (states[i] == struck) own[kept_count++] = key_place(keys[i]);
      }
      for (; kept_count < link_count; kept_count++) own[kept_count] = no_place;
    }
  }
}

/// All rows of a set without the codes of searches, where they and what `prune` takes beside them are likely to fit.
void gather_all(moult_device *device, const moult_device_set &set, uint32_t degree, moult_device_set &floats) {
  const uint64_t row = set.row_floats * sizeof(float) + degree * (2 * sizeof(uint32_t) + sizeof(uint64_t));
  if (set.count * row > device->free_bytes()) {
    throw Failure{MOULT_DEVICE_OUT_OF_MEMORY, "the vectors of a graph and its lists do not fit the device's memory"};
  }
  std::vector<uint32_t> places(set.count);
  for (uint64_t place = 0; place < set.count; place++) places[place] = uint32_t(place);
  gather(device, set, places.data(), set.count, floats);
}

void prune(moult_device *device, const moult_device_set &set, const uint32_t *given, uint32_t degree,
           uint32_t link_count, const Stop &stop, uint32_t *links) {
  constexpr uint64_t rows_per_launch = 1 << 16;
  DeviceBuffer<float> inverse_norms;
  const GraphRows rows = graph_rows(device, set, inverse_norms);
  const uint64_t entries = set.count * degree;
  DeviceBuffer<uint32_t> neighbours(entries), counts(set.count);
  DeviceBuffer<float> scores(entries);
  upload(device, device->work, neighbours.get(), given, entries * sizeof(uint32_t));
  check(cudaMemsetAsync(counts.get(), 0, set.count * sizeof(uint32_t), device->work), "counters");
  const size_t vector_bytes = size_t(set.row_floats) * sizeof(float);
  for (uint64_t first = 0; first < set.count; first += rows_per_launch) {
    stop.check();
    const uint64_t now = std::min(rows_per_launch, set.count - first);
    device->launch("scores of neighbours", score_lists_kernel, device->grid(now, 1, 64), graph_threads, vector_bytes,
                   device->work, rows, first, now, set.count, degree, neighbours.get(), scores.get(), counts.get());
    device->synchronize(device->work, "scores of neighbours");
  }

  // Summed up here: a few megabytes, and no kernel for it.
  std::vector<uint32_t> named(set.count);
  download(device, device->work, named.data(), counts.get(), set.count * sizeof(uint32_t));
  std::vector<uint64_t> starts(set.count + 1);
  for (uint64_t place = 0; place < set.count; place++) starts[place + 1] = starts[place] + named[place];
  DeviceBuffer<uint64_t> device_starts(set.count + 1), reverse(std::max<uint64_t>(1, starts[set.count]));
  upload(device, device->work, device_starts.get(), starts.data(), starts.size() * sizeof(uint64_t));
  device->launch("reverse lists", reverse_kernel, device->grid(entries, graph_threads), graph_threads, 0, device->work,
                 set.count, degree, neighbours.get(), scores.get(), device_starts.get(), counts.get(), reverse.get());

  const uint32_t candidates = 2 * degree, room = power_of_two(candidates);
  const size_t shared = vector_bytes + 2 * room * sizeof(uint64_t) + room;
  DeviceBuffer<uint32_t> chosen[2];
  const uint64_t tile = std::min(rows_per_launch, set.count);
  for (auto &buffer : chosen) buffer.allocate(tile * link_count);
  // One tile's links leave while those of the next are chosen.
  uint64_t pending_first = 0, pending_count = 0;
  int turn = 0;
  const auto finish = [&] {
    if (pending_count == 0) return;
    download(device, device->results, links + pending_first * link_count, chosen[turn ^ 1].get(),
             pending_count * link_count * sizeof(uint32_t));
  };
  for (uint64_t first = 0; first < set.count; first += tile, turn ^= 1) {
    stop.check();
    const uint64_t now = std::min(tile, set.count - first);
    // The tile before is done when `results` has come to here.
    wait_for(device->results, device->work);
    device->launch("choice of links", prune_kernel, device->grid(now, 1, 64), graph_threads, shared, device->work, rows,
                   first, now, degree, candidates, room, neighbours.get(), scores.get(), device_starts.get(),
                   reverse.get(), link_count, chosen[turn].get());
    finish();
    pending_first = first;
    pending_count = now;
  }
  device->synchronize(device->work, "choice of links");
  finish();
}

}  // namespace
}  // namespace moult

moult_device_status cuda_prune(moult_device *device, moult_device_set *set, const uint32_t *neighbours,
                               uint32_t degree, uint32_t link_count, const moult_device_stop *stop, uint32_t *links) {
  return moult::call(device, [&] {
    if (degree == 0 || degree > moult::degree_max || link_count == 0 || link_count > moult::link_count_max) {
      throw moult::Failure{MOULT_DEVICE_UNSUPPORTED, "lists of " + std::to_string(degree) + " for " +
                                                         std::to_string(link_count) + " links; at most 512 for 1024"};
    }
    const moult::Stop stopped(stop);
    stopped.check();
    if (set->count == 0) return;
    const bool is_done = moult::try_whole(*set, [&] {
      moult::prune(device, *set, neighbours, degree, link_count, stopped, links);
    });
    if (is_done) return;
    set->give_back_rows();
    moult_device_set floats;
    moult::gather_all(device, *set, degree, floats);
    moult::prune(device, floats, neighbours, degree, link_count, stopped, links);
  });
}
