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
