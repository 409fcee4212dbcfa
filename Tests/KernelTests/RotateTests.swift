import CMoultKernels
import MoultTesting
import Testing

@Suite("rotate_kac_f32")
struct RotateTests {
  /// Powers of two, three times a power of two, and others: each kind has passes of its own.
  static let dimensions = [
    64, 128, 192, 256, 320, 384, 448, 512, 640, 768, 1024, 1088, 1536, 3072, 4160, 8192,
  ]

  @Test("is the four rounds of its definition, to rounding", arguments: KernelLevel.offered, dimensions)
  func againstDefinition(level: KernelLevel, dimension: Int) {
    for shift in [0, 1] {
      var random = SeededGenerator(seed: UInt64(dimension))
      let values = random.gaussianFloats(count: dimension)
      let signs = (0..<dimension / 16).map { _ in random.next() }
      let buffer = GuardedBuffer(values, shift: shift)
      let words = GuardedBuffer(signs)
      level.kernels.rotate_kac_f32(buffer.pointer, words.pointer, dimension)

      let exact = rotate(values.map(Double.init), signs)
      let error = zip(buffer.values, exact).map { abs(Double($0) - $1) }.max() ?? .infinity
      let depth = Double(Int.bitWidth - 1 - dimension.leadingZeroBitCount) + 3
      let norm = values.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
      #expect(error <= 4 * depth * 0x1p-23 * norm, "seed \(dimension)")
    }
  }

  @Test("has the same bits on every ISA", arguments: KernelLevel.offered, dimensions)
  func sameBits(level: KernelLevel, dimension: Int) {
    var random = SeededGenerator(seed: UInt64(dimension))
    let signs = (0..<dimension / 16).map { _ in random.next() }
    for magnitude in [1, 1e-40, 1e30] as [Float] {
      var values = random.gaussianFloats(count: dimension).map { $0 * magnitude }
      values[dimension / 2] = 0
      values[dimension - 1] = -values[0]  // so that some sums cancel
      var expected = values
      KernelLevel.scalar.kernels.rotate_kac_f32(&expected, signs, dimension)
      level.kernels.rotate_kac_f32(&values, signs, dimension)
      #expect(values.map(\.bitPattern) == expected.map(\.bitPattern), "seed \(dimension), ×\(magnitude)")
    }
  }

  @Test("every bit flips its own coordinate", arguments: KernelLevel.offered, [64, 192, 320])
  func everyBit(level: KernelLevel, dimension: Int) {
    for bit in stride(from: 0, to: 4 * dimension, by: 17) {
      var signs = [UInt64](repeating: 0, count: dimension / 16)
      signs[bit / 64] = 1 << UInt64(bit % 64)
      var values = (0..<dimension).map { Float($0 % 5) - 2 }
      let exact = rotate(values.map(Double.init), signs)
      level.kernels.rotate_kac_f32(&values, signs, dimension)
      let error = zip(values, exact).map { abs(Double($0) - $1) }.max() ?? .infinity
      #expect(error < 1e-3, "bit \(bit)")
    }
  }
}

/// The definition in Double.
private func rotate(_ values: [Double], _ signs: [UInt64]) -> [Double] {
  let dimension = values.count
  let transformed = 1 << (Int.bitWidth - 1 - dimension.leadingZeroBitCount)
  var result = values
  for round in 0..<4 {
    for i in 0..<dimension where signs[round * dimension / 64 + i / 64] >> UInt64(i % 64) & 1 == 1 {
      result[i].negate()
    }
    let start = round % 2 == 0 ? 0 : dimension - transformed
    result.replaceSubrange(
      start..<start + transformed, with: hadamardOracle(Array(result[start..<start + transformed])))
    guard transformed < dimension else { continue }
    let half = dimension / 2
    for i in 0..<half {
      let (a, b) = (result[i], result[i + half])
      result[i] = (a + b) * 0.5.squareRoot()
      result[i + half] = (a - b) * 0.5.squareRoot()
    }
  }
  return result
}
