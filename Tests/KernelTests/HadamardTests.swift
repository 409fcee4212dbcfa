import CMoultKernels
import MoultTesting
import Testing

@Suite("hadamard_f32")
struct HadamardTests {
  static let counts = (0...13).map { 1 << $0 }

  @Test("keeps its error bound against Double", arguments: KernelLevel.offered, counts)
  func errorBound(level: KernelLevel, count: Int) {
    for shift in [0, 1] {
      var random = SeededGenerator(seed: UInt64(count))
      let values = random.gaussianFloats(count: count)
      let exact = hadamardOracle(values.map(Double.init))
      let buffer = GuardedBuffer(values, shift: shift)
      level.kernels.hadamard_f32(buffer.pointer, count)

      let bound = (Double(count.trailingZeroBitCount) + 1) * 0x1p-23 * norm(values)
      let error = zip(buffer.values, exact).map { abs(Double($0) - $1) }.max() ?? 0
      #expect(error <= bound, "seed \(count)")
    }
  }

  @Test("has the same bits on every ISA", arguments: KernelLevel.offered, counts)
  func sameBits(level: KernelLevel, count: Int) {
    var random = SeededGenerator(seed: UInt64(count))
    var values = random.gaussianFloats(count: count)
    values[count / 2] = 0
    values[count - 1] = -values[0]  // so that some sums cancel
    var expected = values
    KernelLevel.scalar.kernels.hadamard_f32(&expected, count)
    level.kernels.hadamard_f32(&values, count)
    #expect(values.map(\.bitPattern) == expected.map(\.bitPattern), "seed \(count)")
  }

  @Test("keeps lengths and angles, and undoes itself", arguments: KernelLevel.offered, counts)
  func orthonormalInvolution(level: KernelLevel, count: Int) {
    var random = SeededGenerator(seed: UInt64(count))
    let a = random.gaussianFloats(count: count)
    let b = random.gaussianFloats(count: count)
    var aTransformed = a
    var bTransformed = b
    level.kernels.hadamard_f32(&aTransformed, count)
    level.kernels.hadamard_f32(&bTransformed, count)

    let tolerance = 1e-5 * norm(a) * norm(b)
    #expect(abs(dot(aTransformed, bTransformed) - dot(a, b)) <= tolerance, "seed \(count)")
    #expect(abs(norm(aTransformed) - norm(a)) <= 1e-5 * norm(a), "seed \(count)")

    level.kernels.hadamard_f32(&aTransformed, count)
    let error = zip(aTransformed, a).map { abs(Double($0) - Double($1)) }.max() ?? 0
    #expect(error <= 1e-5 * norm(a), "seed \(count)")
  }

  @Test("turns a unit vector into a row of signs", arguments: KernelLevel.offered)
  func unitVectors(level: KernelLevel) {
    let count = 256
    for column in 0..<count {
      var values = [Float](repeating: 0, count: count)
      values[column] = 1
      level.kernels.hadamard_f32(&values, count)
      let expected = (0..<count).map { ($0 & column).nonzeroBitCount % 2 == 0 ? Float(0.0625) : -0.0625 }
      #expect(values == expected)
    }
  }
}

private func dot(_ a: [Float], _ b: [Float]) -> Double {
  zip(a, b).reduce(0) { $0 + Double($1.0) * Double($1.1) }
}

private func norm(_ a: [Float]) -> Double { dot(a, a).squareRoot() }
