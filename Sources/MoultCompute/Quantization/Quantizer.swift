internal import MoultModel

/// A code: what becomes of a vector after transform and normalization, and how its codes are scored.
///
/// Under cosine the vectors that come in are of unit length (or zero), so that cosine is the inner product.
/// Everything trained is in the value; `write` and `init(reading:)` of the concrete types are its format.
protocol Quantizer: Sendable {
  /// Entries of the vectors that come in.
  var dimension: Int { get }
  var rowBytes: Int { get }
  var sideBytes: Int { get }

  /// Encodes `count` vectors, `stride` floats apart, into contiguous rows and side data.
  func encode(
    _ vectors: UnsafePointer<Float>, stride: Int, count: Int, rows: UnsafeMutableRawPointer,
    side: UnsafeMutableRawPointer?)

  /// What a code stands for.
  func decode(row: Int, of codes: CodeView, into vector: UnsafeMutablePointer<Float>)

  /// The query, `dimension` entries, of unit length (or zero) under cosine, in the place of what `target` held.
  func prepare(_ query: UnsafePointer<Float>, into target: PreparedQuery)

  /// A stored code as the query.
  func prepare(row: Int, of codes: CodeView) -> PreparedQuery

  /// Scores the rows named by `indices`, or the rows `first ..< first + count`.
  func score(
    _ query: PreparedQuery, _ codes: CodeView, first: Int, indices: UnsafePointer<UInt32>?, count: Int,
    into scores: UnsafeMutablePointer<Float>)

  /// The standard error of each score, as far as the code causes it; same order as `score`.
  func standardErrors(
    _ query: PreparedQuery, _ codes: CodeView, first: Int, indices: UnsafePointer<UInt32>?, count: Int,
    into errors: UnsafeMutablePointer<Float>)

  func write(to writer: inout ByteWriter)
}

/// A code that scales vectors to unit length in the pass that encodes them.
protocol NormalizingQuantizer: Quantizer {
  /// - Parameter normalizes: whether the vectors are still of any length and shall be encoded as
  ///   `VectorNorm.normalize` leaves them.
  func encode(
    _ vectors: UnsafePointer<Float>, stride: Int, count: Int, normalizes: Bool, rows: UnsafeMutableRawPointer,
    side: UnsafeMutableRawPointer?)
}

extension NormalizingQuantizer {
  func encode(
    _ vectors: UnsafePointer<Float>, stride: Int, count: Int, rows: UnsafeMutableRawPointer,
    side: UnsafeMutableRawPointer?
  ) {
    encode(vectors, stride: stride, count: count, normalizes: false, rows: rows, side: side)
  }
}

extension Quantizer {
  func prepare(_ query: UnsafePointer<Float>) -> PreparedQuery {
    let target = PreparedQuery()
    prepare(query, into: target)
    return target
  }

  /// Decodes the row and prepares it like any query.
  func prepareDecoded(row: Int, of codes: CodeView) -> PreparedQuery {
    ThreadScratch.with(Float.self, count: dimension) { vector in
      decode(row: row, of: codes, into: vector)
      return prepare(vector)
    }
  }
}
