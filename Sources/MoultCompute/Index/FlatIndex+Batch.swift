internal import CMoultKernels
internal import MoultModel

extension FlatIndex {
  /// How many standard deviations of the coordinates of its tail a row may be short after its head and still
  /// be looked at, where codes have a tail.
  ///
  /// Near neighbours are near in the tail as well, so their tails add far more than a random row's. On MiniLM,
  /// mpnet and bge at 4 bits 6.5 costs 0.0003, 0.0016 and 0.0004 of recall@10 against 8, which takes up to a
  /// third longer.
  public static let tailDeviations: Float = 6.5

  /// The `k` nearest live rows for each of a batch of queries, nearest first; of equal scores the smaller row
  /// (scores that differ only in the last bits of what is added to all of them may count as equal or not).
  ///
  /// Scores are those of `VectorEncoder.score` but for the query's rounding to 8 bits.
  ///
  /// - Parameters:
  ///   - queries: `queryCount × encoder.dimension`, finite.
  ///   - tailDeviations: see the static member.
  /// - Complexity: O(queryCount · rows · code dimension); each running body takes a copy of the batch's bars,
  ///   room for the hits of a call (64 rows a query, up to 1,024 for a few queries) and O(k) a query.
  public static func search(
    queries: UnsafePointer<Float>, queryCount: Int, codes: BlockCodes, live: LiveRows = .all, k: Int,
    tailDeviations: Float = tailDeviations, parallel: ParallelFor = .serial
  ) -> [[Neighbor]] {
    guard let prepared = BlockQueries(encoder: codes.encoder, queries: queries, count: queryCount) else {
      preconditionFailure("there are no blocks of codes that are not made of levels")
    }
    return search(
      prepared, codes: codes, live: live, k: k, tailDeviations: tailDeviations, parallel: parallel)
  }

  /// The same for queries that are prepared already, as where several segments share an encoder.
  public static func search(
    _ queries: BlockQueries, codes: BlockCodes, live: LiveRows = .all, k: Int,
    tailDeviations: Float = tailDeviations, parallel: ParallelFor = .serial
  ) -> [[Neighbor]] {
    precondition(k >= 0)
    var results: [[Neighbor]] = []
    for first in stride(from: 0, to: queries.count, by: ScanBatch.queryMax) {
      let chunk = Array(queries.queries[first..<min(queries.count, first + ScanBatch.queryMax)])
      let found: [TopK]
      if let sketches = codes.sketches {
        let queries = SketchQueries(chunk, sketches: sketches, tailDeviations: tailDeviations)
        found = SketchBatch(queries: queries, sketches: sketches, live: live, k: k).search(parallel: parallel)
      } else {
        found = ScanBatch(
          queries: ScanQueries(
            chunk, blocks: codes.blocks, tailDeviations: tailDeviations, levelNormMax: codes.levelNormMax),
          blocks: codes.blocks, live: live, k: k
        ).search(parallel: parallel)
      }
      results += zip(chunk, found).map { $0.neighbors($1, metric: codes.encoder.metric) }
    }
    return results
  }
}

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
