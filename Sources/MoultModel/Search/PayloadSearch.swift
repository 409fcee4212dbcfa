/// Search of what stands in a field of the payload: sparse vectors, vectors of bits, or words of a text.
///
/// It is exact. Its index is made in memory from the payloads at the first search of a field and kept up with later ones.
public struct PayloadSearch: Sendable {
  /// Ascending indices and as many finite values.
  public struct Sparse: Sendable, Equatable {
    public var indices: [UInt32]
    public var values: [Float]

    public init(indices: [UInt32], values: [Float]) {
      self.indices = indices
      self.values = values
    }
  }

  public enum Query: Sendable, Equatable {
    /// Ascending indices and as many finite values.
    case sparse(indices: [UInt32], values: [Float])
    /// Several at once; every point that has a vector is found, whether it shares an index with one of them or not.
    case sparseExamples([Sparse], ExampleSearch.Combination)
    /// As many bytes as the stored ones.
    case bits([UInt8])
    case text(String)
  }

  /// What the field holds, and how it is compared.
  public enum Scoring: Sendable, Hashable {
    /// Base64 of pairs of a 32-bit index and a float32, little-endian; inner product, higher is nearer.
    case sparse
    /// As `sparse`, with each value of the query times how much its index tells: `ln(1 + (N − n + ½) / (n + ½))` for
    /// n of the N points that have a vector.
    case weightedSparse
    /// Base64 of bytes; in how many bits both differ, lower is nearer.
    case hamming
    /// Base64 of bytes; `1 − |a ∧ b| / |a ∨ b|`, lower is nearer.
    case jaccard
    /// Text; BM25 over the terms that an analyzer finds, higher is nearer.
    case bm25(k1: Double, b: Double, analyzer: TextAnalyzer = .standard)

    public var higherIsNearer: Bool {
      switch self {
      case .sparse, .weightedSparse, .bm25: true
      case .hamming, .jaccard: false
      }
    }
  }

  /// A member of the payload's object.
  public var field: String
  public var scoring: Scoring
  /// All of the kind that the scoring compares.
  public var queries: [Query]
  /// Hits wanted per query, 1 … 16 384 together with `offset`.
  public var limit: Int
  public var offset: Int
  /// Share of a sparse query's smallest values that is left out, 0 ..< 1; 0 is exact.
  public var dropRatio: Double
  public var filter: PointFilter?
  /// Points whose vectors or texts tell how much an index or a word tells; `nil` takes all.
  public var corpus: PointFilter?
  public var range: SearchRange?
  public var grouping: SearchGrouping?
  public var includePayload: Bool

  public init(
    field: String, scoring: Scoring, queries: [Query], limit: Int, offset: Int = 0, dropRatio: Double = 0,
    filter: PointFilter? = nil, corpus: PointFilter? = nil, range: SearchRange? = nil,
    grouping: SearchGrouping? = nil,
    includePayload: Bool = false
  ) {
    self.corpus = corpus
    self.field = field
    self.scoring = scoring
    self.queries = queries
    self.limit = limit
    self.offset = offset
    self.dropRatio = dropRatio
    self.filter = filter
    self.range = range
    self.grouping = grouping
    self.includePayload = includePayload
  }
}
