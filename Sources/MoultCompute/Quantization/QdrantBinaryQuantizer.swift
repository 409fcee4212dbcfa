internal import MoultModel

/// Qdrant's binary quantization, for comparison: the signs as they are, of documents and queries, no centre,
/// no rotation, no factor (`encoded_vectors_binary.rs` of Qdrant 1.19).
///
/// Qdrant ranks by `d − 2·H`, H the number of signs that differ: the inner product of the two vectors of
/// signs ±1. So it is here under inner product; under cosine it is divided by d, the cosine between those
/// vectors, and for squared Euclidean it is their negated distance −4H. The order is Qdrant's in all three.
///
/// A row is one bit a dimension, bit `i % 8` of byte `i/8` set where x[i] > 0, filled up to 4 bytes with 0.
/// There is no side data, so a zero vector counts as one whose signs are all negative.
struct QdrantBinaryQuantizer: LevelCoded {
  let dimension: Int
  let metric: Metric
  /// Root mean square of what is measured, over that of vectors of random signs.
  let errorScale: Float
  let layout: CodeLayout

  var rowBytes: Int { layout.rowBytes }
  var sideBytes: Int { 0 }

  init(dimension: Int, metric: Metric, errorScale: Float) {
    self.dimension = dimension
    self.metric = metric
    self.errorScale = errorScale
    layout = CodeLayout(
      zones: [CodeLayout.Zone(segments: CodeLayout.segments(dimension), bits: 1)], levels: [[-1, 1]])
  }

  /// - Parameter sample: `count × dimension`, as the quantizer will see vectors; may be empty.
  static func trained(
    dimension: Int, metric: Metric, sample: [Float], count: Int
  ) -> QdrantBinaryQuantizer {
    let errors = sample.withUnsafeBufferPointer { sample in
      sample.baseAddress.flatMap {
        SampleErrors(sample: $0, count: count, dimension: dimension, metric: metric)
      }
    }
    let scale = errors?.errorScale(
      QdrantBinaryQuantizer(dimension: dimension, metric: metric, errorScale: 1))
    return QdrantBinaryQuantizer(dimension: dimension, metric: metric, errorScale: scale ?? 1)
  }

  // MARK: Codes

  func encode(
    _ vectors: UnsafePointer<Float>, stride: Int, count: Int, rows: UnsafeMutableRawPointer,
    side: UnsafeMutableRawPointer?
  ) {
    for i in 0..<count { encodeOne(vectors + i * stride, into: rows + i * rowBytes) }
  }

  private func encodeOne(_ vector: UnsafePointer<Float>, into row: UnsafeMutableRawPointer) {
    let bytes = row.assumingMemoryBound(to: UInt8.self)
    bytes.update(repeating: 0, count: rowBytes)
    KernelTable.best.encodeSigns(vector, bytes, dimension)
  }

  func decode(row: Int, of codes: CodeView, into vector: UnsafeMutablePointer<Float>) {
    let code = (codes.rows + row * codes.rowStride).assumingMemoryBound(to: UInt8.self)
    let length = metric == .cosine ? 1 / Float(dimension).squareRoot() : 1
    for j in 0..<dimension { vector[j] = code[j / 8] >> UInt8(j % 8) & 1 == 1 ? length : -length }
  }

  // MARK: Queries and scores

  /// `score = scale·(d − 2H) + base`.
  private var mapping: (scale: Float, base: Float) {
    switch metric {
    case .cosine: (1 / Float(dimension), 0)
    case .innerProduct: (1, 0)
    case .squaredEuclidean: (2, -2 * Float(dimension))
    }
  }

  /// Of random signs: their inner product has the variance d.
  private var deviation: Float { errorScale * mapping.scale * Float(dimension).squareRoot() }

  func levelQuery(_ query: UnsafePointer<Float>) -> LevelQuery {
    var weights = [Int8](repeating: 0, count: layout.dimension)
    for j in 0..<dimension { weights[j] = query[j] > 0 ? 1 : -1 }
    return LevelQuery(weights: weights, scale: mapping.scale, base: mapping.base, deviation: deviation)
  }

  func prepare(_ query: UnsafePointer<Float>, into target: PreparedQuery) {
    target.set(floatCount: 0, byteCount: rowBytes) { _, bytes in
      encodeOne(query, into: bytes)
      return (mapping.scale, mapping.base, deviation, 0)
    }
  }

  func prepare(row: Int, of codes: CodeView) -> PreparedQuery {
    PreparedQuery(floatCount: 0, byteCount: rowBytes) { _, bytes in
      UnsafeMutableRawPointer(bytes).copyMemory(
        from: codes.rows + row * codes.rowStride, byteCount: rowBytes)
      return (mapping.scale, mapping.base, deviation, 0)
    }
  }

  func score(
    _ query: PreparedQuery, _ codes: CodeView, first: Int, indices: UnsafePointer<UInt32>?, count: Int,
    into scores: UnsafeMutablePointer<Float>
  ) {
    let (scale, base, _, _) = query.constants
    // 256 rows at a time: their sums, 1 KiB, fit the stack.
    withUnsafeTemporaryAllocation(of: UInt32.self, capacity: 256) { buffer in
      let differing = buffer.baseAddress!
      var done = 0
      while done < count {
        let block = min(256, count - done)
        KernelTable.best.hammingRows(
          query.bytes, codes.rows + (indices == nil ? first + done : 0) * codes.rowStride, codes.rowStride,
          indices.map { $0 + done }, block, rowBytes, differing)
        for i in 0..<block { scores[done + i] = scale * Float(dimension - 2 * Int(differing[i])) + base }
        done += block
      }
    }
  }

  /// The same for every score: the root mean square measured on the sample, bias included.
  func standardErrors(
    _ query: PreparedQuery, _ codes: CodeView, first: Int, indices: UnsafePointer<UInt32>?, count: Int,
    into errors: UnsafeMutablePointer<Float>
  ) {
    errors.update(repeating: query.constants.2, count: count)
  }

  func scanFactors(
    _ codes: CodeView, first: Int, count: Int, factors: UnsafeMutablePointer<Float>,
    additives: UnsafeMutablePointer<Float>
  ) {
    factors.update(repeating: 1, count: count)
    additives.update(repeating: 0, count: count)
  }

  // MARK: Format

  /// Scale of the standard errors f32.
  func write(to writer: inout ByteWriter) { writer.float(errorScale) }

  init(reading reader: inout ByteReader, dimension: Int, metric: Metric) throws(MoultError) {
    let errorScale = try reader.float("the scale of the standard errors")
    guard errorScale >= 0 else { throw reader.corrupted("the scale of the standard errors is \(errorScale)") }
    self.init(dimension: dimension, metric: metric, errorScale: errorScale)
  }
}
