/// Scores that hits may have, in the metric's own sense: squared Euclidean distances ascend, cosine and inner
/// product descend.
public struct SearchRange: Sendable, Hashable {
  /// `nil` does not bind.
  public var lower: Bound?
  public var upper: Bound?

  public struct Bound: Sendable, Hashable {
    public var score: Float
    /// Whether a hit may have this very score.
    public var isInclusive: Bool

    public init(_ score: Float, isInclusive: Bool) {
      self.score = score
      self.isInclusive = isInclusive
    }
  }

  public init(lower: Bound? = nil, upper: Bound? = nil) {
    self.lower = lower
    self.upper = upper
  }

  /// Whether `score` is not too far from the query.
  public func isNearEnough(_ score: Float, metric: Metric) -> Bool {
    metric.higherIsNearer ? isAboveLower(score) : isBelowUpper(score)
  }

  /// Whether `score` is not too near to the query.
  public func isFarEnough(_ score: Float, metric: Metric) -> Bool {
    metric.higherIsNearer ? isBelowUpper(score) : isAboveLower(score)
  }

  private func isAboveLower(_ score: Float) -> Bool {
    guard let lower else { return true }
    return score > lower.score || (lower.isInclusive && score == lower.score)
  }

  private func isBelowUpper(_ score: Float) -> Bool {
    guard let upper else { return true }
    return score < upper.score || (upper.isInclusive && score == upper.score)
  }
}

/// Hits in groups of points whose payload has the same value in a field; points without one are left out.
public struct SearchGrouping: Sendable, Hashable {
  /// Path of names to a member that is no object or array.
  public var field: FieldPath
  /// Hits a group at most. A request's limit and offset count groups.
  public var size: Int

  public static let sizeRange = 1...1_000

  public init(field: FieldPath, size: Int = 1) {
    self.field = field
    self.size = size
  }
}
