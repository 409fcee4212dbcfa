/// Euclidean norms in double precision, summed in one fixed order, so that every machine gets the same
/// bits. No float32 input overflows or underflows: (3.4·10³⁸)²·32 768 < 10³⁰⁸ and (10⁻⁴⁵)² > 10⁻³⁰⁸.
enum VectorNorm {
  /// Σ v[i]².
  static func squared(_ v: UnsafePointer<Float>, _ count: Int) -> Double {
    var (s0, s1, s2, s3) = (0.0, 0.0, 0.0, 0.0)
    var (s4, s5, s6, s7) = (0.0, 0.0, 0.0, 0.0)
    var i = 0
    while i + 8 <= count {
      let p = v + i
      s0 += Double(p[0]) * Double(p[0])
      s1 += Double(p[1]) * Double(p[1])
      s2 += Double(p[2]) * Double(p[2])
      s3 += Double(p[3]) * Double(p[3])
      s4 += Double(p[4]) * Double(p[4])
      s5 += Double(p[5]) * Double(p[5])
      s6 += Double(p[6]) * Double(p[6])
      s7 += Double(p[7]) * Double(p[7])
      i += 8
    }
    var tail = 0.0
    while i < count {
      tail += Double(v[i]) * Double(v[i])
      i += 1
    }
    return ((s0 + s4) + (s2 + s6)) + ((s1 + s5) + (s3 + s7)) + tail
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
      for i in 0..<count { out[i] = v[i] * scale }
    } else {
      let scale = squared > 0 ? 1 / squared.squareRoot() : 0
      for i in 0..<count { out[i] = Float(Double(v[i]) * scale) }
    }
  }
}
