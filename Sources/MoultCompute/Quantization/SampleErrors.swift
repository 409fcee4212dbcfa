internal import MoultModel

/// Pairs of sample vectors and their true scores: what a code's errors are measured with in training.
struct SampleErrors {
  private let dimension: Int
  private let rowCount: Int
  /// `rowCount × dimension`, to be encoded.
  private let rows: [Float]
  /// Never one of the rows.
  private let queries: [Float]
  /// Queries × rows.
  private let truth: [Double]

  /// Evenly from the whole sample, at most 512 rows and 64 queries, fewer of long vectors.
  ///
  /// - Parameter sample: `count × dimension`, as the quantizer will see vectors.
  /// - Returns: `nil` where the sample is too small to tell anything.
  init?(sample: UnsafePointer<Float>, count: Int, dimension: Int, metric: Metric) {
    let rowCount = min(count / 2, 512, max(32, 1_000_000 / dimension))
    let queryCount = min(count - rowCount, max(16, rowCount / 8))
    guard rowCount >= 16 && queryCount >= 4 else { return nil }
    let all = rowCount + queryCount
    var (rows, queries): ([Float], [Float]) = ([], [])
    for pick in 0..<all {
      let vector = UnsafeBufferPointer(start: sample + pick * count / all * dimension, count: dimension)
      // Every so often a query.
      if (pick + 1) * queryCount / all > pick * queryCount / all {
        queries.append(contentsOf: vector)
      } else {
        rows.append(contentsOf: vector)
      }
    }
    var truth: [Double] = []
    truth.reserveCapacity(rowCount * queryCount)
    rows.withUnsafeBufferPointer { rows in
      queries.withUnsafeBufferPointer { queries in
        for query in 0..<queryCount {
          for row in 0..<rowCount {
            let (a, b) = (queries.baseAddress! + query * dimension, rows.baseAddress! + row * dimension)
            truth.append(
              metric == .squaredEuclidean
                ? -KernelTable.best.squaredL2Double(a, b, dimension)
                : KernelTable.best.dotDouble(a, b, dimension))
          }
        }
      }
    }
    self.dimension = dimension
    self.rowCount = rowCount
    self.rows = rows
    self.queries = queries
    self.truth = truth
  }

  /// Mean squared error of the quantizer's scores, and that of its scores over their standard errors, 1 where
  /// these say nothing.
  func measure(_ quantizer: some Quantizer) -> (squared: Double, normalized: Double) {
    var (squares, normalized, normalizedCount) = (0.0, 0.0, 0)
    let rowBytes = (rowCount * quantizer.rowBytes + 63) / 64 * 64
    let byteCount = rowBytes + rowCount * quantizer.sideBytes
    let memory = UnsafeMutableRawPointer.allocate(byteCount: max(64, byteCount), alignment: 64)
    defer { memory.deallocate() }
    quantizer.encode(rows, stride: dimension, count: rowCount, rows: memory, side: memory + rowBytes)
    let view = CodeView(
      rows: memory, rowStride: quantizer.rowBytes, side: memory + rowBytes, sideStride: quantizer.sideBytes,
      count: rowCount)
    var scores = [Float](repeating: 0, count: rowCount)
    var errors = scores
    queries.withUnsafeBufferPointer { queries in
      for query in 0..<queries.count / dimension {
        let prepared = quantizer.prepare(queries.baseAddress! + query * dimension)
        quantizer.score(prepared, view, first: 0, indices: nil, count: rowCount, into: &scores)
        quantizer.standardErrors(prepared, view, first: 0, indices: nil, count: rowCount, into: &errors)
        for row in 0..<rowCount {
          let error = Double(scores[row]) - truth[query * rowCount + row]
          guard error.isFinite else { continue }
          squares += error * error
          let own = error / Double(errors[row])
          guard own.isFinite else { continue }
          normalized += own * own
          normalizedCount += 1
        }
      }
    }
    return (
      squares / Double(truth.count), normalizedCount > 0 ? normalized / Double(normalizedCount) : 1
    )
  }

  /// Measured over stated standard error of a quantizer; 1 where that is no positive number.
  func errorScale(_ quantizer: some Quantizer) -> Float {
    let scale = Float(measure(quantizer).normalized.squareRoot())
    return scale.isFinite && scale > 0 ? scale : 1
  }
}
