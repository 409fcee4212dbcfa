import MoultCompute
import MoultModel

/// Tries a form on a sample of a collection's rows, in memory: what its codes would find, and how long that takes.
struct RecallPreview: Sendable {
  static let rowsMax = 10_000
  static let queriesMax = 200

  let snapshot: CollectionSnapshot
  let schema: CollectionSchema
  /// Of the collection.
  let identity: VectorEncoder
  let specification: EncodingSpecification
  let queries: GateQueries
  let k: Int
  /// Rows to learn from.
  let trainingRows: Int
  let parallel: ParallelFor

  struct Outcome: Sendable {
    var recall: SwitchPlan.Recall
    var trainSeconds: Double
    var encodeSecondsPerRow: Double
    /// Of exact search, for a query and a row.
    var exactSecondsPerPair: Double
  }

  /// Blocks for about a second, most of which learning takes.
  ///
  /// - Returns: `nil` for full precision, and where there is nothing to try it on.
  func run(seed: UInt64) throws -> Outcome? {
    let dimension = schema.dimension
    let queryCount = min(Self.queriesMax, queries.values.count / dimension)
    guard !specification.isIdentity, snapshot.liveCount > 0, queryCount > 0 else { return nil }
    let vectors = RowSample.vectors(of: snapshot, count: Self.rowsMax, dimension: dimension, seed: seed)
    let count = vectors.count / dimension
    let k = min(k, count)

    var start = ContinuousClock.now
    var training = RowSample.vectors(of: snapshot, count: trainingRows, dimension: dimension, seed: seed &+ 1)
    let encoder = try training.withUnsafeMutableBufferPointer {
      try VectorEncoder.train(
        specification: specification, dimension: dimension, metric: schema.metric,
        overwriting: $0.baseAddress!,
        sampleCount: $0.count / dimension, seed: seed)
    }
    let trainSeconds = start.secondsToNow
    training = []

    return vectors.withUnsafeBufferPointer { vectors in
      queries.values.withUnsafeBufferPointer { queries in
        start = ContinuousClock.now
        let truth = exact(vectors.baseAddress!, count, queries.baseAddress!, queryCount, k: k)
        let exactSeconds = start.secondsToNow
        start = ContinuousClock.now
        let buffer = CodeBuffer(encoder: encoder, capacity: count)
        EncodeLoop.encode(
          vectors.baseAddress!, count: count, with: encoder, into: buffer, at: 0, parallel: parallel)
        let encodeSeconds = start.secondsToNow
        let candidates = max(k, Int((Double(k) * specification.effectiveOversampling).rounded(.up)))
        let found = (0..<queryCount).map { query in
          FlatIndex.search(
            encoder: encoder, query: encoder.prepare(queries.baseAddress! + query * dimension),
            codes: buffer.view(count: count), live: .all, k: candidates
          ).map { Int64($0.row) }
        }
        // Of the candidates that are rescored exactly, those that belong to the nearest come first.
        let searched = zip(found, truth).map { found, truth in Array(Set(truth).intersection(found)) }
        return Outcome(
          recall: SwitchPlan.Recall(
            searched: Recall.estimate(found: searched, truth: truth, k: k),
            codesAlone: Recall.estimate(found: found.map { Array($0.prefix(k)) }, truth: truth, k: k),
            rows: count, querySource: self.queries.source),
          trainSeconds: trainSeconds, encodeSecondsPerRow: encodeSeconds / Double(count),
          exactSecondsPerPair: exactSeconds / Double(count * queryCount))
      }
    }
  }

  private func exact(
    _ vectors: UnsafePointer<Float>, _ count: Int, _ queries: UnsafePointer<Float>, _ queryCount: Int, k: Int
  ) -> [[Int64]] {
    let dimension = schema.dimension
    let buffer = CodeBuffer(encoder: identity, capacity: count)
    EncodeLoop.encode(vectors, count: count, with: identity, into: buffer, at: 0, parallel: parallel)
    return ExactSearch.search(
      queries: queries, queryCount: queryCount, dimension: dimension, metric: schema.metric,
      segments: [ExactSegment(codes: buffer.view(count: count))], k: k, parallel: parallel
    ).map { $0.map(\.row) }
  }
}
