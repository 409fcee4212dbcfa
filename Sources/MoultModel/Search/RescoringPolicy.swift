/// How many candidates a search fetches from codes and when it may stop rescoring them, so that a target of
/// recall is met: what calibration on sample queries came to (QUANTIZATION.md B8.1).
///
/// A candidate of estimate `s` with standard error `e` may score as much as `s + z·√(e² + errorFloor²)`.
/// Candidates are rescored in the order of that bound until the next one's is below the k-th exact score.
public struct RescoringPolicy: Sendable, Codable, Equatable {
  /// Recall@k that was asked for.
  public var targetRecall: Double
  /// Standard errors that are added to an estimate. `nil`: every candidate is rescored.
  public var z: Double?
  /// Error of the scores that the codes' standard errors do not account for, such as what a truncating
  /// transform has cut off; in units of scores.
  public var errorFloor: Double
  /// Candidates to fetch for `k` hits or fewer; for more in proportion.
  public var candidates: Int
  /// Neighbours that were calibrated for.
  public var k: Int
  /// Share of the true neighbours of the sample queries that bound and candidates reach, with its 95 %
  /// interval. Its lower end reaches the target, or else the sample could not show it.
  public var expectedRecall: MeasuredRecall
  /// Candidates rescored a query, the mean over sample queries.
  public var meanEvaluations: Double

  public init(
    targetRecall: Double, z: Double?, errorFloor: Double = 0, candidates: Int, k: Int,
    expectedRecall: MeasuredRecall, meanEvaluations: Double
  ) {
    self.targetRecall = targetRecall
    self.z = z
    self.errorFloor = errorFloor
    self.candidates = candidates
    self.k = k
    self.expectedRecall = expectedRecall
    self.meanEvaluations = meanEvaluations
  }

  /// Rescores whatever was fetched: what an oversampling asks for.
  public static let rescoringAll = RescoringPolicy(
    targetRecall: 0, z: nil, candidates: 1, k: 1,
    expectedRecall: MeasuredRecall(mean: 0, lower: 0, upper: 1, queryCount: 0, k: 1), meanEvaluations: 0)

  /// Whether the sample shows that the target is met.
  public var isShown: Bool { expectedRecall.lower >= targetRecall }

  /// Candidates to fetch for `count` hits. Fewer hits than were calibrated for take as many: what is rescored
  /// depends on the scores, not on this.
  public func candidateCount(_ count: Int) -> Int {
    // What comes from a file may be any number.
    let least = max(1, candidates)
    if count <= k { return max(count, least) }
    let scaled = Double(least) * Double(count) / Double(max(1, k))
    return max(count, Int(min(Double(UInt32.max), scaled.rounded(.up))))
  }
}
