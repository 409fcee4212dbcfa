public import MoultModel

/// An inverted file: rows in lists by their nearest of some centroids, ready to be searched. A query looks into
/// the lists whose centroids are nearest to it.
///
/// The bytes hold the centroids and which row stands in which list; the codes come with each search. Any code
/// of the same rows can be searched with it, so that a switch of the quantization keeps the lists. Therefore
/// codes are centred by their encoder and not by their list: codes of what a list's centroid leaves would belong
/// to the lists, would have to be made anew with them, and could not be scanned flat.
///
/// The bytes are laid out as `IVFFormat` says and are read where they lie, usually in a mapped segment file;
/// centroids coded in 8 bits, a quarter of their size, are kept beside them. Searches may run on any number of
/// threads at once; they share nothing that changes.
public final class IVFIndex: @unchecked Sendable {  // the bytes are never written
  let format: IVFFormat
  let lists: IVFPartition
  let groups: IVFPartition
  let router: IVFRouter?

  public var rowCount: Int { format.rowCount }
  public var listCount: Int { format.listCount }
  public var dimension: Int { format.dimension }
  /// What decides how near a list is.
  public var metric: Metric { format.metric }

  /// Opens an inverted file, after checking its header and every number: bytes that pass cannot make a search
  /// read outside of them, and each row stands in one list.
  ///
  /// - Parameter bytes: kept, not copied; they must stay mapped and unchanged while the index lives, and
  ///   begin at a multiple of 4.
  /// - Throws: `corrupted`, or `unsupportedVersion` for a newer format.
  /// - Complexity: one sequential pass over the bytes, and coding the centroids.
  public init(bytes: UnsafeRawBufferPointer) throws(MoultError) {
    format = try IVFFormat(reading: bytes)
    let base = bytes.baseAddress!  // at least a header
    precondition(
      UInt(bitPattern: base) % UInt(MemoryLayout<UInt32>.alignment) == 0,
      "an inverted file's bytes must begin at a multiple of 4")
    lists = format.partition(format.lists, of: base)
    groups = format.partition(format.groups, of: base)
    try lists.check(set: "list", member: "row")
    try groups.check(set: "group", member: "list")
    router = try IVFRouter(lists: lists, groups: groups, metric: format.metric)
  }

  // MARK: Probes

  /// Lists to look into for `count` neighbours or candidates, where nobody says.
  ///
  /// Recall@10 of 0.95 takes 53 of 400 lists on 10,000 vectors of MiniLM, 66 of 1,264 on 100,000, and 51 of 894 on 50,000
  /// of mpnet: 2.7, 1.9 and 1.7 times the root of their number. More candidates lie in more lists.
  public func defaultProbes(for count: Int) -> Int {
    let wanted = 3.5 * Double(listCount).squareRoot() * max(1, Double(count) / 100).squareRoot()
    return max(1, min(listCount, Int(wanted.rounded(.up))))
  }

  /// So many lists are looked into when they hold so many live rows, evenly spread.
  public func probes(_ probes: Int, liveCount: Int) -> Int {
    IVFListChoice.widened(
      probes, liveShare: Double(liveCount) / Double(max(1, rowCount)), listCount: listCount)
  }

  // MARK: Searching

  /// The rows nearest to each query in the lists nearest to it, nearest first; of equal scores the smaller row.
  ///
  /// Scores any code, row by row where they lie. `IVFCodes` are scanned several times as fast.
  ///
  /// - Parameters:
  ///   - queries: of an encoder that takes vectors of `dimension` entries.
  ///   - codes: written by it, one for each row of the index.
  ///   - live: codes of other rows are not read. Where they are few, more lists are looked into.
  ///   - probes: lists to look into, at least 1; with `listCount` the answer is that of a flat scan.
  /// - Returns: `k` neighbours a query, or all live ones if there are fewer: where the lists hold fewer, more lists
  ///   are looked into.
  public func search(
    _ queries: IndexQueries, codes: CodeView, live: LiveRows = .all, k: Int, probes: Int
  ) -> [[Neighbor]] {
    precondition(codes.count == rowCount, "\(codes.count) codes do not belong to \(rowCount) rows")
    checkQueries(of: queries.encoder)
    let choice = IVFListChoice(self, live: live)
    return searchUntilFull(queryCount: queries.count, k: k, probes: probes) { asking, probes in
      asking.map { query in
        var best = TopK(k)
        for list in choice.lists(queries.vector(query), count: 1, probes: probes)[0] {
          score(
            lists.members(of: Int(list)), encoder: queries.encoder, query: queries.prepared[query],
            codes: codes, live: live, into: &best)
        }
        return best.sorted()
      }
    }
  }

  /// The same over codes in the order of lists. Each list is read at most twice for 128 queries, however many of
  /// them look into it.
  ///
  /// Scores are those of `FlatIndex.search` of the same queries over `BlockCodes`. Blocks are scanned as a whole:
  /// where few rows are live, the search that scores row by row reads less.
  ///
  /// - Parameters:
  ///   - queries: of the codes' encoder.
  ///   - codes: made for this index.
  ///   - tailDeviations: see `FlatIndex.tailDeviations`.
  public func search(
    _ queries: IndexQueries, listed codes: IVFCodes, live: LiveRows = .all, k: Int, probes: Int,
    tailDeviations: Float = FlatIndex.tailDeviations
  ) -> [[Neighbor]] {
    precondition(codes.partition.members == lists.members, "the codes were made for another index")
    checkQueries(of: codes.encoder)
    guard let prepared = queries.blocks?.queries else {
      preconditionFailure("there are no blocks of codes that are not made of levels")
    }
    let perPart = IVFScan.queryMax
    let choice = IVFListChoice(self, live: live)
    let scan = IVFScan(codes: codes, live: live, k: k, tailDeviations: tailDeviations)
    return stride(from: 0, to: queries.count, by: perPart).flatMap { first in
      let part = first..<min(first + perPart, queries.count)
      return searchPart(
        queries.vector(first), prepared[part], scan: scan, choice: choice, k: k, probes: probes)
    }
  }

  private func searchPart(
    _ vectors: UnsafePointer<Float>, _ prepared: ArraySlice<LevelQuery>, scan: IVFScan, choice: IVFListChoice,
    k: Int, probes: Int
  ) -> [[Neighbor]] {
    return searchUntilFull(queryCount: prepared.count, k: k, probes: probes) { asking, probes in
      // All of them at first; later the few that found too little.
      let chosen: [[UInt32]]
      if asking.count == prepared.count {
        chosen = choice.lists(vectors, count: prepared.count, probes: probes)
      } else {
        chosen = asking.map { choice.lists(vectors + $0 * dimension, count: 1, probes: probes)[0] }
      }
      let own = asking.map { prepared[prepared.startIndex + $0] }
      return zip(own, scan.search(own, lists: chosen)).map {
        $0.neighbors($1, metric: scan.codes.encoder.metric)
      }
    }
  }

  /// Asks again, with four times the probes, for the queries that got fewer than `k`, until lists run out.
  private func searchUntilFull(
    queryCount: Int, k: Int, probes: Int, _ search: ([Int], Int) -> [[Neighbor]]
  ) -> [[Neighbor]] {
    precondition(k >= 0 && probes >= 1, "k is \(k) and probes \(probes); expected k ≥ 0 and probes ≥ 1")
    guard k > 0, rowCount > 0 else { return [[Neighbor]](repeating: [], count: queryCount) }
    var asking = Array(0..<queryCount)
    var results = search(asking, min(probes, listCount))
    var probes = min(probes, listCount)
    while probes < listCount {
      asking = asking.filter { results[$0].count < k }
      if asking.isEmpty { break }
      probes = min(4 * probes, listCount)
      for (query, found) in zip(asking, search(asking, probes)) { results[query] = found }
    }
    return results
  }

  private func score(
    _ members: UnsafeBufferPointer<UInt32>, encoder: VectorEncoder, query: PreparedQuery, codes: CodeView,
    live: LiveRows, into best: inout TopK
  ) {
    let block = 512
    withUnsafeTemporaryAllocation(of: UInt32.self, capacity: block) { rows in
      withUnsafeTemporaryAllocation(of: Float.self, capacity: block) { scores in
        var count = 0
        for (i, row) in members.enumerated() {
          if live.contains(Int(row)) {
            rows[count] = row
            count += 1
          }
          guard count == block || i + 1 == members.count else { continue }
          encoder.score(query, codes, indices: rows.baseAddress!, count: count, into: scores.baseAddress!)
          best.offer(rows: rows.baseAddress!, scores: scores.baseAddress!, count: count)
          count = 0
        }
      }
    }
  }

  private func checkQueries(of encoder: VectorEncoder) {
    precondition(
      encoder.dimension == dimension, "queries of \(encoder.dimension) dimensions, lists of \(dimension)")
  }
}
