internal import Foundation
public import MoultModel

/// How well answers that come in an order hold what is known to be right.
public enum RankedRetrieval {
  /// Share of the right answers among the first `k`, of those that fit in: at most `k`.
  ///
  /// - Parameter relevant: at least one.
  public static func recall<ID: Hashable>(found: [ID], relevant: Set<ID>, k: Int) -> Double {
    precondition(!relevant.isEmpty && k > 0)
    return Double(relevant.intersection(found.prefix(k)).count) / Double(min(k, relevant.count))
  }

  /// Normalized discounted cumulative gain of the first `k`, with a gain of 1 for each right answer (Järvelin and
  /// Kekäläinen, 2002): Σ 1/log₂(rank + 1) over the ranks, from 1, of right answers, by the same sum of the best order.
  ///
  /// - Parameters:
  ///   - found: best first, each once.
  ///   - relevant: at least one.
  /// - Returns: 0 … 1.
  public static func ndcg<ID: Hashable>(found: [ID], relevant: Set<ID>, k: Int) -> Double {
    precondition(!relevant.isEmpty && k > 0)
    func discount(_ rank: Int) -> Double { 1 / log2(Double(rank + 1)) }
    var gain = 0.0
    for (place, id) in found.prefix(k).enumerated() where relevant.contains(id) {
      gain += discount(place + 1)
    }
    let best = (1...min(k, relevant.count)).reduce(0.0) { $0 + discount($1) }
    return gain / best
  }

  /// The mean of differences over the same queries, with the 95 % interval of the percentile bootstrap (Efron 1979;
  /// over queries as Sakai 2006): means of so many seeded samples with replacement, the 2.5 and 97.5 % ones.
  ///
  /// - Parameter differences: new less old, one a query.
  /// - Returns: −1 … 1 as the interval without queries.
  /// - Complexity: O(samples · queries).
  public static func bootstrap(
    _ differences: [Double], samples: Int = 2_000, seed: UInt64
  ) -> RecallDifference {
    precondition(samples >= 40)
    guard !differences.isEmpty else { return RecallDifference(mean: 0, lower: -1, upper: 1, queryCount: 0) }
    var random = SplitMix64(seed: seed)
    let count = Double(differences.count)
    let means = (0..<samples).map { _ in
      differences.indices.reduce(0.0) { sum, _ in sum + differences.randomElement(using: &random)! } / count
    }.sorted()
    return RecallDifference(
      mean: differences.reduce(0, +) / count, lower: means[samples / 40],
      upper: means[samples - 1 - samples / 40], queryCount: differences.count)
  }
}
