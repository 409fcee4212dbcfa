/// Euclidean norms in double precision, summed in one fixed order, so that every machine gets the same
/// bits. No float32 input overflows or underflows: (3.4·10³⁸)²·32 768 < 10³⁰⁸ and (10⁻⁴⁵)² > 10⁻³⁰⁸.
enum VectorNorm {
  /// Σ v[i]².
  static func squared(_ v: UnsafePointer<Float>, _ count: Int) -> Double {
    KernelTable.best.sumOfSquares(v, count)
  }

  /// 1/‖v‖ from ‖v‖², at most the largest float; 0 for the zero vector.
  static func inverse(fromSquared squared: Double) -> Float {
    guard squared > 0 else { return 0 }
    return Float(min(1 / squared.squareRoot(), Double(Float.greatestFiniteMagnitude)))
  }

  /// Whether the inverse of a norm is a normal float and may be rounded before it multiplies; norms below 10⁻³⁵
  /// and above 10³⁵ scale in double.
  static func isScalable(squared: Double) -> Bool { squared > 1e-70 && squared < 1e70 }

  /// Writes `v` scaled to unit length; the zero vector stays zero. `v` and `out` may be the same.
  static func normalize(_ v: UnsafePointer<Float>, _ count: Int, into out: UnsafeMutablePointer<Float>) {
    let squared = squared(v, count)
    if isScalable(squared: squared) {
      let scale = Float(1 / squared.squareRoot())
      KernelTable.best.scale(v, scale, out, count)
    } else {
      let scale = squared > 0 ? 1 / squared.squareRoot() : 0
      for i in 0..<count { out[i] = Float(Double(v[i]) * scale) }
    }
  }

  /// Writes `v`, of unit length where `normalizes` says so, less `centre`, to `target`; the same bits as
  /// `normalize` and a subtraction.
  ///
  /// - Parameters:
  ///   - target: `count` floats; not `v`.
  ///   - along: for ⟨target, centre⟩; `nil` leaves the sums out.
  /// - Returns: ‖target‖², or 0 without the sums.
  static func centre(
    _ v: UnsafePointer<Float>, normalizes: Bool, centre: UnsafePointer<Float>, _ count: Int,
    into target: UnsafeMutablePointer<Float>, along: UnsafeMutablePointer<Double>?
  ) -> Double {
    let kernels = KernelTable.best
    if !normalizes { return kernels.centreSums(v, 1, centre, target, count, along) }
    let squared = kernels.sumOfSquares(v, count)
    if isScalable(squared: squared) {
      return kernels.centreSums(v, Float(1 / squared.squareRoot()), centre, target, count, along)
    }
    normalize(v, count, into: target)
    return kernels.centreSums(target, 1, centre, target, count, along)
  }
}
