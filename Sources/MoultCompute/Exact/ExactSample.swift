internal import MoultModel

/// Live rows at even distances, for a first idea of the data.
struct ExactSample: Sendable {
  let segments: [ExactSegment]
  let rows: [(segment: Int, row: Int)]

  init(_ segments: [ExactSegment], k: Int) {
    self.segments = segments
    let total = segments.reduce(0) { $0 + $1.codes.count }
    // More rows make better first bars, but each is scanned once more for every query.
    let wanted = min(2048, max(256, 32 * min(k, 64), total / 64))
    let step = max(1, total / wanted)
    var rows: [(segment: Int, row: Int)] = []
    var next = step / 2
    for (index, segment) in segments.enumerated() {
      while next < segment.codes.count {
        if segment.live.contains(next) { rows.append((index, next)) }
        next += step
      }
      next -= segment.codes.count
    }
    self.rows = rows
  }

  /// The mean, for cosine of the rows' directions. Rows much longer than most are left out: they would draw
  /// it away from all others. Any vector would be right as a centre; one near the rows makes bounds tight.
  func centre(metric: Metric, dimension: Int) -> [Float] {
    let lengths = rows.map { sample -> Double in
      let inverse = segments[sample.segment].inverseNorm(sample.row)
      if inverse == 0 { return 0 }
      return metric == .cosine ? (ExactSegment.isTrusted(inverse) ? 1 : .infinity) : 1 / Double(inverse)
    }
    let longest = lengths.isEmpty ? 0 : min(1e15, 4 * lengths.sorted()[lengths.count / 2])
    var sums = [Double](repeating: 0, count: dimension)
    var count = 0.0
    for (sample, length) in zip(rows, lengths) where length <= longest {
      let segment = segments[sample.segment]
      let scale = metric == .cosine ? Double(segment.inverseNorm(sample.row)) : 1
      let row = segment.row(sample.row).assumingMemoryBound(to: Float.self)
      for j in 0..<dimension { sums[j] += Double(row[j]) * scale }
      count += 1
    }
    return sums.map { count > 0 ? Float($0 / count) : 0 }
  }
}
