/// One form in which a collection's vectors are held.
public struct GenerationInfo: Sendable, Codable, Equatable {
  public enum State: String, Sendable, Codable, CaseIterable {
    /// Being built; answers nothing yet.
    case building
    /// Answers searches.
    case live
    /// Kept for rollback.
    case retained
  }

  /// Unique in the data directory and rising.
  public var id: Int64
  public var state: State
  public var specification: EncodingSpecification
  /// Bytes that hold one vector for searching: code and correction terms, without full precision.
  public var bytesPerVector: Int
  public var createdAt: Int64
  public var publishedAt: Int64?
  /// How the switch that made it went; absent for the first generation of a collection.
  public var report: SwitchReport?

  public init(
    id: Int64, state: State, specification: EncodingSpecification, bytesPerVector: Int, createdAt: Int64,
    publishedAt: Int64?, report: SwitchReport?
  ) {
    self.id = id
    self.state = state
    self.specification = specification
    self.bytesPerVector = bytesPerVector
    self.createdAt = createdAt
    self.publishedAt = publishedAt
    self.report = report
  }
}
