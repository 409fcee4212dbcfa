// Rows by clusters: k-means on a sample, then the nearest clusters of every row. Whose lists are looked for is compared
// with the rows of some clusters only.
#ifndef MOULT_DEVICE_GRAPH_CLUSTERS_H
#define MOULT_DEVICE_GRAPH_CLUSTERS_H

#include <vector>

#include "graph_scan.h"

namespace moult {

/// The mean of some vectors times their scales, in double: a thread a dimension.
__global__ __launch_bounds__(graph_threads) inline void centre_kernel(ScanSource source, uint32_t step, uint32_t count,
                                                                      float *centre) {
  for (uint64_t j = global_thread(); j < source.row_floats; j += thread_count()) {
    double sum = 0;
    for (uint32_t i = 0; i < count; i++) {
      const uint32_t place = source.place(i * step);
      const float scale = source.scales ? source.scales[place] : 1;
      sum += double(source.floats[uint64_t(place) * source.row_floats + j] * scale);
    }
    centre[j] = float(sum / count);
  }
}

/// Puts the mean of about 4096 of some rows, at even distances, to `centre`.
inline void find_centre(moult_device *device, ScanSource rows, uint64_t row_count, DeviceBuffer<float> &centre) {
  centre.allocate(rows.row_floats);
  const uint32_t step = uint32_t(std::max<uint64_t>(1, row_count / 4096));
  device->launch("centre", centre_kernel, device->grid(rows.row_floats, graph_threads), graph_threads, 0, device->work,
                 rows, step, uint32_t(row_count / step), centre.get());
}

/// Vectors times their scale, a warp each.
__global__ __launch_bounds__(graph_threads) inline void copy_scaled_kernel(ScanSource source, uint32_t count,
                                                                            float *target) {
  for (uint64_t i = global_warp(); i < count; i += warp_count()) {
    const uint32_t place = source.place(uint32_t(i));
    const float scale = source.scales ? source.scales[place] : 1;
    for (uint32_t j = lane_index(); j < source.row_floats; j += 32) {
      target[i * source.row_floats + j] = source.floats[uint64_t(place) * source.row_floats + j] * scale;
    }
  }
}

/// Means of the vectors `starts[c] ..< starts[c + 1]` of each cluster c, in double and in order; an empty one stays. A
/// block a cluster.
__global__ __launch_bounds__(graph_threads) inline void mean_kernel(ScanSource source, const uint32_t *starts,
                                                                     uint32_t count, float *means) {
  for (uint32_t c = blockIdx.x; c < count; c += gridDim.x) {
    const uint32_t start = starts[c], end = starts[c + 1];
    if (start == end) continue;
    for (uint32_t j = threadIdx.x; j < source.row_floats; j += blockDim.x) {
      double sum = 0;
      for (uint32_t i = start; i < end; i++) {
        const uint32_t place = source.place(i);
        const float scale = source.scales ? source.scales[place] : 1;
        sum += double(source.floats[uint64_t(place) * source.row_floats + j] * scale);
      }
      means[uint64_t(c) * source.row_floats + j] = float(sum / (end - start));
    }
  }
}

/// The clusters in lists of `width` keys, one place for each; the number of clusters where there is none.
__global__ __launch_bounds__(graph_threads) inline void read_clusters_kernel(ScanSource source, uint64_t count,
                                                                              const uint64_t *lists, uint32_t width,
                                                                              uint32_t cluster_count,
                                                                              uint32_t *clusters) {
  for (uint64_t i = global_thread(); i < count * width; i += thread_count()) {
    const uint64_t key = lists[uint64_t(source.place(uint32_t(i / width))) * width + i % width];
    clusters[i] = key ? key_place(key) : cluster_count;
  }
}

__global__ __launch_bounds__(graph_threads) inline void count_clusters_kernel(const uint32_t *clusters, uint64_t count,
                                                                               uint32_t cluster_count,
                                                                               unsigned long long *counts) {
  for (uint64_t i = global_thread(); i < count; i += thread_count()) {
    if (clusters[i] < cluster_count) atomicAdd(counts + clusters[i], 1ull);
  }
}

/// Puts places where their clusters begin; `next` moves on. Their order within a cluster is left to chance, and nothing
/// depends on it.
__global__ __launch_bounds__(graph_threads) inline void group_kernel(ScanSource source, const uint32_t *clusters,
                                                                      uint64_t count, uint32_t width,
                                                                      uint32_t cluster_count,
                                                                      unsigned long long *next, uint32_t *places) {
  for (uint64_t i = global_thread(); i < count * width; i += thread_count()) {
    const uint32_t cluster = clusters[i];
    if (cluster < cluster_count) places[atomicAdd(next + cluster, 1ull)] = source.place(uint32_t(i / width));
  }
}

/// Places grouped by cluster.
struct Groups {
  DeviceBuffer<uint32_t> places;
  std::vector<uint64_t> starts;  ///< one more than clusters

  uint64_t size(uint32_t cluster) const { return starts[cluster + 1] - starts[cluster]; }
};

class Clusters {
 public:
  /// Trained on so many rows for each.
  static constexpr uint64_t trained_per_cluster = 64;
  static constexpr int rounds = 4;

  Clusters(moult_device *device, ScanSource rows, uint64_t row_count, uint64_t place_count, uint32_t count,
           const float *centre, uint64_t seed, Scan &scan, const Stop &stop)
      : device_(device), rows_(rows), row_count_(row_count), place_count_(place_count), count_(count), centre_(centre),
        scan_(scan), stop_(stop) {
    centroids_.allocate(uint64_t(count) * rows.row_floats);
    train(seed);
  }

  /// Groups rows by their `width` nearest clusters, nearest by Euclidean distance or by inner product.
  Groups group(uint32_t width, bool is_l2) {
    Groups groups;
    DeviceBuffer<uint32_t> clusters(row_count_ * width);
    assign(rows_, row_count_, place_count_, width, is_l2, clusters.get());
    DeviceBuffer<unsigned long long> counters(count_);
    check(cudaMemsetAsync(counters.get(), 0, count_ * sizeof(unsigned long long), device_->work), "counters");
    const uint64_t entries = row_count_ * width;
    device_->launch("counting of clusters", count_clusters_kernel, device_->grid(entries, graph_threads), graph_threads,
                    0, device_->work, clusters.get(), entries, count_, counters.get());
    std::vector<unsigned long long> counts(count_);
    download(device_, device_->work, counts.data(), counters.get(), count_ * sizeof(unsigned long long));
    groups.starts.assign(count_ + 1, 0);
    for (uint32_t c = 0; c < count_; c++) groups.starts[c + 1] = groups.starts[c] + counts[c];
    const std::vector<unsigned long long> next(groups.starts.begin(), groups.starts.end() - 1);
    upload(device_, device_->work, counters.get(), next.data(), count_ * sizeof(unsigned long long));
    groups.places.allocate(std::max<uint64_t>(1, groups.starts[count_]));
    device_->launch("grouping", group_kernel, device_->grid(entries, graph_threads), graph_threads, 0, device_->work,
                    rows_, clusters.get(), row_count_, width, count_, counters.get(), groups.places.get());
    return groups;
  }

  /// Writes the `width` nearest clusters of each of some rows, these or others; `count` where there are fewer.
  ///
  /// - place_count: above the rows' places.
  void assign(ScanSource rows, uint64_t row_count, uint64_t place_count, uint32_t width, bool is_l2,
              uint32_t *clusters) {
    DeviceBuffer<uint64_t> lists(place_count * width);
    check(cudaMemsetAsync(lists.get(), 0, place_count * width * sizeof(uint64_t), device_->work), "lists of clusters");
    const ScanSource centroids = {centroids_.get(), rows.row_floats, nullptr, nullptr, 0};
    scan_.run(rows, row_count, centroids, count_, centre_, is_l2, false, lists.get(), width, stop_);
    device_->launch("reading of clusters", read_clusters_kernel, device_->grid(row_count * width, graph_threads),
                    graph_threads, 0, device_->work, rows, row_count, lists.get(), width, count_, clusters);
    device_->synchronize(device_->work, "clusters");  // before the lists are given back
  }

 private:
  void train(uint64_t seed) {
    // One row of each of so many equal stretches: other rows for another seed.
    const uint64_t sample_count = std::min(row_count_, trained_per_cluster * count_);
    std::vector<uint32_t> sample(sample_count);
    uint64_t state = seed;
    const auto random = [&](uint64_t below) {
      uint64_t z = state += 0x9E3779B97F4A7C15u;  // SplitMix64
      z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
      z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
      return (z ^ (z >> 31)) % below;
    };
    for (uint64_t i = 0; i < sample_count; i++) {
      const uint64_t begin = i * row_count_ / sample_count, end = (i + 1) * row_count_ / sample_count;
      sample[i] = uint32_t(begin + random(end - begin));
    }
    for (uint64_t i = sample_count; i > 1; i--) std::swap(sample[i - 1], sample[random(i)]);
    // Numbers of rows become places where not all places are rows.
    if (rows_.places) {
      std::vector<uint32_t> places(row_count_);
      download(device_, device_->work, places.data(), rows_.places, row_count_ * sizeof(uint32_t));
      for (uint32_t &row : sample) row = places[row];
    }
    DeviceBuffer<uint32_t> trained(sample_count), clusters(sample_count), starts(count_ + 1);
    ScanSource source = rows_;
    source.places = trained.get();
    upload(device_, device_->work, trained.get(), sample.data(), sample_count * sizeof(uint32_t));
    device_->launch("first centroids", copy_scaled_kernel, device_->grid(count_, graph_threads / 32), graph_threads, 0,
                    device_->work, source, count_, centroids_.get());
    std::vector<uint32_t> found(sample_count), sorted(sample_count), first(count_ + 1);
    for (int round = 0; round < rounds; round++) {
      assign(source, sample_count, place_count_, 1, true, clusters.get());
      download(device_, device_->work, found.data(), clusters.get(), sample_count * sizeof(uint32_t));
      // Sorted here, so that sums have one order.
      std::fill(first.begin(), first.end(), 0);
      for (uint32_t cluster : found) {
        if (cluster < count_) first[cluster + 1]++;
      }
      for (uint32_t c = 0; c < count_; c++) first[c + 1] += first[c];
      std::vector<uint32_t> next(first.begin(), first.end() - 1);
      std::vector<uint32_t> order(sample_count);
      for (uint64_t i = 0; i < sample_count; i++) {
        if (found[i] < count_) order[next[found[i]]++] = sample[i];
      }
      sample = order;
      sample.resize(first[count_]);
      upload(device_, device_->work, trained.get(), sample.data(), sample.size() * sizeof(uint32_t));
      upload(device_, device_->work, starts.get(), first.data(), first.size() * sizeof(uint32_t));
      device_->launch("means", mean_kernel, device_->grid(count_, 1), graph_threads, 0, device_->work, source,
                      starts.get(), count_, centroids_.get());
      if (sample.size() < sample_count) break;  // sums overflowed: what there is will do
      stop_.check();
    }
  }

  moult_device *device_;
  ScanSource rows_;
  uint64_t row_count_, place_count_;
  uint32_t count_;
  const float *centre_;
  Scan &scan_;
  const Stop &stop_;
  DeviceBuffer<float> centroids_;
};

}  // namespace moult
#endif
