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

/// Queries as indexes take them: as they came, to choose lists or ways by, and prepared, to score codes with. Each
/// form is made when the first index asks for it, once for all segments. For one thread.
public final class IndexQueries {
  public let encoder: VectorEncoder
  /// `count × encoder.dimension`, row-major.
  public let vectors: UnsafePointer<Float>
  public let count: Int

  /// For codes that are scored row by row.
  public private(set) lazy var prepared = QueryBatch(encoder: encoder, queries: vectors, count: count)
  /// For codes in blocks; `nil` for codes that have none.
  public private(set) lazy var blocks = BlockQueries(encoder: encoder, queries: vectors, count: count)

  /// - Parameter vectors: `count × encoder.dimension` finite entries; they must stay while the object lives.
  public init(_ vectors: UnsafePointer<Float>, count: Int, encoder: VectorEncoder) {
    precondition(count >= 0)
    self.encoder = encoder
    self.vectors = vectors
    self.count = count
  }

  public func vector(_ query: Int) -> UnsafePointer<Float> { vectors + query * encoder.dimension }
}

/// No index: every row is scored.
public struct FlatVectorIndex: VectorIndex {
  public let rowCount: Int
  private let blocks: BlockCodes?

  /// Bytes of codes that every query scores before the next ones are read: they stay in the second-level cache
  /// meanwhile.
  private static let passBytes = 256 << 10

  /// - Parameter blocks: of the codes that will be searched; without, these are scored row by row.
  public init(rowCount: Int, blocks: BlockCodes? = nil) {
    precondition(rowCount >= 0)
    self.rowCount = rowCount
    self.blocks = blocks
  }

  public func search(
    _ queries: IndexQueries, codes: CodeView, live: LiveRows, k: Int, breadth: Int
  ) -> [[Neighbor]] {
    precondition(codes.count == rowCount, "\(codes.count) codes do not belong to \(rowCount) rows")
    if let blocks, let prepared = queries.blocks {
      return FlatIndex.search(prepared, codes: blocks, live: live, k: k)
    }
    var best = [TopK](repeating: TopK(k), count: queries.count)
    let passRows =
      queries.count == 1 ? codes.count : max(512, Self.passBytes / max(1, queries.encoder.rowBytes))
    for first in stride(from: 0, to: codes.count, by: max(1, passRows)) {
      let part = codes.subview(from: first, count: min(passRows, codes.count - first))
      for query in 0..<queries.count {
        FlatIndex.search(
          encoder: queries.encoder, query: queries.prepared[query], codes: part, live: live, firstRow: first,
          into: &best[query])
      }
    }
    return best.map { $0.sorted() }
  }
}

/// A graph with what leads through it.
public struct GraphVectorIndex: VectorIndex {
  private let graph: GraphIndex
  private let guide: GraphGuide?

  public var rowCount: Int { graph.rowCount }

  /// - Parameter guide: of the graph's rows; `nil` lets the codes lead.
  public init(_ graph: GraphIndex, guide: GraphGuide? = nil) {
    self.graph = graph
    self.guide = guide
  }

  public func search(
    _ queries: IndexQueries, codes: CodeView, live: LiveRows, k: Int, breadth: Int
  ) -> [[Neighbor]] {
    let lists = NeighborLists()
    graph.search(queries.prepared, codes: codes, live: live, k: k, ef: breadth, guide: guide, into: lists)
    return (0..<queries.count).map { Array(lists[$0]) }
  }
}

/// An inverted file, with codes in the order of its lists where there are any.
public struct IVFVectorIndex: VectorIndex {
  private let index: IVFIndex
  private let listed: IVFCodes?

  public var rowCount: Int { index.rowCount }

  /// - Parameter listed: of the codes that will be searched; without, these are scored row by row.
  public init(_ index: IVFIndex, listed: IVFCodes? = nil) {
    self.index = index
    self.listed = listed
  }

  public func search(
    _ queries: IndexQueries, codes: CodeView, live: LiveRows, k: Int, breadth: Int
  ) -> [[Neighbor]] {
    if let listed { return index.search(queries, listed: listed, live: live, k: k, probes: breadth) }
    return index.search(queries, codes: codes, live: live, k: k, probes: breadth)
  }
}
