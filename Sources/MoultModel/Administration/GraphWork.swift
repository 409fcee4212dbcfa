/// What a switch or reindex did about the graphs of the new generation, why, and what it cost.
public struct GraphWork: Sendable, Codable, Equatable {
  public enum Kind: String, Sendable, Codable, CaseIterable {
    /// The graphs of the earlier generation serve the new codes too.
    case kept
    /// The earlier graphs were not good enough for the new codes.
    case rebuilt
    /// There were no graphs to keep.
    case built
  }

  public var kind: Kind
  /// In words.
  public var reason: String
  /// Time spent on graphs, including what was tried and not enough.
  public var seconds: Double

  public init(kind: Kind, reason: String, seconds: Double) {
    self.kind = kind
    self.reason = reason
    self.seconds = seconds
  }
}
