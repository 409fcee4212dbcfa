/// The interval `lower … lower + step·(2^bits − 1)` whose codes lose least of one vector (Lucene 10;
/// QUANTIZATION.md B1.4).
///
/// The loss of a vector x of length n, e = x − x̂, is `(1 − λ)·⟨x, e⟩²/n² + λ·‖e‖²` with λ = 0.1: error along
/// the vector weighs more, for it is what near neighbours see. For given codes its minimum over the two ends
/// has a closed form; ends and codes are improved in turn, at most five times.
struct OptimizedInterval {
  let lower: Float
  /// 0 where every code stands for the same.
  let step: Float
  private let last: Float

  init(of x: UnsafeBufferPointer<Float>, bits: Int) {
    let last = Double((1 << bits) - 1)
    var (mean, squares) = (0.0, 0.0)
    var (least, most) = (Double.infinity, -Double.infinity)
    for value in x {
      let value = Double(value)
      mean += value
      squares += value * value
      least = min(least, value)
      most = max(most, value)
    }
    mean /= Double(x.count)
    let deviation = max(0, squares / Double(x.count) - mean * mean).squareRoot()
    // Where a normal variable has the least squared error.
    let reach = OptimizedInterval.gaussianReach[bits - 1] * deviation
    var ends = (max(least, min(most, mean - reach)), max(least, min(most, mean + reach)))
    if squares > 0 && (1 / squares).isFinite {
      var best = OptimizedInterval.loss(x, ends, last, squares)
      for _ in 0..<5 {
        guard let next = OptimizedInterval.improved(x, ends, last, squares) else { break }
        let loss = OptimizedInterval.loss(x, next, last, squares)
        if !(loss <= best) { break }
        (best, ends) = (loss, next)
      }
    }
    let step = Float((ends.1 - ends.0) / last)
    self.lower = Float(ends.0)
    self.step = step.isFinite && (1 / step).isFinite ? step : 0
    self.last = Float(last)
  }

  /// The nearest code.
  @inline(__always)
  func code(_ value: Float) -> Int {
    let place = step > 0 ? (value - lower) / step : 0
    return place > 0 ? Int(min(place, last) + 0.5) : 0
  }

  private static let lambda = 0.1
  /// In standard deviations, for 1 to 4 bits.
  private static let gaussianReach = [0.798, 1.493, 2.051, 2.514]

  /// The place 0 … 1 in the interval that a value is rounded to.
  @inline(__always)
  private static func place(_ value: Double, _ ends: (Double, Double), _ last: Double) -> Double {
    let width = ends.1 - ends.0
    guard width > 0 else { return 0 }
    return (max(0, min(last, (value - ends.0) / width * last)) + 0.5).rounded(.down) / last
  }

  private static func loss(
    _ x: UnsafeBufferPointer<Float>, _ ends: (Double, Double), _ last: Double, _ squares: Double
  ) -> Double {
    var (along, all) = (0.0, 0.0)
    for value in x {
      let value = Double(value)
      let error = value - (ends.0 + (ends.1 - ends.0) * place(value, ends, last))
      along += value * error
      all += error * error
    }
    return (1 - lambda) * along * along / squares + lambda * all
  }

  /// The best ends for the present codes; `nil` where they are not determined.
  private static func improved(
    _ x: UnsafeBufferPointer<Float>, _ ends: (Double, Double), _ last: Double, _ squares: Double
  ) -> (Double, Double)? {
    var (aa, ab, bb, xa, xb) = (0.0, 0.0, 0.0, 0.0, 0.0)
    for value in x {
      let value = Double(value)
      let s = place(value, ends, last)
      aa += (1 - s) * (1 - s)
      ab += (1 - s) * s
      bb += s * s
      xa += value * (1 - s)
      xb += value * s
    }
    let weight = (1 - lambda) / squares
    let m0 = weight * xa * xa + lambda * aa
    let m1 = weight * xa * xb + lambda * ab
    let m2 = weight * xb * xb + lambda * bb
    let determinant = m0 * m2 - m1 * m1
    let next = ((m2 * xa - m1 * xb) / determinant, (m0 * xb - m1 * xa) / determinant)
    return next.0.isFinite && next.1.isFinite && next.1 > next.0 ? next : nil
  }
}
