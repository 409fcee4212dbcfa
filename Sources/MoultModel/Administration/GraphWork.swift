/// What a switch or reindex did about the indexes of the new generation, why, and what it cost.
public struct GraphWork: Sendable, Codable, Equatable {
  public enum Kind: String, Sendable, Codable, CaseIterable {
    /// The indexes of the earlier generation serve the new codes too.
    case kept
    /// The links of the earlier graphs were chosen anew by the new codes, from what was near.
    case refined
    /// The earlier graphs were not good enough for the new codes, and refining them was not enough.
    case rebuilt
    /// There were none to keep.
    case built
  }

  public var kind: Kind
  /// Kinds of index that the generation has: "hnsw", "ivf" or both, with a comma. Absent in earlier reports.
  public var index: String?
  /// In words.
  public var reason: String
  /// Time spent on indexes, including what was tried and not enough.
  public var seconds: Double

  public init(kind: Kind, index: String? = nil, reason: String, seconds: Double) {
    self.kind = kind
    self.index = index
    self.reason = reason
    self.seconds = seconds
  }
}
