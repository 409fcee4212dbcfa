public import MoultModel

/// Recall and what may be concluded from a sample of it (QUANTIZATION.md B8.4).
public enum Recall {
  /// One number pair a query, in order.
  ///
  /// - Parameters:
  ///   - found: per query the rows that were found; only the first `k` count.
  ///   - truth: per query the true neighbours, nearest first; only the first `k` count.
  public static func perQuery(found: [[Int64]], truth: [[Int64]], k: Int) -> [QueryRecall] {
    precondition(found.count == truth.count)
    return zip(found, truth).map { found, truth in
      let wanted = Set(truth.prefix(k))
      return QueryRecall(hits: wanted.intersection(found.prefix(k)).count, wanted: wanted.count)
    }
  }

  /// Part of the true neighbours that was found, per query, averaged.
  ///
  /// The interval is Wilson's with the effective number of trials `n·k/deff`. The design effect `deff`
  /// comes from the variance between queries, because hits of one query are not independent. Few misses
  /// say little about it, so they are counted together with ten misses at the usual value of 3; therefore
  /// a sample without a miss still has a lower end below 1.
  ///
  /// - Parameters:
  ///   - found: per query the rows that were found; only the first `k` count.
  ///   - truth: per query the true neighbours, nearest first; only the first `k` count. A query whose
  ///     truth is empty is left out; one with fewer than `k` is measured against those.
  /// - Returns: 0 … 1 as the interval when no query counts.
  public static func estimate(found: [[Int64]], truth: [[Int64]], k: Int) -> MeasuredRecall {
    precondition(k > 0)
    return estimate(perQuery(found: found, truth: truth, k: k), k: k)
  }

  /// The same of queries that were compared already.
  public static func estimate(_ queries: [QueryRecall], k: Int) -> MeasuredRecall {
    var recalls: [Double] = []
    var trials = 0
    var misses = 0
    for query in queries where query.wanted > 0 {
      recalls.append(Double(query.hits) / Double(query.wanted))
      trials += query.wanted
      misses += query.wanted - query.hits
    }
    let n = recalls.count
    guard n > 0 else { return MeasuredRecall(mean: 0, lower: 0, upper: 1, queryCount: 0, k: k) }
    let mean = recalls.reduce(0, +) / Double(n)
    let perQuery = Double(trials) / Double(n)
    let usual = min(3, perQuery)
    var effect = usual
    if n > 1 && mean > 0 && mean < 1 {
      let variance = recalls.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(n - 1)
      let measured = min(perQuery, max(1, variance * perQuery / (mean * (1 - mean))))
      let weight = Double(min(misses, trials - misses))
      effect = (weight * measured + 10 * usual) / (weight + 10)
    }
    let interval = wilson(
      mean, trials: Double(trials) / effect, z: StudentT.quantile975(degreesOfFreedom: n - 1))
    return MeasuredRecall(
      mean: mean, lower: interval.lowerBound, upper: interval.upperBound, queryCount: n, k: k)
  }

  /// The lower end of the interval of so many queries when all their neighbours are found.
  static func lowerWithoutMiss(queryCount: Int, k: Int) -> Double {
    let trials = Double(queryCount * k) / min(3, Double(k))
    return wilson(1, trials: trials, z: StudentT.quantile975(degreesOfFreedom: queryCount - 1)).lowerBound
  }

  /// Mean of recall(new) − recall(old) over the same queries, with Student's t interval. Two pseudo-queries,
  /// one with a neighbour gained and one with a neighbour lost, keep the interval open when all queries
  /// agree.
  ///
  /// - Parameter k: neighbours per query; `nil` takes the longest truth.
  public static func pairedDifference(
    new: [[Int64]], old: [[Int64]], truth: [[Int64]], k: Int? = nil
  ) -> RecallDifference {
    let k = k ?? truth.map(\.count).max() ?? 0
    return pairedDifference(
      new: perQuery(found: new, truth: truth, k: k), old: perQuery(found: old, truth: truth, k: k), k: k)
  }

  /// The same of queries that were compared already; the two may have been searched in different collections.
  public static func pairedDifference(new: [QueryRecall], old: [QueryRecall], k: Int) -> RecallDifference {
    precondition(new.count == old.count)
    let differences = zip(new, old).compactMap { new, old -> Double? in
      guard new.wanted > 0, old.wanted > 0 else { return nil }
      return Double(new.hits) / Double(new.wanted) - Double(old.hits) / Double(old.wanted)
    }
    let n = Double(differences.count)
    guard n > 0 else { return RecallDifference(mean: 0, lower: -1, upper: 1, queryCount: 0) }
    let mean = differences.reduce(0, +) / n
    let squares = differences.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
    let variance = (squares + 2 / Double(max(1, k * k))) / (n + 1)
    let t = StudentT.quantile975(degreesOfFreedom: differences.count - 1)
    let half = t * (variance / n).squareRoot()
    return RecallDifference(
      mean: mean, lower: max(-1, mean - half), upper: min(1, mean + half), queryCount: differences.count)
  }

  /// Wilson's interval: centre (p + z²/2n)/(1 + z²/n), half-width z·√(p(1 − p)/n + z²/4n²)/(1 + z²/n).
  static func wilson(_ p: Double, trials n: Double, z: Double) -> ClosedRange<Double> {
    let scale = 1 + z * z / n
    let centre = (p + z * z / (2 * n)) / scale
    let half = z * (p * (1 - p) / n + z * z / (4 * n * n)).squareRoot() / scale
    return max(0, min(p, centre - half))...min(1, max(p, centre + half))
  }
}
