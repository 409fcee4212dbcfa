/// Distances of two rows of floats by their differences: no kernel has the first, and products of matrices cancel where rows
/// are near to each other.
enum RowDistance {
  /// Σ |aᵢ − bᵢ|, eight sums side by side.
  static func manhattan(_ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, _ dimension: Int) -> Float {
    sum(a, b, dimension) { $0.replacing(with: -$0, where: $0 .< 0) }
  }

  /// Σ (aᵢ − bᵢ)², eight sums side by side.
  static func squaredEuclidean(_ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, _ dimension: Int)
    -> Float
  {
    sum(a, b, dimension) { $0 * $0 }
  }

  /// - Parameters:
  ///   - a: `dimension` floats, as `b`, of any alignment.
  ///   - part: what a difference adds; of zero, zero.
  @inline(__always)
  private static func sum(
    _ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, _ dimension: Int,
    _ part: (SIMD8<Float>) -> SIMD8<Float>
  ) -> Float {
    var sums = SIMD8<Float>()
    let whole = dimension / 8 * 8
    for place in stride(from: 0, to: whole, by: 8) {
      let x = UnsafeRawPointer(a + place).loadUnaligned(as: SIMD8<Float>.self)
      let y = UnsafeRawPointer(b + place).loadUnaligned(as: SIMD8<Float>.self)
      sums += part(x - y)
    }
    var rest = SIMD8<Float>()
    for place in whole..<dimension { rest[place - whole] = a[place] - b[place] }
    return (sums + part(rest)).sum()
  }
}
