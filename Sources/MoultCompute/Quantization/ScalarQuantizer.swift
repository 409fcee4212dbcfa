internal import CMoultKernels
internal import MoultModel

/// int8 scalar codes: one byte a dimension, one step for the whole collection.
///
/// `x̂ = c + step·(u − 128)`, `u[j] = clamp(round((x[j] − c[j])/step) + 128, 0, 255)`. The centre c is the
/// middle of each dimension's range in the training sample; the step is the widest range over 254. So a
/// dimension that never varies is exact, nothing is divided by its width, and a large common component
/// (bge-small: recall@10 0.979 → 0.990) does not widen the steps.
///
/// Side data, one float:
///  - cosine, inner product: `‖x‖/‖x̂‖`. A score is `⟨q, x̂⟩` times that: the decoded vector keeps the
///    exact length of what was encoded, which takes away the part of the rounding error that points along
///    `x`, repairs values that were clamped, and makes the zero vector score 0;
///  - squared Euclidean: `‖x̂ − c‖²`, for `‖q − c‖² − 2⟨q − c, x̂ − c⟩ + ‖x̂ − c‖²`: distances between points
///    far from the origin do not cancel.
///
/// The query goes in as two int8 limbs, `q ≈ s·(high + low/254)`, `s = max|q|/127`: an error of at most
/// s/508 an entry, 1/500 of what the codes' own rounding does. Integer sums are exact, so codes and side
/// data are the same bytes on every ISA.
struct ScalarQuantizer: NormalizingQuantizer {
  let dimension: Int
  let metric: Metric
  let centre: FloatBuffer
  /// Width of a step; positive, so that it can be divided by.
  let step: Float
  private let inverseStep: Float
  /// The centre as a query, for `⟨c, u⟩`.
  private let centreQuery: PreparedQuery

  var rowBytes: Int { dimension }
  var sideBytes: Int { 4 }
  /// What code 0 stands for, relative to the centre.
  var lower: Float { -128 * step }

  init(dimension: Int, metric: Metric, centre: FloatBuffer, step: Float) {
    precondition(centre.count == dimension && step.isNormal && step > 0 && (1 / step).isFinite)
    self.dimension = dimension
    self.metric = metric
    self.centre = centre
    self.step = step
    inverseStep = 1 / step
    centreQuery = PreparedQuery()
    ScalarQuantizer.setLimbs(of: centre.pointer, dimension, in: centreQuery)
  }

  /// Learns centre and step from the least and the largest value of each dimension in a sample of `count`.
  ///
  /// From few vectors a dimension's own range is not known; below `centringCountMin` all dimensions share
  /// one range. Values outside are clamped later; `margin` of the width is added for them.
  init(dimension: Int, metric: Metric, count: Int, least: [Float], most: [Float]) {
    var least = least
    var most = most
    if count < ScalarQuantizer.centringCountMin {
      least = [Float](repeating: least.min()!, count: dimension)
      most = [Float](repeating: most.max()!, count: dimension)
    }
    let centre = zip(least, most).map { Float((Double($0) + Double($1)) / 2) }
    let width = zip(least, most).map { Double($1) - Double($0) }.max()!
    self.init(
      dimension: dimension, metric: metric, centre: centre, half: width / 2 * (1 + ScalarQuantizer.margin))
  }

  /// - Parameter half: what the codes reach on either side of the centre; 0 where nothing varies.
  init(dimension: Int, metric: Metric, centre: [Float], half: Double) {
    var half = half
    // Constant data is its own centre. Steps as for data of that size, so that later data has codes.
    if half < 1e-30 { half = centre.reduce(0.0) { max($0, Double(abs($1))) } }
    if half < 1e-30 { half = 1 }
    self.init(
      dimension: dimension, metric: metric, centre: FloatBuffer(centre), step: Float(half / 127))
  }

  /// Vectors from which on each dimension has a centre of its own.
  static let centringCountMin = 256

  /// Part of the width added for what a sample misses. Not critical: on MiniLM, 0, 1 and 3 % are within
  /// 0.001 of recall@10.
  static let margin = 0.01

  // MARK: Codes

  func encode(
    _ vectors: UnsafePointer<Float>, stride: Int, count: Int, normalizes: Bool, rows: UnsafeMutableRawPointer,
    side: UnsafeMutableRawPointer?
  ) {
    let codes = rows.bindMemory(to: UInt8.self, capacity: count * dimension)
    let measuresLength = metric != .squaredEuclidean && side != nil
    var coder = coder(
      normalizes: normalizes, streams: count * dimension >= ScalarQuantizer.streamedBytesMin,
      measuresLength: measuresLength)
    let block = min(count, ScalarQuantizer.block)
    withUnsafeTemporaryAllocation(of: moult_u8_row.self, capacity: block) { sums in
      withUnsafeTemporaryAllocation(byteCount: 4 * dimension, alignment: 64) { memory in
        let scratch = memory.baseAddress!.bindMemory(to: Float.self, capacity: dimension)
        let sums = sums.baseAddress!
        for done in Swift.stride(from: 0, to: count, by: block) {
          let rowsNow = min(block, count - done)
          let source = vectors + done * stride
          let target = codes + done * dimension
          KernelTable.best.encodeU8Rows(&coder, source, 4 * stride, rowsNow, scratch, target, sums)
          finish(
            sums, coder, source, stride: stride, count: rowsNow, codes: target,
            side: side.map { $0 + 4 * done },
            scratch: scratch)
        }
      }
    }
  }

  /// Encodes what the kernel left to us and writes the factors.
  ///
  /// - Parameters:
  ///   - sums: of `count` vectors.
  ///   - map: what the vectors have gone through before they were encoded.
  ///   - scratch: `dimension` floats.
  func finish(
    _ sums: UnsafeMutablePointer<moult_u8_row>, _ coder: moult_u8_coder, _ vectors: UnsafePointer<Float>,
    stride: Int, behind map: LinearTransform? = nil, count: Int, codes: UnsafeMutablePointer<UInt8>,
    side: UnsafeMutableRawPointer?, scratch: UnsafeMutablePointer<Float>
  ) {
    if coder.normalizes != 0 {
      var coder = coder
      coder.normalizes = 0
      for i in 0..<count where !VectorNorm.isScalable(squared: sums[i].given_square) {
        let vector = vectors + i * stride
        map?.apply(vector, count: 1, into: scratch)
        VectorNorm.normalize(map == nil ? vector : UnsafePointer(scratch), dimension, into: scratch)
        KernelTable.best.encodeU8Rows(
          &coder, scratch, 4 * dimension, 1, scratch, codes + i * dimension, sums + i)
      }
    }
    guard let side else { return }
    let factors = side.assumingMemoryBound(to: Float.self)
    for i in 0..<count { factors[i] = factor(sums[i]) }
  }

  /// What the kernel is told.
  func coder(normalizes: Bool, streams: Bool, measuresLength: Bool) -> moult_u8_coder {
    moult_u8_coder(
      dimension: dimension, normalizes: normalizes ? 1 : 0, streams: streams ? 1 : 0, centre: centre.pointer,
      lower: lower, inverse_step: inverseStep, high: measuresLength ? centreQuery.highLimb : nil,
      low: measuresLength ? centreQuery.highLimb + dimension : nil)
  }

  /// Vectors a call of the kernel: their sums, 8 KiB, fit the stack.
  private static let block = 256
  /// Codes from which on nobody will find all of them in a core's caches.
  private static let streamedBytesMin = 1 << 18

  @inline(__always)
  private func factor(_ row: moult_u8_row) -> Float {
    let offsetSquared = Double(step) * Double(step) * Double(row.offset_square)
    if metric == .squaredEuclidean { return Float(offsetSquared) }
    let (highWeight, lowWeight, centreSum, centreSquared) = centreQuery.constants
    let alongCentre =
      Double(highWeight) * Double(row.high) + Double(lowWeight) * Double(row.low) - 128 * Double(centreSum)
    let decoded = Double(centreSquared) + 2 * Double(step) * alongCentre + offsetSquared
    return decoded > 0 ? Float((row.square / decoded).squareRoot()) : 0
  }

  func decode(row: Int, of codes: CodeView, into vector: UnsafeMutablePointer<Float>) {
    let code = (codes.rows + row * codes.rowStride).assumingMemoryBound(to: UInt8.self)
    var factor: Float = 1
    if metric != .squaredEuclidean, let side = codes.side {
      factor = side.load(fromByteOffset: row * codes.sideStride, as: Float.self)
    }
    for j in 0..<dimension {
      vector[j] = factor * (centre.pointer[j] + step * Float(Int32(code[j]) - 128))
    }
  }

  // MARK: Scores

  /// `constants`: weights of the high and the low limb's sums, the constant beside them, and `‖q‖²`
  /// (`‖q − c‖²` for squared Euclidean).
  func prepare(_ query: UnsafePointer<Float>, into target: PreparedQuery) {
    if metric == .squaredEuclidean {
      ThreadScratch.with(Float.self, count: dimension) { centred in
        for j in 0..<dimension { centred[j] = query[j] - centre.pointer[j] }
        ScalarQuantizer.setLimbs(of: centred, dimension, step: step, constant: 0, in: target)
      }
      return
    }
    var alongCentre = 0.0
    for j in 0..<dimension { alongCentre += Double(query[j]) * Double(centre.pointer[j]) }
    ScalarQuantizer.setLimbs(of: query, dimension, step: step, constant: alongCentre, in: target)
  }

  /// Splits a vector into limbs. The constants are ready for `score` when `step` is given; without it they
  /// are the limbs' weights, Σv and ‖v‖².
  private static func setLimbs(
    of vector: UnsafePointer<Float>, _ dimension: Int, step: Float? = nil, constant: Double = 0,
    in target: PreparedQuery
  ) {
    target.set(floatCount: 0, byteCount: 2 * dimension) { _, bytes in
      var largest: Float = 0
      var sum = 0.0
      for j in 0..<dimension {
        largest = max(largest, abs(vector[j]))
        sum += Double(vector[j])
      }
      let squared = Float(VectorNorm.squared(vector, dimension))
      let offset = step.map { Float(constant - 128 * Double($0) * sum) } ?? Float(sum)
      let unit = largest / 127
      guard unit.isNormal else { return (0, 0, step == nil ? 0 : Float(constant), squared) }
      let high = UnsafeMutableRawPointer(bytes).bindMemory(to: Int8.self, capacity: 2 * dimension)
      let low = high + dimension
      for j in 0..<dimension {
        (high[j], low[j]) = (vector[j] / unit).limbs
      }
      let weight = (step ?? 1) * unit
      return (weight, weight / 254, offset, squared)
    }
  }

  func prepare(row: Int, of codes: CodeView) -> PreparedQuery { prepareDecoded(row: row, of: codes) }

  func score(
    _ query: PreparedQuery, _ codes: CodeView, first: Int, indices: UnsafePointer<UInt32>?, count: Int,
    into scores: UnsafeMutablePointer<Float>
  ) {
    let high = query.highLimb
    let low = high + dimension
    let side = codes.side!
    let kernels = KernelTable.best
    // 128 rows at a time: both limbs' sums, 1 KiB, fit the stack.
    withUnsafeTemporaryAllocation(of: Int32.self, capacity: 256) { sums in
      let highSums = sums.baseAddress!
      let lowSums = highSums + 128
      var done = 0
      while done < count {
        let block = min(128, count - done)
        let start = indices == nil ? first + done : 0
        let list = indices.map { $0 + done }
        kernels.dotU8LimbRows(
          high, low, codes.rows + start * codes.rowStride, codes.rowStride, list, block, dimension, highSums,
          lowSums)
        combine(
          query.constants, highSums, lowSums, side: side + start * codes.sideStride,
          sideStride: codes.sideStride, indices: list, count: block, into: scores + done)
        done += block
      }
    }
  }

  @inline(__always)
  private func combine(
    _ constants: (Float, Float, Float, Float), _ high: UnsafePointer<Int32>, _ low: UnsafePointer<Int32>,
    side: UnsafeRawPointer, sideStride: Int, indices: UnsafePointer<UInt32>?, count: Int,
    into scores: UnsafeMutablePointer<Float>
  ) {
    let (highWeight, lowWeight, constant, squared) = constants
    for i in 0..<count {
      scores[i] = constant + (highWeight * Float(high[i]) + lowWeight * Float(low[i]))
    }
    if metric == .squaredEuclidean {
      for i in 0..<count {
        let row = indices.map { Int($0[i]) } ?? i
        let norm = side.load(fromByteOffset: row * sideStride, as: Float.self)
        // Rounding can leave a tiny negative distance where the query is the code; distances are ≥ 0.
        scores[i] = min(0, (2 * scores[i] - norm) - squared)
      }
    } else if let indices {
      for i in 0..<count {
        scores[i] *= side.load(fromByteOffset: Int(indices[i]) * sideStride, as: Float.self)
      }
    } else if sideStride == 4 {
      let factors = side.assumingMemoryBound(to: Float.self)
      for i in 0..<count { scores[i] *= factors[i] }
    } else {
      for i in 0..<count { scores[i] *= side.load(fromByteOffset: i * sideStride, as: Float.self) }
    }
  }

  /// Rounding to a step is an error of variance step²/12 in each entry, so `step/√12·‖q‖` for an inner
  /// product and `2·step/√12·‖q − x̂‖` for a squared distance.
  func standardErrors(
    _ query: PreparedQuery, _ codes: CodeView, first: Int, indices: UnsafePointer<UInt32>?, count: Int,
    into errors: UnsafeMutablePointer<Float>
  ) {
    let unit = step / Float(12).squareRoot()
    if metric == .squaredEuclidean {
      score(query, codes, first: first, indices: indices, count: count, into: errors)
      for i in 0..<count { errors[i] = 2 * unit * (-errors[i]).squareRoot() }
    } else {
      errors.update(repeating: unit * query.constants.3.squareRoot(), count: count)
    }
  }

  // MARK: Format

  /// Step f32, centre.
  func write(to writer: inout ByteWriter) {
    writer.float(step)
    writer.floats(centre)
  }

  init(reading reader: inout ByteReader, dimension: Int, metric: Metric) throws(MoultError) {
    let step = try reader.float("the step of the codes")
    guard step.isNormal && step > 0 && (1 / step).isFinite else {
      throw reader.corrupted("the step of the codes is \(step), expected a positive number")
    }
    let centre = try reader.floats(dimension, "the centre")
    self.init(dimension: dimension, metric: metric, centre: centre, step: step)
  }
}

extension PreparedQuery {
  /// The first of two int8 limbs, of as many entries each.
  fileprivate var highLimb: UnsafePointer<Int8> {
    UnsafeRawPointer(bytes).assumingMemoryBound(to: Int8.self)
  }
}
