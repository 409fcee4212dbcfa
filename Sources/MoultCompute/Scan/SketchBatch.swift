internal import CMoultKernels
internal import MoultModel

/// One batch of queries over all sketches, by as many threads as there are parts.
struct SketchBatch {
  /// Chunks of a call: bars rise from one to the next.
  private static let callChunks = 64
  /// Chunks of a part. The number of parts does not depend on the number of threads.
  private static let partChunks = 1024
  /// Of 64 chunks so many are the sample that the first bars are guessed from.
  private static let samplePart = 16
  private static let sampleRun = 4

  let queries: SketchQueries
  let sketches: Sketches
  let live: LiveRows
  let k: Int

  func search(parallel: ParallelFor) -> [TopK] {
    let bars = startBars()
    var bytes = [Int8](repeating: .min, count: queries.count)
    for q in 0..<queries.count where bars[q] > -.infinity {
      queries.setReference(bars[q], at: q)
      bytes[q] = queries.byte(bar: bars[q], at: q)
    }
    let first = bytes
    let partCount = max(1, (sketches.chunkCount + SketchBatch.partChunks - 1) / SketchBatch.partChunks)
    let found = ResultSlots<[TopK]?>(repeating: nil, count: partCount)
    parallel.run(partCount) { part in
      let start = part * SketchBatch.partChunks
      let end = min(sketches.chunkCount, start + SketchBatch.partChunks)
      found[part] = scan(start..<end, bars: bars, bytes: first)
    }
    var best = found[0]!
    for part in 1..<partCount {
      for (query, more) in found[part]!.enumerated() { best[query].merge(more) }
    }
    // A start bar is a guess: where fewer rows than wanted reach it, it was too high.
    for q in 0..<queries.count where bars[q] > -.infinity && best[q].count < k { best[q] = scanAll(q) }
    return best
  }

  // MARK: Start bars

  /// As `ScanBatch.startBars`: the score of the so many-th best row of a sample, of which those are scored
  /// whose sketches are best.
  private func startBars() -> [Float] {
    var bars = [Float](repeating: -.infinity, count: queries.count)
    let runs = sketches.chunkCount / (SketchBatch.sampleRun * SketchBatch.samplePart)
    guard k > 0, runs > 0 else { return bars }
    let sampleRows = runs * SketchBatch.sampleRun * Sketches.rowsPerChunk
    let expected = Double(k) * Double(sampleRows) / Double(sketches.count)
    let rank = Int(expected + 4 * expected.squareRoot() + 2)
    let share = Double(max(2 * rank, 12)) / Double(sampleRows)
    guard share < 0.25 else { return bars }
    let bytes = (0..<queries.count).map { queries.byte(share: share, at: $0) }
    var best = [TopK](repeating: TopK(rank), count: queries.count)
    visit(
      stride(
        from: 0, to: runs * SketchBatch.sampleRun * SketchBatch.samplePart,
        by: SketchBatch.sampleRun * SketchBatch.samplePart), perCall: SketchBatch.sampleRun,
      end: sketches.chunkCount, bytes: bytes
    ) { q, rows, scores, count in
      for i in 0..<count { best[q].offer(row: rows[i], score: scores[i]) }
      return nil
    }
    for q in 0..<queries.count where best[q].isFull { bars[q] = best[q].threshold }
    return bars
  }

  // MARK: Scanning

  private func scan(_ range: Range<Int>, bars: [Float], bytes: [Int8]) -> [TopK] {
    var best = [TopK](repeating: TopK(k), count: queries.count)
    visit(
      stride(from: range.lowerBound, to: range.upperBound, by: SketchBatch.callChunks),
      perCall: SketchBatch.callChunks, end: range.upperBound, bytes: bytes
    ) { q, rows, scores, count in
      let bar = max(bars[q], best[q].threshold)
      for i in 0..<count where scores[i] >= bars[q] { best[q].offer(row: rows[i], score: scores[i]) }
      let threshold = best[q].threshold
      return threshold > bar ? queries.byte(bar: threshold, at: q) : nil
    }
    return best
  }

  private func scanAll(_ query: Int) -> TopK {
    var best = TopK(k)
    withUnsafeTemporaryAllocation(of: UInt32.self, capacity: 256) { rows in
      withUnsafeTemporaryAllocation(of: Float.self, capacity: 256) { scores in
        var row = 0
        while row < sketches.count {
          var count = 0
          while row < sketches.count && count < 256 {
            if live.contains(row) {
              rows[count] = UInt32(row)
              count += 1
            }
            row += 1
          }
          score(query, rows.baseAddress!, count, scores.baseAddress!)
          for i in 0..<count { best.offer(row: rows[i], score: scores[i]) }
        }
      }
    }
    return best
  }

  /// Scores the rows that pass, a query and call at a time.
  ///
  /// - Parameter found: gets a query's rows and scores; returns its next byte, if that changes.
  private func visit(
    _ calls: StrideTo<Int>, perCall: Int, end: Int, bytes: [Int8],
    found: (Int, UnsafePointer<UInt32>, UnsafePointer<Float>, Int) -> Int8?
  ) {
    let queryCount = queries.count
    let rowMax = perCall * Sketches.rowsPerChunk
    withUnsafeTemporaryAllocation(of: UInt64.self, capacity: max(1, perCall * queryCount)) { masks in
      withUnsafeTemporaryAllocation(of: UInt32.self, capacity: 2 * rowMax) { rows in
        withUnsafeTemporaryAllocation(of: Float.self, capacity: rowMax) { scores in
          withUnsafeTemporaryAllocation(of: Int8.self, capacity: max(1, queryCount)) { bars in
            for q in 0..<queryCount { bars[q] = bytes[q] }
            for chunk in calls {
              let count = min(perCall, end - chunk)
              KernelTable.best.scanSketches(
                sketches.chunks + chunk * sketches.layout.lines * 64, sketches.layout.lines, count,
                queries.tables, bars.baseAddress!, queryCount, masks.baseAddress!)
              // The rows of a query are fetched while those of the one before are scored.
              var pending = 0
              for q in 0...queryCount {
                let list = rows.baseAddress! + (q & 1) * rowMax
                let next = q < queryCount ? collect(masks.baseAddress! + q * count, count, chunk, list) : 0
                if pending > 0 {
                  let own = rows.baseAddress! + (1 - q & 1) * rowMax
                  score(q - 1, own, pending, scores.baseAddress!)
                  if let byte = found(q - 1, own, scores.baseAddress!, pending) { bars[q - 1] = byte }
                }
                pending = next
              }
            }
          }
        }
      }
    }
  }

  private func collect(
    _ masks: UnsafePointer<UInt64>, _ count: Int, _ chunk: Int, _ list: UnsafeMutablePointer<UInt32>
  ) -> Int {
    var found = 0
    for c in 0..<count {
      var mask = masks[c] | sketches.always[chunk + c]
      if mask == 0 { continue }
      let first = (chunk + c) * 64
      if first + 64 > sketches.count { mask &= (1 << UInt64(sketches.count - first)) &- 1 }
      if let words = live.words { mask &= words[chunk + c] }
      while mask != 0 {
        let row = first + mask.trailingZeroBitCount
        mask &= mask &- 1
        list[found] = UInt32(truncatingIfNeeded: row)
        found += 1
        if found <= 4 { prefetch(row) }  // the kernel fetches those that follow
        moult_prefetch(sketches.terms + 2 * row)
      }
    }
    return found
  }

  private func prefetch(_ row: Int) {
    let address = sketches.rows + row * sketches.codes.rowBytes
    for at in stride(from: 0, to: sketches.codes.rowBytes, by: 64) { moult_prefetch(address + at) }
  }

  private func score(
    _ q: Int, _ rows: UnsafePointer<UInt32>, _ count: Int, _ scores: UnsafeMutablePointer<Float>
  ) {
    let query = queries.queries[q]
    let zones = sketches.codes.kernelZones
    scores.withMemoryRebound(to: Int32.self, capacity: count) { sums in
      KernelTable.best.levelDotRows(
        zones.zones, zones.count, queries.weights + q * queries.dimension, sketches.rows,
        sketches.codes.rowBytes, rows, count, sums)
    }
    for i in 0..<count {
      let sum = Int32(bitPattern: scores[i].bitPattern) &+ query.bias
      let terms = sketches.terms + 2 * Int(rows[i])
      scores[i] = terms[0] * (query.scale * Float(sum) + query.offset) + terms[1]
    }
  }
}
