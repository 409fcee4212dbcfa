internal import MoultModel
internal import Synchronization

/// A graph in the making.
///
/// Threads insert rows side by side. A lock guards the blocks of a node on all levels; no thread holds
/// two, so there is no order to keep. A row's own blocks are all written before the first link leads to
/// it, so no walk meets a row that leads nowhere. Levels and entry point are known beforehand and never
/// change.
final class GraphConstruction: @unchecked Sendable {
  let rowCount: Int
  let scorer: GraphScorer
  /// The links of level l at index l. Nodes are rows on level 0, slots above.
  let tables: [GraphLinkTable]
  let levels: GraphLevels
  let m: Int
  let efConstruction: Int
  /// Where links of level 0 are read while they are chosen anew; without it, in the table.
  var source: GraphIndex?
  /// The slot of each row that has one.
  private let slots: [UInt32: Int]
  let locks: GraphNodeLocks
  let scratches: GraphScratchPool
  /// Rows inserted by one thread before the others start: they must find something to link to.
  private static let serialRowCount = 1024
  private static let chunkRowCount = 64

  convenience init(scorer: GraphScorer, rowCount: Int, m: Int, efConstruction: Int, seed: UInt64) {
    precondition(GraphFormat.mRange.contains(m), "m is \(m); graphs take \(GraphFormat.mRange)")
    self.init(
      scorer: scorer, rowCount: rowCount, m: m, efConstruction: efConstruction,
      levels: GraphLevels(rowCount: rowCount, m: m, seed: seed))
  }

  init(scorer: GraphScorer, rowCount: Int, m: Int, efConstruction: Int, levels: GraphLevels) {
    self.scorer = scorer
    self.rowCount = rowCount
    self.m = m
    self.efConstruction = max(efConstruction, m)
    self.levels = levels
    tables =
      [GraphLinkTable(nodeCount: rowCount, capacity: 2 * m)]
      + levels.counts.map { GraphLinkTable(nodeCount: $0, capacity: m) }
    slots = Dictionary(
      uniqueKeysWithValues: levels.order.prefix(levels.counts.first ?? 0).enumerated().map { ($1, $0) })
    locks = GraphNodeLocks(nodeCount: rowCount)
    scratches = GraphScratchPool(rowCount: rowCount, linkCount: max(2 * m, self.efConstruction))
  }

  /// Inserts the rows of level `lowest`, on this level and those above it.
  func insertAll(
    from lowest: Int = 0, parallel: ParallelFor, isCancelled: @escaping @Sendable () -> Bool,
    progress: @escaping @Sendable (Int) -> Void
  ) throws {
    let done = Atomic<Int>(0)
    let watch = BuildWatch("the graph", isCancelled: isCancelled)
    let insert: @Sendable (Int, GraphSelection) -> Void = {
      self.insert(position: $0, from: lowest, workspace: $1)
    }
    let told: @Sendable (Int) -> Void = { progress(done.add($0, ordering: .relaxed).newValue) }
    let count = lowest == 0 ? rowCount : lowest <= levels.counts.count ? levels.counts[lowest - 1] : 0
    let first = min(count, Self.serialRowCount)
    forEach(0..<first, .serial, watch, progress: told, insert)
    forEach(first..<count, parallel, watch, progress: told, insert)
    try watch.check()
  }

  /// Calls `body` with every position and a workspace for links, until the watch says stop.
  func forEach(
    _ positions: Range<Int>, _ parallel: ParallelFor, _ watch: BuildWatch,
    progress: @escaping @Sendable (Int) -> Void = { _ in },
    _ body: @escaping @Sendable (_ position: Int, _ workspace: GraphSelection) -> Void
  ) {
    let size = Self.chunkRowCount
    parallel.run((positions.count + size - 1) / size) { chunk in
      if watch.isStopped() { return }
      let workspace = GraphSelection(capacity: 2 * self.efConstruction + 2 * self.m + 1)
      let start = positions.lowerBound + chunk * size
      let end = min(start + size, positions.upperBound)
      for position in start..<end { body(position, workspace) }
      progress(end - start)
    }
  }

  // MARK: Inserting

  private func insert(position: Int, from lowest: Int, workspace: GraphSelection) {
    guard position > 0 else { return }  // the entry point meets an empty graph
    let row = levels.order[position]
    let top = levels.level(atPosition: position)
    let walking = scorer.prepareToWalk(row)
    let choosing = scorer.isTwofold ? scorer.prepareToChoose(row) : walking
    scratches.withScratch { scratch in
      var selections: [GraphSelection] = []
      var start = levels.order[0]
      for level in stride(from: tables.count - 1, through: lowest, by: -1) {
        walk(walking, from: start, level: level, ef: level > top ? 1 : efConstruction, scratch: scratch)
        start = GraphKey.row(scratch.beam.keys[0])
        if level <= top {
          selections.append(
            select(linksOf: row, level: level, walking: walking, choosing: choosing, scratch: scratch))
        }
      }
      // All blocks of the row first, then the links that lead to it.
      for (index, selection) in selections.enumerated() {
        let level = top - index
        locks.withLock(row) { tables[level].set(selection, of: node(row, level)) }
      }
      for (index, selection) in selections.enumerated() {
        let level = top - index
        for link in 0..<min(m, selection.count) {
          let neighbour = selection.rows[link]
          locks.withLock(neighbour) {
            tables[level].add(
              row: row, score: selection.scores[link], to: node(neighbour, level), scorer: scorer,
              query: choosing, workspace: workspace)
          }
        }
      }
    }
  }

  /// Fills the beam with the `ef` nearest rows that are found on a level.
  func walk(
    _ query: GraphScorer.Query, from start: UInt32, level: Int, ef: Int, scratch: GraphScratch
  ) {
    let visited = scratch.startWalk()
    visited.insert(start)
    scratch.rows[0] = start
    scorer.score(query, indices: scratch.rows, count: 1, into: scratch.scores)
    scratch.beam.reset(ef: ef)
    scratch.beam.insert(GraphKey.make(row: start, score: scratch.scores[0]))
    while let row = scratch.beam.next() {
      let count = gatherLinks(of: row, level: level, visited: visited, scratch: scratch)
      scorer.fetch(indices: scratch.rows, count: count)
      if level == 0 { scratch.beam.forEachNear { tables[0].fetchLinks(of: Int($0)) } }
      scorer.score(query, indices: scratch.rows, count: count, into: scratch.scores)
      for index in 0..<count {
        let row = scratch.rows[index]
        if scratch.beam.insert(GraphKey.make(row: row, score: scratch.scores[index])), level == 0 {
          tables[0].fetchLinks(of: Int(row))
        }
      }
    }
  }

  /// Replaces most of a beam in which all rows but a few score the same, by what lies behind them.
  ///
  /// A new row that is identical to more rows than the beam holds would meet, and link to, nothing else;
  /// a search that came into such a crowd could not leave it.
  private func lookBeyondTies(
    of row: UInt32, _ query: GraphScorer.Query, level: Int, scratch: GraphScratch
  ) {
    let count = scratch.beam.count
    guard count == efConstruction else { return }
    let tie = GraphKey.score(scratch.beam.keys[count - 1])
    // By their guides some others may look nearer than what is identical.
    guard GraphKey.score(scratch.beam.keys[scorer.isTwofold ? m / 2 : 0]) == tie else { return }
    let tied = (0..<count).map { scratch.beam.keys[$0] }
    let visited = scratch.startWalk()
    visited.insert(row)
    for key in tied { visited.insert(GraphKey.row(key)) }
    scratch.beam.reset(ef: efConstruction)
    for key in tied.prefix(m) { scratch.beam.insert(key) }
    for key in tied {
      let count = gatherLinks(of: GraphKey.row(key), level: level, visited: visited, scratch: scratch)
      scorer.score(query, indices: scratch.rows, count: count, into: scratch.scores)
      for index in 0..<count where scratch.scores[index] < tie {
        scratch.beam.insert(GraphKey.make(row: scratch.rows[index], score: scratch.scores[index]))
      }
    }
  }

  /// Puts the links of a row that were not visited into the scratch space and returns their number.
  @inline(__always)
  func gatherLinks(
    of row: UInt32, level: Int, visited: GraphVisited, scratch: GraphScratch
  ) -> Int {
    if let source {
      return visited.gather(source.links(of: row), count: source.format.baseLinkCount, into: scratch.rows)
    }
    let table = tables[level]
    let node = node(row, level)
    return locks.withLock(row) {
      visited.gather(table.links(of: node), count: table.count(of: node), into: scratch.rows)
    }
  }

  /// Chooses the links of a row on a level from what a walk has left in the beam.
  ///
  /// - Parameters:
  ///   - walking: the row as the query of the walk; `choosing` as that by which links are chosen.
  func select(
    linksOf row: UInt32, level: Int, walking: GraphScorer.Query, choosing: GraphScorer.Query,
    scratch: GraphScratch
  ) -> GraphSelection {
    lookBeyondTies(of: row, walking, level: level, scratch: scratch)
    if scorer.isTwofold {
      scratch.settle(kept: efConstruction) { scorer.score(choosing, indices: $0, count: $1, into: $2) }
    }
    return select(scratch: scratch)
  }

  /// Chooses at most `most` (m) links from the beam by the heuristic: diverse ones, then the nearest others.
  ///
  /// Each row that is kept strikes out those behind it that it covers; the next one left is kept by
  /// definition. Only rows that are kept have to be prepared.
  func select(scratch: GraphScratch, most: Int? = nil) -> GraphSelection {
    let count = scratch.beam.count
    let most = most ?? m
    let selection = GraphSelection(capacity: most)
    let keys = scratch.beam.keys
    // The rest: positions in the beam that are neither kept nor struck out yet.
    withUnsafeTemporaryAllocation(of: Int32.self, capacity: count) { rest in
      withUnsafeTemporaryAllocation(of: Bool.self, capacity: count) { struck in
        for index in 0..<count {
          rest[index] = Int32(index)
          struck[index] = false
        }
        var first = 0
        var end = count
        while first < end {
          let kept = keys[Int(rest[first])]
          selection.append(GraphKey.row(kept), GraphKey.score(kept))
          first += 1
          if selection.count == most || first == end { break }
          for index in first..<end {
            scratch.rows[index - first] = GraphKey.row(keys[Int(rest[index])])
          }
          scorer.score(
            scorer.prepareToChoose(GraphKey.row(kept)), indices: scratch.rows, count: end - first,
            into: scratch.scores)
          var left = first
          for index in first..<end {
            let candidate = rest[index]
            if GraphLinkTable.covers(
              scratch.scores[index - first], nearer: GraphKey.score(kept),
              farther: GraphKey.score(keys[Int(candidate)]))
            {
              struck[Int(candidate)] = true
            } else {
              rest[left] = candidate
              left += 1
            }
          }
          end = left
        }
        selection.closeDiverse()
        var filler = 0
        while selection.count < most, filler < count {
          if struck[filler] {
            selection.append(GraphKey.row(keys[filler]), GraphKey.score(keys[filler]))
          }
          filler += 1
        }
      }
    }
    return selection
  }

  @inline(__always)
  private func node(_ row: UInt32, _ level: Int) -> Int {
    level == 0 ? Int(row) : slots[row]!
  }

  // MARK: Connecting

  /// Makes every row reachable from the entry point on level 0, without cutting off any other.
  func connectAll() {
    guard rowCount > 0 else { return }
    scratches.withScratch { scratch in
      var connector = GraphConnector(construction: self, entryPoint: levels.order[0])
      connector.connectAll(scratch: scratch)
    }
  }

  // MARK: Writing

  func bytes() -> [UInt8] {
    let format = GraphFormat(
      rowCount: rowCount, m: m, entryPoint: levels.order.first, levelCounts: levels.counts)
    return [UInt8](unsafeUninitializedCapacity: format.sizeBytes) { buffer, count in
      let bytes = UnsafeMutableRawBufferPointer(
        rebasing: UnsafeMutableRawBufferPointer(buffer)[..<format.sizeBytes])
      format.writeHeader(to: bytes)
      let base = bytes.baseAddress!  // at least a header
      func numbers(at offset: Int) -> UnsafeMutablePointer<UInt32> {
        (base + offset).assumingMemoryBound(to: UInt32.self)
      }
      numbers(at: format.baseLinksOffset).update(
        from: tables[0].links(of: 0), count: rowCount * format.baseLinkCount)
      let upperRows = numbers(at: format.upperRowsOffset)
      for slot in 0..<(levels.counts.first ?? 0) { upperRows[slot] = levels.order[slot] }
      for (index, nodes) in levels.counts.enumerated() {
        let links = numbers(at: format.upperLinksOffsets[index])
        let rows = tables[index + 1].links(of: 0)
        for link in 0..<nodes * m {
          links[link] = rows[link] == GraphFormat.noLink ? GraphFormat.noLink : UInt32(slots[rows[link]]!)
        }
      }
      count = format.sizeBytes
    }
  }
}
