/// What finds the rows of a segment that are nearest to a query. It knows rows, not codes: any code of the same
/// rows can be searched with it.
public protocol VectorIndex: Sendable {
  var rowCount: Int { get }

  /// The rows nearest to a query as far as the index looks, nearest first; of equal scores the smaller row.
  ///
  /// - Parameters:
  ///   - encoder: scores `codes` and prepared `query`.
  ///   - codes: one code for each row.
  ///   - live: others are not returned.
  ///   - breadth: how far to look, at least 1; more is slower and finds more. For a graph the width of the beam
  ///     (ef), for an inverted file the lists to look into (probes); flat search looks at everything.
  /// - Returns: `k` neighbours, or fewer where the index reaches fewer live rows.
  func search(
    encoder: VectorEncoder, query: IndexQuery, codes: CodeView, live: LiveRows, k: Int, breadth: Int
  ) -> [Neighbor]
}

/// A query as indexes take it: as it came, to choose lists by, and prepared, to score codes with.
public struct IndexQuery: Sendable {
  /// `encoder.dimension` entries.
  public let vector: [Float]
  public let prepared: PreparedQuery

  /// - Parameter vector: `encoder.dimension` finite entries.
  public init(_ vector: [Float], encoder: VectorEncoder) {
    precondition(
      vector.count == encoder.dimension, "\(vector.count) entries, the encoder takes \(encoder.dimension)")
    self.vector = vector
    prepared = encoder.prepare(vector)
  }
}

/// No index: every row is scored.
public struct FlatVectorIndex: VectorIndex {
  public let rowCount: Int

  public init(rowCount: Int) {
    precondition(rowCount >= 0)
    self.rowCount = rowCount
  }

  public func search(
    encoder: VectorEncoder, query: IndexQuery, codes: CodeView, live: LiveRows, k: Int, breadth: Int
  ) -> [Neighbor] {
    precondition(codes.count == rowCount, "\(codes.count) codes do not belong to \(rowCount) rows")
    return FlatIndex.search(encoder: encoder, query: query.prepared, codes: codes, live: live, k: k)
  }
}

extension GraphIndex: VectorIndex {
  public func search(
    encoder: VectorEncoder, query: IndexQuery, codes: CodeView, live: LiveRows, k: Int, breadth: Int
  ) -> [Neighbor] {
    search(encoder: encoder, query: query.prepared, codes: codes, live: live, k: k, ef: breadth)
  }
}

extension IVFIndex: VectorIndex {
  public func search(
    encoder: VectorEncoder, query: IndexQuery, codes: CodeView, live: LiveRows, k: Int, breadth: Int
  ) -> [Neighbor] {
    search(encoder: encoder, query: query, codes: codes, live: live, k: k, probes: breadth)
  }
}
