internal import MoultModel

/// A query of an exact search, and the float64 score that defines the answer.
struct ExactQuery: @unchecked Sendable {
  /// As the caller gave it; not owned.
  let floats: UnsafePointer<Float>
  let dimension: Int
  let metric: Metric
  /// √Σq².
  let norm: Double

  init(_ floats: UnsafePointer<Float>, dimension: Int, metric: Metric) {
    self.floats = floats
    self.dimension = dimension
    self.metric = metric
    norm = KernelTable.best.sumOfSquares(floats, dimension).squareRoot()
  }

  /// Sums in double of one fixed order, see `dot_f32_f64`: the same bits on every machine, and for rows that
  /// are equal. No float32 input overflows or underflows: (3.4·10³⁸)²·32 768 < 10³⁰⁸ and (10⁻⁴⁵)⁴ > 10⁻³⁰⁸.
  func score(_ row: UnsafeRawPointer) -> Double {
    let kernels = KernelTable.best
    let row = row.assumingMemoryBound(to: Float.self)
    switch metric {
    case .innerProduct:
      return kernels.dotDouble(floats, row, dimension)
    case .cosine:
      let norms = norm * kernels.sumOfSquares(row, dimension).squareRoot()
      return norms > 0 ? kernels.dotDouble(floats, row, dimension) / norms : 0
    case .squaredEuclidean:
      return -kernels.squaredL2Double(floats, row, dimension)
    }
  }
}
