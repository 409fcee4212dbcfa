import MoultCompute
import MoultModel

/// Searches that cannot know beforehand how many neighbours they need: those with a range of scores or with
/// groups. The number is doubled until every query has what it wants, or there is no more.
struct SearchDeepening: Sendable {
  let range: SearchRange?
  let metric: Metric
  /// Hits wanted a query, or groups where there is a grouping.
  let wanted: Int
  /// Neighbours a query at most.
  let countMax: Int
  let grouping: SearchGrouping?

  /// A neighbour in the answer.
  struct Chosen: Sendable {
    var neighbor: GlobalNeighbor
    /// Of its group.
    var value: PointFilter.Scalar?
  }

  /// - Parameters:
  ///   - search: the nearest `count` of each query, best first.
  ///   - values: the grouping field's values of rows; rows without one are left out.
  /// - Returns: of each query at most `wanted` hits, or the hits of at most `wanted` groups, best group first.
  func run(
    search: (_ count: Int) throws -> [[GlobalNeighbor]],
    values: (Set<Int64>) throws -> [Int64: PointFilter.Scalar]
  ) rethrows -> [[Chosen]] {
    var count = min(countMax, wanted * (grouping.map { 2 * $0.size } ?? 1))
    while true {
      let found = try search(count)
      let known = grouping == nil ? [:] : try values(Set(found.joined().map(\.row)))
      let chosen = found.map { choose($0, values: known) }
      // A query whose neighbours end early, or are too far already, has seen all there is for it.
      let isDone = zip(found, chosen).allSatisfy { neighbors, chosen in
        chosen.isEnough || neighbors.count < count
          || neighbors.last.map { !isNearEnough($0) } ?? true
      }
      if isDone || count >= countMax { return chosen.map(\.hits) }
      count = min(countMax, 2 * count)
    }
  }

  private func choose(
    _ neighbors: [GlobalNeighbor], values: [Int64: PointFilter.Scalar]
  ) -> (hits: [Chosen], isEnough: Bool) {
    let inRange = neighbors.lazy.filter { isNearEnough($0) && isFarEnough($0) }
    guard let grouping else {
      let hits = Array(inRange.prefix(wanted).map { Chosen(neighbor: $0) })
      return (hits, hits.count == wanted)
    }
    var order: [PointFilter.Scalar] = []
    var groups: [PointFilter.Scalar: [Chosen]] = [:]
    for neighbor in inRange {
      guard let value = values[neighbor.row] else { continue }
      if groups[value] == nil {
        guard order.count < wanted else { continue }
        order.append(value)
      }
      if groups[value, default: []].count < grouping.size {
        groups[value, default: []].append(Chosen(neighbor: neighbor, value: value))
      }
    }
    let hits = order.flatMap { groups[$0]! }
    return (hits, hits.count == wanted * grouping.size)
  }

  private func isNearEnough(_ neighbor: GlobalNeighbor) -> Bool {
    range?.isNearEnough(metric.ownScore(neighbor.score), metric: metric) ?? true
  }

  private func isFarEnough(_ neighbor: GlobalNeighbor) -> Bool {
    range?.isFarEnough(metric.ownScore(neighbor.score), metric: metric) ?? true
  }
}

extension Metric {
  /// The metric's own score of one where higher is always nearer. Estimates of codes may fall a little below a
  /// distance of zero.
  func ownScore(_ score: Float) -> Float { higherIsNearer ? score : max(0, 0 - score) }
}
