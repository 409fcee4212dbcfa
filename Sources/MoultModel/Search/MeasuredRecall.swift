/// Mean recall@k over sample queries with its 95 % confidence interval.
public struct MeasuredRecall: Sendable, Codable, Equatable {
  public var mean: Double
  public var lower: Double
  public var upper: Double
  public var queryCount: Int
  /// Neighbours per query that were compared.
  public var k: Int

  public init(mean: Double, lower: Double, upper: Double, queryCount: Int, k: Int) {
    self.mean = mean
    self.lower = lower
    self.upper = upper
    self.queryCount = queryCount
    self.k = k
  }
}
