public import MoultModel

/// Sparse vectors by their similarities to several examples together.
public enum SparseExamples {
  /// - Parameters:
  ///   - rows: all of them; one that shares no index with an example has the similarity 0 to it.
  ///   - live: rows to look at, by row number.
  /// - Returns: the `limit` best, best first; of equal scores the smaller row first.
  /// - Complexity: O(entries of all rows · examples).
  public static func search(
    _ examples: [SparseVector], _ combination: ExampleSearch.Combination, rows: [SparseVector],
    live: LiveRows = .all, limit: Int
  ) -> [Neighbor] {
    var top = ExactTop(limit)
    for row in rows.indices where live.contains(row) {
      let similarities = examples.map { $0.dot(rows[row]) }
      let score = combination.score(of: similarities.count) { similarities[$0] }
      if !score.isNaN { top.offer(.init(score: Double(score), row: Int64(row))) }
    }
    return top.neighbors().map { Neighbor(row: UInt32($0.row), score: $0.score) }
  }
}
