extension FlatIndex {
  /// How many standard deviations of the coordinates of its tail a row may be short after its head and still
  /// be looked at, where codes have a tail.
  ///
  /// Near neighbours are near in the tail as well, so their tails add far more than a random row's. On MiniLM,
  /// mpnet and bge at 4 bits 6.5 costs 0.0003, 0.0016 and 0.0004 of recall@10 against 8, which takes up to a
  /// third longer.
  public static let tailDeviations: Float = 6.5

  /// The `k` nearest live rows for each of a batch of queries, nearest first; of equal scores the smaller row
  /// (scores that differ only in the last bits of what is added to all of them may count as equal or not).
  ///
  /// Scores are those of `VectorEncoder.score` but for the query's rounding to 8 bits.
  ///
  /// - Parameters:
  ///   - queries: `queryCount × encoder.dimension`, finite.
  ///   - tailDeviations: see the static member.
  /// - Complexity: O(queryCount · rows · code dimension); each running body takes a copy of the batch's bars,
  ///   room for the hits of a call (64 rows a query, up to 1,024 for a few queries) and O(k) a query.
  public static func search(
    queries: UnsafePointer<Float>, queryCount: Int, codes: BlockCodes, live: LiveRows = .all, k: Int,
    tailDeviations: Float = tailDeviations, parallel: ParallelFor = .serial
  ) -> [[Neighbor]] {
    guard let prepared = BlockQueries(encoder: codes.encoder, queries: queries, count: queryCount) else {
      preconditionFailure("there are no blocks of codes that are not made of levels")
    }
    return search(
      prepared, codes: codes, live: live, k: k, tailDeviations: tailDeviations, parallel: parallel)
  }

  /// The same for queries that are prepared already, as where several segments share an encoder.
  public static func search(
    _ queries: BlockQueries, codes: BlockCodes, live: LiveRows = .all, k: Int,
    tailDeviations: Float = tailDeviations, parallel: ParallelFor = .serial
  ) -> [[Neighbor]] {
    precondition(k >= 0)
    var results: [[Neighbor]] = []
    for first in stride(from: 0, to: queries.count, by: ScanBatch.queryMax) {
      let chunk = Array(queries.queries[first..<min(queries.count, first + ScanBatch.queryMax)])
      let found: [TopK]
      if let sketches = codes.sketches {
        let queries = SketchQueries(chunk, sketches: sketches, tailDeviations: tailDeviations)
        found = SketchBatch(queries: queries, sketches: sketches, live: live, k: k).search(parallel: parallel)
      } else {
        found = ScanBatch(
          queries: ScanQueries(
            chunk, blocks: codes.blocks, tailDeviations: tailDeviations, levelNormMax: codes.levelNormMax),
          blocks: codes.blocks, live: live, k: k
        ).search(parallel: parallel)
      }
      results += zip(chunk, found).map { $0.neighbors($1, metric: codes.encoder.metric) }
    }
    return results
  }
}
