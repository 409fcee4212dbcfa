public import MoultModel

/// The rows that are most similar to several examples together: ``ExampleSearch``.
public enum ExampleScan {
  private static let blockRows = 256

  /// - Parameters:
  ///   - segments: of full-precision rows; their row ranges must not overlap.
  ///   - metric: of the rows, which say nothing else under `.manhattan`.
  /// - Returns: the `limit` best, best first; of equal scores the smaller row first. Rows whose score is no number are
  ///   left out.
  /// - Complexity: O(live rows · examples · dimension) time.
  public static func search(
    _ request: ExampleSearch, metric: Metric, segments: [ExactSegment], parallel: ParallelFor = .serial
  ) -> [GlobalNeighbor] {
    let dimension = request.dimension
    var examples = request.examples
    if metric == .cosine, request.similarity == .metric {
      examples.withUnsafeMutableBufferPointer { buffer in
        for first in stride(from: 0, to: buffer.count, by: dimension) {
          let example = buffer.baseAddress! + first
          VectorNorm.normalize(example, dimension, into: example)
        }
      }
    }
    let parts = ExactSearch.parts(of: segments)
    let tops = ResultSlots<ExactTop>(repeating: ExactTop(request.limit), count: parts.count)
    examples.withUnsafeBufferPointer { buffer in
      nonisolated(unsafe) let examples = buffer.baseAddress!
      parallel.run(parts.count) { index in
        tops[index] = scan(parts[index], of: segments, examples, request, metric)
      }
    }
    var best = ExactTop(request.limit)
    for top in tops.values { best.merge(top) }
    return best.neighbors()
  }

  private static func scan(
    _ part: ExactSearch.Part, of segments: [ExactSegment], _ examples: UnsafePointer<Float>,
    _ request: ExampleSearch, _ metric: Metric
  ) -> ExactTop {
    let segment = segments[part.segment]
    let exampleCount = request.examples.count / request.dimension
    var top = ExactTop(request.limit)
    var rows: [UInt32] = []
    rows.reserveCapacity(blockRows)
    // By example, then by row.
    withUnsafeTemporaryAllocation(of: Float.self, capacity: exampleCount * blockRows) { scores in
      let scores = scores.baseAddress!
      let end = part.first + part.count
      for first in stride(from: part.first, to: end, by: blockRows) {
        rows.removeAll(keepingCapacity: true)
        for row in first..<min(end, first + blockRows) where segment.live.contains(row) {
          rows.append(UInt32(row))
        }
        if rows.isEmpty { continue }
        for example in 0..<exampleCount {
          score(
            examples + example * request.dimension, rows, of: segment.codes, request, metric,
            into: scores + example * blockRows)
        }
        for (place, row) in rows.enumerated() {
          let score = request.combination.score(of: exampleCount) { scores[$0 * blockRows + place] }
          guard !score.isNaN, Double(score) >= top.threshold else { continue }
          top.offer(.init(score: Double(score), row: segment.firstRow + Int64(row)))
        }
      }
    }
    return top
  }

  private static func score(
    _ example: UnsafePointer<Float>, _ rows: [UInt32], of codes: CodeView, _ request: ExampleSearch,
    _ metric: Metric, into scores: UnsafeMutablePointer<Float>
  ) {
    switch request.similarity {
    case .metric:
      FloatScores.score(
        query: example, dimension: request.dimension, metric: metric, scaledByInverseNorm: true, codes: codes,
        first: 0, indices: rows, count: rows.count, into: scores)
    case .manhattan:
      for (place, row) in rows.enumerated() {
        let vector = (codes.rows + Int(row) * codes.rowStride).assumingMemoryBound(to: Float.self)
        scores[place] = -RowDistance.manhattan(example, vector, request.dimension)
      }
    }
  }
}

extension ExampleSearch.Combination {
  /// The score of a row whose similarity to each example `similarity` gives.
  func score(of count: Int, _ similarity: (Int) -> Float) -> Float {
    switch self {
    case .weighted(let weights):
      return (0..<count).reduce(0) { $0 + weights[$1] * similarity($1) }
    case .best(let positives):
      let positive = (0..<positives).reduce(-Float.infinity) { max($0, similarity($1)) }
      let negative = (positives..<count).reduce(-Float.infinity) { max($0, similarity($1)) }
      return positive > negative ? Self.scaled(positive) : -Self.scaled(negative)
    case .discovery:
      return stride(from: 1, to: count, by: 2).reduce(Self.scaled(similarity(0))) { score, pair in
        let (positive, negative) = (similarity(pair), similarity(pair + 1))
        return score + (positive > negative ? 1 : positive == negative ? 0 : -1)
      }
    case .context:
      return stride(from: 0, to: count, by: 2).reduce(0) { score, pair in
        score + Self.squashed(min(similarity(pair) - similarity(pair + 1) - Float.ulpOfOne, 0))
      }
    }
  }

  private static func squashed(_ x: Float) -> Float { x.isFinite ? x / (1 + abs(x)) : x }
  private static func scaled(_ x: Float) -> Float { 0.5 * (squashed(x) + 1) }
}
