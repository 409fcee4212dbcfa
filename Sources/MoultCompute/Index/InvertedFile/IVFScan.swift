internal import CMoultKernels

/// One batch of queries over some of the lists each, by one thread.
///
/// The nearest list of each query comes first, so that bars are high when the others are scanned. Queries
/// are grouped by list: a list is read from memory at most twice, whatever the number of queries.
struct IVFScan {
  /// Queries of a batch: their bytes stay in the second-level cache.
  static let queryMax = ScanBatch.queryMax

  let codes: IVFCodes
  let live: LiveRows
  let k: Int
  let tailDeviations: Float

  /// - Parameters:
  ///   - queries: of the codes' encoder, at most `queryMax`.
  ///   - lists: those that each query shall look into, nearest first.
  /// - Returns: the `k` best of each query by score without the query's base; the members' numbers as rows.
  func search(_ queries: [LevelQuery], lists: [[UInt32]]) -> [TopK] {
    var best = [TopK](repeating: TopK(k), count: queries.count)
    guard k > 0, let layout = codes.lists.lazy.compactMap({ $0?.blocks }).first else { return best }
    let scanned = ScanQueries(
      queries, blocks: layout, tailDeviations: tailDeviations, levelNormMax: codes.levelNormMax)
    let few = min(queries.count, ScanBlocks.fewQueries)
    let many = layout.blocksPerCall(queryCount: few)
    let scratchBytes = max(
      layout.scratchBytes(blockCount: many, queryCount: few), layout.scratchBytes(queryCount: queries.count))
    let hitMax = ScanBlocks.rowsPerBlock * max(many * few, ScanBlocks.blocksPerCall * queries.count)
    withUnsafeTemporaryAllocation(byteCount: scratchBytes, alignment: 64) { scratch in
      withUnsafeTemporaryAllocation(of: moult_scan_hit.self, capacity: hitMax) { hits in
        var scans: [moult_scan_query] = []
        var asking: [Int] = []
        let visits = IVFScan.visits(lists)
        var next = 0
        while next < visits.count {
          let list = visits[next].list
          scans.removeAll(keepingCapacity: true)
          asking.removeAll(keepingCapacity: true)
          // As many as stand together; a query stands at most once among them.
          while next < visits.count, visits[next].list == list {
            let query = visits[next].query
            var scan = scanned.prototypes[query]
            scan.bar = best[query].threshold
            scans.append(scan)
            asking.append(query)
            next += 1
          }
          guard let blocks = codes.lists[list]?.blocks else { continue }
          let members = codes.partition.members(of: list)
          let perCall = blocks.blocksPerCall(queryCount: scans.count)
          for block in stride(from: 0, to: blocks.blockCount, by: perCall) {
            let hitCount = blocks.scan(
              block: block, count: min(perCall, blocks.blockCount - block), queries: scans,
              queryCount: scans.count, scratch: scratch.baseAddress!, hits: hits.baseAddress!)
            for hit in hits[..<hitCount] {
              let row = members[Int(hit.row)]
              guard live.contains(Int(row)) else { continue }
              let query = asking[Int(hit.query)]
              best[query].offer(row: row, score: hit.score)
              scans[Int(hit.query)].bar = best[query].threshold
            }
          }
        }
      }
    }
    return best
  }

  private struct Visit {
    var list: Int
    var query: Int
  }

  /// Who looks where, in order: each query's first list, then the others. A single query keeps its order.
  private static func visits(_ lists: [[UInt32]]) -> [Visit] {
    if lists.count == 1 { return lists[0].map { Visit(list: Int($0), query: 0) } }
    func grouped(_ part: (ArraySlice<UInt32>) -> ArraySlice<UInt32>) -> [Visit] {
      var keys: [UInt64] = []
      for (query, own) in lists.enumerated() {
        for list in part(own[...]) { keys.append(UInt64(list) << 32 | UInt64(query)) }
      }
      keys.sort()
      return keys.map { Visit(list: Int($0 >> 32), query: Int($0 & 0xFFFF_FFFF)) }
    }
    return grouped { $0.prefix(1) } + grouped { $0.dropFirst() }
  }
}
