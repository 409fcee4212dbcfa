public import MoultModel

/// Full-precision scores for candidates that codes have found.
public enum Rescoring {
  /// The candidates with their exact scores, nearest first; of equal scores the smaller row.
  ///
  /// - Parameters:
  ///   - query: `dimension` floats as the user gave them.
  ///   - originals: rows of the identity encoder: float32, with the inverse norm as side data; the
  ///     candidates' rows are rows of this view.
  public static func rescore(
    candidates: [Neighbor], query: UnsafePointer<Float>, originals: CodeView, dimension: Int, metric: Metric
  ) -> [Neighbor] {
    if candidates.isEmpty { return [] }
    let encoder = VectorEncoder.identity(dimension: dimension, metric: metric)
    let prepared = encoder.prepare(query)
    let rows = candidates.map(\.row)
    var scores = [Float](repeating: 0, count: rows.count)
    encoder.score(prepared, originals, indices: rows, count: rows.count, into: &scores)
    return zip(rows, scores).map { Neighbor(row: $0, score: $1 + 0) }.sorted()
  }
}
