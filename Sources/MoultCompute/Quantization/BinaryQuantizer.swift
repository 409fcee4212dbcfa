internal import MoultModel

/// Binary codes: one sign bit a dimension after centring and a random rotation, with an unbiased estimate
/// of inner products and distances (RaBitQ, Gao and Long 2024; QUANTIZATION.md B2.3).
///
/// With the centre `c`, `r = R·(x − c)` padded to D entries, `y = ±1` its signs, `w = R·(q − c)`:
///
///     ⟨r, w⟩ ≈ S·⟨y, w⟩            S = ‖r‖²/⟨r, y⟩, unbiased over the rotation
///     standard error  E·‖w‖        E² = (S²·D − ‖r‖²)/(D − 1)
///     ⟨x, q⟩  = ⟨q, c⟩ + ⟨x − c, c⟩ + ⟨r, w⟩
///     ‖x − q‖² = ‖r‖² + ‖w‖² − 2⟨r, w⟩
///
/// A row is D/8 bytes: bit `i % 8` of byte `i/8` is set where r[i] > 0. Its side data, 8 bytes:
///
///     0  A  f32   ⟨x − c, c⟩; for squared Euclidean ‖r‖²
///     4  S  bf16  rounded to nearest: at most 0.2 % of a term whose standard error is some 10 %
///     6  n  u16   number of set bits
///
/// The query's w is rounded to 8 bits, `w ≈ least + width·v`, so that
/// `⟨y, w⟩ = 2·width·⟨bits, v⟩ + 2·least·n − width·Σv − least·D`; ⟨bits, v⟩ comes from eight bit planes.
/// `‖r‖²` is not stored: it is A, or for unit vectors `1 − ‖c‖² − 2A`, or (inner product) close to the
/// S²·D·2/π of a Gaussian vector.
struct BinaryQuantizer: NormalizingQuantizer {
  let dimension: Int
  let metric: Metric
  let centre: FloatBuffer
  let rotation: RandomRotation
  private let centreSquared: Float

  var paddedDimension: Int { rotation.dimension }
  var rowBytes: Int { rotation.dimension / 8 }
  var sideBytes: Int { 8 }

  init(dimension: Int, metric: Metric, centre: FloatBuffer, seed: UInt64) {
    precondition(centre.count == dimension)
    self.dimension = dimension
    self.metric = metric
    self.centre = centre
    rotation = RandomRotation(dimension: RandomRotation.paddedDimension(dimension), seed: seed)
    centreSquared = Float(VectorNorm.squared(centre.pointer, dimension))
  }

  // MARK: Codes

  func encode(
    _ vectors: UnsafePointer<Float>, stride: Int, count: Int, normalizes: Bool, rows: UnsafeMutableRawPointer,
    side: UnsafeMutableRawPointer?
  ) {
    let kernels = KernelTable.best
    let codes = rows.bindMemory(to: UInt8.self, capacity: count * rowBytes)
    let padded = paddedDimension
    withUnsafeTemporaryAllocation(byteCount: 4 * padded, alignment: 64) { scratch in
      let r = scratch.baseAddress!.bindMemory(to: Float.self, capacity: padded)
      for i in 0..<count {
        let vector = vectors + i * stride
        KernelTable.prefetchNext(after: i, of: count, vector, stride: stride, count: dimension)
        centre(vector, normalizes: normalizes, into: r)
        let alongCentre = kernels.dot(r, centre.pointer, dimension)
        rotation.apply(r)
        let code = codes + i * rowBytes
        var (absolute, squared) = (0.0, 0.0)
        kernels.encodeSignsSums(r, code, padded, &absolute, &squared)
        guard let side else { continue }
        let factor = absolute > 0 ? Float(squared / absolute) : 0
        BinaryFactors(
          additive: metric == .squaredEuclidean ? Float(squared) : alongCentre, scale: factor,
          setBits: BinaryQuantizer.setBits(code, rowBytes)
        ).store(at: side + 8 * i)
      }
    }
  }

  private func centre(
    _ vector: UnsafePointer<Float>, normalizes: Bool = false, into r: UnsafeMutablePointer<Float>
  ) {
    _ = VectorNorm.centre(
      vector, normalizes: normalizes, centre: centre.pointer, dimension, into: r, along: nil)
    (r + dimension).update(repeating: 0, count: paddedDimension - dimension)
  }

  private static func setBits(_ code: UnsafePointer<UInt8>, _ byteCount: Int) -> Int {
    var bits = 0
    var i = 0
    while i < byteCount {
      bits += UnsafeRawPointer(code + i).loadUnaligned(as: UInt64.self).nonzeroBitCount
      i += 8
    }
    return bits
  }

  /// `c + Rᵀ·S·y`.
  func decode(row: Int, of codes: CodeView, into vector: UnsafeMutablePointer<Float>) {
    let code = (codes.rows + row * codes.rowStride).assumingMemoryBound(to: UInt8.self)
    let scale = BinaryFactors(at: codes.side! + row * codes.sideStride).scale
    withUnsafeTemporaryAllocation(of: Float.self, capacity: paddedDimension) { scratch in
      let r = scratch.baseAddress!
      for i in 0..<paddedDimension { r[i] = code[i / 8] >> UInt8(i % 8) & 1 == 1 ? scale : -scale }
      rotation.applyInverse(r)
      for j in 0..<dimension { vector[j] = centre.pointer[j] + r[j] }
    }
  }

  // MARK: Scores

  /// `floats`: ‖w‖. `constants`: factors of ⟨bits, v⟩ and of n, the constant beside them (all three times
  /// S), and what is added to every score.
  func prepare(_ query: UnsafePointer<Float>, into target: PreparedQuery) {
    prepare(query, planes: BinaryQuantizer.queryPlanes, into: target)
  }

  /// Bits that a query's entries are rounded to. With 4 a scan of rows takes 0.6 of the time and recall@10
  /// without rescoring is 0.2 points lower (on each of MiniLM, bge and Matryoshka).
  static let queryPlanes = 8

  /// - Parameter planes: 1 … 8. Stored codes are the same for all.
  func prepare(_ query: UnsafePointer<Float>, planes planeCount: Int, into target: PreparedQuery) {
    precondition((1...8).contains(planeCount))
    let kernels = KernelTable.best
    let padded = paddedDimension
    let byteCount = padded / 8 * planeCount
    target.set(floatCount: 1, byteCount: byteCount, planeCount: planeCount) { norm, planes in
      ThreadScratch.with(UInt8.self, count: 5 * padded) { scratch in
        let w = UnsafeMutableRawPointer(scratch).bindMemory(to: Float.self, capacity: padded)
        let v = scratch + 4 * padded
        centre(query, into: w)
        rotation.apply(w)
        let squared = VectorNorm.squared(w, padded)
        norm.pointee = Float(squared.squareRoot())
        var (least, most) = (w[0], w[0])
        for i in 1..<padded {
          least = min(least, w[i])
          most = max(most, w[i])
        }
        var width = (most - least) / Float(1 << planeCount - 1)
        if !(width.isNormal && (1 / width).isNormal) { width = 0 }
        let sum = kernels.encodeU8(w, least, width > 0 ? 1 / width : 0, v, padded)
        BinaryQuantizer.slice(v, padded, into: planes, count: planeCount)
        let constant = -Double(width) * Double(sum) - Double(least) * Double(padded)
        let added =
          metric == .squaredEuclidean ? -Float(squared) : kernels.dot(query, centre.pointer, dimension)
        return (2 * width, 2 * least, Float(constant), added)
      }
    }
  }

  /// Bit p of v[j] becomes bit j of plane p: eight values at a time, an 8 × 8 bit transposition
  /// (Hacker's Delight 7-3).
  private static func slice(
    _ v: UnsafePointer<UInt8>, _ count: Int, into planes: UnsafeMutablePointer<UInt8>, count planeCount: Int
  ) {
    let planeBytes = count / 8
    for byte in 0..<planeBytes {
      var x = UInt64(littleEndian: UnsafeRawPointer(v + 8 * byte).loadUnaligned(as: UInt64.self))
      var t = (x ^ (x >> 7)) & 0x00AA_00AA_00AA_00AA
      x ^= t ^ (t << 7)
      t = (x ^ (x >> 14)) & 0x0000_CCCC_0000_CCCC
      x ^= t ^ (t << 14)
      t = (x ^ (x >> 28)) & 0x0000_0000_F0F0_F0F0
      x ^= t ^ (t << 28)
      for plane in 0..<planeCount {
        planes[plane * planeBytes + byte] = UInt8(truncatingIfNeeded: x >> UInt64(8 * plane))
      }
    }
  }

  /// The code itself is the query: `w = S·y`, of which one bit plane is exact. Estimates between two codes
  /// rank by angle; they are not unbiased.
  func prepare(row: Int, of codes: CodeView) -> PreparedQuery {
    let factors = BinaryFactors(at: codes.side! + row * codes.sideStride)
    let scale = factors.scale
    return PreparedQuery(floatCount: 1, byteCount: rowBytes, planeCount: 1) { norm, plane in
      UnsafeMutableRawPointer(plane).copyMemory(
        from: codes.rows + row * codes.rowStride, byteCount: rowBytes)
      norm.pointee = scale * Float(paddedDimension).squareRoot()
      let constant = scale * Float(paddedDimension - 2 * factors.setBits)
      let added = metric == .squaredEuclidean ? -factors.additive : factors.additive + centreSquared
      return (4 * scale, -2 * scale, constant, added)
    }
  }

  func score(
    _ query: PreparedQuery, _ codes: CodeView, first: Int, indices: UnsafePointer<UInt32>?, count: Int,
    into scores: UnsafeMutablePointer<Float>
  ) {
    let side = codes.side!
    let kernels = KernelTable.best
    // 256 rows at a time: their sums, 1 KiB, fit the stack.
    withUnsafeTemporaryAllocation(of: UInt32.self, capacity: 256) { buffer in
      let sums = buffer.baseAddress!
      var done = 0
      while done < count {
        let block = min(256, count - done)
        let start = indices == nil ? first + done : 0
        let list = indices.map { $0 + done }
        kernels.bitPlaneDotRows(
          query.bytes, query.planeCount, codes.rows + start * codes.rowStride, codes.rowStride, list, block,
          rowBytes, sums)
        combine(
          query.constants, sums, side: side + start * codes.sideStride, sideStride: codes.sideStride,
          indices: list, count: block, into: scores + done)
        done += block
      }
    }
  }

  @inline(__always)
  private func combine(
    _ constants: (Float, Float, Float, Float), _ sums: UnsafePointer<UInt32>, side: UnsafeRawPointer,
    sideStride: Int, indices: UnsafePointer<UInt32>?, count: Int, into scores: UnsafeMutablePointer<Float>
  ) {
    let (sumWeight, bitWeight, constant, added) = constants
    let isDistance = metric == .squaredEuclidean
    let additiveSign: Float = isDistance ? -1 : 1
    let productWeight: Float = isDistance ? 2 : 1
    @inline(__always)
    func score(_ sum: UInt32, _ factors: BinaryFactors) -> Float {
      let product = sumWeight * Float(sum) + (bitWeight * Float(factors.setBits) + constant)
      return (added + additiveSign * factors.additive) + productWeight * factors.scale * product
    }
    if let indices {
      for i in 0..<count {
        scores[i] = score(sums[i], BinaryFactors(at: side + Int(indices[i]) * sideStride))
      }
    } else if sideStride == 8 {
      for i in 0..<count { scores[i] = score(sums[i], BinaryFactors(at: side + i * 8)) }
    } else {
      for i in 0..<count { scores[i] = score(sums[i], BinaryFactors(at: side + i * sideStride)) }
    }
  }

  /// `E·‖w‖`, twice that for squared distances.
  func standardErrors(
    _ query: PreparedQuery, _ codes: CodeView, first: Int, indices: UnsafePointer<UInt32>?, count: Int,
    into errors: UnsafeMutablePointer<Float>
  ) {
    let d = Float(paddedDimension)
    let weight = query.floats[0] / (d - 1).squareRoot() * (metric == .squaredEuclidean ? 2 : 1)
    for i in 0..<count {
      let row = indices.map { Int($0[i]) } ?? first + i
      let factors = BinaryFactors(at: codes.side! + row * codes.sideStride)
      let gaussian = factors.scale * factors.scale * d
      let squared: Float =
        switch metric {
        case .squaredEuclidean: factors.additive
        case .cosine: max(0, 1 - centreSquared - 2 * factors.additive)
        case .innerProduct: gaussian * (2 / .pi)
        }
      errors[i] = weight * max(0, gaussian - squared).squareRoot()
    }
  }

  // MARK: Format

  /// Rotation seed u64, centre.
  func write(to writer: inout ByteWriter) {
    writer.integer(rotation.seed)
    writer.floats(centre)
  }

  init(reading reader: inout ByteReader, dimension: Int, metric: Metric) throws(MoultError) {
    let seed = try reader.integer(UInt64.self, "seed of the rotation")
    let centre = try reader.floats(dimension, "the centre")
    self.init(dimension: dimension, metric: metric, centre: centre, seed: seed)
  }
}

/// The side data of a binary code; see `BinaryQuantizer` for its bytes.
struct BinaryFactors {
  var additive: Float
  var scale: Float
  var setBits: Int

  init(additive: Float, scale: Float, setBits: Int) {
    self.additive = additive
    self.scale = scale
    self.setBits = setBits
  }

  @inline(__always)
  init(at side: UnsafeRawPointer) {
    additive = side.load(as: Float.self)
    let word = side.load(fromByteOffset: 4, as: UInt32.self)
    scale = Float(bitPattern: word << 16)
    setBits = Int(word >> 16)
  }

  func store(at side: UnsafeMutableRawPointer) {
    // bfloat16: round to nearest, ties to even, at most the largest finite value.
    let bits = min(scale, 3.3e38).bitPattern
    let rounded = (bits &+ 0x7FFF &+ (bits >> 16 & 1)) >> 16
    side.storeBytes(of: additive, as: Float.self)
    side.storeBytes(of: rounded | UInt32(setBits) << 16, toByteOffset: 4, as: UInt32.self)
  }
}
