/// Builds the bytes of a `GraphIndex`: HNSW after Malkov and Yashunin (2018), with the neighbour
/// selection that `GraphLinkTable` describes, and a last pass that makes every row reachable.
///
/// Where someone finds the neighbours of all rows at once, as a GPU does, level 0 is made of these, and only the
/// rows of upper levels are inserted: one of m.
public enum GraphIndexBuilder {
  /// Builds a graph over all rows of `codes`.
  ///
  /// The same input, seed and a serial `parallel` give the same bytes. With more threads the graph
  /// depends on their timing, its recall does not.
  ///
  /// - Parameters:
  ///   - encoder: scores the rows against each other; finer codes give a slightly better graph.
  ///   - m: neighbours of a node on the upper levels, twice as many on level 0; 2 … 512.
  ///   - efConstruction: candidates that are considered for a node's links; at least `m` is used.
  ///   - seed: decides the level of each row.
  ///   - neighbors: finds what is near each row; where it does not, rows are inserted.
  ///   - isCancelled: asked about every 64 rows, on every thread.
  ///   - progress: is told the rows inserted so far, on any thread and perhaps out of order.
  /// - Returns: bytes as `GraphFormat` describes them.
  /// - Throws: `cancelled`.
  /// - Complexity: about 22 · efConstruction scores a row (measured: 2 800 on 100 000 embeddings with
  ///   m = 16, efConstruction = 128), of guides where `GraphGuide` can be made. Memory: 16·m bytes a row, 10·m
  ///   more at the end, and 192 bytes for guides.
  public static func build(
    encoder: VectorEncoder, codes: CodeView, m: Int, efConstruction: Int, seed: UInt64,
    neighbors: (any GraphNeighborSource)? = nil, parallel: ParallelFor,
    isCancelled: @escaping @Sendable () -> Bool = { false },
    progress: @escaping @Sendable (Int) -> Void = { _ in }
  ) throws -> [UInt8] {
    let search = neighbors.map {
      NeighborSearch(
        $0, degree: degree(m: m, efConstruction: efConstruction), linkCount: 2 * m, seed: seed,
        isCancelled: isCancelled)
    }
    let scorer = GraphScorer(encoder: encoder, codes: codes, parallel: parallel)
    func empty() -> GraphConstruction {
      GraphConstruction(
        scorer: scorer, rowCount: codes.count, m: m, efConstruction: efConstruction, seed: seed)
    }
    if let search {
      let construction = empty()
      let upper = Result {
        if search.isInVain { return }
        try construction.insertAll(
          from: 1, parallel: parallel, isCancelled: isCancelled, progress: { _ in })
      }
      let found = try search.wait()
      try upper.get()
      if let found {
        try construction.fill(from: found, parallel: parallel, isCancelled: isCancelled)
        progress(codes.count)
        construction.connectAll()
        return construction.bytes()
      }
    }
    let construction = empty()
    try construction.insertAll(parallel: parallel, isCancelled: isCancelled, progress: progress)
    construction.connectAll()
    return construction.bytes()
  }

  /// Places of the lists from which links are chosen. With twice as many as links, recall is that of a graph whose
  /// rows were inserted (10,000 × 384 embeddings, m = 16: 0.992 both with ef = 64; with as many as links, 0.984).
  public static func degree(m: Int, efConstruction: Int) -> Int {
    max(2 * m, min(efConstruction, max(4 * m, 64)))
  }
}
