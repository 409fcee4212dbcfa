public import MoultModel

/// Turns a target of recall into a `RescoringPolicy`, from sample queries whose true neighbours are known
/// (QUANTIZATION.md B8.1).
///
/// A true neighbour with estimate s and error e, of a query whose k-th exact score is T, is rescored if it is
/// among the candidates and `s + z·e ≥ T`: rescoring stops at the first bound below the k-th exact score so
/// far, and that is never above T. So it needs `z ≥ (T − s)/e` and a rank (by estimates) within the
/// candidates. Both numbers are chosen as in conformal prediction, from the order of what sample queries
/// needed, with nothing assumed about how errors are distributed:
///
/// - `z` is the least from which on the share of neighbours that it reaches is shown to exceed the target,
///   by a tenth of what is left to 1;
/// - `candidates` is the least from which on the share that both reach is shown to reach the target.
///
/// "Shown" means that the lower end of the share's 95 % interval (`Recall.estimate`, where hits of one query
/// count as correlated) is there. **Guarantee**: if queries to come are exchangeable with the sample (drawn
/// from the same source, none chosen for being in the sample) and the rows are those of the calibration, the
/// expected recall@k of searches is at least the target, but for 1 sample in 40 as far as the interval goes;
/// it is an approximation, and where a few hard queries cause most misses 1 sample in 16 was seen to fall
/// short by a little. It is a mean over queries, not a promise for each. New rows like the old ones, and other codes of the same encoder, hardly
/// change it; queries from elsewhere (perturbed documents for questions) do: calibrate on real ones.
public struct RescoringCalibration: Sendable {
  /// What one sample query needed.
  public struct Query: Sendable {
    /// A true neighbour: its exact score, and where it came among the candidates, if it did.
    struct Neighbour: Sendable {
      var exact: Float
      /// 0 for the best estimate.
      var rank: Int?
    }

    /// k-th exact score, or that of the last row where there are fewer.
    let threshold: Double
    let neighbours: [Neighbour]
    let candidates: [Candidate]

    /// - Parameters:
    ///   - truth: the true neighbours with their exact scores, nearest first, at least one.
    ///   - candidates: best estimate first, as the index finds them, more than any policy will fetch.
    public init(truth: [GlobalNeighbor], candidates: [Candidate]) {
      precondition(!truth.isEmpty)
      threshold = Double(truth[truth.count - 1].score)
      let wanted = Set(truth.map(\.row))
      var ranks: [Int64: Int] = [:]
      for (rank, candidate) in candidates.enumerated() where wanted.contains(candidate.row) {
        ranks[candidate.row] = rank
      }
      neighbours = truth.map { Neighbour(exact: $0.score, rank: ranks[$0.row]) }
      self.candidates = candidates
    }
  }

  /// A true neighbour that is found from this z and this many candidates on.
  private struct Need {
    var query: Int
    var z: Double
    var candidates: Int
  }

  /// Candidates a hit to look at, one after the other until there are enough for the target; a policy needs fewer.
  package static let poolsPerHit = [64, 256, 1024]

  public let k: Int
  private let queries: [Query]
  private let errorFloor: Double
  private let needs: [Need]

  /// - Parameter k: neighbours a query, as in its truth.
  public init(_ queries: [Query], k: Int) {
    precondition(k > 0)
    self.k = k
    self.queries = queries
    let floor = Self.errorFloor(queries)
    errorFloor = floor
    needs = queries.enumerated().flatMap { index, query in
      query.neighbours.map { neighbour in
        guard let rank = neighbour.rank else {
          return Need(query: index, z: .infinity, candidates: .max)
        }
        let candidate = query.candidates[rank]
        let needed =
          (query.threshold - Double(candidate.score))
          / (Double(candidate.error) * Double(candidate.error) + floor * floor).squareRoot()
        // 0/0: the estimate is T itself and has no error, so any z will do.
        return Need(query: index, z: needed.isNaN ? -.infinity : needed, candidates: rank + 1)
      }
    }
  }

  /// Queries from which on a target can be shown at all: with `Recall.estimate`'s interval of a sample without
  /// a miss. Take twice as many, for some will be missed.
  public static func queryCountMin(targetRecall: Double, k: Int) -> Int {
    precondition(k > 0 && targetRecall < 1)
    let wanted = widened(targetRecall)
    var (low, count) = (0, 1)
    while Recall.lowerWithoutMiss(queryCount: count, k: k) < wanted { (low, count) = (count, 2 * count) }
    while count - low > 1 {
      let middle = (low + count) / 2
      if Recall.lowerWithoutMiss(queryCount: middle, k: k) < wanted { low = middle } else { count = middle }
    }
    return count
  }

  /// The policy for a target. Where the sample cannot show it (`isShown` is false) it is the one that finds all
  /// neighbours that the sample's candidates hold.
  ///
  /// `z` never falls with a rising target.
  ///
  /// - Parameter targetRecall: 0 ..< 1.
  public func policy(targetRecall: Double) -> RescoringPolicy {
    precondition(targetRecall >= 0 && targetRecall < 1)
    let z = leastReaching(Self.widened(targetRecall), needs.map(\.z)).map { value in
      // Rounded up to what a reader can read, and past the last bit of either's arithmetic.
      (max(value, -Self.zMax) * 10_000 + 0.5).rounded(.up) / 10_000
    }
    let candidates = leastReaching(
      targetRecall,
      needs.map { $0.z <= z ?? .infinity && $0.candidates < .max ? Double($0.candidates) : .infinity })
    let all = needs.lazy.map(\.candidates).filter { $0 < .max }.max() ?? 0
    var policy = RescoringPolicy(
      targetRecall: targetRecall, z: z, errorFloor: errorFloor,
      candidates: max(k, candidates.map(Int.init) ?? all),
      k: k, expectedRecall: MeasuredRecall(mean: 0, lower: 0, upper: 1, queryCount: 0, k: k),
      meanEvaluations: 0)
    if candidates == nil || z ?? 0 > Self.zMax { policy.z = nil }
    policy.expectedRecall = expectedRecall(policy)
    policy.meanEvaluations = meanEvaluations(policy)
    return policy
  }

  /// Share of the sample's neighbours that a policy reaches.
  public func expectedRecall(_ policy: RescoringPolicy) -> MeasuredRecall {
    var hits = [Int](repeating: 0, count: queries.count)
    for need in needs where need.z <= policy.z ?? .infinity && need.candidates <= policy.candidates {
      hits[need.query] += 1
    }
    return Recall.estimate(
      zip(hits, queries).map { QueryRecall(hits: $0, wanted: $1.neighbours.count) }, k: k)
  }

  /// Candidates whose bound reaches the k-th exact score: what rescoring looks at, at least.
  private func meanEvaluations(_ policy: RescoringPolicy) -> Double {
    guard !queries.isEmpty else { return 0 }
    let evaluations = queries.reduce(0) { sum, query in
      let fetched = query.candidates.prefix(policy.candidates)
      return sum + max(min(k, fetched.count), fetched.count { policy.upperBound($0) >= query.threshold })
    }
    return Double(evaluations) / Double(queries.count)
  }

  /// Codes without errors of their own need any z, or none that is a number worth keeping.
  private static let zMax = 1e6

  /// A tenth of what is left to 1 is kept for neighbours that are not among the candidates.
  static func widened(_ target: Double) -> Double { target + 0.1 * (1 - target) }

  /// The least value such that, from it on, the neighbours that need no more are shown to be `target` of all;
  /// `nil` where not even the largest finite one will do.
  private func leastReaching(_ target: Double, _ needed: [Double]) -> Double? {
    var hits = queries.map(\.neighbours.count)
    func isReached() -> Bool {
      !hits.isEmpty
        && Recall.estimate(
          zip(hits, queries).map { QueryRecall(hits: $0, wanted: $1.neighbours.count) }, k: k
        ).lower >= target
    }
    let order = needed.indices.sorted { needed[$0] > needed[$1] }
    var next = 0
    var least: Double?
    while next < order.count {
      let value = needed[order[next]]
      if value < .infinity {
        guard isReached() else { break }
        least = value
      }
      // All that need as much are lost together with the value.
      while next < order.count && needed[order[next]] == value {
        hits[needs[order[next]].query] -= 1
        next += 1
      }
    }
    return least
  }

  /// Square root of what the mean squared error of true neighbours' estimates exceeds their standard errors by.
  private static func errorFloor(_ queries: [Query]) -> Double {
    var (excess, count) = (0.0, 0)
    for query in queries {
      for neighbour in query.neighbours {
        guard let rank = neighbour.rank else { continue }
        let candidate = query.candidates[rank]
        let error = Double(candidate.score) - Double(neighbour.exact)
        let own = error * error - Double(candidate.error) * Double(candidate.error)
        guard own.isFinite else { continue }
        excess += own
        count += 1
      }
    }
    return count > 0 && excess > 0 ? (excess / Double(count)).squareRoot() : 0
  }
}
