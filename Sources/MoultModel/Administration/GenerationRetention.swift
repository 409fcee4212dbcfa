/// How long the generation before the last switch is kept for a rollback. The next switch ends it in any case.
public struct GenerationRetention: Sendable, Equatable {
  /// Since it stopped being live; `nil` for no end.
  public var seconds: Double?
  /// Of the files of all collections' earlier generations together; those retired first go first. `nil` for no bound.
  public var bytes: Int?

  public init(seconds: Double? = nil, bytes: Int? = nil) {
    self.seconds = seconds
    self.bytes = bytes
  }
}
