/// One query's way through a graph.
struct GraphWalk {
  /// What a search is after.
  struct Aim {
    /// Neighbours wanted; 1 … row count.
    let k: Int
    /// Width of the beam; `k` … row count.
    let ef: Int
    /// Expansions without a new row among the `k` best that end a walk.
    let patience: Int?
  }

  let encoder: VectorEncoder
  let query: PreparedQuery
  let codes: CodeView
  let guide: GuideQuery?
  let scratch: GraphScratch
  /// What this walk has seen on level 0.
  var visited: GraphVisited

  /// What `score` reads of row i begins at `records + i·stride`.
  private let records: UnsafeRawPointer
  private let stride: Int
  private let fetchedBytes: Int

  init(
    encoder: VectorEncoder, query: PreparedQuery, codes: CodeView, guide: GuideQuery?, scratch: GraphScratch
  ) {
    self.encoder = encoder
    self.query = query
    self.codes = codes
    self.guide = guide
    self.scratch = scratch
    visited = scratch.startWalk()
    records = guide.map { UnsafeRawPointer($0.guide.records) } ?? codes.rows
    stride = guide?.guide.bytesPerVector ?? codes.rowStride
    // The processor guesses how a long row goes on.
    fetchedBytes = min(stride, 512)
  }

  /// Query `number` of a batch.
  init(_ batch: QueryBatch, _ number: Int, codes: CodeView, guide: GraphGuide?, scratch: GraphScratch) {
    self.init(
      encoder: batch.encoder, query: batch[number], codes: codes,
      guide: guide.map { scratch.prepare(batch.vector(number), for: $0) }, scratch: scratch)
  }

  /// Scores the first `count` rows of the scratch space.
  @inline(__always)
  func score(count: Int) {
    if let guide {
      guide.score(indices: scratch.rows, count: count, into: scratch.scores)
      return
    }
    encoder.score(query, codes, indices: scratch.rows, count: count, into: scratch.scores)
  }

  func key(of row: UInt32) -> UInt64 {
    scratch.rows[0] = row
    score(count: 1)
    return GraphKey.make(row: row, score: scratch.scores[0])
  }

  /// Asks for what `score` will read.
  @inline(__always)
  func fetchRows(count: Int) {
    for index in 0..<count {
      KernelTable.prefetch(records + Int(scratch.rows[index]) &* stride, bytes: fetchedBytes)
    }
  }
}

extension GraphIndex {
  /// Fills the walk's beam.
  func run(_ walk: inout GraphWalk, _ aim: GraphWalk.Aim, live: LiveRows) {
    if live.words != nil {
      searchLive(&walk, aim, live: live)
      return
    }
    begin(&walk, aim)
    while let count = expand(walk, aim) { take(walk, count: count) }
  }

  /// All queries of a batch, two walks side by side.
  func runPairs(
    _ batch: QueryBatch, codes: CodeView, _ aim: GraphWalk.Aim, guide: GraphGuide?, _ scratch: GraphScratch,
    _ other: GraphScratch, into lists: NeighborLists
  ) {
    var walks = (
      GraphWalk(batch, 0, codes: codes, guide: guide, scratch: scratch),
      GraphWalk(batch, 1, codes: codes, guide: guide, scratch: other)
    )
    begin(&walks.0, aim)
    begin(&walks.1, aim)
    var queries = (0, 1)
    var next = 2
    while true {
      let first = advance(&walks.0, &queries.0, &next, batch, aim, guide: guide, into: lists)
      let second = advance(&walks.1, &queries.1, &next, batch, aim, guide: guide, into: lists)
      if first == nil, second == nil { return }
      if let first { take(walks.0, count: first) }
      if let second { take(walks.1, count: second) }
    }
  }

  /// Expands a row; of the next query when this one has come to its end.
  ///
  /// - Returns: rows to be scored; `nil` when no query is left.
  @inline(__always)
  private func advance(
    _ walk: inout GraphWalk, _ query: inout Int, _ next: inout Int, _ batch: QueryBatch,
    _ aim: GraphWalk.Aim, guide: GraphGuide?, into lists: NeighborLists
  ) -> Int? {
    while query < batch.count {
      if let count = expand(walk, aim) { return count }
      list(walk, aim, query, into: lists)
      query = next
      next += 1
      guard query < batch.count else { break }
      walk = GraphWalk(batch, query, codes: walk.codes, guide: guide, scratch: walk.scratch)
      begin(&walk, aim)
    }
    return nil
  }

  /// Puts what a walk has found into the list of a query.
  func list(_ walk: GraphWalk, _ aim: GraphWalk.Aim, _ query: Int, into lists: NeighborLists) {
    for index in 0..<finish(walk, aim) { lists.append(walk.scratch.neighbor(index), to: query) }
  }

  /// Leaves in the beam what is to be returned, at its beginning.
  ///
  /// - Returns: its number.
  func finish(_ walk: GraphWalk, _ aim: GraphWalk.Aim) -> Int {
    if walk.guide != nil {
      walk.scratch.settle(kept: aim.k) {
        walk.encoder.score(walk.query, walk.codes, indices: $0, count: $1, into: $2)
      }
    }
    return min(aim.k, walk.scratch.beam.count)
  }

  /// The nearest row that greedy steps find on the upper levels, from the top down.
  private func descend(_ walk: GraphWalk) -> UInt64 {
    var best = walk.key(of: format.entryPoint!)
    let rows = walk.scratch.rows
    var slot = 0
    for level in stride(from: upperLinks.count - 1, through: 0, by: -1) {
      let links = upperLinks[level]
      var improved = true
      while improved {
        improved = false
        let block = links + slot &* format.m
        var count = 0
        while count < format.m, block[count] != GraphFormat.noLink {
          rows[count] = upperRows[Int(block[count])]
          count &+= 1
        }
        walk.score(count: count)
        for index in 0..<count {
          let key = GraphKey.make(row: rows[index], score: walk.scratch.scores[index])
          if key > best {
            best = key
            slot = Int(block[index])
            improved = true
          }
        }
      }
    }
    return best
  }

  // MARK: Every row counts

  /// Puts the row into the beam from which level 0 is searched.
  private func begin(_ walk: inout GraphWalk, _ aim: GraphWalk.Aim) {
    let start = descend(walk)
    walk.scratch.beam.reset(ef: aim.ef, watching: aim.patience == nil ? 0 : aim.k)
    walk.visited.insert(GraphKey.row(start))
    walk.scratch.beam.insert(start)
  }

  /// Gathers what the next row leads to and asks for what scoring it will read. What a search waits for is
  /// memory, so links are asked for as soon as a node comes near its turn.
  ///
  /// - Returns: rows to be scored; `nil` at the end of the walk.
  @inline(__always)
  private func expand(_ walk: GraphWalk, _ aim: GraphWalk.Aim) -> Int? {
    let scratch = walk.scratch
    if let patience = aim.patience, scratch.beam.idleExpansions > patience, scratch.beam.count >= aim.k {
      return nil
    }
    var next = scratch.beam.next()
    if next == nil {
      // Links lead from the entry point to every row, from others not always.
      let entryPoint = format.entryPoint!
      guard scratch.beam.count < aim.ef, !walk.visited.contains(entryPoint) else { return nil }
      walk.visited.insert(entryPoint)
      scratch.beam.insert(walk.key(of: entryPoint))
      next = scratch.beam.next()
    }
    guard let row = next else { return nil }
    let count = walk.visited.gather(links(of: row), count: format.baseLinkCount, into: scratch.rows)
    walk.fetchRows(count: count)
    scratch.beam.forEachNear(fetchLinks)
    return count
  }

  /// Scores what was gathered.
  @inline(__always)
  private func take(_ walk: GraphWalk, count: Int) {
    let scratch = walk.scratch
    walk.score(count: count)
    for index in 0..<count {
      let row = scratch.rows[index]
      if scratch.beam.insert(GraphKey.make(row: row, score: scratch.scores[index])) { fetchLinks(of: row) }
    }
  }

  // MARK: Only live rows count

  /// Beam search where dead rows lead on but do not take a place in the beam.
  private func searchLive(_ walk: inout GraphWalk, _ aim: GraphWalk.Aim, live: LiveRows) {
    let scratch = walk.scratch
    let visited = walk.visited
    let entryPoint = format.entryPoint!
    let start = descend(walk)
    scratch.beam.reset(ef: aim.ef)
    scratch.frontier.reset()
    func meet(_ key: UInt64) {
      guard scratch.beam.admits(key) else { return }
      scratch.frontier.push(key)
      if live.contains(Int(GraphKey.row(key))) { scratch.beam.insert(key) }
    }
    visited.insert(GraphKey.row(start))
    meet(start)
    while true {
      guard let nearest = scratch.frontier.pop() else {
        guard scratch.beam.count < aim.ef, !visited.contains(entryPoint) else { return }
        visited.insert(entryPoint)
        meet(walk.key(of: entryPoint))
        continue
      }
      // A full beam that does not admit the nearest candidate is final; a live candidate may be in the
      // beam itself, as its last.
      let full = !scratch.beam.admits(nearest)
      if full, scratch.beam.keys[scratch.beam.count - 1] != nearest { return }
      let row = GraphKey.row(nearest)
      let count = visited.gather(links(of: row), count: format.baseLinkCount, into: scratch.rows)
      walk.fetchRows(count: count)
      walk.score(count: count)
      for index in 0..<count {
        meet(GraphKey.make(row: scratch.rows[index], score: scratch.scores[index]))
      }
    }
  }
}
