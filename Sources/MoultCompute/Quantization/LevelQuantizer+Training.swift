internal import MoultModel

extension LevelQuantizer {
  /// Codes of one width behind a seeded random rotation: `lloyd1…5` and, with the grid, `rabitq1…4`.
  ///
  /// - Parameter sample: `count × dimension`, as the quantizer will see vectors; may be empty.
  static func random(
    table: LevelTableKind, bits: Int, dimension: Int, metric: Metric, sample: UnsafePointer<Float>,
    count: Int,
    seed: UInt64
  ) -> LevelQuantizer {
    let padded = RandomRotation.paddedDimension(dimension)
    let segments = padded / CodeLayout.segmentDimension
    let quantizer = LevelQuantizer(
      dimension: dimension, metric: metric,
      centre: SampleStatistics.centre(of: sample, count: count, dimension: dimension),
      rotation: .random(RandomRotation(dimension: padded, seed: seed)), table: table,
      widths: [Int](repeating: bits, count: segments),
      spreads: [Float](repeating: 1 / Float(padded).squareRoot(), count: segments), headSegments: segments,
      droppedVariance: 0, errorScale: 1)
    return quantizer.calibrated(on: sample, count: count)
  }

  /// The main code: principal directions, in segments of 32, each with as many bits as its variance deserves
  /// (QUANTIZATION.md B2.6); inside a segment a seeded random rotation, so that its coordinates are alike.
  ///
  /// - Parameters:
  ///   - bits: a dimension on average, 0.25 … 8; at least one segment has codes.
  ///   - sample: `count × dimension`, as the quantizer will see vectors; 4·dimension or more, with fewer the
  ///     variances are shrunk.
  /// - Returns: the quantizer and the directions that were found.
  static func segmented(
    bits: Double, dimension: Int, metric: Metric, sample: UnsafePointer<Float>, count: Int, seed: UInt64
  ) throws(MoultError) -> (quantizer: LevelQuantizer, components: PrincipalComponents) {
    let centre = SampleStatistics.centre(of: sample, count: count, dimension: dimension)
    var components = try PrincipalComponents.fit(
      sample: sample, count: count, dimension: dimension, keeping: dimension, metric: .innerProduct)
    if count < 4 * dimension {
      components = components.withSmallSampleVariances(sample: sample, count: count, centre: centre)
    }
    let eigenvalues = components.eigenvalues.map { max(0, Double($0)) }
    let segments = CodeLayout.segments(dimension)
    let variances = (0..<segments).map { segment in
      eigenvalues[32 * segment..<min(dimension, 32 * segment + 32)].reduce(0, +)
    }
    let total = variances.reduce(0, +)
    let budget = max((bits * Double(dimension) / 32).rounded(.up), segments == 1 ? bits.rounded(.up) : 1)
    let widths = BitAllocation.widths(variances: variances, bits: bits, budget: Int(budget)).prefix { $0 > 0 }
    let spreads = variances.prefix(widths.count).map { variance in
      // Constant data has no variance anywhere, and what has not varied so far may do so later.
      total > 0 ? max(1e-6, Float((variance / 32 / total).squareRoot())) : 1 / Float(dimension).squareRoot()
    }
    let dropped = variances.dropFirst(widths.count).reduce(0, +)
    let droppedDimensions = max(1, dimension - 32 * widths.count)
    let quantizer = LevelQuantizer(
      dimension: dimension, metric: metric, centre: centre,
      rotation: .learned(
        segmentRotation(
          of: components.transform.matrix, dimension: dimension, count: widths.count, seed: seed)),
      table: .graded, widths: Array(widths), spreads: spreads.map { min(1, $0) },
      headSegments: headSegments(variances: Array(variances.prefix(widths.count))),
      droppedVariance: total > 0 ? Float(dropped / total / Double(droppedDimensions)) : 0, errorScale: 1)
    return (quantizer.calibrated(on: sample, count: count), components)
  }

  /// Segments that a scan reads of every row: the first that hold `headVariance` of what has codes; all where
  /// little is saved.
  private static func headSegments(variances: [Double]) -> Int {
    let wanted = headVariance * variances.reduce(0, +)
    var sum = 0.0
    for (segment, variance) in variances.enumerated() {
      sum += variance
      if sum >= wanted {
        return 4 * (segment + 1) > 3 * variances.count ? variances.count : segment + 1
      }
    }
    return variances.count
  }

  /// Chosen by measuring: with less, too many rows need their tail; with more, every row costs more.
  static let headVariance = 0.75

  /// `H·diag(±1)` times each 32 directions, H the Hadamard matrix of order 32; directions that are missing in
  /// the last segment are zero.
  private static func segmentRotation(
    of directions: FloatBuffer, dimension: Int, count: Int, seed: UInt64
  ) -> LinearTransform {
    var random = SplitMix64(seed: seed)
    let rotated = CodeLayout.segmentDimension * count
    let matrix = FloatBuffer(count: rotated * dimension) { matrix in
      var column = [Float](repeating: 0, count: 32)
      for segment in 0..<count {
        let signs = random.next()
        for j in 0..<dimension {
          for i in 0..<32 {
            let row = 32 * segment + i
            let value = row < dimension ? directions.pointer[row * dimension + j] : 0
            column[i] = signs >> UInt64(i) & 1 == 0 ? value : -value
          }
          KernelTable.best.hadamard(&column, 32)
          for i in 0..<32 { matrix[(32 * segment + i) * dimension + j] = column[i] }
        }
      }
    }
    return LinearTransform(
      matrix: matrix, bias: nil, inputDimension: dimension, outputDimension: rotated, isOrthonormal: true)
  }

  // MARK: Calibration

  /// Fits `errorScale`: scores pairs of sample rows, one of them encoded, and compares with the truth.
  private func calibrated(on sample: UnsafePointer<Float>, count: Int) -> LevelQuantizer {
    let rows = min(count / 2, 512)
    let queries = min(count - rows, 64)
    guard rows >= 16 && queries >= 4 else { return self }
    return withUnsafeTemporaryAllocation(byteCount: rows * (8 + rowBytes), alignment: 64) { buffer in
      let side = buffer.baseAddress!
      let codes = side + 8 * rows
      encode(sample, stride: dimension, count: rows, rows: codes, side: side)
      let view = CodeView(
        rows: codes, rowStride: rowBytes, side: UnsafeRawPointer(side), sideStride: 8, count: rows)
      var scores = [Float](repeating: 0, count: rows)
      var errors = scores
      var (squares, pairs) = (0.0, 0)
      for query in 0..<queries {
        let vector = sample + (rows + query * (count - rows) / queries) * dimension
        let prepared = prepare(vector)
        score(prepared, view, first: 0, indices: nil, count: rows, into: &scores)
        standardErrors(prepared, view, first: 0, indices: nil, count: rows, into: &errors)
        for row in 0..<rows where errors[row] > 0 {
          let other = sample + row * dimension
          let truth =
            metric == .squaredEuclidean
            ? -KernelTable.best.squaredL2Double(vector, other, dimension)
            : KernelTable.best.dotDouble(vector, other, dimension)
          let error = (Double(scores[row]) - truth) / Double(errors[row])
          if error.isFinite {
            squares += error * error
            pairs += 1
          }
        }
      }
      let scale = pairs > 0 ? Float((squares / Double(pairs)).squareRoot()) : 1
      return with(errorScale: scale.isFinite && scale > 0 ? scale : 1)
    }
  }
}
