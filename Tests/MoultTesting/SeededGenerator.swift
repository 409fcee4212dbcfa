import Foundation

/// A small random generator for tests: the same seed gives the same numbers on every platform and in
/// every release. Put the seed into the failure message, so that a failure can be repeated.
///
/// It is SplitMix64 (Steele, Lea and Flood, OOPSLA 2014): a Weyl sequence and a 64-bit finalizer. Every
/// seed is a good seed, neighbouring ones included, so a test may simply count.
public struct SeededGenerator: RandomNumberGenerator {
  public let seed: UInt64
  private var state: UInt64

  public init(seed: UInt64) {
    self.seed = seed
    self.state = seed
  }

  public mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }

  /// Uniform in `0 ..< 1`, on the grid of 2⁻⁵³.
  public mutating func unit() -> Double {
    Double(next() >> 11) * 0x1p-53
  }

  /// Uniform in `range`, up to the rounding of the last step.
  public mutating func float(in range: ClosedRange<Float> = -1...1) -> Float {
    let lower = Double(range.lowerBound)
    return Float(lower + (Double(range.upperBound) - lower) * unit())
  }

  /// Standard normal, after Box and Muller.
  public mutating func gaussian() -> Float {
    let radius = (-2 * log(1 - unit())).squareRoot()  // 1 − unit() is never 0
    return Float(radius * cos(2 * Double.pi * unit()))
  }

  /// `count` values uniform in `range`.
  public mutating func floats(count: Int, range: ClosedRange<Float> = -1...1) -> [Float] {
    (0..<count).map { _ in float(in: range) }
  }

  /// `count` independent standard normal values.
  public mutating func gaussianFloats(count: Int) -> [Float] {
    (0..<count).map { _ in gaussian() }
  }

  /// A vector of length 1 in a direction uniform on the sphere.
  public mutating func unitVector(dimension: Int) -> [Float] {
    precondition(dimension > 0, "a unit vector needs at least one dimension")
    while true {
      let values = gaussianFloats(count: dimension)
      let norm = values.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
      if norm > 0 {
        return values.map { Float(Double($0) / norm) }
      }
    }
  }

  /// `count` uniform bytes.
  public mutating func bytes(count: Int) -> [UInt8] {
    (0..<count).map { _ in UInt8(truncatingIfNeeded: next() >> 56) }
  }

  /// `count` uniform signed bytes, −128 included.
  public mutating func int8s(count: Int) -> [Int8] {
    (0..<count).map { _ in Int8(truncatingIfNeeded: next() >> 56) }
  }
}
