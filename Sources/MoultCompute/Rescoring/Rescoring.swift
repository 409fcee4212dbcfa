public import MoultModel

/// Full-precision scores for candidates that codes have found.
public enum Rescoring {
  /// The candidates with the scores of `ExactSearch`, nearest first; of equal float64 scores the smaller row.
  ///
  /// - Parameters:
  ///   - query: `dimension` floats as the user gave them.
  ///   - originals: rows of the identity encoder: float32, with the inverse norm as side data; the
  ///     candidates' rows are rows of this view.
  public static func rescore(
    candidates: [Neighbor], query: UnsafePointer<Float>, originals: CodeView, dimension: Int, metric: Metric
  ) -> [Neighbor] {
    if candidates.isEmpty { return [] }
    let prepared = ExactQuery(query, dimension: dimension, metric: metric)
    return candidates.map { candidate in
      let row = originals.rows + Int(candidate.row) * originals.rowStride
      return ExactTop.Hit(score: prepared.score(row), row: Int64(candidate.row))
    }.sorted().map { Neighbor(row: UInt32($0.row), score: Float($0.score) + 0) }
  }
}
