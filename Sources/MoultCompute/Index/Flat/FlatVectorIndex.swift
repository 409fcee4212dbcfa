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
