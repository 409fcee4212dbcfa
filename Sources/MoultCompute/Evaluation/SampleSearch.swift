internal import MoultModel

/// Exact search among vectors in memory, for measuring what a transform does to recall.
enum SampleSearch {
  /// The `k` nearest rows of each query.
  ///
  /// - Parameters:
  ///   - queries: `queryCount × dimension`, finite.
  ///   - corpus: `count × dimension`, finite.
  ///   - excluded: per query a row that is left out: itself, where queries come from the corpus.
  /// - Complexity: O(queryCount · count · dimension) time, `count` norms of memory.
  static func nearest(
    queries: UnsafePointer<Float>, queryCount: Int, corpus: UnsafePointer<Float>, count: Int, dimension: Int,
    metric: Metric, k: Int, excluding excluded: [Int]? = nil, parallel: ParallelFor
  ) -> [[Int64]] {
    precondition(excluded == nil || excluded?.count == queryCount)
    guard queryCount > 0, count > 0 else { return Array(repeating: [], count: queryCount) }
    let inverseNorms = (0..<count).map {
      VectorNorm.inverse(fromSquared: VectorNorm.squared(corpus + $0 * dimension, dimension))
    }
    let hits = inverseNorms.withUnsafeBytes { side in
      ExactSearch.search(
        queries: queries, queryCount: queryCount, dimension: dimension, metric: metric,
        segments: [
          ExactSegment(
            codes: CodeView(
              rows: UnsafeRawPointer(corpus), rowStride: 4 * dimension, side: side.baseAddress,
              sideStride: 4, count: count))
        ],
        k: excluded == nil ? k : k + 1, parallel: parallel)
    }
    return hits.enumerated().map { query, hits in
      let own = excluded.map { Int64($0[query]) }
      return Array(hits.map(\.row).filter { $0 != own }.prefix(k))
    }
  }
}
