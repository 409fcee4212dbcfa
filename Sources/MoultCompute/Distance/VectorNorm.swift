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

  /// Writes `v` scaled to unit length; the zero vector stays zero. `v` and `out` may be the same.
  static func normalize(_ v: UnsafePointer<Float>, _ count: Int, into out: UnsafeMutablePointer<Float>) {
    let squared = squared(v, count)
    // Where the inverse norm is no normal float (norms below 10⁻³⁸ or above 10³⁷), scale in double.
    if squared > 1e-70 && squared < 1e70 {
      let scale = Float(1 / squared.squareRoot())
      KernelTable.best.scale(v, scale, out, count)
    } else {
      let scale = squared > 0 ? 1 / squared.squareRoot() : 0
      for i in 0..<count { out[i] = Float(Double(v[i]) * scale) }
    }
  }
}
