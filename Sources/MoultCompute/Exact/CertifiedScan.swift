internal import CMoultKernels
internal import MoultModel

/// Exact search of many queries: every row by a scan of signed bytes with a proven bound, and in double those
/// that can belong to the hits.
///
/// With a centre c (any vector; here the mean of a sample) scores are a monotone function of g·v/σ plus what
/// depends on the row alone:
///
///     cosine             v = x/‖x‖ − c    g = q/‖q‖       score = σ·(g·v/σ) + g·c
///     inner product      v = x − c        g = q/‖q‖       score/‖q‖ = σ·(g·v/σ) + g·c
///     squared Euclidean  v = x − c        g = 2(q − c)    −‖q − x‖² = g·v − ‖v‖² − ‖q − c‖²      (σ = 1)
///
/// Rows are coded as v ≈ s·L with ρ ≥ ‖v − s·L‖, queries as g/σ ≈ t·W; L and W are integers of one byte.
/// With A ≥ ‖t·W‖ and B ≥ ‖g/σ − t·W‖ Cauchy and Schwarz give
///
///     |g·v/σ − t·s·(W·L)| = |(g/σ − t·W)·v + t·W·(v − s·L)| ≤ B·‖v‖ + A·ρ.
///
/// The scan computes t·s·(W·L) plus the right side, W·L exactly, the rest with four float roundings and one of
/// the row's term: 5·2⁻²⁴ of A·(‖v‖ + ρ) + B·‖v‖ (and of ‖v‖²), for which 16·2⁻²⁴ are added. Scores in double
/// are within 10⁻¹¹ of ‖q‖·‖x‖, or of 2·(‖q − c‖² + ‖v‖²), which bars and rows allow for. So a row whose
/// bound stays below the bar of `k` scores that are known has a lower score than each of these, in double as
/// well; equal scores always pass. ρ, ‖v‖, A and B are themselves rounded up, see where they are made.
///
/// The bars start from a sample of the rows, whose scores the same inequality bounds from below.
struct CertifiedScan: Sendable {
  let queries: [ExactQuery]
  let segments: [ExactSegment]
  let k: Int
  let metric: Metric
  let dimension: Int
  private let centre: [Float]
  private let coded: CertifiedQueries
  /// Per chunk and member the first bar, in units of the scan.
  private let firstBars: [[Float]]

  /// Blocks a call of the kernel.
  private static let blocksPerCall = 4
  /// Of the rows of a call so many may pass for a query until float32 is asked as well: scoring in double
  /// costs about four times as much.
  private static let looseShare = 4

  /// - Parameter queries: at least one; dimension at most 32 768.
  init(queries: [ExactQuery], segments: [ExactSegment], k: Int, parallel: ParallelFor) {
    self.queries = queries
    self.segments = segments
    self.k = k
    metric = queries[0].metric
    dimension = queries[0].dimension
    let sample = ExactSample(segments, k: k)
    let centre = sample.centre(metric: metric, dimension: dimension)
    let coded = CertifiedQueries(
      queries, centre: centre, levelCount: CodeLayout.segments(dimension) * CodeLayout.segmentDimension,
      parallel: parallel)
    self.centre = centre
    self.coded = coded
    let (metric, dimension) = (metric, dimension)
    let bars = ResultSlots<[Float]>(repeating: [], count: coded.chunks.count)
    parallel.run(coded.chunks.count) { index in
      let chunk = coded.chunks[index]
      var panel = CertifiedPanel(dimension: dimension, metric: metric, centre: centre)
      bars[index] = CertifiedScan.firstBars(chunk, sample, k: k, panel: &panel)
    }
    firstBars = bars.values
  }

  /// The `k`-th largest lower bound among a sample of the rows; −∞ where there are fewer.
  private static func firstBars(
    _ chunk: CertifiedQueries.Chunk, _ sample: ExactSample, k: Int, panel: inout CertifiedPanel
  ) -> [Float] {
    var best = [TopK](repeating: TopK(k), count: chunk.members.count)
    var scans = chunk.prototypes
    withScratch(levelCount: panel.levelCount, queryCount: scans.count) { scratch, hits in
      var next = 0
      while next < sample.rows.count {
        panel.removeAll()
        while next < sample.rows.count && !panel.isFull {
          let (segment, row) = sample.rows[next]
          let rows = sample.segments[segment]
          panel.append(rows.row(row), inverseNorm: rows.inverseNorm(row), isLive: true)
          next += 1
        }
        panel.finish()
        panel.setBounds(chunk)
        for block in stride(from: 0, to: panel.blockCount, by: blocksPerCall) {
          let hitCount = panel.scan(
            block: block, count: min(blocksPerCall, panel.blockCount - block), queries: scans,
            queryCount: scans.count, scratch: scratch, hits: hits)
          for i in 0..<hitCount {
            let (query, row) = (Int(hits[i].query), Int(hits[i].row))
            guard panel.isBounded(row) else { continue }
            let lower = Double(hits[i].score) - 2 * panel.width(row, chunk)
            best[query].offer(row: hits[i].row, score: lower.roundedDown())
            scans[query].bar = best[query].threshold
          }
        }
      }
    }
    return zip(best, chunk.units).map { $0.isFull ? $1.lowered(Double($0.threshold)) : -.infinity }
  }

  /// Room for a call of the kernel: its scratch and the hits of all its rows.
  private static func withScratch<Result>(
    levelCount: Int, queryCount: Int,
    _ body: (UnsafeMutableRawPointer, UnsafeMutablePointer<moult_scan_hit>) -> Result
  ) -> Result {
    let bytes = moult_scan_scratch_bytes(levelCount / 4, blocksPerCall, queryCount)
    return withUnsafeTemporaryAllocation(byteCount: bytes, alignment: 64) { scratch in
      withUnsafeTemporaryAllocation(
        of: moult_scan_hit.self, capacity: CertifiedPanel.blockRows * blocksPerCall * queryCount
      ) { hits in body(scratch.baseAddress!, hits.baseAddress!) }
    }
  }

  // MARK: A part of the rows

  /// Scans the rows of `part` for all queries.
  func scan(_ part: ExactSearch.Part, board: ExactBoard) {
    let reached = board.thresholds()
    var panel = CertifiedPanel(dimension: dimension, metric: metric, centre: centre)
    var states = zip(coded.chunks, firstBars).map { chunk, bars in
      CertifiedChunkState(chunk, firstBars: bars, reached: chunk.members.map { reached[$0] }, k: k)
    }
    var report = ExactReport()
    let segment = segments[part.segment]
    let queryMax = coded.chunks.reduce(0) { max($0, $1.members.count) }
    CertifiedScan.withScratch(levelCount: panel.levelCount, queryCount: queryMax) { scratch, hits in
      withUnsafeTemporaryAllocation(of: Float.self, capacity: FloatFilter.rowsMax) { floats in
        let filter = FloatFilter(scores: floats.baseAddress!)
        for first in stride(from: part.first, to: part.first + part.count, by: panel.capacity) {
          panel.removeAll()
          for row in first..<min(part.first + part.count, first + panel.capacity) {
            panel.append(
              segment.row(row), inverseNorm: segment.inverseNorm(row), isLive: segment.live.contains(row))
          }
          panel.finish()
          for index in states.indices {
            let chunk = coded.chunks[index]
            panel.setBounds(chunk)
            states[index].forgetPanel()
            for block in stride(from: 0, to: panel.blockCount, by: CertifiedScan.blocksPerCall) {
              let blockCount = min(CertifiedScan.blocksPerCall, panel.blockCount - block)
              let hitCount = panel.scan(
                block: block, count: blockCount, queries: states[index].scans,
                queryCount: chunk.members.count, scratch: scratch, hits: hits)
              let start = block * CertifiedPanel.blockRows
              let rows = FloatFilter.Span(
                first: first + start, count: min(panel.count - start, blockCount * CertifiedPanel.blockRows))
              score(
                hits, count: hitCount, panelFirst: first, firstEquals: panel.firstEquals, of: rows,
                in: segment,
                chunk: chunk,
                filter: filter, state: &states[index], &report)
            }
          }
        }
      }
    }
    var found = [ExactTop](repeating: ExactTop(k), count: queries.count)
    for (chunk, state) in zip(coded.chunks, states) {
      for (i, member) in chunk.members.enumerated() { found[member] = state.best[i] }
    }
    board.add(found, loose: zip(coded.chunks, states).flatMap { $1.looseMembers($0) }, report)
  }

  /// Scores the hits of one call in double.
  private func score(
    _ hits: UnsafePointer<moult_scan_hit>, count: Int, panelFirst: Int, firstEquals: UnsafePointer<Int32>,
    of rows: FloatFilter.Span,
    in segment: ExactSegment, chunk: CertifiedQueries.Chunk, filter: FloatFilter,
    state: inout CertifiedChunkState,
    _ report: inout ExactReport
  ) {
    let looseMin = max(CertifiedPanel.blockRows, rows.count / CertifiedScan.looseShare)
    if count > looseMin {
      let block = FloatFilter.Block(segment, rows, metric: metric)
      for i in state.countHits(hits, count: count, above: looseMin) {
        let scored = filter.scan(
          queries[chunk.members[i]], block, threshold: state.floors[i], into: &state.best[i])
        report.scored += scored
        state.noteLoose(i, isTie: scored > rows.count / 2)
        state.raiseBar(i, chunk.units[i])
      }
    }
    for h in 0..<count {
      let i = Int(hits[h].query)
      guard hits[h].score >= state.scans[i].bar && !state.isScored[i] else { continue }
      let row = panelFirst + Int(hits[h].row)
      let firstEqual = firstEquals[Int(hits[h].row)]
      if state.lastScored[i].row != firstEqual {
        state.lastScored[i] = (firstEqual, queries[chunk.members[i]].score(segment.row(row)))
        report.scored += 1
      }
      let score = state.lastScored[i].score
      guard score >= state.best[i].threshold && score >= state.floors[i] else { continue }
      state.best[i].offer(ExactTop.Hit(score: score, row: segment.firstRow + Int64(row)))
      state.raiseBar(i, chunk.units[i])
    }
    if count > looseMin { state.forgetCall() }
  }
}
