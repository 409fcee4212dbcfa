internal import Synchronization

extension GraphConstruction {
  /// A construction whose upper levels are those of a graph, and whose level 0 is still empty.
  convenience init(refining graph: GraphIndex, scorer: GraphScorer, efConstruction: Int) {
    let format = graph.format
    let upper = Array(UnsafeBufferPointer(start: graph.upperRows, count: format.levelCounts.first ?? 0))
    let isUpper = Set(upper)
    let order = upper + (0..<UInt32(graph.rowCount)).filter { !isUpper.contains($0) }
    self.init(
      scorer: scorer, rowCount: graph.rowCount, m: graph.m, efConstruction: efConstruction,
      levels: GraphLevels(order: order, counts: format.levelCounts))
    for (index, nodes) in format.levelCounts.enumerated() {
      let rows = tables[index + 1].links(of: 0)
      for link in 0..<nodes * m {
        let slot = graph.upperLinks[index][link]
        rows[link] = slot == GraphFormat.noLink ? GraphFormat.noLink : upper[Int(slot)]
      }
    }
  }

  /// Chooses the links of every row on level 0 anew, from what is near it in `graph`.
  ///
  /// First each row chooses, and only `graph` is read, so that the choice does not depend on threads; then links
  /// lead back, as after an insertion.
  ///
  /// - Parameter breadth: rows that are expanded around each row.
  func refineAll(
    _ graph: GraphIndex, breadth: Int, parallel: ParallelFor, isCancelled: @escaping @Sendable () -> Bool,
    progress: @escaping @Sendable (Int) -> Void
  ) throws {
    let done = Atomic<Int>(0)
    let watch = BuildWatch("the refined graph", isCancelled: isCancelled)
    // Each block is written by one thread, and read after all are.
    nonisolated(unsafe) let chosen = GraphLinkTable(nodeCount: rowCount, capacity: m)
    source = graph
    let told: @Sendable (Int) -> Void = { progress(done.add($0, ordering: .relaxed).newValue) }
    forEach(0..<rowCount, parallel, watch, progress: told) { row, _ in
      let row = UInt32(row)
      self.scratches.withScratch { scratch in
        let walking = self.scorer.prepareToWalk(row)
        let choosing = self.scorer.isTwofold ? self.scorer.prepareToChoose(row) : walking
        self.lookAround(row, walking, breadth: breadth, scratch: scratch)
        let selection = self.select(
          linksOf: row, level: 0, walking: walking, choosing: choosing, scratch: scratch)
        chosen.set(selection, of: Int(row))
        self.tables[0].set(selection, of: Int(row))
      }
    }
    source = nil
    try watch.check()
    forEach(0..<rowCount, parallel, watch) { row, workspace in
      let query = self.scorer.prepareToChoose(UInt32(row))
      for link in 0..<chosen.count(of: row) {
        let neighbour = chosen.links(of: row)[link]
        self.locks.withLock(neighbour) {
          self.tables[0].add(
            row: UInt32(row), score: chosen.scores(of: row)[link], to: Int(neighbour), scorer: self.scorer,
            query: query, workspace: workspace)
        }
      }
    }
    try watch.check()
  }

  /// Fills the beam with the nearest rows that a walk of `breadth` steps from the row's own links finds.
  func lookAround(
    _ row: UInt32, _ query: GraphScorer.Query, breadth: Int, scratch: GraphScratch
  ) {
    let visited = scratch.startWalk()
    visited.insert(row)
    scratch.beam.reset(ef: efConstruction)
    var next: UInt32? = row
    for _ in 0...breadth {
      guard let expanded = next else { break }
      let count = gatherLinks(of: expanded, level: 0, visited: visited, scratch: scratch)
      scorer.fetch(indices: scratch.rows, count: count)
      scorer.score(query, indices: scratch.rows, count: count, into: scratch.scores)
      for index in 0..<count {
        let key = GraphKey.make(row: scratch.rows[index], score: scratch.scores[index])
        if scratch.beam.insert(key) { source?.fetchLinks(of: scratch.rows[index]) }
      }
      next = scratch.beam.next()
    }
  }
}
