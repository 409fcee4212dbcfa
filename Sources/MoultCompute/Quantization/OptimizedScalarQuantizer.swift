internal import MoultModel

/// Lucene's optimized scalar quantization, for comparison: 1- or 4-bit documents, 4-bit queries, each with an
/// interval of its own (QUANTIZATION.md B1.4; `OptimizedScalarQuantizer` of Lucene 10, "BBQ" of Elastic).
///
/// With the centre c, `x − c ≈ a + l·u`, u the codes of the document and `[a, a + l·(2^bits − 1)]` its
/// interval (see `OptimizedInterval`); the query likewise with 4 bits, `q − c ≈ a' + l'·v`:
///
///     ⟨x − c, q − c⟩ ≈ d·a·a' + a'·l·Σu + a·l'·Σv + l·l'·Σuv = P
///     ⟨x, q⟩ = P + ⟨x − c, c⟩ + ⟨q, c⟩        ‖x − q‖² = ‖x − c‖² + ‖q − c‖² − 2P
///
/// A row is the codes as `CodeLayout` has them, filled up with 0. Side data, 16 bytes: a f32, l f32, the term
/// of the vector alone f32 (⟨x − c, c⟩, or ‖x − c‖²), Σu u32. The score has two factors of the document, so
/// there is no block form.
struct OptimizedScalarQuantizer: Quantizer {
  let dimension: Int
  let metric: Metric
  /// 1 or 4.
  let bits: Int
  let centre: FloatBuffer
  /// Measured over computed standard error.
  let errorScale: Float
  private let layout: CodeLayout

  static let queryBits = 4

  var rowBytes: Int { layout.rowBytes }
  var sideBytes: Int { 16 }

  init(dimension: Int, metric: Metric, bits: Int, centre: FloatBuffer, errorScale: Float) {
    precondition((bits == 1 || bits == 4) && centre.count == dimension)
    self.dimension = dimension
    self.metric = metric
    self.bits = bits
    self.centre = centre
    self.errorScale = errorScale
    layout = CodeLayout(
      zones: [CodeLayout.Zone(segments: CodeLayout.segments(dimension), bits: bits)],
      levels: [(0..<1 << bits).map { Int8($0) }])
  }

  /// - Parameter sample: `count × dimension`, as the quantizer will see vectors; may be empty.
  static func trained(
    dimension: Int, metric: Metric, bits: Int, sample: [Float], count: Int
  ) -> OptimizedScalarQuantizer {
    sample.withUnsafeBufferPointer { sample in
      let centre =
        sample.baseAddress.map { SampleStatistics.centre(of: $0, count: count, dimension: dimension) }
        ?? FloatBuffer([Float](repeating: 0, count: dimension))
      func quantizer(errorScale: Float) -> OptimizedScalarQuantizer {
        OptimizedScalarQuantizer(
          dimension: dimension, metric: metric, bits: bits, centre: centre, errorScale: errorScale)
      }
      let errors = sample.baseAddress.flatMap {
        SampleErrors(sample: $0, count: count, dimension: dimension, metric: metric)
      }
      return quantizer(errorScale: errors?.errorScale(quantizer(errorScale: 1)) ?? 1)
    }
  }

  // MARK: Codes

  func encode(
    _ vectors: UnsafePointer<Float>, stride: Int, count: Int, rows: UnsafeMutableRawPointer,
    side: UnsafeMutableRawPointer?
  ) {
    let kernels = KernelTable.best
    withUnsafeTemporaryAllocation(of: Float.self, capacity: dimension) { scratch in
      let v = scratch.baseAddress!
      for i in 0..<count {
        kernels.subtract(vectors + i * stride, centre.pointer, v, dimension)
        let interval = OptimizedInterval(of: UnsafeBufferPointer(start: v, count: dimension), bits: bits)
        let row = (rows + i * rowBytes).assumingMemoryBound(to: UInt8.self)
        row.update(repeating: 0, count: rowBytes)
        var sum: UInt32 = 0
        // The layouts of 1 and 4 bits have the dimensions in natural order, low bits first.
        let perByte = 8 / bits
        for j in 0..<dimension {
          let code = interval.code(v[j])
          row[j / perByte] |= UInt8(code) << UInt8(bits * (j % perByte))
          sum += UInt32(code)
        }
        guard let side else { continue }
        let own = side + 16 * i
        own.storeBytes(of: interval.lower, as: Float.self)
        own.storeBytes(of: interval.step, toByteOffset: 4, as: Float.self)
        let term =
          metric == .squaredEuclidean
          ? kernels.sumOfSquares(v, dimension) : kernels.dotDouble(v, centre.pointer, dimension)
        own.storeBytes(of: Float(term), toByteOffset: 8, as: Float.self)
        own.storeBytes(of: sum, toByteOffset: 12, as: UInt32.self)
      }
    }
  }

  /// `c + a + l·u`.
  func decode(row: Int, of codes: CodeView, into vector: UnsafeMutablePointer<Float>) {
    let code = (codes.rows + row * codes.rowStride).assumingMemoryBound(to: UInt8.self)
    let own = OptimizedFactors(at: codes.side! + row * codes.sideStride)
    let perByte = 8 / bits
    for j in 0..<dimension {
      let level = code[j / perByte] >> UInt8(bits * (j % perByte)) & UInt8(1 << bits - 1)
      vector[j] = centre.pointer[j] + (own.lower + own.step * Float(level))
    }
  }

  // MARK: Queries and scores

  /// `floats`: ‖q − c‖ times what makes it a standard error. `constants`: a', l', Σv, and what is added to
  /// every score.
  func prepare(_ query: UnsafePointer<Float>, into target: PreparedQuery) {
    target.set(floatCount: 1, byteCount: layout.dimension) { deviation, bytes in
      withUnsafeTemporaryAllocation(of: Float.self, capacity: dimension) { scratch in
        let w = scratch.baseAddress!
        let kernels = KernelTable.best
        kernels.subtract(query, centre.pointer, w, dimension)
        let interval = OptimizedInterval(
          of: UnsafeBufferPointer(start: w, count: dimension), bits: OptimizedScalarQuantizer.queryBits)
        var weights = [Int8](repeating: 0, count: layout.dimension)
        var sum = 0
        for j in 0..<dimension {
          weights[j] = Int8(interval.code(w[j]))
          sum += Int(weights[j])
        }
        let target = UnsafeMutableRawPointer(bytes).bindMemory(to: Int8.self, capacity: layout.dimension)
        weights.withUnsafeBufferPointer { layout.writeRowOrder($0.baseAddress!, to: target) }
        let squared = kernels.sumOfSquares(w, dimension)
        let isDistance = metric == .squaredEuclidean
        deviation.pointee = errorScale * Float((squared / 12).squareRoot()) * (isDistance ? 2 : 1)
        let added = isDistance ? -squared : kernels.dotDouble(query, centre.pointer, dimension)
        return (interval.lower, interval.step, Float(sum), Float(added))
      }
    }
  }

  func prepare(row: Int, of codes: CodeView) -> PreparedQuery { prepareDecoded(row: row, of: codes) }

  func score(
    _ query: PreparedQuery, _ codes: CodeView, first: Int, indices: UnsafePointer<UInt32>?, count: Int,
    into scores: UnsafeMutablePointer<Float>
  ) {
    let (lower, step, weightSum, added) = query.constants
    let weights = UnsafeRawPointer(query.bytes).assumingMemoryBound(to: Int8.self)
    // At most 15·32 768, exact as a float; the kernel adds 128 to every level.
    let bias = -128 * Int32(weightSum)
    let constant = lower * Float(dimension) + step * weightSum
    let isDistance = metric == .squaredEuclidean
    withUnsafeTemporaryAllocation(of: Int32.self, capacity: 256) { buffer in
      let sums = buffer.baseAddress!
      var done = 0
      while done < count {
        let block = min(256, count - done)
        let start = indices == nil ? first + done : 0
        let list = indices.map { $0 + done }
        KernelTable.best.levelDotRows(
          layout.kernelZones.zones, layout.kernelZones.count, weights, codes.rows + start * codes.rowStride,
          codes.rowStride, list, block, sums)
        for i in 0..<block {
          let row = list.map { Int($0[i]) } ?? start + i
          let own = OptimizedFactors(at: codes.side! + row * codes.sideStride)
          let product =
            own.step * (lower * own.codeSum + step * Float(sums[i] &+ bias)) + own.lower * constant
          scores[done + i] =
            isDistance ? min(0, 2 * product - own.term + added) : product + own.term + added
        }
        done += block
      }
    }
  }

  /// `errorScale·l·‖q − c‖/√12`, twice that for squared Euclidean: as if codes were rounded, l the step.
  func standardErrors(
    _ query: PreparedQuery, _ codes: CodeView, first: Int, indices: UnsafePointer<UInt32>?, count: Int,
    into errors: UnsafeMutablePointer<Float>
  ) {
    for i in 0..<count {
      let row = indices.map { Int($0[i]) } ?? first + i
      errors[i] = query.floats[0] * OptimizedFactors(at: codes.side! + row * codes.sideStride).step
    }
  }

  // MARK: Format

  /// Scale of the standard errors f32, centre.
  func write(to writer: inout ByteWriter) {
    writer.float(errorScale)
    writer.floats(centre)
  }

  init(reading reader: inout ByteReader, dimension: Int, metric: Metric, bits: Int) throws(MoultError) {
    let errorScale = try reader.float("the scale of the standard errors")
    guard errorScale >= 0 else { throw reader.corrupted("the scale of the standard errors is \(errorScale)") }
    let centre = try reader.floats(dimension, "the centre")
    self.init(dimension: dimension, metric: metric, bits: bits, centre: centre, errorScale: errorScale)
  }
}

/// The side data of a code; see `OptimizedScalarQuantizer`.
private struct OptimizedFactors {
  let lower, step, term, codeSum: Float

  @inline(__always)
  init(at side: UnsafeRawPointer) {
    lower = side.load(as: Float.self)
    step = side.load(fromByteOffset: 4, as: Float.self)
    term = side.load(fromByteOffset: 8, as: Float.self)
    codeSum = Float(side.load(fromByteOffset: 12, as: UInt32.self))
  }
}
