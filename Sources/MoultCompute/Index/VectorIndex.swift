/// What finds the rows of a segment that are nearest to queries. It knows rows, not codes: any code of the same
/// rows can be searched with it.
public protocol VectorIndex: Sendable {
  var rowCount: Int { get }

  /// The rows nearest to each query as far as the index looks, nearest first; of equal scores the smaller row.
  ///
  /// - Parameters:
  ///   - codes: written by the queries' encoder, one for each row.
  ///   - live: others are not returned.
  ///   - breadth: how far to look, at least 1; more is slower and finds more. For a graph the width of the beam
  ///     (ef), for an inverted file the lists to look into (probes); flat search looks at everything.
  /// - Returns: `k` neighbours a query, or fewer where the index reaches fewer live rows.
  func search(
    _ queries: IndexQueries, codes: CodeView, live: LiveRows, k: Int, breadth: Int
  ) -> [[Neighbor]]
}
