internal import MoultModel

/// int4 scalar codes: half a byte a dimension, each dimension with its own centre and step.
///
/// `y[j] = step[j]·L[j]` stands for `v = x − c`; the level L, −8 … 7, is `v[j]/step[j]` rounded and clamped.
/// Level 0 is the centre itself, so a dimension that never varies is exact, and sparse data keeps its zeros.
/// The centre is the sample's mean; a step is the dimension's standard deviation times one number for the
/// whole collection, that with the least measured error of scores (`train`). Steps of their own cost nothing
/// in a search, the query is folded with them, and recall@10 without rescoring is 0.4 to 6 points above one
/// step for all (the latter on the Matryoshka set, whose first dimensions vary most).
///
/// A row is the codes L + 8 as `CodeLayout` has them, 16 bytes for 32 dimensions, the last segment filled up
/// with level 0. Its side data:
///  - cosine, inner product: `‖x‖/‖c + y‖`, f32; a score is `⟨q, c + y⟩` times that. It makes the zero vector
///    score 0 and is worth 1 to 2 points of recall;
///  - squared Euclidean: 2S f32, `S = ‖v‖²/⟨v, y⟩`, and `−‖v‖²` f32, for `‖v‖² + ‖q − c‖² − 2S⟨q − c, y⟩`.
///    (With `‖y‖²` alone, as int8 has it, 1 to 2 points are lost: 4 bits round too coarsely.)
///
/// The query is folded and rounded to signed bytes. Sums of floats have one order and products are not
/// fused, so codes and side data are the same bytes on every ISA.
struct Int4Quantizer: LevelCoded {
  let dimension: Int
  let metric: Metric
  let centre: FloatBuffer
  /// Normal numbers above 0.
  let steps: FloatBuffer
  /// Measured over computed standard error.
  let errorScale: Float
  let layout: CodeLayout

  private let inverseSteps: FloatBuffer
  private let coder: LevelCoders

  var rowBytes: Int { layout.rowBytes }
  var sideBytes: Int { metric == .squaredEuclidean ? 8 : 4 }

  init(dimension: Int, metric: Metric, centre: FloatBuffer, steps: FloatBuffer, errorScale: Float) {
    precondition(centre.count == dimension && steps.count == dimension)
    self.dimension = dimension
    self.metric = metric
    self.centre = centre
    self.steps = steps
    self.errorScale = errorScale
    inverseSteps = FloatBuffer(steps.values.map { 1 / $0 })
    layout = CodeLayout(
      zones: [CodeLayout.Zone(segments: CodeLayout.segments(dimension), bits: 4)],
      levels: [Int4Quantizer.table.levels])
    coder = LevelCoders(tables: [Int4Quantizer.table])
  }

  /// Levels −8 … 7 around thresholds midway. (Its distortion depends on the data: `errorScale`.)
  private static let table = LevelTable(
    bits: 4, unit: 1, levels: (-8...7).map { Int8($0) }, thresholds: (-7...7).map { Float($0) - 0.5 },
    distortion: 0)

  /// Whether a number can be a step.
  static func isStep(_ value: Float) -> Bool { value.isNormal && value > 0 && (1 / value).isNormal }

  // MARK: Codes

  func encode(
    _ vectors: UnsafePointer<Float>, stride: Int, count: Int, rows: UnsafeMutableRawPointer,
    side: UnsafeMutableRawPointer?
  ) {
    let padded = layout.dimension
    withUnsafeTemporaryAllocation(byteCount: 4 * (dimension + padded), alignment: 64) { scratch in
      let scaled = scratch.baseAddress!.bindMemory(to: Float.self, capacity: padded + dimension)
      let v = scaled + padded
      (scaled + dimension).update(repeating: 0, count: padded - dimension)
      for i in 0..<count {
        let vector = vectors + i * stride
        KernelTable.best.subtract(vector, centre.pointer, v, dimension)
        for j in 0..<dimension {
          // Far beyond the last level already; finite, whatever the step is.
          scaled[j] = max(-64, min(64, v[j] * inverseSteps.pointer[j]))
        }
        let row = (rows + i * rowBytes).assumingMemoryBound(to: UInt8.self)
        var (dot, square): (Float, Int64) = (0, 0)
        KernelTable.best.encodeLevels(scaled, 1, padded, coder.pointer(0), row, &dot, &square)
        guard let side else { continue }
        writeFactors(vector: vector, v: v, row: row, scratch: scaled, to: side + i * sideBytes)
      }
    }
  }

  /// - Parameter scratch: `dimension` floats; overwritten.
  private func writeFactors(
    vector: UnsafePointer<Float>, v: UnsafePointer<Float>, row: UnsafePointer<UInt8>,
    scratch: UnsafeMutablePointer<Float>, to side: UnsafeMutableRawPointer
  ) {
    let kernels = KernelTable.best
    readSteps(row, into: scratch)
    if metric == .squaredEuclidean {
      let squared = kernels.sumOfSquares(v, dimension)
      let ratio = squared / kernels.dotDouble(v, scratch, dimension)
      // No quotient where every level is 0, and none that overflows.
      let isUsable = ratio > 0 && ratio < Double(Float.greatestFiniteMagnitude) / 4
      side.storeBytes(of: isUsable ? Float(2 * ratio) : 0, as: Float.self)
      side.storeBytes(of: Float(-squared), toByteOffset: 4, as: Float.self)
    } else {
      for j in 0..<dimension { scratch[j] += centre.pointer[j] }
      let decoded = kernels.sumOfSquares(scratch, dimension)
      let ratio = decoded > 0 ? (kernels.sumOfSquares(vector, dimension) / decoded).squareRoot() : 0
      side.storeBytes(of: ratio < Double(Float.greatestFiniteMagnitude) ? Float(ratio) : 0, as: Float.self)
    }
  }

  /// `step[j]·L[j]` of a row.
  private func readSteps(_ row: UnsafePointer<UInt8>, into y: UnsafeMutablePointer<Float>) {
    for j in 0..<dimension {
      let level = Int32(row[j / 2] >> UInt8(4 * (j % 2)) & 15) - 8
      y[j] = steps.pointer[j] * Float(level)
    }
  }

  /// `S·(c + y)`, or `c + S·y` for squared Euclidean.
  func decode(row: Int, of codes: CodeView, into vector: UnsafeMutablePointer<Float>) {
    readSteps((codes.rows + row * codes.rowStride).assumingMemoryBound(to: UInt8.self), into: vector)
    let factor = codes.side!.load(fromByteOffset: row * codes.sideStride, as: Float.self)
    for j in 0..<dimension {
      vector[j] =
        metric == .squaredEuclidean
        ? centre.pointer[j] + factor / 2 * vector[j] : factor * (centre.pointer[j] + vector[j])
    }
  }

  // MARK: Queries and scores

  func levelQuery(_ query: UnsafePointer<Float>) -> LevelQuery { levelQuery(query, reusing: nil) }

  private func levelQuery(_ query: UnsafePointer<Float>, reusing target: PreparedQuery?) -> LevelQuery {
    let padded = layout.dimension
    return ThreadScratch.with(Float.self, count: padded) { w in
      let isDistance = metric == .squaredEuclidean
      if isDistance {
        KernelTable.best.subtract(query, centre.pointer, w, dimension)
      } else {
        w.update(from: query, count: dimension)
      }
      let squared = KernelTable.best.sumOfSquares(w, dimension)
      for j in 0..<dimension { w[j] *= steps.pointer[j] }
      (w + dimension).update(repeating: 0, count: padded - dimension)
      // Rounding to a step is an error of variance step²/12.
      let variance = KernelTable.best.sumOfSquares(w, dimension) / 12
      var result = LevelQuery(rounding: UnsafeBufferPointer(start: w, count: padded), reusing: target)
      if isDistance {
        result.base = Float(-squared)
      } else {
        result.offset = Float(KernelTable.best.dotDouble(query, centre.pointer, dimension))
      }
      result.deviation = errorScale * Float(variance.squareRoot())
      return result
    }
  }

  func prepare(_ query: UnsafePointer<Float>, into target: PreparedQuery) {
    set(target, to: levelQuery(query, reusing: target))
  }

  func prepare(row: Int, of codes: CodeView) -> PreparedQuery { prepareDecoded(row: row, of: codes) }

  func score(
    _ query: PreparedQuery, _ codes: CodeView, first: Int, indices: UnsafePointer<UInt32>?, count: Int,
    into scores: UnsafeMutablePointer<Float>
  ) {
    let isDistance = metric == .squaredEuclidean
    scoreLevels(
      query, codes, zones: layout.kernelZones, first: first, indices: indices, count: count, into: scores
    ) { side in
      (side.load(as: Float.self), isDistance ? side.load(fromByteOffset: 4, as: Float.self) : 0)
    }
    guard isDistance else { return }
    // Estimates can fall below a distance of 0.
    for i in 0..<count { scores[i] = min(0, scores[i]) }
  }

  /// `errorScale·factor·√(Σ (w[j]·step[j])²/12)`, w the query, or q − c for squared Euclidean.
  func standardErrors(
    _ query: PreparedQuery, _ codes: CodeView, first: Int, indices: UnsafePointer<UInt32>?, count: Int,
    into errors: UnsafeMutablePointer<Float>
  ) {
    for i in 0..<count {
      let row = indices.map { Int($0[i]) } ?? first + i
      errors[i] =
        query.floats[0] * codes.side!.load(fromByteOffset: row * codes.sideStride, as: Float.self)
    }
  }

  func scanFactors(
    _ codes: CodeView, first: Int, count: Int, factors: UnsafeMutablePointer<Float>,
    additives: UnsafeMutablePointer<Float>
  ) {
    for i in 0..<count {
      let side = codes.side! + (first + i) * codes.sideStride
      factors[i] = side.load(as: Float.self)
      additives[i] = metric == .squaredEuclidean ? side.load(fromByteOffset: 4, as: Float.self) : 0
    }
  }

  // MARK: Format

  /// Scale of the standard errors f32, centre, steps.
  func write(to writer: inout ByteWriter) {
    writer.float(errorScale)
    writer.floats(centre)
    writer.floats(steps)
  }

  init(reading reader: inout ByteReader, dimension: Int, metric: Metric) throws(MoultError) {
    let errorScale = try reader.float("the scale of the standard errors")
    guard errorScale >= 0 else { throw reader.corrupted("the scale of the standard errors is \(errorScale)") }
    let centre = try reader.floats(dimension, "the centre")
    let steps = try reader.floats(dimension, "the steps")
    guard steps.values.allSatisfy(Int4Quantizer.isStep) else {
      throw reader.corrupted("a step is not a positive number")
    }
    self.init(dimension: dimension, metric: metric, centre: centre, steps: steps, errorScale: errorScale)
  }
}
