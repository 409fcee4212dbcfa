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
