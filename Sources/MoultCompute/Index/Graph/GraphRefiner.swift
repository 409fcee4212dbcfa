/// Improves a graph by the scores of other codes of the same rows, at a part of what a build takes.
public enum GraphRefiner {
  /// Rows expanded around each row: with 8 a graph of 1-bit codes comes half the way to one that is built by
  /// int8 codes, with 16 it is as good (100,000 × 384 embeddings).
  public static let breadth = 16

  /// Chooses all links of level 0 anew among what is near in the graph, by a walk of a few steps from each row's
  /// own links, and makes every row reachable again. Upper levels stay.
  ///
  /// It mends a graph that leads into the right neighbourhood and is coarse there, as one that was built with
  /// codes of one bit. What is near by the new scores but far away in the graph it does not find.
  ///
  /// The same input and a serial `parallel` give the same bytes.
  ///
  /// - Parameters:
  ///   - encoder: scores the rows against each other.
  ///   - codes: one for each row of the graph.
  ///   - efConstruction: candidates that are considered for a row's links.
  ///   - breadth: rows expanded around each row, at least 1.
  ///   - isCancelled: asked about every 64 rows, on every thread.
  ///   - progress: is told the rows done so far, on any thread and perhaps out of order.
  /// - Returns: bytes as `GraphFormat` describes them, with the m, levels and entry point of `graph`.
  /// - Throws: `cancelled`.
  public static func refine(
    _ graph: GraphIndex, encoder: VectorEncoder, codes: CodeView, efConstruction: Int,
    breadth: Int = GraphRefiner.breadth, parallel: ParallelFor,
    isCancelled: @escaping @Sendable () -> Bool = { false },
    progress: @escaping @Sendable (Int) -> Void = { _ in }
  ) throws -> [UInt8] {
    precondition(
      codes.count == graph.rowCount, "\(codes.count) codes do not belong to \(graph.rowCount) rows")
    precondition(breadth >= 1)
    let construction = GraphConstruction(
      refining: graph, scorer: GraphScorer(encoder: encoder, codes: codes, parallel: parallel),
      efConstruction: efConstruction)
    try construction.refineAll(
      graph, breadth: breadth, parallel: parallel, isCancelled: isCancelled, progress: progress)
    construction.connectAll()
    return construction.bytes()
  }
}
