import MoultCompute
import MoultModel
import MoultStorage

/// Which of the found points a search gives back: what every kind of search asks, whatever it compares.
struct SearchWindow: Sendable {
  var queryCount: Int
  /// Hits wanted per query; groups where there is a grouping.
  var limit: Int
  var offset: Int
  var filter: PointFilter?
  var range: SearchRange?
  var grouping: SearchGrouping?

  /// Hits of one query at most, before the answer is cut to size.
  private var hitsPerQuery: Int { min(Engine.limitMax, (limit + offset) * (grouping?.size ?? 1)) }

  /// Of all queries together.
  var hitCount: Int { queryCount * hitsPerQuery }

  /// - Throws: `invalidArgument`; `tooLarge` for more hits than one request has.
  func check() throws(MoultError) {
    guard (1...Engine.queryCountMax).contains(queryCount) else {
      throw MoultError(
        .invalidArgument, "a request takes 1 … \(Engine.queryCountMax) queries, got \(queryCount)")
    }
    guard limit >= 1, offset >= 0, limit <= Engine.limitMax, offset <= Engine.limitMax - limit else {
      throw MoultError(
        .invalidArgument,
        "limit must be at least 1, offset at least 0, and limit + offset at most \(Engine.limitMax); got limit "
          + "\(limit), offset \(offset)")
    }
    // Before it is multiplied with.
    if let size = grouping?.size, !SearchGrouping.sizeRange.contains(size) {
      throw MoultError(.invalidArgument, "a group takes \(SearchGrouping.sizeRange) hits, got \(size)")
    }
    guard hitCount <= Engine.hitCountMax else {
      throw MoultError(
        .tooLarge,
        "queries × (limit + offset) may be at most \(Engine.hitCountMax), got \(hitCount) hits. Send fewer queries "
          + "a request")
    }
    if let filter { try Engine.check(filter) }
    for bound in [range?.lower, range?.upper] {
      if let bound, !bound.score.isFinite {
        throw MoultError(.invalidArgument, "a bound of scores must be a finite number, got \(bound.score)")
      }
    }
  }

  /// The hits of each query, offset passed over.
  ///
  /// - Parameters:
  ///   - metric: of the scores.
  ///   - search: the nearest `count` of each query, best first.
  ///   - values: the grouping field's values of rows.
  func choose(
    metric: Metric, search: (_ count: Int) throws -> [[GlobalNeighbor]],
    values: (FieldPath, Set<Int64>) throws -> [Int64: PointFilter.Scalar]
  ) throws -> [[SearchDeepening.Chosen]] {
    if range == nil && grouping == nil {
      return try search(limit + offset).map { $0.dropFirst(offset).map { .init(neighbor: $0) } }
    }
    let deepening = SearchDeepening(
      range: range, metric: metric, wanted: limit + offset,
      countMax: min(Engine.limitMax, max(1, Engine.hitCountMax / queryCount)), grouping: grouping)
    return try deepening.run(search: search) { rows in
      try grouping.map { try values($0.field, rows) } ?? [:]
    }.map(withoutOffset)
  }

  /// Passes over the first hits, or the first groups.
  private func withoutOffset(_ hits: [SearchDeepening.Chosen]) -> [SearchDeepening.Chosen] {
    guard grouping != nil else { return Array(hits.dropFirst(offset)) }
    var passed = 0
    var place = hits.startIndex
    while place < hits.endIndex, passed < offset {
      let group = hits[place].value
      while place < hits.endIndex, hits[place].value == group { place += 1 }
      passed += 1
    }
    return Array(hits[place...])
  }
}
