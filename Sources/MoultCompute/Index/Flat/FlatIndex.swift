/// Search by scoring every code: exact as far as the codes are.
public enum FlatIndex {
  /// Rows scored at a time; their scores stay in the first-level cache.
  private static let block = 512

  /// The `k` nearest live rows of `codes`, nearest first; of equal scores the smaller row.
  ///
  /// - Parameters:
  ///   - query: prepared by `encoder`.
  ///   - codes: written by `encoder`.
  /// - Returns: fewer than `k` when fewer rows are live.
  /// - Complexity: one pass over the codes; O(k) memory beside a block of scores.
  public static func search(
    encoder: VectorEncoder, query: PreparedQuery, codes: CodeView, live: LiveRows, k: Int
  ) -> [Neighbor] {
    var best = TopK(k)
    search(encoder: encoder, query: query, codes: codes, live: live, firstRow: 0, into: &best)
    return best.sorted()
  }

  /// Offers the rows of `codes` to `best` under the names `firstRow ..< firstRow + codes.count`; `live` is
  /// asked by those names.
  ///
  /// With it a large segment can be searched in parts, by several threads with a `TopK` each.
  public static func search(
    encoder: VectorEncoder, query: PreparedQuery, codes: CodeView, live: LiveRows, firstRow: Int,
    into best: inout TopK
  ) {
    withUnsafeTemporaryAllocation(of: Float.self, capacity: block) { buffer in
      let scores = buffer.baseAddress!
      var first = 0
      while first < codes.count {
        let count = min(block, codes.count - first)
        encoder.score(query, codes, first: first, count: count, into: scores)
        best.offer(scores: scores, count: count, firstRow: firstRow + first, live: live)
        first += count
      }
    }
  }
}
