// Neighbour lists: exact products in bfloat16 within clusters, scores in float32, then neighbours of neighbours.
//
// What it takes, for n rows of d dimensions, degree 64 (lists of w = 96), clusters of about 1024 rows, p = 32 probed:
//
//   scan        n·p·1024·d multiply-adds, and for each of the n·p pairs of row and cluster the row's 4·d bytes read and
//               2·d written
//   descent     about 800 scores in float32 a row and round: 800·4·d bytes
//   lists       2·8·w bytes a row, 1 536, and 128 of reverse neighbours
//
// For 1,000,000 × 768: 2.5·10¹³ multiply-adds (at 300·10¹² a second, 85 ms) and 0.15 TB for the scan (35 ms at
// 4.3 TB/s), 2.4 TB for a round of descent (0.57 s, less what the second-level cache holds): with the two rounds of so
// many clusters, about 1.3 s.
//
// Rows that do not fit the device's memory come in batches (graph_parts.h), each row in c of them: all of this is done
// c times, and floats cross the link c + 1 times, c being 2 to 3.3 for embeddings in batches of a third to a sixth of them, and up to 5.
// For a row of 768 dimensions and c = 3 that is 4 µs of work and 12 KB, 1.2 µs at 10 GB/s (one thread gathers as much;
// there are up to 8). The two do not overlap: a batch on its way beside one that is worked on would halve the room.
//
// On 3,000 of WordNet's embeddings (384 dimensions) with 4 of 40 clusters probed the lists have 0.946 of the
// neighbours, and graphs of them the recall of inserted ones; of many rows far more are compared with a row. 12,000 of
// them in 6 batches (c = 2.3), lists of 64: 0.991.
#include <cstdlib>
#include <cstring>
#include <memory>

#include "families.h"
#include "graph_clusters.h"
#include "graph_parts.h"

namespace moult {
namespace {

/// Rows that are compared all with all.
constexpr uint64_t whole_max = 16384;
constexpr uint64_t rows_per_cluster = 1024;
constexpr uint32_t probed_max = 32;
/// Scored for one row in a round of descent.
constexpr uint32_t candidates_max = 2048;
constexpr uint32_t hash_places = 2 * candidates_max;
/// Of a row's list so many lend theirs, and of those that have it so high in their lists.
constexpr uint32_t breadth_max = 16;
constexpr uint32_t reverse_places = 16;
constexpr uint32_t degree_max = 480;

/// Places of a list while it is made: what scores in bfloat16 put a little too low is among the others.
uint32_t list_width(uint32_t degree) {
  return std::min(list_width_max, (degree + std::max(32u, degree / 4) + 31) / 32 * 32);
}

/// Whether `place` was not in the set; puts it there.
__device__ __forceinline__ bool insert_place(uint32_t *hash, uint32_t place) {
  uint32_t at = place * 0x9E3779B1u >> 16;
  for (;;) {
    at %= hash_places;
    const uint32_t there = atomicCAS(hash + at, no_place, place);
    if (there == no_place) return true;
    if (there == place) return false;
    at++;
  }
}

/// Puts each row before the `breadth` nearest of its list: a row has `reverse_places` places for those that have it in
/// theirs, and of those that fall on one the nearest stays. So the result does not depend on who comes first.
__global__ __launch_bounds__(graph_threads) void lenders_kernel(ScanSource order, uint64_t count, uint32_t breadth,
                                                                uint32_t width, const uint64_t *lists,
                                                                unsigned long long *reverse) {
  for (uint64_t i = global_thread(); i < count * breadth; i += thread_count()) {
    const uint32_t place = order.place(uint32_t(i / breadth));
    const uint64_t key = lists[uint64_t(place) * width + i % breadth];
    if (!key) continue;
    const uint32_t slot = (place * 0x9E3779B1u >> 16) % reverse_places;
    const uint64_t own = (key & ~uint64_t(UINT32_MAX)) | uint32_t(~place);
    atomicMax(reverse + uint64_t(key_place(key)) * reverse_places + slot, static_cast<unsigned long long>(own));
  }
}

/// Lists out of lists: a block a row. With `breadth` 0 the row's own list is scored anew; else its `breadth` nearest,
/// and the rows of `reverse` that have it among theirs, lend their first `lent`, and what is new of these is scored.
__global__ __launch_bounds__(graph_threads, 5) void descend_kernel(GraphRows rows, ScanSource order, uint64_t count,
                                                                   uint32_t breadth, uint32_t lent, uint32_t width,
                                                                   const uint64_t *lists,
                                                                   const unsigned long long *reverse, uint64_t *next) {
  MOULT_SHARED_BYTES(memory);
  MOULT_SHARED(uint32_t, found, [1]);
  float *const vector = reinterpret_cast<float *>(memory);
  uint64_t *const keys = reinterpret_cast<uint64_t *>(vector + (rows.row_floats + 3) / 4 * 4);
  uint64_t *const own = keys + candidates_max, *const merged = own + width;
  uint32_t *const hash = reinterpret_cast<uint32_t *>(merged + width);
  for (uint64_t at = blockIdx.x; at < count; at += gridDim.x) {
    const uint32_t place = order.place(uint32_t(at));
    const uint64_t *const list = lists + uint64_t(place) * width;
    fetch_row(rows, place, vector);
    for (uint32_t i = threadIdx.x; i < hash_places; i += blockDim.x) hash[i] = no_place;
    for (uint32_t i = threadIdx.x; i < width; i += blockDim.x) {
      own[i] = breadth ? list[i] : 0;
      merged[i] = 0;
    }
    if (threadIdx.x == 0) found[0] = 0;
    __syncthreads();
    if (breadth) {
      if (threadIdx.x == 0) insert_place(hash, place);
      for (uint32_t i = threadIdx.x; i < width; i += blockDim.x) {
        if (own[i]) insert_place(hash, key_place(own[i]));
      }
      __syncthreads();
      // A lender is offered itself too, then its list.
      for (uint32_t i = threadIdx.x; i < (breadth + reverse_places) * (lent + 1); i += blockDim.x) {
        const uint32_t l = i / (lent + 1), entry = i % (lent + 1);
        const uint64_t lender = l < breadth ? own[l] : reverse[uint64_t(place) * reverse_places + (l - breadth)];
        if (!lender) continue;
        const uint64_t key = entry ? lists[uint64_t(key_place(lender)) * width + entry - 1] : lender;
        if (key && insert_place(hash, key_place(key))) keys[atomicAdd(found, 1u)] = key_place(key);
      }
    } else {
      for (uint32_t i = threadIdx.x; i < width; i += blockDim.x) {
        if (list[i]) keys[atomicAdd(found, 1u)] = key_place(list[i]);
      }
    }
    __syncthreads();
    const uint32_t now = found[0], sorted = power_of_two(now);
    score_rows(
        rows, vector, rows.metric == MOULT_DEVICE_COSINE ? rows.inverse_norms[place] : 0, now,
        [&](uint32_t i) { return uint32_t(keys[i]); },
        [&](uint32_t i, float score) { keys[i] = make_key(uint32_t(keys[i]), score); });
    for (uint32_t i = now + threadIdx.x; i < sorted; i += blockDim.x) keys[i] = 0;
    __syncthreads();
    sort_keys(keys, sorted);
    merge_keys(keys, sorted, own, width, merged, width);
    __syncthreads();
    for (uint32_t i = threadIdx.x; i < width; i += blockDim.x) next[uint64_t(place) * width + i] = merged[i];
  }
}

__global__ __launch_bounds__(graph_threads) void read_lists_kernel(const uint64_t *lists, uint32_t width,
                                                                   uint32_t degree, uint64_t count,
                                                                   uint32_t *neighbours, float *scores) {
  for (uint64_t i = global_thread(); i < count * degree; i += thread_count()) {
    const uint64_t key = lists[i / degree * width + i % degree];
    neighbours[i] = key ? key_place(key) : no_place;
    scores[i] = key ? key_score(key) : 0;
  }
}

/// A number that a check may set, so that few rows go the way of many.
uint32_t settled(const char *name, uint32_t number) {
#ifdef MOULT_EMULATED
  if (const char *other = std::getenv(name)) return uint32_t(std::atoi(other));
#endif
  static_cast<void>(name);
  return number;
}

uint32_t cluster_count(uint64_t rows) {
  const uint32_t count = rows <= whole_max ? 1 : uint32_t(rows / rows_per_cluster);
  return settled("MOULT_EMULATED_GRAPH_CLUSTERS", count);
}

/// Lists of all rows of a set while they are made.
class Lists {
 public:
  Lists(moult_device *device, const moult_device_set &set, uint32_t degree, uint64_t seed, const Stop &stop)
      : device_(device), set_(set), stop_(stop), degree_(degree), width_(list_width(degree)), seed_(seed),
        rows_(graph_rows(device, set, inverse_norms_)) {
    lists_ = std::make_unique<DeviceBuffer<uint64_t>>(set.count * width_);
    clear(*lists_);
    find_live();
    source_ = {set.floats.get(), set.row_floats, set.metric == MOULT_DEVICE_COSINE ? inverse_norms_.get() : nullptr,
               live_.get(), 0};
    order_ = source_;
  }

  void make() {
    if (live_count_ == 0) return;
    find_centre(device_, source_, live_count_, centre_);
    const uint32_t clusters = cluster_count(live_count_);
    const uint32_t probed = std::min(settled("MOULT_EMULATED_GRAPH_PROBED", probed_max), clusters);
    seed_lists(clusters, probed);
    DeviceBuffer<uint64_t> next(set_.count * width_);
    clear(next);
    descend(0, next);
    const int rounds = probed == clusters ? 0 : clusters <= 8 * probed ? 1 : 2;
    for (int round = 0; round < rounds; round++) descend(std::min(breadth_max, degree_), next);
  }

  /// Hands out the lists in tiles of rows: `take(first, count, neighbours, scores)`, which lie on the device.
  template <typename Take>
  void read(Take take) {
    with_size(std::min<uint64_t>(set_.count, 1 << 16), 64, [&](uint64_t tile) {
      DeviceBuffer<uint32_t> places(tile * degree_);
      DeviceBuffer<float> values(tile * degree_);
      for (uint64_t first = 0; first < set_.count; first += tile) {
        stop_.check();
        const uint64_t count = std::min(tile, set_.count - first), entries = count * degree_;
        device_->launch("reading of lists", read_lists_kernel, device_->grid(entries, graph_threads), graph_threads, 0,
                        device_->work, lists_->get() + first * width_, width_, degree_, count, places.get(),
                        values.get());
        take(first, count, places.get(), values.get());
      }
    });
  }

 private:
  void clear(DeviceBuffer<uint64_t> &lists) {
    check(cudaMemsetAsync(lists.get(), 0, lists.count() * sizeof(uint64_t), device_->work), "lists");
  }

  /// Places of live rows, where not all are.
  void find_live() {
    live_count_ = set_.live_count;
    if (live_count_ == set_.count) return;
    std::vector<uint32_t> places;
    places.reserve(live_count_);
    for (uint64_t place = 0; place < set_.count; place++) {
      if (set_.is_live(place)) places.push_back(uint32_t(place));
    }
    live_count_ = places.size();
    live_.allocate(std::max<uint64_t>(1, live_count_));
    upload(device_, device_->work, live_.get(), places.data(), live_count_ * sizeof(uint32_t));
  }

  /// Lists by scores in bfloat16.
  void seed_lists(uint32_t clusters, uint32_t probed) {
    const bool is_l2 = set_.metric == MOULT_DEVICE_SQUARED_L2;
    Scan scan(device_, set_.row_floats, live_count_);
    if (clusters <= 1) {
      scan.run(source_, live_count_, source_, live_count_, centre_.get(), is_l2, true, lists_->get(), width_, stop_);
      return;
    }
    Clusters model(device_, source_, live_count_, set_.count, clusters, centre_.get(), seed_, scan, stop_);
    members_ = model.group(1, true);
    // Under the inner product the rows of largest products may lie far off.
    const Groups visitors = model.group(probed, set_.metric != MOULT_DEVICE_INNER_PRODUCT);
    for (uint32_t c = 0; c < clusters; c++) {
      ScanSource queries = source_, rows = source_;
      queries.places = visitors.places.get() + visitors.starts[c];
      rows.places = members_.places.get() + members_.starts[c];
      scan.run(queries, visitors.size(c), rows, members_.size(c), centre_.get(), is_l2, true, lists_->get(), width_,
               stop_);
    }
    // Neighbours are worked on one after the other, so that what they read is in the second-level cache.
    if (members_.starts.back() == live_count_) order_.places = members_.places.get();
    device_->synchronize(device_->work, "seeds of neighbour lists");  // before memory is given back
  }

  void descend(uint32_t breadth, DeviceBuffer<uint64_t> &next) {
    const size_t shared = size_t(set_.row_floats) * sizeof(float) + (candidates_max + 2 * width_) * sizeof(uint64_t) +
                          hash_places * sizeof(uint32_t);
    DeviceBuffer<unsigned long long> reverse;
    if (breadth) {
      reverse.allocate(set_.count * reverse_places);
      check(cudaMemsetAsync(reverse.get(), 0, reverse.count() * sizeof(unsigned long long), device_->work), "lists");
      device_->launch("reverse neighbours", lenders_kernel, device_->grid(live_count_ * breadth, graph_threads),
                      graph_threads, 0, device_->work, order_, live_count_, breadth, width_, lists_->get(),
                      reverse.get());
    }
    const uint32_t lent = std::min(degree_, candidates_max / (breadth + reverse_places) - 1);
    // So many rows a launch that a wish to stop is heard.
    constexpr uint64_t rows_per_launch = 1 << 17;
    for (uint64_t first = 0; first < live_count_; first += rows_per_launch) {
      stop_.check();
      const uint64_t count = std::min(rows_per_launch, live_count_ - first);
      ScanSource order = order_;
      if (order.places) order.places += first;
      else order.first += uint32_t(first);
      device_->launch("descent of neighbour lists", descend_kernel, device_->grid(count, 1, 64), graph_threads, shared,
                      device_->work, rows_, order, count, breadth, lent, width_, lists_->get(), reverse.get(),
                      next.get());
      device_->synchronize(device_->work, "descent of neighbour lists");
    }
    lists_->swap(next);
  }

  moult_device *device_;
  const moult_device_set &set_;
  const Stop &stop_;
  uint32_t degree_, width_;
  uint64_t seed_;
  DeviceBuffer<float> inverse_norms_, centre_;
  GraphRows rows_;
  std::unique_ptr<DeviceBuffer<uint64_t>> lists_;
  DeviceBuffer<uint32_t> live_;
  uint64_t live_count_ = 0;
  ScanSource source_{}, order_{};
  Groups members_;
};

/// Lists of a set whose rows, or whose lists beside them, do not fit the device's memory: batches of rows are brought
/// in one after the other, and what is found among the rows of each is taken into the lists, in the host's memory.
///
/// A batch's rows are in the set's order, so of equal scores the smaller place comes first in both, and two rows have
/// one score wherever they meet. Where all rows fit without the codes of searches there is one batch.
class ListsInParts {
 public:
  ListsInParts(moult_device *device, const moult_device_set &set, uint32_t degree, uint64_t seed, const Stop &stop,
               uint32_t *neighbours, float *scores)
      : device_(device), set_(set), stop_(stop), degree_(degree), seed_(seed), neighbours_(neighbours),
        scores_(scores) {
    live_.reserve(set.live_count);
    for (uint64_t place = 0; place < set.count; place++) {
      if (set.is_live(place)) live_.push_back(uint32_t(place));
    }
  }

  void make() {
    const uint64_t count = live_.size(), least = std::min(count, std::max(rows_of_lists(), count / batches_max));
    const uint64_t room = std::min(count, room_now());
    if (room < least) {
      throw Failure{MOULT_DEVICE_OUT_OF_MEMORY, "the device's memory has room for " + std::to_string(room) + " of " +
                                                    std::to_string(count) + " vectors of a graph at a time"};
    }
    // Lists are begun anew, so that they depend on the room alone and not on when it became less.
    with_size(room, least, [&](uint64_t rows) {
      std::fill(neighbours_, neighbours_ + set_.count * degree_, no_place);
      std::fill(scores_, scores_ + set_.count * degree_, 0.0f);
      if (count == 0) return;
      if (rows >= count) return take(live_);
      std::vector<uint32_t> places;
      for (const std::vector<uint32_t> &batch : batches_of(rows)) {
        stop_.check();
        places.resize(batch.size());
        for (size_t i = 0; i < batch.size(); i++) places[i] = live_[batch[i]];
        take(places);
      }
    });
  }

 private:
  /// With smaller batches too few of the near rows meet.
  static constexpr uint64_t batches_max = 32;
  /// Rows that are put into clusters at once.
  static constexpr uint64_t tile_rows = 1 << 16;

  /// Some times as many as a list holds.
  uint64_t rows_of_lists() const { return 8 * (uint64_t(degree_) + 1); }

  /// Rows of a batch beside what a scan takes: their floats, two generations of lists, and 128 bytes of what is there
  /// meanwhile.
  uint64_t room_now() const {
    const size_t free = device_->free_bytes();
    const size_t scan = std::max(Scan::bytes(set_.row_floats, 1),
                                 std::min(free / 4, Scan::bytes(set_.row_floats, Scan::queries_max)));
    const size_t row = size_t(set_.row_floats) * sizeof(float) +
                       (2 * list_width(degree_) + reverse_places) * sizeof(uint64_t) + 128;
    return free > scan ? (free - scan) / row : 0;
  }

  /// Numbers of live rows in batches of at most `room`.
  std::vector<std::vector<uint32_t>> batches_of(uint64_t room) {
    const uint64_t count = live_.size();
    const uint32_t clusters = Batches::cluster_count(count, room);
    // What is on the device at once here takes half of a batch's memory, and a scan may have the other one. The sample
    // is as many rows as clusters are trained on, at even distances.
    const uint64_t tile = std::min(room / 2, tile_rows);
    std::vector<uint32_t> sample(std::min(room / 2, Clusters::trained_per_cluster * clusters));
    for (uint64_t i = 0; i < sample.size(); i++) sample[i] = live_[i * count / sample.size()];
    moult_device_set part;
    DeviceBuffer<float> inverse_norms, centre;
    const auto bring = [&](const uint32_t *places, uint64_t now) -> ScanSource {
      gather(device_, set_, places, now, part);
      const GraphRows rows = graph_rows(device_, part, inverse_norms);
      return {rows.floats, rows.row_floats, rows.inverse_norms, nullptr, 0};
    };
    const ScanSource trained = bring(sample.data(), sample.size());
    find_centre(device_, trained, sample.size(), centre);
    Scan scan(device_, set_.row_floats, tile);
    Clusters model(device_, trained, sample.size(), sample.size(), clusters, centre.get(), seed_, scan, stop_);
    constexpr uint32_t width = Batches::nearest_max;
    std::vector<uint32_t> nearest(count * width), found(tile * width);
    DeviceBuffer<uint32_t> clusters_of_rows(tile * width);
    for (uint64_t first = 0; first < count; first += tile) {
      stop_.check();
      const uint64_t now = std::min(tile, count - first);
      const ScanSource rows = bring(live_.data() + first, now);
      const auto assign = [&](bool is_l2, uint32_t *target) {
        model.assign(rows, now, now, width, is_l2, clusters_of_rows.get());
        download(device_, device_->work, target, clusters_of_rows.get(), now * width * sizeof(uint32_t));
      };
      uint32_t *const own = nearest.data() + first * width;
      assign(true, own);
      if (set_.metric != MOULT_DEVICE_INNER_PRODUCT) continue;
      // The rows of largest products may lie far off: behind its own cluster a row has those of largest products.
      assign(false, found.data());
      for (uint64_t i = 0; i < now; i++) std::copy_n(&found[i * width], width - 1, own + i * width + 1);
    }
    return std::move(Batches(std::move(nearest), clusters, room, rows_of_lists() / 2, stop_).rows);
  }

  /// Makes lists of some rows among themselves, and takes them in. Places ascend.
  void take(const std::vector<uint32_t> &places) {
    moult_device_set part;
    gather(device_, set_, places.data(), places.size(), part);
    Lists lists(device_, part, degree_, seed_, stop_);
    lists.make();
    std::vector<uint32_t> neighbours;
    std::vector<float> scores;
    lists.read([&](uint64_t first, uint64_t count, const uint32_t *device_neighbours, const float *device_scores) {
      const uint64_t entries = count * degree_;
      neighbours.resize(entries);
      scores.resize(entries);
      download(device_, device_->work, neighbours.data(), device_neighbours, entries * sizeof(uint32_t));
      download(device_, device_->work, scores.data(), device_scores, entries * sizeof(float));
      in_parts(count, 4 * entries * sizeof(uint64_t), [&](uint64_t begin, uint64_t end) {
        for (uint64_t i = begin; i < end; i++) {
          for (uint64_t j = i * degree_; j < (i + 1) * degree_ && neighbours[j] != no_place; j++) {
            neighbours[j] = places[neighbours[j]];
          }
          merge(places[first + i], &neighbours[i * degree_], &scores[i * degree_]);
        }
      });
    });
  }

  /// As make_key; 0 for no row.
  static uint64_t key(uint32_t place, float score) {
    uint32_t bits;
    std::memcpy(&bits, &score, sizeof bits);
    return place == no_place ? 0 : uint64_t(ordered_bits(bits)) << 32 | uint32_t(~place);
  }

  /// Keeps the best of a row's list and another: both descend, and what both hold has one key.
  void merge(uint32_t place, const uint32_t *others, const float *other_scores) {
    uint64_t merged[degree_max];
    uint32_t *const own = neighbours_ + uint64_t(place) * degree_;
    float *const own_scores = scores_ + uint64_t(place) * degree_;
    for (uint32_t at = 0, i = 0, j = 0; at < degree_; at++) {
      const uint64_t a = key(own[i], own_scores[i]), b = key(others[j], other_scores[j]);
      merged[at] = std::max(a, b);
      if (a >= b) i++;
      if (b >= a) j++;
    }
    for (uint32_t at = 0; at < degree_; at++) {
      const uint32_t bits = merged[at] ? unordered_bits(uint32_t(merged[at] >> 32)) : 0;
      own[at] = merged[at] ? ~uint32_t(merged[at]) : no_place;
      std::memcpy(own_scores + at, &bits, sizeof bits);
    }
  }

  moult_device *device_;
  const moult_device_set &set_;
  const Stop &stop_;
  uint32_t degree_;
  uint64_t seed_;
  uint32_t *neighbours_;
  float *scores_;
  /// Places of live rows.
  std::vector<uint32_t> live_;
};

void make_whole(moult_device *device, const moult_device_set &set, uint32_t degree, uint64_t seed, const Stop &stop,
                uint32_t *neighbours, float *scores) {
  Lists lists(device, set, degree, seed, stop);
  lists.make();
  lists.read([&](uint64_t first, uint64_t count, const uint32_t *device_neighbours, const float *device_scores) {
    const uint64_t entries = count * degree;
    download(device, device->work, neighbours + first * degree, device_neighbours, entries * sizeof(uint32_t));
    download(device, device->work, scores + first * degree, device_scores, entries * sizeof(float));
  });
}

}  // namespace
}  // namespace moult

moult_device_status cuda_neighbour_lists(moult_device *device, moult_device_set *set, uint32_t degree, uint64_t seed,
                                         const moult_device_stop *stop, uint32_t *neighbours, float *scores) {
  return moult::call(device, [&] {
    if (degree == 0 || degree > moult::degree_max) {
      throw moult::Failure{MOULT_DEVICE_UNSUPPORTED,
                           "lists of " + std::to_string(degree) + " neighbours; at most 480 can be made"};
    }
    const moult::Stop stopped(stop);
    stopped.check();
    if (set->count == 0) return;
    const bool is_made = moult::try_whole(*set, [&] {
      moult::make_whole(device, *set, degree, seed, stopped, neighbours, scores);
    });
    if (is_made) return;
    set->give_back_rows();
    moult::ListsInParts(device, *set, degree, seed, stopped, neighbours, scores).make();
  });
}
