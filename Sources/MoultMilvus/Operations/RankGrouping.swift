internal import MoultModel

/// How hits of a hybrid search are put into groups of the same value.
struct RankGrouping: Equatable {
  /// What the score of a group is.
  enum Scorer: String, CaseIterable {
    case max, sum
    case average = "avg"
  }

  var field: String
  var size = 1
  /// Whether groups with fewer hits are left out.
  var isStrict = false
  var scorer = Scorer.max

  /// - Throws: 1100 for a size that groups cannot have.
  func check() throws(MilvusError) {
    // Before anything is multiplied with it.
    guard SearchGrouping.sizeRange.contains(size) else {
      throw .invalidParameter(
        "group_size [\(size)] is invalid, it should be in range \(SearchGrouping.sizeRange)")
    }
  }

  private struct Group {
    var hits: [HybridRanker.Ranked] = []
    var score: Float = 0
  }

  /// Groups by score; of equal scores the larger first, then that with the smaller first id.
  ///
  /// - Parameter ranked: best first.
  /// - Returns: the hits of `limit` groups behind `offset` others, each group's best first.
  func grouped(_ ranked: [HybridRanker.Ranked], limit: Int, offset: Int) -> [HybridRanker.Ranked] {
    var places: [PointFilter.Scalar: Int] = [:]
    var groups: [Group] = []
    // With higher scores first, whatever the metric.
    for hit in ranked.sorted(by: { ($1.score, $0.hit.id) < ($0.score, $1.hit.id) }) {
      let value = hit.hit.group ?? .null
      let place = places[value] ?? groups.count
      if place == groups.count {
        places[value] = place
        groups.append(Group())
      }
      if groups[place].hits.count < size { groups[place].hits.append(hit) }
    }
    for place in groups.indices {
      let scores = groups[place].hits.map(\.score)
      switch scorer {
      case .max: groups[place].score = scores.max() ?? 0
      case .sum: groups[place].score = scores.reduce(0, +)
      case .average: groups[place].score = scores.reduce(0, +) / Float(scores.count)
      }
    }
    groups.sort { left, right in
      if left.score != right.score { return left.score > right.score }
      if left.hits.count != right.hits.count { return left.hits.count > right.hits.count }
      return left.hits[0].hit.id < right.hits[0].hit.id
    }
    return groups.dropFirst(offset).prefix(limit).filter { !isStrict || $0.hits.count == size }
      .flatMap(\.hits)
  }
}
