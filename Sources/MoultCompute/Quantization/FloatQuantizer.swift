internal import MoultModel

/// float32 codes: what comes in is what is stored. The oracle for every other code.
///
/// As the identity encoder's quantizer its rows are the vectors as the user gave them, of any length, and
/// the side data is one float, 1/‖row‖ (0 for the zero vector), for every metric. After a transform the
/// rows are already of unit length under cosine and there is no side data.
struct FloatQuantizer: Quantizer {
  let dimension: Int
  let metric: Metric
  let storesInverseNorm: Bool

  var rowBytes: Int { 4 * dimension }
  var sideBytes: Int { storesInverseNorm ? 4 : 0 }

  func encode(
    _ vectors: UnsafePointer<Float>, stride: Int, count: Int, rows: UnsafeMutableRawPointer,
    side: UnsafeMutableRawPointer?
  ) {
    for i in 0..<count {
      (rows + i * rowBytes).copyMemory(from: vectors + i * stride, byteCount: rowBytes)
    }
    guard storesInverseNorm, let side else { return }
    for i in 0..<count {
      let inverse = VectorNorm.inverse(fromSquared: VectorNorm.squared(vectors + i * stride, dimension))
      side.storeBytes(of: inverse, toByteOffset: i * 4, as: Float.self)
    }
  }

  func decode(row: Int, of codes: CodeView, into vector: UnsafeMutablePointer<Float>) {
    UnsafeMutableRawPointer(vector).copyMemory(from: codes.rows + row * codes.rowStride, byteCount: rowBytes)
  }

  func prepare(_ query: UnsafePointer<Float>, into target: PreparedQuery) {
    target.set(floatCount: dimension) { floats, _ in
      if metric == .cosine && storesInverseNorm {
        VectorNorm.normalize(query, dimension, into: floats)
      } else {
        floats.update(from: query, count: dimension)
      }
      return (0, 0, 0, 0)
    }
  }

  func prepare(row: Int, of codes: CodeView) -> PreparedQuery { prepareDecoded(row: row, of: codes) }

  func score(
    _ query: PreparedQuery, _ codes: CodeView, first: Int, indices: UnsafePointer<UInt32>?, count: Int,
    into scores: UnsafeMutablePointer<Float>
  ) {
    FloatScores.score(
      query: query.floats, dimension: dimension, metric: metric, scaledByInverseNorm: storesInverseNorm,
      codes: codes, first: first, indices: indices, count: count, into: scores)
  }

  /// Zero: rounding aside, nothing is lost.
  func standardErrors(
    _ query: PreparedQuery, _ codes: CodeView, first: Int, indices: UnsafePointer<UInt32>?, count: Int,
    into errors: UnsafeMutablePointer<Float>
  ) {
    errors.update(repeating: 0, count: count)
  }

  func write(to writer: inout ByteWriter) {}
}
