public import MoultModel

/// Rescoring that stops as soon as no candidate is likely to do better (QUANTIZATION.md B8.1).
public enum BoundedRescoring {
  /// The `k` best candidates with the scores of `ExactSearch`, nearest first; of equal float64 scores the
  /// smaller row.
  ///
  /// Rescores in the order of upper bounds, of equal ones the smaller row first, until the next bound is below
  /// the k-th exact score. With a policy whose `z` is `nil` that is never: the result is that of full
  /// rescoring. What has been rescored is ordered by its exact score alone.
  ///
  /// - Parameters:
  ///   - query: `dimension` floats as the user gave them.
  ///   - original: where the float32 vector of a candidate's row is.
  /// - Returns: the hits, and how many candidates were rescored, at least min(k, candidates).
  /// - Complexity: O(n·log n) for n candidates, beside the scores.
  public static func rescore(
    _ candidates: [Candidate], policy: RescoringPolicy, k: Int, query: UnsafePointer<Float>, dimension: Int,
    metric: Metric, original: (Int64) -> UnsafeRawPointer
  ) -> (hits: [GlobalNeighbor], evaluations: Int) {
    let query = ExactQuery(query, dimension: dimension, metric: metric)
    return rescore(candidates, policy: policy, k: k) { query.score(original($0)) }
  }

  /// - Parameter score: the exact score of a row.
  static func rescore(
    _ candidates: [Candidate], policy: RescoringPolicy, k: Int, score: (Int64) -> Double
  ) -> (hits: [GlobalNeighbor], evaluations: Int) {
    precondition(k >= 0)
    guard k > 0 else { return ([], 0) }
    let bounds = candidates.map(policy.upperBound)
    let order = candidates.indices.sorted {
      bounds[$0] > bounds[$1] || (bounds[$0] == bounds[$1] && candidates[$0].row < candidates[$1].row)
    }
    var best = ExactTop(k)
    var evaluations = 0
    for index in order {
      if bounds[index] < best.threshold { break }
      let row = candidates[index].row
      best.offer(ExactTop.Hit(score: score(row), row: row))
      evaluations += 1
    }
    return (best.neighbors(), evaluations)
  }
}
