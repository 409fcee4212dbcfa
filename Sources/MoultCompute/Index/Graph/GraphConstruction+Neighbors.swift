internal import MoultModel

extension GraphConstruction {
  /// Makes level 0 of what was found near each row. Upper levels are not read or written.
  func fill(
    from neighbors: GraphNeighbors, parallel: ParallelFor, isCancelled: @escaping @Sendable () -> Bool
  ) throws {
    let watch = BuildWatch("the graph", isCancelled: isCancelled)
    let crowded: [UInt32]
    switch neighbors {
    case .lists(let table):
      precondition(table.rowCount == rowCount, "lists of \(table.rowCount) rows for a graph of \(rowCount)")
      choose(from: table, parallel, watch)
      crowded = table.crowded
    case .links(let links, let rows):
      take(links, parallel, watch)
      crowded = rows
    }
    try watch.check()
    bridge()
    leadOut(of: crowded, parallel, watch)
    try watch.check()
  }

  private func take(_ links: [UInt32], _ parallel: ParallelFor, _ watch: BuildWatch) {
    let capacity = tables[0].capacity
    precondition(links.count == rowCount * capacity, "\(links.count) links for \(rowCount) rows")
    forEach(0..<rowCount, parallel, watch) { row, _ in
      links.withUnsafeBufferPointer { all in
        self.tables[0].set(UnsafeBufferPointer(rebasing: all[row * capacity..<(row + 1) * capacity]), of: row)
      }
    }
  }

  /// Chooses the links of each row from its list and from the rows that have it in theirs: diverse ones, then the
  /// nearest others. Of more than `efConstruction` the nearest are considered.
  private func choose(from table: NeighborTable, _ parallel: ParallelFor, _ watch: BuildWatch) {
    let back = ReverseNeighbors(table)
    forEach(0..<rowCount, parallel, watch) { row, _ in
      self.scratches.withScratch { scratch in
        let visited = scratch.startWalk()
        scratch.beam.reset(ef: max(self.efConstruction, self.tables[0].capacity))
        for place in row * table.degree..<row * table.degree + table.count(of: row) {
          visited.insert(table.rows[place])
          scratch.beam.insert(GraphKey.make(row: table.rows[place], score: table.scores[place]))
        }
        back.forEach(of: row) { other, score in
          if !visited.contains(other) { scratch.beam.insert(GraphKey.make(row: other, score: score)) }
        }
        let kept = scratch.beam.count
        if self.scorer.isTwofold {
          let query = self.scorer.prepareToChoose(UInt32(row))
          scratch.settle(kept: kept) { self.scorer.score(query, indices: $0, count: $1, into: $2) }
        }
        self.tables[0].set(
          self.select(scratch: scratch, most: self.tables[0].capacity), of: row)
      }
    }
  }

  /// Gives rows of upper levels their links of level 1 on level 0 too, in place of the last ones there.
  ///
  /// Lists know no way from one cluster of rows to another; rows that were inserted early have such links. A search
  /// comes down in a row of an upper level, and from there finds into the clusters around it. Without it a search
  /// that comes down beside its cluster stays there: 4 of 100 neighbours are lost among 20 clusters with any beam.
  private func bridge() {
    guard tables.count > 1 else { return }
    for slot in 0..<levels.counts[0] {
      let links = UnsafeBufferPointer(start: tables[1].links(of: slot), count: tables[1].count(of: slot))
      tables[0].replaceLast(of: Int(levels.order[slot]), with: links)
    }
  }

  /// Puts in front of the links of crowded rows some that lead out of the crowd.
  ///
  /// A list that holds nothing but equally near rows says nothing of the others; a search that came into a crowd of
  /// identical rows could not leave it.
  private func leadOut(of crowded: [UInt32], _ parallel: ParallelFor, _ watch: BuildWatch) {
    forEach(0..<crowded.count, parallel, watch) { place, _ in
      let row = crowded[place]
      self.scratches.withScratch { scratch in
        let walking = self.scorer.prepareToWalk(row)
        let choosing = self.scorer.isTwofold ? self.scorer.prepareToChoose(row) : walking
        self.lookAround(row, walking, breadth: self.efConstruction, scratch: scratch)
        let selection = self.select(
          linksOf: row, level: 0, walking: walking, choosing: choosing, scratch: scratch)
        self.locks.withLock(row) { self.tables[0].put(selection, before: Int(row)) }
      }
    }
  }
}

/// The lists in which each row stands.
struct ReverseNeighbors: Sendable {
  /// One more than there are rows.
  private let starts: [Int]
  private let rows: [UInt32]
  private let scores: [Float]

  init(_ table: NeighborTable) {
    var starts = [Int](repeating: 0, count: table.rowCount + 1)
    for row in table.rows where row != NeighborTable.none { starts[Int(row) + 1] += 1 }
    for row in 0..<table.rowCount { starts[row + 1] += starts[row] }
    var next = starts
    var rows = [UInt32](repeating: 0, count: starts[table.rowCount])
    var scores = [Float](repeating: 0, count: rows.count)
    for row in 0..<table.rowCount {
      for place in row * table.degree..<row * table.degree + table.count(of: row) {
        let other = Int(table.rows[place])
        rows[next[other]] = UInt32(row)
        scores[next[other]] = table.scores[place]
        next[other] += 1
      }
    }
    self.starts = starts
    self.rows = rows
    self.scores = scores
  }

  @inline(__always)
  func forEach(of row: Int, _ body: (_ other: UInt32, _ score: Float) -> Void) {
    for place in starts[row]..<starts[row + 1] { body(rows[place], scores[place]) }
  }
}
