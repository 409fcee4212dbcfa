internal import MoultModel

/// Scores of one query against float32 rows, by the row kernels: the arithmetic that defines Moult's exact
/// scores. A score depends on the query and its row alone, never on the rows beside it.
enum FloatScores {
  /// - Parameters:
  ///   - query: `dimension` floats; of unit length (or zero) under cosine.
  ///   - inverseNorms: under cosine each row's 1/‖row‖ lies first in its side data; without it rows are
  ///     taken to be of unit length.
  ///   - indices: rows to score, or `nil` for the rows `first ..< first + count`.
  static func score(
    query: UnsafePointer<Float>, dimension: Int, metric: Metric, scaledByInverseNorm: Bool, codes: CodeView,
    first: Int, indices: UnsafePointer<UInt32>?, count: Int, into out: UnsafeMutablePointer<Float>
  ) {
    let kernels = KernelTable.best
    let rows = codes.rows + first * codes.rowStride
    switch metric {
    case .squaredEuclidean:
      kernels.squaredL2Rows(query, rows, codes.rowStride, indices, count, dimension, out)
      for i in 0..<count { out[i] = -out[i] }
    case .innerProduct:
      kernels.dotRows(query, rows, codes.rowStride, indices, count, dimension, out)
    case .cosine:
      kernels.dotRows(query, rows, codes.rowStride, indices, count, dimension, out)
      guard scaledByInverseNorm, let side = codes.side else { return }
      let stride = codes.sideStride
      if let indices {
        for i in 0..<count { out[i] *= side.load(fromByteOffset: Int(indices[i]) * stride, as: Float.self) }
      } else {
        let own = side + first * stride
        for i in 0..<count { out[i] *= own.load(fromByteOffset: i * stride, as: Float.self) }
      }
    }
  }
}
