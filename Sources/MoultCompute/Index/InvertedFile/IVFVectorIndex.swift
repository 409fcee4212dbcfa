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
