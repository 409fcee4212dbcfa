/// A hierarchical navigable small world graph (Malkov and Yashunin, 2018), ready to be searched.
///
/// The graph holds edges only; the codes come with each search. Any code of the same rows can be searched
/// over it, so that a switch of the quantization keeps the graph. Upper levels are descended greedily,
/// level 0 is searched with a beam. The bytes are laid out as `GraphFormat` says and are read where they
/// lie, usually in a mapped segment file.
///
/// Searches may run on any number of threads at once; they share nothing but a pool of scratch space.
public final class GraphIndex: @unchecked Sendable {  // the bytes are never written
  let format: GraphFormat
  private let baseLinks: UnsafePointer<UInt32>
  let upperRows: UnsafePointer<UInt32>
  /// The links of level l at index l − 1.
  let upperLinks: [UnsafePointer<UInt32>]
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
  ///   - patience: ends the walk when so many rows were expanded in a row without a new one among the `k`
  ///     best, where all rows are live. A walk ends early without it too, when nothing nearer is left; beside
  ///     a smaller `ef` with the same recall it saved nothing (100,000 × 384 embeddings, recall@10 0.93 … 0.98).
  ///   - guide: the same query for guides of the same rows. With it they lead through the graph, and
  ///     `codes` score the `ef` rows at its end: about twice as fast at the same recall.
  /// - Returns: `k` neighbours, or all live ones if there are fewer.
  public func search(
    encoder: VectorEncoder, query: PreparedQuery, codes: CodeView, live: LiveRows, k: Int, ef: Int,
    patience: Int? = nil, guide: GuideQuery? = nil
  ) -> [Neighbor] {
    precondition(codes.count == rowCount, "\(codes.count) codes do not belong to \(rowCount) rows")
    if let guide {
      precondition(guide.guide.count == rowCount, "the guides do not belong to these rows")
    }
    guard rowCount > 0, k > 0 else { return [] }
    let aim = GraphWalk.Aim(k: min(k, rowCount), ef: min(max(ef, k), rowCount), patience: patience)
    return scratches.withScratch { scratch in
      var walk = GraphWalk(encoder: encoder, query: query, codes: codes, guide: guide, scratch: scratch)
      run(&walk, aim, live: live)
      return (0..<finish(walk, aim)).map { scratch.neighbor($0) }
    }
  }

  /// The rows nearest to each query of a batch, as `search` of one query finds them.
  ///
  /// Where all rows are live two walks take turns: while the memory that the one has asked for is on its way,
  /// the other computes. Nothing is allocated once batch, lists and graph have been used in this way.
  ///
  /// - Parameters:
  ///   - guide: guides of the same rows; they lead, as in `search` of one query.
  ///   - lists: are filled with `k` neighbours for each query, or all live ones if there are fewer.
  public func search(
    _ batch: QueryBatch, codes: CodeView, live: LiveRows, k: Int, ef: Int, patience: Int? = nil,
    guide: GraphGuide? = nil, into lists: NeighborLists
  ) {
    precondition(codes.count == rowCount, "\(codes.count) codes do not belong to \(rowCount) rows")
    precondition(guide == nil || guide?.count == rowCount, "the guides do not belong to these rows")
    let aim = GraphWalk.Aim(k: min(k, rowCount), ef: min(max(ef, k), rowCount), patience: patience)
    lists.reset(queryCount: batch.count, k: aim.k)
    guard aim.k > 0, batch.count > 0 else { return }
    scratches.withScratch { scratch in
      if live.words == nil, batch.count > 1 {
        scratches.withScratch { other in
          runPairs(batch, codes: codes, aim, guide: guide, scratch, other, into: lists)
        }
        return
      }
      for query in 0..<batch.count {
        var walk = GraphWalk(batch, query, codes: codes, guide: guide, scratch: scratch)
        run(&walk, aim, live: live)
        list(walk, aim, query, into: lists)
      }
    }
  }

  @inline(__always)
  func fetchLinks(of row: UInt32) {
    KernelTable.prefetch(links(of: row), bytes: 4 &* format.baseLinkCount)
  }

  /// The links of a row on level 0: a block of `format.baseLinkCount`, filled up with `noLink`.
  @inline(__always)
  func links(of row: UInt32) -> UnsafePointer<UInt32> {
    baseLinks + Int(row) &* format.baseLinkCount
  }
}
