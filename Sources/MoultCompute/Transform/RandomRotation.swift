/// A random rotation that costs O(D·log D): "FWHT-Kac", as in RaBitQ's library (QUANTIZATION.md B2.1).
///
/// Four rounds, each: flip signs by a stored random vector; Walsh–Hadamard transform of the first (rounds
/// 0, 2) or last (1, 3) 2^p coordinates, 2^p the largest power of two ≤ D; then, unless D is that power, a
/// 45° turn between the halves, `(a, b) → ((a + b)/√2, (a − b)/√2)`. Every step is orthonormal, so inner
/// products and distances are kept: to about 4·(log₂D + 1)·2⁻²³·‖v‖ in each entry. The order of operations is
/// fixed, so the result has the same bits on every instruction set.
///
/// The signs follow from the seed by `SplitMix64`, bit 0 of word 0 first: *changing any of this makes
/// existing binary, lloyd and rabitq codes unreadable.*
public struct RandomRotation: Sendable {
  public static let roundCount = 4

  /// A multiple of 64.
  public let dimension: Int
  public let seed: UInt64
  private let hadamardCount: Int
  /// `roundCount × dimension` bits; a set one turns the sign of its coordinate.
  let signs: [UInt64]

  public init(dimension: Int, seed: UInt64) {
    precondition(dimension > 0 && dimension % 64 == 0)
    self.dimension = dimension
    self.seed = seed
    hadamardCount = 1 << (Int.bitWidth - 1 - dimension.leadingZeroBitCount)
    var random = SplitMix64(seed: seed)
    signs = (0..<RandomRotation.roundCount * dimension / 64).map { _ in random.next() }
  }

  /// The dimension that vectors of `dimension` entries are padded to.
  public static func paddedDimension(_ dimension: Int) -> Int {
    (dimension + 63) / 64 * 64
  }

  /// Rotates one vector in place.
  public func apply(_ vector: UnsafeMutablePointer<Float>) {
    signs.withUnsafeBufferPointer { KernelTable.best.rotateKac(vector, $0.baseAddress, dimension) }
  }

  /// Undoes `apply`.
  public func applyInverse(_ vector: UnsafeMutablePointer<Float>) {
    let kernels = KernelTable.best
    for round in (0..<RandomRotation.roundCount).reversed() {
      if hadamardCount != dimension { turnHalves(vector) }
      kernels.hadamard(vector + hadamardStart(round), hadamardCount)
      flip(vector, round)
    }
  }

  private func hadamardStart(_ round: Int) -> Int {
    round % 2 == 0 ? 0 : dimension - hadamardCount
  }

  private func flip(_ vector: UnsafeMutablePointer<Float>, _ round: Int) {
    let first = round * dimension / 64
    for i in 0..<dimension where signs[first + i / 64] >> UInt64(i % 64) & 1 == 1 { vector[i].negate() }
  }

  /// Its own inverse.
  private func turnHalves(_ vector: UnsafeMutablePointer<Float>) {
    let half = dimension / 2
    let other = vector + half
    let scale = Float(0.5).squareRoot()
    for i in 0..<half {
      let (a, b) = (vector[i], other[i])
      vector[i] = (a + b) * scale
      other[i] = (a - b) * scale
    }
  }
}
