import MoultCompute

/// Encodes rows into memory, tiles spread over threads. The bytes do not depend on how many there are.
enum EncodeLoop {
  /// Rows that one round takes.
  static let tileRows = 512

  /// - Parameters:
  ///   - vectors: `count × encoder.dimension`, row-major.
  ///   - first: index in `buffer` of the first row.
  static func encode(
    _ vectors: UnsafePointer<Float>, count: Int, with encoder: VectorEncoder, into buffer: CodeBuffer,
    at first: Int, parallel: ParallelFor
  ) {
    nonisolated(unsafe) let vectors = vectors
    parallel.run((count + tileRows - 1) / tileRows) { index in
      let start = index * tileRows
      encoder.encode(
        vectors + start * encoder.dimension, count: min(tileRows, count - start),
        rows: buffer.rows + (first + start) * buffer.rowStride,
        side: buffer.side.map { $0 + (first + start) * buffer.sideStride })
    }
  }
}
