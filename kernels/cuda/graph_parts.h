// Rows in batches, each of which fits the device's memory, so that rows that are near each other meet in one of them.
//
// Rows are put into many clusters, clusters that share rows into one batch. A row is in every batch that has one of its
// `nearest_max` nearest clusters: once where these are together, up to `nearest_max` times at the edges of batches. Of
// 15,000 of WordNet's embeddings (two models) and their 64 nearest neighbours, by what a batch has room for:
//
//   room of a batch            2/5 of the rows     1/6            1/16
//   neighbours that meet       0.988 … 0.992       0.971 … 0.980  0.950 … 0.959
//   batches a row is in        2.1 … 2.2           3.3            4.6 … 4.8
//
// Of Gaussian noise in 32 dimensions, which has no clusters, 0.90 meet at 1/6 and 0.78 at 1/16.
//
// All of it is done on the host, by numbers alone, and depends on nothing else. It takes up to 76 bytes a row.
#ifndef MOULT_DEVICE_GRAPH_PARTS_H
#define MOULT_DEVICE_GRAPH_PARTS_H

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

namespace moult {

class Batches {
 public:
  /// Clusters that a row is offered to.
  static constexpr uint32_t nearest_max = 6;
  /// Clusters in a batch, so that it is put together of small pieces, and in all: their pairs are counted, 16 MiB.
  static constexpr uint64_t clusters_per_batch = 64, clusters_max = 2048;
  /// Rows of a cluster.
  static constexpr uint64_t rows_per_cluster = 64;

  /// For so many rows in batches of at most `room`.
  static uint32_t cluster_count(uint64_t row_count, uint64_t room) {
    const uint64_t wanted = clusters_per_batch * ((row_count + room - 1) / room);
    return uint32_t(std::max<uint64_t>(2, std::min({wanted, clusters_max, row_count / rows_per_cluster, room / 8})));
  }

  /// - nearest: `nearest_max` clusters of each row, its own first, `cluster_count` where there are fewer.
  /// - room: rows of a batch.
  /// - least: rows that a batch has at least, at most room / 2; others are added where it has fewer.
  Batches(std::vector<uint32_t> nearest, uint32_t cluster_count, uint64_t room, uint64_t least, const Stop &stop)
      : nearest_(std::move(nearest)), row_count_(nearest_.size() / nearest_max), cluster_count_(cluster_count),
        room_(room), least_(least), stop_(stop), stamps_(row_count_, 0) {
    settle();
    collect();
    count_shared();
    for (uint32_t first = largest_left(); first < cluster_count_; first = largest_left()) {
      stop_.check();
      if (size(first) > room_) cut(first);
      else grow(first);
    }
  }

  /// Rows of each batch, ascending.
  std::vector<std::vector<uint32_t>> rows;

 private:
  /// Whether the caller wants no more, now and then.
  void ask(uint64_t row) const {
    if (row % (1 << 20) == 0) stop_.check();
  }
  uint64_t size(uint32_t cluster) const { return starts_[cluster + 1] - starts_[cluster]; }

  /// Leaves out what says nothing: a cluster named twice, and those that are no row's own, where nobody's neighbours
  /// are. A row that has no own cluster, because sums overflowed, is put into the first one.
  void settle() {
    own_counts_.assign(cluster_count_, 0);
    for (uint64_t row = 0; row < row_count_; row++) {
      ask(row);
      uint32_t &own = nearest_[row * nearest_max];
      if (own >= cluster_count_) own = 0;
      own_counts_[own]++;
    }
    for (uint64_t row = 0; row < row_count_; row++) {
      ask(row);
      uint32_t *const clusters = &nearest_[row * nearest_max];
      for (uint32_t i = 1; i < nearest_max; i++) {
        const bool is_named = std::find(clusters, clusters + i, clusters[i]) != clusters + i;
        if (clusters[i] < cluster_count_ && (is_named || own_counts_[clusters[i]] == 0)) clusters[i] = cluster_count_;
      }
    }
  }

  /// Rows by cluster, in order.
  void collect() {
    starts_.assign(cluster_count_ + 1, 0);
    for (uint32_t cluster : nearest_) {
      if (cluster < cluster_count_) starts_[cluster + 1]++;
    }
    for (uint32_t c = 0; c < cluster_count_; c++) starts_[c + 1] += starts_[c];
    std::vector<uint64_t> next(starts_.begin(), starts_.end() - 1);
    members_.resize(starts_.back());
    for (uint64_t i = 0; i < nearest_.size(); i++) {
      ask(i);
      if (nearest_[i] < cluster_count_) members_[next[nearest_[i]]++] = uint32_t(i / nearest_max);
    }
  }

  void count_shared() {
    shared_.assign(uint64_t(cluster_count_) * cluster_count_, 0);
    for (uint64_t row = 0; row < row_count_; row++) {
      ask(row);
      const uint32_t *const clusters = &nearest_[row * nearest_max];
      for (uint32_t i = 0; i < nearest_max; i++) {
        for (uint32_t j = 0; j < nearest_max; j++) {
          if (i == j || clusters[i] >= cluster_count_ || clusters[j] >= cluster_count_) continue;
          shared_[uint64_t(clusters[i]) * cluster_count_ + clusters[j]]++;
        }
      }
    }
    is_done_.assign(cluster_count_, false);
  }

  /// The number of clusters where all that have rows are done.
  uint32_t largest_left() const {
    uint32_t largest = cluster_count_;
    for (uint32_t c = 0; c < cluster_count_; c++) {
      if (is_done_[c] || size(c) == 0) continue;
      if (largest == cluster_count_ || size(c) > size(largest)) largest = c;
    }
    return largest;
  }

  /// A batch of a cluster and those that share most with what there is already, by their size, as long as they fit.
  void grow(uint32_t first) {
    begin();
    std::vector<uint64_t> affinity(cluster_count_, 0);
    const auto share = [&](uint32_t cluster) { return double(affinity[cluster]) / double(size(cluster)); };
    std::vector<bool> is_refused = is_done_;
    for (uint32_t next = first; next < cluster_count_;) {
      // With those that a cluster shares with several counted for each, so many of it are new at least.
      const uint64_t fresh_least = size(next) - std::min(size(next), affinity[next]);
      is_refused[next] = true;
      if (batch_.size() + fresh_least <= room_ && batch_.size() + count_fresh(next) <= room_) {
        add(members_.begin() + int64_t(starts_[next]), members_.begin() + int64_t(starts_[next + 1]));
        is_done_[next] = true;
        const uint32_t *const shared = &shared_[uint64_t(next) * cluster_count_];
        for (uint32_t c = 0; c < cluster_count_; c++) affinity[c] += shared[c];
      }
      next = cluster_count_;
      for (uint32_t c = 0; c < cluster_count_; c++) {
        if (is_refused[c] || size(c) == 0) continue;
        if (next == cluster_count_ || share(c) > share(next)) next = c;
      }
    }
    finish();
  }

  /// Batches of one cluster that does not fit. Where its own rows do, they are in each with a part of the others, the
  /// visitors; else all are cut.
  void cut(uint32_t cluster) {
    is_done_[cluster] = true;
    std::vector<uint32_t> own, others;
    for (uint64_t i = starts_[cluster]; i < starts_[cluster + 1]; i++) {
      const uint32_t row = members_[i];
      const bool is_own = nearest_[uint64_t(row) * nearest_max] == cluster && own_counts_[cluster] <= room_ / 2;
      (is_own ? own : others).push_back(row);
    }
    const uint64_t room = room_ - own.size(), parts = (others.size() + room - 1) / room;
    for (uint64_t part = 0; part < parts; part++) {
      begin();
      add(own.begin(), own.end());
      add(others.begin() + int64_t(others.size() * part / parts),
          others.begin() + int64_t(others.size() * (part + 1) / parts));
      finish();
    }
  }

  void begin() {
    batch_.clear();
    stamp_++;
  }
  bool is_in(uint32_t row) const { return stamps_[row] == stamp_; }
  uint64_t count_fresh(uint32_t cluster) const {
    uint64_t count = 0;
    for (uint64_t i = starts_[cluster]; i < starts_[cluster + 1]; i++) count += is_in(members_[i]) ? 0 : 1;
    return count;
  }
  void add(uint32_t row) {
    if (is_in(row)) return;
    stamps_[row] = stamp_;
    batch_.push_back(row);
  }
  template <typename Iterator>
  void add(Iterator first, Iterator end) {
    for (; first != end; ++first) add(*first);
  }
  void finish() {
    const uint64_t step = std::max<uint64_t>(1, row_count_ / least_);
    for (uint64_t first = 0; first < step && batch_.size() < least_; first++) {
      for (uint64_t row = first; row < row_count_ && batch_.size() < least_; row += step) add(uint32_t(row));
    }
    std::sort(batch_.begin(), batch_.end());
    rows.push_back(batch_);
  }

  std::vector<uint32_t> nearest_;
  uint64_t row_count_;
  uint32_t cluster_count_;
  uint64_t room_, least_;
  const Stop &stop_;
  std::vector<uint64_t> own_counts_, starts_;
  std::vector<uint32_t> members_;
  /// Rows that two clusters have in common.
  std::vector<uint32_t> shared_;
  std::vector<bool> is_done_;
  /// The batch that a row was put into last.
  std::vector<uint32_t> stamps_;
  uint32_t stamp_ = 0;
  std::vector<uint32_t> batch_;
};

}  // namespace moult
#endif
