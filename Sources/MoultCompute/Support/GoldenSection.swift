/// The least of a function with one minimum.
enum GoldenSection {
  /// - Parameter evaluations: at least 2; the range shrinks to 0.618^(evaluations − 1) of its width.
  static func minimum(
    in range: ClosedRange<Double>, evaluations: Int, _ function: (Double) -> Double
  ) -> Double {
    let ratio = (5.0.squareRoot() - 1) / 2
    var (low, high) = (range.lowerBound, range.upperBound)
    var (left, right) = (high - ratio * (high - low), low + ratio * (high - low))
    var (atLeft, atRight) = (function(left), function(right))
    for _ in 2..<max(2, evaluations) {
      if atLeft <= atRight {
        (high, right, atRight) = (right, left, atLeft)
        left = high - ratio * (high - low)
        atLeft = function(left)
      } else {
        (low, left, atLeft) = (left, right, atRight)
        right = low + ratio * (high - low)
        atRight = function(right)
      }
    }
    return atLeft <= atRight ? left : right
  }
}
