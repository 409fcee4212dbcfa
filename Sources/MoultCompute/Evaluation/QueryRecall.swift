/// How many of one query's true neighbours were found, of how many.
public struct QueryRecall: Sendable, Equatable {
  public var hits: Int
  /// At most k; 0 for a query without neighbours, which does not count.
  public var wanted: Int

  public init(hits: Int, wanted: Int) {
    self.hits = hits
    self.wanted = wanted
  }
}
