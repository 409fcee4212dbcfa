internal import CMoultKernels

/// One batch of queries over all blocks, by as many threads as there are parts.
struct ScanBatch: Sendable {
  /// Queries of a batch: their bytes stay in the second-level cache.
  static let queryMax = 128

  let queries: ScanQueries
  let blocks: ScanBlocks
  let live: LiveRows
  let k: Int

  /// Blocks of a part. The number of parts does not depend on the number of threads.
  private static let partBlocks = 4096

  /// For each query its `k` best rows, without the queries' bases.
  func search(parallel: ParallelFor) -> [TopK] {
    let all = Array(0..<queries.count)
    let bars = startBars()
    var best = search(all, bars: bars, parallel: parallel)
    // A start bar is a guess: where fewer rows than wanted reach it, it was too high.
    let short = all.filter { bars[$0] > -.infinity && best[$0].count < k }
    if !short.isEmpty {
      let again = search(
        short, bars: [Float](repeating: -.infinity, count: short.count), parallel: parallel)
      for (index, query) in short.enumerated() { best[query] = again[index] }
    }
    return best
  }

  private func search(_ chosen: [Int], bars: [Float], parallel: ParallelFor) -> [TopK] {
    let partCount = max(1, (blocks.blockCount + ScanBatch.partBlocks - 1) / ScanBatch.partBlocks)
    let found = ResultSlots<[TopK]?>(repeating: nil, count: partCount)
    let perCall = blocks.blocksPerCall(queryCount: chosen.count)
    parallel.run(partCount) { part in
      let first = part * ScanBatch.partBlocks
      let end = min(blocks.blockCount, first + ScanBatch.partBlocks)
      found[part] = scan(
        chosen, bars: bars, k: k, slackScale: 1, blocksPerCall: perCall,
        calls: stride(from: first, to: end, by: perCall), end: end)
    }
    var best = found[0]!
    for part in 1..<partCount {
      for (query, more) in found[part]!.enumerated() { best[query].merge(more) }
    }
    return best
  }

  // MARK: Start bars

  /// Part of the rows that the start bars are guessed from.
  private static let samplePart = 16
  /// Of the slack of a scan, what is enough to find good rows of the sample.
  private static let sampleSlack: Float = 0.375

  /// Scores below which rows need no look from the first block on; −∞ where that would not pay.
  ///
  /// While the bar is low, most rows pass on their heads and have their tails read. So a sample is scanned
  /// first. Of n rows in it, λ = k·n/N are expected among the k best of all; as many as 2 + λ + 4√λ are
  /// almost never, so the score of that many-th best row of the sample is almost never above the k-th best
  /// score. (`search` notices the rest.)
  private func startBars() -> [Float] {
    let none = [Float](repeating: -.infinity, count: queries.count)
    let perCall = blocks.blocksPerCall(queryCount: queries.count)
    let calls = blocks.blockCount / perCall / ScanBatch.samplePart
    guard blocks.tail != nil, k > 0, calls >= 4 else { return none }
    let expected = Double(k) * Double(calls * perCall) / Double(blocks.blockCount)
    let rank = Int(expected + 4 * expected.squareRoot() + 2)
    let found = scan(
      Array(0..<queries.count), bars: none, k: rank, slackScale: ScanBatch.sampleSlack,
      blocksPerCall: perCall,
      calls: stride(from: 0, to: calls * ScanBatch.samplePart * perCall, by: ScanBatch.samplePart * perCall),
      end: blocks.blockCount)
    return found.map { $0.isFull ? $0.threshold : -.infinity }
  }

  // MARK: Scanning

  /// - Parameters:
  ///   - bars: of the chosen queries, to begin with.
  ///   - slackScale: what slacks are multiplied by.
  ///   - calls: first blocks of the calls.
  private func scan(
    _ chosen: [Int], bars: [Float], k: Int, slackScale: Float, blocksPerCall: Int, calls: StrideTo<Int>,
    end: Int
  ) -> [TopK] {
    var best = [TopK](repeating: TopK(k), count: chosen.count)
    var scans = zip(chosen, bars).map { query, bar in
      var scan = queries.prototypes[query]
      scan.slack *= slackScale
      scan.bar = bar
      return scan
    }
    withUnsafeTemporaryAllocation(
      byteCount: blocks.scratchBytes(blockCount: blocksPerCall, queryCount: chosen.count), alignment: 64
    ) { scratch in
      withUnsafeTemporaryAllocation(
        of: moult_scan_hit.self, capacity: ScanBlocks.rowsPerBlock * blocksPerCall * chosen.count
      ) { buffer in
        let hits = buffer.baseAddress!
        best.withUnsafeMutableBufferPointer { best in
          scans.withUnsafeMutableBufferPointer { scans in
            for block in calls {
              let hitCount = blocks.scan(
                block: block, count: min(blocksPerCall, end - block), queries: scans.baseAddress!,
                queryCount: scans.count, scratch: scratch.baseAddress!, hits: hits)
              for i in 0..<hitCount {
                let query = Int(hits[i].query)
                guard live.contains(Int(hits[i].row)) else { continue }
                best[query].offer(row: hits[i].row, score: hits[i].score)
                scans[query].bar = max(scans[query].bar, best[query].threshold)
              }
            }
          }
        }
      }
    }
    return best
  }
}
