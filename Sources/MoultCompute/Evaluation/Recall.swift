public import MoultModel

/// Mean difference of recall, new − old, on the same queries, with its 95 % confidence interval.
public struct RecallDifference: Codable, Sendable, Equatable {
  public var mean: Double
  public var lower: Double
  public var upper: Double
  public var queryCount: Int

  public init(mean: Double, lower: Double, upper: Double, queryCount: Int) {
    self.mean = mean
    self.lower = lower
    self.upper = upper
    self.queryCount = queryCount
  }
}

/// Recall and what may be concluded from a sample of it (QUANTIZATION.md B8.4).
public enum Recall {
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
    precondition(found.count == truth.count && k > 0)
    return estimate(
      zip(found, truth).filter { !$1.isEmpty }.map { hits(found: $0, truth: $1, k: k) }, k: k)
  }

  /// The same of counts: true neighbours that were found, of those that there are (at least one), a query.
  static func estimate(_ counts: [(hits: Int, wanted: Int)], k: Int) -> MeasuredRecall {
    var recalls: [Double] = []
    var trials = 0
    var misses = 0
    for (hits, wanted) in counts {
      recalls.append(Double(hits) / Double(wanted))
      trials += wanted
      misses += wanted - hits
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
    precondition(new.count == truth.count && old.count == truth.count)
    let k = k ?? truth.map(\.count).max() ?? 0
    var differences: [Double] = []
    if k > 0 {
      for i in truth.indices where !truth[i].isEmpty {
        let (newHits, wanted) = hits(found: new[i], truth: truth[i], k: k)
        let (oldHits, _) = hits(found: old[i], truth: truth[i], k: k)
        differences.append(Double(newHits - oldHits) / Double(wanted))
      }
    }
    let n = Double(differences.count)
    guard n > 0 else { return RecallDifference(mean: 0, lower: -1, upper: 1, queryCount: 0) }
    let mean = differences.reduce(0, +) / n
    let squares = differences.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
    let variance = (squares + 2 / Double(k * k)) / (n + 1)
    let t = StudentT.quantile975(degreesOfFreedom: differences.count - 1)
    let half = t * (variance / n).squareRoot()
    return RecallDifference(
      mean: mean, lower: max(-1, mean - half), upper: min(1, mean + half), queryCount: differences.count)
  }

  private static func hits(found: [Int64], truth: [Int64], k: Int) -> (hits: Int, wanted: Int) {
    let wanted = Set(truth.prefix(k))
    return (wanted.intersection(found.prefix(k)).count, wanted.count)
  }

  /// Wilson's interval: centre (p + z²/2n)/(1 + z²/n), half-width z·√(p(1 − p)/n + z²/4n²)/(1 + z²/n).
  static func wilson(_ p: Double, trials n: Double, z: Double) -> ClosedRange<Double> {
    let scale = 1 + z * z / n
    let centre = (p + z * z / (2 * n)) / scale
    let half = z * (p * (1 - p) / n + z * z / (4 * n * n)).squareRoot() / scale
    return max(0, min(p, centre - half))...min(1, max(p, centre + half))
  }
}

/// Student's t distribution.
enum StudentT {
  /// The 97.5 % quantile: a table up to 10 degrees of freedom, then Fisher and Cornish's expansion around
  /// the normal quantile (error below 2·10⁻⁴).
  static func quantile975(degreesOfFreedom: Int) -> Double {
    let table = [12.706, 12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228]
    if degreesOfFreedom < table.count { return table[max(0, degreesOfFreedom)] }
    let z = 1.959964
    let v = Double(degreesOfFreedom)
    let z3 = z * z * z
    let z5 = z3 * z * z
    let z7 = z5 * z * z
    return z + (z3 + z) / (4 * v) + (5 * z5 + 16 * z3 + 3 * z) / (96 * v * v)
      + (3 * z7 + 19 * z5 + 17 * z3 - 15 * z) / (384 * v * v * v)
  }
}
