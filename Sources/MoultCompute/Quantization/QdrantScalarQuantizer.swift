internal import MoultModel

/// Qdrant's scalar quantization, for comparison: 7 bits in a byte, one range for the whole collection, and
/// queries rounded to the same grid (QUANTIZATION.md B1.1; `encoded_vectors_u8.rs` of Qdrant 1.19).
///
/// `x̂ = lower + step·u`, `u[j] = ⌊(x[j] − lower)/step⌋` clamped to 0 … 127: cut off, not rounded, as there;
/// lower is the sample's least element and step its width over 127 (no quantile asked for, as is the default
/// there). A score is that of x̂ and q̂.
///
/// A row is u + 64, one byte a dimension, so that the level is u − 64; the last segment of 32 is filled up
/// with level 0. Side data, f32, with `m = lower + 64·step`: `m·step·Σ(u − 64)`; for squared Euclidean
/// `−step²·Σ(u − 64)²`.
struct QdrantScalarQuantizer: LevelCoded {
  let dimension: Int
  let metric: Metric
  let lower: Float
  /// A normal number above 0.
  let step: Float
  /// Measured over computed standard error.
  let errorScale: Float
  let layout: CodeLayout

  var rowBytes: Int { layout.rowBytes }
  var sideBytes: Int { 4 }
  /// What level 0 stands for.
  private var middle: Double { Double(lower) + 64 * Double(step) }

  init(dimension: Int, metric: Metric, lower: Float, step: Float, errorScale: Float) {
    self.dimension = dimension
    self.metric = metric
    self.lower = lower
    self.step = step
    self.errorScale = errorScale
    layout = CodeLayout(
      zones: [CodeLayout.Zone(segments: CodeLayout.segments(dimension), bits: 8)], levels: [[]])
  }

  /// - Parameter sample: `count × dimension`, as the quantizer will see vectors; at least one.
  /// - Throws: `invalidArgument` without a sample, `invalidVector` where it is not finite or too wide.
  static func trained(
    dimension: Int, metric: Metric, sample: [Float], count: Int
  ) throws(MoultError) -> QdrantScalarQuantizer {
    guard let least = sample.min(), let most = sample.max() else {
      throw MoultError(
        .invalidArgument, "qdrant-int8 codes need vectors to learn their range from; insert some first")
    }
    guard sample.allSatisfy(\.isFinite) && (most - least).isFinite else {
      throw MoultError(
        .invalidVector, "the sample holds numbers that are not finite or too large for qdrant-int8 codes")
    }
    // Constant data has no width; of its own size, so that later data has codes.
    let width = most - least > 1e-30 ? most - least : max(abs(most), abs(least)) > 1e-30 ? abs(most) : 1
    func quantizer(errorScale: Float) -> QdrantScalarQuantizer {
      QdrantScalarQuantizer(
        dimension: dimension, metric: metric, lower: least, step: width / 127, errorScale: errorScale)
    }
    let errors = sample.withUnsafeBufferPointer {
      SampleErrors(sample: $0.baseAddress!, count: count, dimension: dimension, metric: metric)
    }
    return quantizer(errorScale: errors?.errorScale(quantizer(errorScale: 1)) ?? 1)
  }

  /// u − 64 of one number.
  @inline(__always)
  private func level(_ value: Float) -> Int {
    let place = (value - lower) / step
    return (place > 0 ? Int(min(place, 127)) : 0) - 64
  }

  // MARK: Codes

  func encode(
    _ vectors: UnsafePointer<Float>, stride: Int, count: Int, rows: UnsafeMutableRawPointer,
    side: UnsafeMutableRawPointer?
  ) {
    for i in 0..<count {
      let row = (rows + i * rowBytes).assumingMemoryBound(to: UInt8.self)
      row.update(repeating: 128, count: rowBytes)
      var (sum, squares) = (0, 0)
      for j in 0..<dimension {
        let level = level(vectors[i * stride + j])
        row[j] = UInt8(level + 128)
        sum += level
        squares += level * level
      }
      side?.storeBytes(of: Float(additive(sum: sum, squares: squares)), toByteOffset: 4 * i, as: Float.self)
    }
  }

  private func additive(sum: Int, squares: Int) -> Double {
    metric == .squaredEuclidean
      ? -Double(step) * Double(step) * Double(squares) : middle * Double(step) * Double(sum)
  }

  func decode(row: Int, of codes: CodeView, into vector: UnsafeMutablePointer<Float>) {
    let code = (codes.rows + row * codes.rowStride).assumingMemoryBound(to: UInt8.self)
    for j in 0..<dimension { vector[j] = lower + step * Float(Int32(code[j]) - 64) }
  }

  // MARK: Queries and scores

  func levelQuery(_ query: UnsafePointer<Float>) -> LevelQuery {
    var weights = [Int8](repeating: 0, count: layout.dimension)
    for j in 0..<dimension { weights[j] = Int8(level(query[j])) }
    return levelQuery(weights, squared: VectorNorm.squared(query, dimension))
  }

  /// - Parameter squared: of the query's length.
  private func levelQuery(_ weights: [Int8], squared: Double) -> LevelQuery {
    var (sum, squares) = (0, 0)
    for weight in weights {
      sum += Int(weight)
      squares += Int(weight) * Int(weight)
    }
    let isDistance = metric == .squaredEuclidean
    let squareStep = Double(step) * Double(step)
    let own = additive(sum: sum, squares: squares)
    // Both sides are off by step/√12 an entry, and by half a step on average.
    let deviation = Double(errorScale) * Double(step) * (2 * squared / 12).squareRoot()
    return LevelQuery(
      weights: weights, scale: Float(isDistance ? 2 * squareStep : squareStep),
      base: Float(isDistance ? own : own + Double(dimension) * middle * middle), deviation: Float(deviation))
  }

  func prepare(_ query: UnsafePointer<Float>, into target: PreparedQuery) {
    set(target, to: levelQuery(query))
  }

  func prepare(row: Int, of codes: CodeView) -> PreparedQuery {
    let code = (codes.rows + row * codes.rowStride).assumingMemoryBound(to: UInt8.self)
    var weights = [Int8](repeating: 0, count: layout.dimension)
    var squared = 0.0
    for j in 0..<dimension {
      weights[j] = Int8(truncatingIfNeeded: Int(code[j]) - 128)
      let value = middle + Double(step) * Double(weights[j])
      squared += value * value
    }
    let target = PreparedQuery()
    set(target, to: levelQuery(weights, squared: squared))
    return target
  }

  func score(
    _ query: PreparedQuery, _ codes: CodeView, first: Int, indices: UnsafePointer<UInt32>?, count: Int,
    into scores: UnsafeMutablePointer<Float>
  ) {
    scoreLevels(
      query, codes, zones: layout.kernelZones, first: first, indices: indices, count: count, into: scores
    ) { (1, $0.load(as: Float.self)) }
    guard metric == .squaredEuclidean else { return }
    for i in 0..<count { scores[i] = min(0, scores[i]) }
  }

  /// The same for every row: what is measured on the sample, in proportion to the query's length.
  func standardErrors(
    _ query: PreparedQuery, _ codes: CodeView, first: Int, indices: UnsafePointer<UInt32>?, count: Int,
    into errors: UnsafeMutablePointer<Float>
  ) {
    errors.update(repeating: query.floats[0], count: count)
  }

  func scanFactors(
    _ codes: CodeView, first: Int, count: Int, factors: UnsafeMutablePointer<Float>,
    additives: UnsafeMutablePointer<Float>
  ) {
    for i in 0..<count {
      factors[i] = 1
      additives[i] = codes.side!.load(fromByteOffset: (first + i) * codes.sideStride, as: Float.self)
    }
  }

  // MARK: Format

  /// Lower end f32, step f32, scale of the standard errors f32.
  func write(to writer: inout ByteWriter) {
    writer.float(lower)
    writer.float(step)
    writer.float(errorScale)
  }

  init(reading reader: inout ByteReader, dimension: Int, metric: Metric) throws(MoultError) {
    let lower = try reader.float("the lower end of the codes' range")
    let step = try reader.float("the step of the codes")
    let errorScale = try reader.float("the scale of the standard errors")
    guard step.isNormal && step > 0 && errorScale >= 0 else {
      throw reader.corrupted("the step of the codes is \(step), the scale of their errors \(errorScale)")
    }
    self.init(dimension: dimension, metric: metric, lower: lower, step: step, errorScale: errorScale)
  }
}
