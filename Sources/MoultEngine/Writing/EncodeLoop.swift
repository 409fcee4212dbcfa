import MoultCompute

/// Encodes rows into memory, on a device or in tiles spread over threads. The bytes are the same.
enum EncodeLoop {
  /// - Parameters:
  ///   - vectors: `count × encoder.dimension`, row-major.
  ///   - first: index in `buffer` of the first row.
  static func encode(
    _ vectors: UnsafePointer<Float>, count: Int, with encoder: VectorEncoder, into buffer: CodeBuffer,
    at first: Int, parallel: ParallelFor
  ) {
    encoder.encode(
      vectors, count: count, rows: buffer.rows + first * buffer.rowStride,
      side: buffer.side.map { $0 + first * buffer.sideStride }, parallel: parallel)
  }
}
