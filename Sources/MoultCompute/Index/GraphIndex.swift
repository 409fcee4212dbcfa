/// A hierarchical navigable small world graph (Malkov and Yashunin, 2018), ready to be searched.
///
/// The graph holds edges only; the codes come with each search. Any code of the same rows can be searched
/// over it, so that a switch of the quantization keeps the graph. Upper levels are descended greedily,
/// level 0 is searched with a beam. The bytes are laid out as `GraphFormat` says and are read where they
/// lie, usually in a mapped segment file.
///
/// Searches may run on any number of threads at once; they share nothing but a pool of scratch space.
public final class GraphIndex: @unchecked Sendable {  // the bytes are never written
  private let format: GraphFormat
  private let baseLinks: UnsafePointer<UInt32>
  private let upperRows: UnsafePointer<UInt32>
  /// The links of level l at index l − 1.
  private let upperLinks: [UnsafePointer<UInt32>]
  private let scratches: GraphScratchPool

  public var rowCount: Int { format.rowCount }
  /// Neighbours of a node on the upper levels; twice as many on level 0.
  public var m: Int { format.m }
  /// The row where every search begins; `nil` in an empty graph.
  public var entryPoint: UInt32? { format.entryPoint }

  /// Opens a graph, after checking its header and every link: bytes that pass cannot make a search read
  /// outside of them.
  ///
  /// - Parameter bytes: kept, not copied; they must stay mapped and unchanged while the graph lives, and
  ///   begin at a multiple of 4.
  /// - Throws: `corrupted`, or `unsupportedVersion` for a newer format.
  /// - Complexity: one sequential pass over the bytes.
  public init(bytes: UnsafeRawBufferPointer) throws {
    format = try GraphFormat(reading: bytes)
    precondition(
      UInt(bitPattern: bytes.baseAddress) % UInt(MemoryLayout<UInt32>.alignment) == 0,
      "a graph's bytes must begin at a multiple of 4")
    try format.checkLinks(of: bytes)
    let base = bytes.baseAddress!  // at least a header
    baseLinks = (base + format.baseLinksOffset).assumingMemoryBound(to: UInt32.self)
    upperRows = (base + format.upperRowsOffset).assumingMemoryBound(to: UInt32.self)
    upperLinks = format.upperLinksOffsets.map { (base + $0).assumingMemoryBound(to: UInt32.self) }
    scratches = GraphScratchPool(rowCount: format.rowCount, linkCount: format.baseLinkCount)
  }

  /// The rows nearest to a query, nearest first; of equal scores the smaller row first.
  ///
  /// - Parameters:
  ///   - encoder: scores `codes`; need not be the one that the graph was built with.
  ///   - codes: one code for each row of the graph.
  ///   - live: dead rows are walked through and not returned. While fewer than `ef` live rows are known
  ///     the walk goes on, at worst through the whole graph.
  ///   - ef: width of the beam; more is slower and finds more. At least `k` is used.
  ///   - guide: the same query for guides of the same rows. With it they lead through the graph, and
  ///     `codes` score the `ef` rows at its end: about twice as fast at the same recall.
  /// - Returns: `k` neighbours, or all live ones if there are fewer.
  public func search(
    encoder: VectorEncoder, query: PreparedQuery, codes: CodeView, live: LiveRows, k: Int, ef: Int,
    guide: GuideQuery? = nil
  ) -> [Neighbor] {
    precondition(codes.count == rowCount, "\(codes.count) codes do not belong to \(rowCount) rows")
    if let guide {
      precondition(guide.guide.count == rowCount, "the guides do not belong to these rows")
    }
    guard let entryPoint, k > 0 else { return [] }
    let width = min(max(ef, k), rowCount)
    return scratches.withScratch { scratch in
      let walk = Walk(encoder: encoder, query: query, codes: codes, guide: guide, scratch: scratch)
      let start = descend(walk)
      scratch.beam.reset(ef: width)
      if live.words == nil {
        searchAll(walk, from: start, entryPoint: entryPoint, width: width)
      } else {
        searchLive(walk, from: start, entryPoint: entryPoint, width: width, live: live)
      }
      if guide != nil {
        scratch.settle(kept: k) { encoder.score(query, codes, indices: $0, count: $1, into: $2) }
      }
      return (0..<min(k, scratch.beam.count)).map { index in
        let key = scratch.beam.keys[index]
        return Neighbor(row: GraphKey.row(key), score: GraphKey.score(key))
      }
    }
  }

  /// Visits every row that links lead to from the entry point on level 0. For tests and checks.
  func reachableRowCount() -> Int {
    guard let entryPoint else { return 0 }
    return scratches.withScratch { scratch in
      let visited = scratch.startWalk()
      visited.insert(entryPoint)
      var stack = [entryPoint]
      var reached = 0
      while let row = stack.popLast() {
        reached += 1
        let count = visited.gather(
          links(of: row), count: format.baseLinkCount, into: scratch.rows)
        stack.append(contentsOf: UnsafeBufferPointer(start: scratch.rows, count: count))
      }
      return reached
    }
  }

  @inline(__always)
  private func fetchLinks(of row: UInt32) {
    KernelTable.prefetch(links(of: row), bytes: 4 &* format.baseLinkCount)
  }

  @inline(__always)
  private func links(of row: UInt32) -> UnsafePointer<UInt32> {
    baseLinks + Int(row) &* format.baseLinkCount
  }
}

// MARK: - Walking

extension GraphIndex {
  /// One search's way through the graph.
  private struct Walk {
    let encoder: VectorEncoder
    let query: PreparedQuery
    let codes: CodeView
    let guide: GuideQuery?
    let scratch: GraphScratch

    /// What `score` reads of row i begins at `records + i·stride`.
    private let records: UnsafeRawPointer
    private let stride: Int
    private let fetchedBytes: Int

    init(
      encoder: VectorEncoder, query: PreparedQuery, codes: CodeView, guide: GuideQuery?,
      scratch: GraphScratch
    ) {
      self.encoder = encoder
      self.query = query
      self.codes = codes
      self.guide = guide
      self.scratch = scratch
      records = guide.map { UnsafeRawPointer($0.guide.records) } ?? codes.rows
      stride = guide?.guide.bytesPerVector ?? codes.rowStride
      // The processor guesses how a long row goes on.
      fetchedBytes = min(stride, 512)
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

  /// The nearest row that greedy steps find on the upper levels, from the top down.
  private func descend(_ walk: Walk) -> UInt64 {
    var best = walk.key(of: format.entryPoint!)
    let rows = walk.scratch.rows
    var slot = 0
    for links in upperLinks.reversed() {
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

  /// Beam search where every row counts. What it waits for is memory, so links are asked for as soon as a
  /// node comes near its turn.
  private func searchAll(_ walk: Walk, from start: UInt64, entryPoint: UInt32, width: Int) {
    let scratch = walk.scratch
    let visited = scratch.startWalk()
    visited.insert(GraphKey.row(start))
    scratch.beam.insert(start)
    while true {
      guard let row = scratch.beam.next() else {
        // Links lead from the entry point to every row, from others not always.
        guard scratch.beam.count < width, !visited.contains(entryPoint) else { return }
        visited.insert(entryPoint)
        scratch.beam.insert(walk.key(of: entryPoint))
        continue
      }
      let count = visited.gather(links(of: row), count: format.baseLinkCount, into: scratch.rows)
      walk.fetchRows(count: count)
      scratch.beam.forEachNear(fetchLinks)
      walk.score(count: count)
      for index in 0..<count {
        let row = scratch.rows[index]
        if scratch.beam.insert(GraphKey.make(row: row, score: scratch.scores[index])) { fetchLinks(of: row) }
      }
    }
  }

  /// Beam search where dead rows lead on but do not take a place in the beam.
  private func searchLive(
    _ walk: Walk, from start: UInt64, entryPoint: UInt32, width: Int, live: LiveRows
  ) {
    let scratch = walk.scratch
    let visited = scratch.startWalk()
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
        guard scratch.beam.count < width, !visited.contains(entryPoint) else { return }
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
