internal import MoultModel

/// Codes of integer levels with one unbiased factor a vector: `lloyd1…5`, `rabitq1…4` and `segmented` are
/// this with different rotations, widths and tables (QUANTIZATION.md B2.3–B2.6).
///
/// With the centre c, a rotation R, `v = x − c`, `n = ‖v‖`, `r = R·v` and, for each segment s of 32 dimensions,
/// a spread σ_s (the part of n that a coordinate has) and a gain g_s:
///
///     code    of r[j]/(n·σ_s) by the thresholds of the segment's table; level L[j] a signed byte
///     factor  S = Σr[j]² / Σ g_s·r[j]·L[j]   over the dimensions that have codes; 0 where that is no number
///     ⟨r, w⟩ ≈ S·Σ g_s·w[j]·L[j]             w = R·(q − c)
///     ⟨x, q⟩  = ⟨q, c⟩ + ⟨v, c⟩ + ⟨r, w⟩      ‖x − q‖² = n² + ‖w‖² − 2⟨r, w⟩
///
/// A row is the codes as `CodeLayout` has them. Its side data, 8 bytes: factor f32 (S, for squared Euclidean
/// 2S) and additive f32 (⟨v, c⟩, or −n²). A query is folded with the gains and rounded to signed bytes.
///
/// The standard error of a score is `errorScale·factor·√(Σ ε_s‖w_s‖²)`, ε_s the mean squared error of a
/// coordinate of the segment; dimensions without codes count with their whole variance. `errorScale` is
/// fitted on the sample so that errors over their standard errors have unit variance there.
struct LevelQuantizer: LevelCoded, NormalizingQuantizer {
  let dimension: Int
  let metric: Metric
  let centre: FloatBuffer
  let rotation: LevelRotation
  let table: LevelTableKind
  let layout: CodeLayout
  let headZoneCount: Int
  /// Segments of those zones.
  let headSegments: Int
  /// σ_s: one a segment that has codes.
  let spreads: [Float]
  /// What a coordinate of the dimensions without codes has: mean variance over the whole, 0 when all have.
  let droppedVariance: Float
  let errorScale: Float

  let segmentTables: [LevelTable]
  let coders: LevelCoders
  let gains: [Float]
  private let errors: [Float]
  private let centreSquared: Float

  var rowBytes: Int { layout.rowBytes }
  var sideBytes: Int { 8 }

  /// - Parameters:
  ///   - widths: bits of each segment that has codes, not rising.
  ///   - headSegments: segments that scans read of every row; all of them for codes without a tail.
  init(
    dimension: Int, metric: Metric, centre: FloatBuffer, rotation: LevelRotation, table: LevelTableKind,
    widths: [Int], spreads: [Float], headSegments: Int, droppedVariance: Float, errorScale: Float
  ) {
    precondition(centre.count == dimension && widths.count == spreads.count && !widths.isEmpty)
    self.dimension = dimension
    self.metric = metric
    self.centre = centre
    self.rotation = rotation
    self.table = table
    self.spreads = spreads
    self.droppedVariance = droppedVariance
    self.errorScale = errorScale
    segmentTables = widths.map { table.table(bits: $0) }
    coders = LevelCoders(tables: segmentTables)
    var zones: [CodeLayout.Zone] = []
    var headZoneCount = 0
    for (segment, bits) in widths.enumerated() {
      if let last = zones.last, last.bits == bits, segment != headSegments {
        zones[zones.count - 1].segments += 1
      } else {
        zones.append(CodeLayout.Zone(segments: 1, bits: bits))
      }
      if segment < headSegments { headZoneCount = zones.count }
    }
    self.headZoneCount = max(1, headZoneCount)
    self.headSegments = zones[..<self.headZoneCount].reduce(0) { $0 + $1.segments }
    layout = CodeLayout(zones: zones, levels: zones.map { table.table(bits: $0.bits).levels })
    gains = zip(segmentTables, spreads).map { table, spread in
      table.unit * spread / Float(1 - table.distortion)
    }
    errors = zip(segmentTables, spreads).map { table, spread in
      spread * spread * Float(table.distortion / (1 - table.distortion))
    }
    centreSquared = Float(VectorNorm.squared(centre.pointer, dimension))
  }

  var widths: [Int] { segmentTables.map(\.bits) }

  /// The same codes with another error scale.
  func with(errorScale: Float) -> LevelQuantizer {
    LevelQuantizer(
      dimension: dimension, metric: metric, centre: centre, rotation: rotation, table: table, widths: widths,
      spreads: spreads, headSegments: headSegments, droppedVariance: droppedVariance, errorScale: errorScale)
  }

  // MARK: Codes

  /// Vectors that are rotated together: learned directions are a matrix product, random ones best stay in the
  /// first-level cache.
  private var block: Int {
    switch rotation {
    case .random: 1
    case .learned(let map): map.blockCount
    }
  }

  /// What is known of a centred vector before it is rotated.
  private typealias Centred = (squared: Double, along: Double)

  func encode(
    _ vectors: UnsafePointer<Float>, stride: Int, count: Int, normalizes: Bool, rows: UnsafeMutableRawPointer,
    side: UnsafeMutableRawPointer?
  ) {
    let block = block
    let rotated = layout.dimension
    withUnsafeTemporaryAllocation(of: Centred.self, capacity: block) { sums in
      withUnsafeTemporaryAllocation(byteCount: 4 * block * (dimension + rotated), alignment: 64) { scratch in
        let r = scratch.baseAddress!.bindMemory(to: Float.self, capacity: block * (dimension + rotated))
        // A random rotation is in place.
        let centred = rotation.isWhole ? r : r + block * rotated
        for done in Swift.stride(from: 0, to: count, by: block) {
          let rowsNow = min(block, count - done)
          for i in 0..<rowsNow {
            let vector = vectors + (done + i) * stride
            KernelTable.prefetchNext(after: done + i, of: count, vector, stride: stride, count: dimension)
            var along = 0.0
            let squared = VectorNorm.centre(
              vector, normalizes: normalizes, centre: centre.pointer, dimension,
              into: centred + i * dimension, along: &along)
            sums[i] = (squared, along)
          }
          rotation.apply(centred, dimension: dimension, count: rowsNow, into: r, rotated: rotated)
          for i in 0..<rowsNow {
            encodeOne(
              sums[i], r + i * rotated, row: rows + (done + i) * rowBytes,
              side: side.map { $0 + 8 * (done + i) })
          }
        }
      }
    }
  }

  /// - Parameter r: the rotated vector; overwritten.
  private func encodeOne(
    _ v: Centred, _ r: UnsafeMutablePointer<Float>, row: UnsafeMutableRawPointer,
    side: UnsafeMutableRawPointer?
  ) {
    clearOverflow(r, squared: v.squared)
    let inverse = v.squared > 0 ? Float(1 / v.squared.squareRoot()) : 0
    let codes = row.assumingMemoryBound(to: UInt8.self)
    // The norm of vectors so short that its inverse overflows: a code of zeros, and S = 0 below.
    let scale = inverse.isFinite ? inverse : 0
    let dot: Double
    if table == .grid {
      dot = encodeGrid(r, inverse: scale, into: codes)
    } else {
      dot = encodeSegments(r, inverse: scale, into: codes)
    }
    guard let side else { return }
    let covered = rotation.isWhole ? v.squared : KernelTable.best.sumOfSquares(r, layout.dimension)
    let ratio = dot > 0 && covered > 0 ? covered / dot : 0
    let factor = ratio < Double(Float.greatestFiniteMagnitude) / 4 ? Float(ratio) : 0
    let isDistance = metric == .squaredEuclidean
    side.storeBytes(of: isDistance ? 2 * factor : factor, as: Float.self)
    side.storeBytes(of: Float(isDistance ? -v.squared : v.along), toByteOffset: 4, as: Float.self)
  }

  /// Sums of a rotation may overflow from here on, 10³⁶ squared, and kernels want finite numbers. Such a vector
  /// has no direction for us: its code is the centre's.
  private func clearOverflow(_ rotated: UnsafeMutablePointer<Float>, squared: Double) {
    if !(squared < 1e72) { rotated.update(repeating: 0, count: layout.dimension) }
  }

  /// Σ g_s·r[j]·L[j]. Runs of segments that share width and spread go through the kernel together.
  private func encodeSegments(
    _ r: UnsafePointer<Float>, inverse: Float, into codes: UnsafeMutablePointer<UInt8>
  ) -> Double {
    var sum = 0.0
    var code = codes
    var segment = 0
    while segment < spreads.count {
      let end = endOfRun(from: segment)
      let table = segmentTables[segment]
      let count = 32 * (end - segment)
      var scale = inverse / spreads[segment]
      if table.bits == 8 { scale /= table.unit }
      if !scale.isFinite { scale = 0 }
      var (dot, square): (Float, Int64) = (0, 0)
      KernelTable.best.encodeLevels(
        r + 32 * segment, scale, count, coders.pointer(segment), code, &dot, &square)
      sum += Double(gains[segment]) * Double(dot)
      code += count / 8 * table.bits
      segment = end
    }
    return sum
  }

  /// The end of the run of segments from `segment` on that share width and spread.
  func endOfRun(from segment: Int) -> Int {
    var end = segment + 1
    while end < spreads.count && spreads[end] == spreads[segment]
      && segmentTables[end].bits == segmentTables[segment].bits
    { end += 1 }
    return end
  }

  /// Extended RaBitQ: of the scales of `gridReaches` the one whose code points nearest to r.
  private func encodeGrid(
    _ r: UnsafePointer<Float>, inverse: Float, into codes: UnsafeMutablePointer<UInt8>
  ) -> Double {
    let widest = inverse * Float(layout.dimension).squareRoot() * Float((1 << segmentTables[0].bits) - 1)
    var best = (cosine: -1.0, dot: 0.0, scale: Float(0))
    let kernels = KernelTable.best
    for reach in gridReaches {
      var scale = widest / reach
      if !scale.isFinite { scale = 0 }
      var (dot, square): (Float, Int64) = (0, 0)
      kernels.encodeLevels(r, scale, layout.dimension, coders.pointer(0), codes, &dot, &square)
      let cosine = square > 0 ? Double(dot) / Double(square).squareRoot() : 0
      if cosine > best.cosine { best = (cosine, Double(dot), scale) }
    }
    var (dot, square): (Float, Int64) = (0, 0)
    kernels.encodeLevels(r, best.scale, layout.dimension, coders.pointer(0), codes, &dot, &square)
    return Double(gains[0]) * Double(dot)
  }

  /// The standard deviations that the widest level, 2^bits − 1, is tried for.
  var gridReaches: [Float] { segmentTables[0].bits == 1 ? [1] : LevelQuantizer.gridReaches }

  private static let gridReaches = (0..<48).map { 1 + 4 * Float($0) / 47 }

  /// `c + Rᵀ·S·g·L`.
  func decode(row: Int, of codes: CodeView, into vector: UnsafeMutablePointer<Float>) {
    withUnsafeTemporaryAllocation(of: Float.self, capacity: layout.dimension) { scratch in
      let r = scratch.baseAddress!
      readRotated(row: row, of: codes, into: r)
      rotation.applyInverse(r, rotated: layout.dimension, into: vector, dimension: dimension)
      for j in 0..<dimension { vector[j] += centre.pointer[j] }
    }
  }

  /// `S·g·L` of a row.
  private func readRotated(row: Int, of codes: CodeView, into r: UnsafeMutablePointer<Float>) {
    let side = codes.side! + row * codes.sideStride
    let factor = side.load(as: Float.self) * (metric == .squaredEuclidean ? 0.5 : 1)
    ThreadScratch.with(Int8.self, count: layout.dimension) { levels in
      layout.readLevels(codes.rows + row * codes.rowStride, into: levels)
      for j in 0..<layout.dimension { r[j] = factor * gains[j / 32] * Float(levels[j]) }
    }
  }

  // MARK: Queries

  func levelQuery(_ query: UnsafePointer<Float>) -> LevelQuery { levelQuery(query, reusing: nil) }

  private func levelQuery(_ query: UnsafePointer<Float>, reusing target: PreparedQuery?) -> LevelQuery {
    ThreadScratch.with(Float.self, count: dimension + layout.dimension) { v in
      let w = v + dimension
      let kernels = KernelTable.best
      kernels.subtract(query, centre.pointer, v, dimension)
      rotation.applyToOne(v, dimension: dimension, into: w, rotated: layout.dimension)
      let squared = kernels.sumOfSquares(v, dimension)
      clearOverflow(w, squared: squared)
      let base =
        metric == .squaredEuclidean ? -squared : kernels.dotDouble(query, centre.pointer, dimension)
      return folded(w, squared: squared, base: Float(base), reusing: target)
    }
  }

  /// - Parameters:
  ///   - w: the rotated query; overwritten.
  ///   - squared: its squared length, dimensions without codes included.
  private func folded(
    _ w: UnsafeMutablePointer<Float>, squared: Double, base: Float, reusing target: PreparedQuery? = nil
  ) -> LevelQuery {
    var tail = 0.0
    var variance = 0.0
    var left = squared
    withSegments { spreads, errors, gains in
      for segment in 0..<spreads.count {
        let own = w + 32 * segment
        let energy = KernelTable.best.sumOfSquares(own, 32)
        left -= energy
        variance += Double(errors[segment]) * energy
        if segment >= headSegments { tail += Double(spreads[segment] * spreads[segment]) * energy }
        let gain = gains[segment]
        for j in 0..<32 { own[j] *= gain }
      }
    }
    variance += Double(droppedVariance) * max(0, left)
    var query = LevelQuery(
      rounding: UnsafeBufferPointer(start: w, count: layout.dimension), reusing: target)
    query.base = base
    query.tailDeviation = Float(tail.squareRoot())
    query.deviation = errorScale * Float(variance.squareRoot())
    return query
  }

  /// Spread, error and gain of each segment, as memory: without the optimizer reading an array's element may
  /// take from the heap, and a test counts that.
  private func withSegments(_ body: (_ spreads: Floats, _ errors: Floats, _ gains: Floats) -> Void) {
    spreads.withUnsafeBufferPointer { spreads in
      errors.withUnsafeBufferPointer { errors in
        gains.withUnsafeBufferPointer { body(spreads, errors, $0) }
      }
    }
  }

  private typealias Floats = UnsafeBufferPointer<Float>

  func prepare(_ query: UnsafePointer<Float>, into target: PreparedQuery) {
    set(target, to: levelQuery(query, reusing: target))
  }

  /// A code as the query: what it stands for, folded; no rotation.
  func prepare(row: Int, of codes: CodeView) -> PreparedQuery {
    ThreadScratch.with(Float.self, count: layout.dimension) { w in
      readRotated(row: row, of: codes, into: w)
      let additive = (codes.side! + row * codes.sideStride).load(fromByteOffset: 4, as: Float.self)
      let squared = KernelTable.best.sumOfSquares(w, layout.dimension)
      let base = metric == .squaredEuclidean ? additive : additive + centreSquared
      let target = PreparedQuery()
      set(target, to: folded(w, squared: squared, base: base))
      return target
    }
  }

  // MARK: Scores

  func score(
    _ query: PreparedQuery, _ codes: CodeView, first: Int, indices: UnsafePointer<UInt32>?, count: Int,
    into scores: UnsafeMutablePointer<Float>
  ) {
    scoreLevels(
      query, codes, zones: layout.kernelZones, first: first, indices: indices, count: count, into: scores
    ) { ($0.load(as: Float.self), $0.load(fromByteOffset: 4, as: Float.self)) }
    guard metric == .squaredEuclidean else { return }
    for i in 0..<count { scores[i] = min(0, scores[i]) }
  }

  func standardErrors(
    _ query: PreparedQuery, _ codes: CodeView, first: Int, indices: UnsafePointer<UInt32>?, count: Int,
    into errors: UnsafeMutablePointer<Float>
  ) {
    for i in 0..<count {
      let row = indices.map { Int($0[i]) } ?? first + i
      errors[i] = query.floats[0] * (codes.side! + row * codes.sideStride).load(as: Float.self)
    }
  }

  func scanFactors(
    _ codes: CodeView, first: Int, count: Int, factors: UnsafeMutablePointer<Float>,
    additives: UnsafeMutablePointer<Float>
  ) {
    for i in 0..<count {
      let side = codes.side! + (first + i) * codes.sideStride
      factors[i] = side.load(as: Float.self)
      additives[i] = side.load(fromByteOffset: 4, as: Float.self)
    }
  }

  // MARK: Format

  /// Table u8, segments u16, head segments u16, widths u8 …, spreads f32 …, variance of what has no codes f32,
  /// error scale f32, centre, rotation.
  func write(to writer: inout ByteWriter) {
    writer.integer(table.rawValue)
    writer.integer(UInt16(widths.count))
    writer.integer(UInt16(headSegments))
    for bits in widths { writer.integer(UInt8(bits)) }
    writer.floats(FloatBuffer(spreads))
    writer.float(droppedVariance)
    writer.float(errorScale)
    writer.floats(centre)
    rotation.write(to: &writer)
  }

  init(reading reader: inout ByteReader, dimension: Int, metric: Metric) throws(MoultError) {
    let number = try reader.integer(UInt8.self, "kind of the levels")
    guard let table = LevelTableKind(rawValue: number) else {
      throw reader.corrupted("the kind of the levels is \(number)")
    }
    let count = Int(try reader.integer(UInt16.self, "number of segments"))
    let head = Int(try reader.integer(UInt16.self, "number of segments of the head"))
    let segmentsMax = RandomRotation.paddedDimension(dimension) / CodeLayout.segmentDimension
    guard count >= 1 && count <= segmentsMax && head >= 1 && head <= count else {
      throw reader.corrupted("\(count) segments, \(head) of them in the head, for \(dimension) dimensions")
    }
    var widths: [Int] = []
    for segment in 0..<count {
      let bits = Int(try reader.integer(UInt8.self, "width of segment \(segment)"))
      // A grid's codes are written in one piece: a narrower segment would run over its row.
      let mayFollow = table == .grid ? bits <= 5 && bits == widths.last ?? bits : bits <= widths.last ?? 8
      guard CodeLayout.widths.contains(bits), mayFollow else {
        throw reader.corrupted("the width of segment \(segment) is \(bits)")
      }
      widths.append(bits)
    }
    let spreads = try reader.floats(count, "the spreads")
    let dropped = try reader.float("the variance of what has no codes")
    let errorScale = try reader.float("the scale of the standard errors")
    guard spreads.values.allSatisfy({ $0.isNormal && $0 > 0 && $0 <= 1 }), dropped >= 0, errorScale >= 0
    else {
      throw reader.corrupted("a spread is not between 0 and 1, or a scale is negative")
    }
    let centre = try reader.floats(dimension, "the centre")
    let rotation = try LevelRotation(
      reading: &reader, dimension: dimension, rotated: CodeLayout.segmentDimension * count)
    self.init(
      dimension: dimension, metric: metric, centre: centre, rotation: rotation, table: table, widths: widths,
      spreads: spreads.values, headSegments: head, droppedVariance: dropped, errorScale: errorScale)
  }
}

extension LevelQuantizer {
  /// Whether the codes are what goes by this name: their rotation, levels and widths.
  func isForm(of quantization: Quantization) -> Bool {
    let bits = Int(EncodingSpecification(quantization: quantization).bitsPerDimension)
    switch quantization {
    case .lloyd1, .lloyd2, .lloyd3, .lloyd4, .lloyd5:
      return table == .lloyd && isUniform(bits)
    case .rabitq1, .rabitq2, .rabitq3, .rabitq4:
      return table == .grid && isUniform(bits)
    case .segmented: return table != .grid && !rotation.isWhole
    default: return false
    }
  }

  /// One width and spread behind a whole rotation, without a tail.
  private func isUniform(_ bits: Int) -> Bool {
    rotation.isWhole && widths.allSatisfy { $0 == bits } && spreads.allSatisfy { $0 == spreads[0] }
      && headZoneCount == layout.zones.count
  }
}
