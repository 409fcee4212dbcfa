/// The same queries for two collections or vector fields: A, which serves, and B, which may be going to.
public struct ComparisonRequest: Sendable, Equatable {
  public enum Queries: Sendable, Equatable {
    /// Row-major, as many for A as for B, where the vectors of one query have the same place.
    case vectors(a: [Float], b: [Float])
    /// Each side's own model embeds them.
    case texts([String])
    /// Queries of the latest searches in A, so many at most.
    case recent(Int)
  }

  /// Queries at most: each is searched for four times, twice exactly.
  public static let countMax = 2_000
  public static let kMax = 100

  /// Names of collections, aliases, or vector fields (`collection:field`).
  public var a: String
  public var b: String
  public var queries: Queries
  /// Hits of a query that are compared.
  public var k: Int
  /// For each query the points that it should find; `nil` where that is not known.
  public var relevant: [[PointID]]?
  /// Share of A's hits that B must have too, 0 … 1; `nil` for any.
  public var minimumOverlap: Double?
  /// By how much B's share of the relevant points may surely be lower than A's, 0 … 1; `nil` for any.
  public var maximumLoss: Double?

  /// Whether it passes or fails, and the history keeps which.
  public var isVerdict: Bool { minimumOverlap != nil || maximumLoss != nil }

  public init(
    a: String, b: String, queries: Queries, k: Int, relevant: [[PointID]]? = nil,
    minimumOverlap: Double? = nil, maximumLoss: Double? = nil
  ) {
    self.a = a
    self.b = b
    self.queries = queries
    self.k = k
    self.relevant = relevant
    self.minimumOverlap = minimumOverlap
    self.maximumLoss = maximumLoss
  }
}
