import CMoultKernels
import MoultTesting
import Testing

@Suite("encode")
struct EncodeTests {
  @Test(
    "codes are the rounded positions between the bounds, and their sum is returned",
    arguments: KernelLevel.offered, aroundLanes)
  func codesAgainstOracle(level: KernelLevel, count: Int) {
    for shift in 0..<4 {
      let seed = UInt64(count * 4 + shift)
      var random = SeededGenerator(seed: seed)
      let values = random.gaussianFloats(count: count)
      let lower = random.float(in: -3...0)
      let inverseStep = random.float(in: 20...100)  // the last ones reach beyond both ends
      let (codes, sum) = encode(level, values, lower, inverseStep, shift)
      let expected = values.map { code(of: $0, lower, inverseStep) }
      #expect(codes == expected, "seed \(seed)")
      #expect(sum == expected.reduce(0) { $0 + UInt64($1) }, "seed \(seed)")
    }
  }

  @Test("ties go to the even code, and the ends clamp", arguments: KernelLevel.offered)
  func tiesAndEnds(level: KernelLevel) {
    let values = (-20...540).map { Float($0) / 2 }  // −10, −9.5 … 270
    let (codes, _) = encode(level, values, 0, 1)
    let expected = values.map { UInt8(min(max($0.rounded(.toNearestOrEven), 0), 255)) }
    #expect(codes == expected)
  }

  @Test("huge values clamp to the ends", arguments: KernelLevel.offered)
  func hugeValues(level: KernelLevel) {
    let greatest = Float.greatestFiniteMagnitude
    // The last two overflow to infinity on the way.
    let values: [Float] = [3e9, -3e9, 1e20, -1e20, greatest, -greatest]
    for count in [6, 12, 60] {
      let repeated = (0..<count).map { values[$0 % 6] }
      let (codes, _) = encode(level, repeated, 0, 1000)
      #expect(codes == repeated.map { $0 > 0 ? 255 : 0 })
    }
  }

  @Test("the sum of many codes needs more than 32 bits", arguments: KernelLevel.offered)
  func wideSum(level: KernelLevel) {
    let count = 20_000_000
    let values = [Float](repeating: 1000, count: count)
    var codes = [UInt8](repeating: 0, count: count)
    #expect(level.kernels.encode_u8(values, 0, 1, &codes, count) == 255 * UInt64(count))
  }

  @Test("sign bits are set where a value is above zero", arguments: KernelLevel.offered, aroundLanes)
  func signs(level: KernelLevel, count: Int) {
    for shift in 0..<4 {
      let seed = UInt64(count * 4 + shift)
      var random = SeededGenerator(seed: seed)
      let special: [Float] = [0, -0.0, .nan, .infinity, -.infinity, .leastNonzeroMagnitude, -1, 1]
      let values = (0..<count).map { _ in
        Bool.random(using: &random) ? random.gaussian() : special[Int(random.next() % 8)]
      }
      let source = GuardedBuffer(values, shift: shift)
      let codes = GuardedBuffer([UInt8](repeating: 0xA5, count: (count + 7) / 8))
      level.kernels.encode_signs(source.pointer, codes.pointer, count)

      var expected = [UInt8](repeating: 0, count: (count + 7) / 8)
      for i in values.indices where values[i] > 0 { expected[i / 8] |= 1 << (i % 8) }
      #expect(codes.values == expected, "seed \(seed)")
    }
  }
}

private func encode(
  _ level: KernelLevel, _ values: [Float], _ lower: Float, _ inverseStep: Float, _ shift: Int = 0
) -> (codes: [UInt8], sum: UInt64) {
  let source = GuardedBuffer(values, shift: shift)
  let codes = GuardedBuffer([UInt8](repeating: 0xA5, count: values.count))
  let sum = level.kernels.encode_u8(source.pointer, lower, inverseStep, codes.pointer, values.count)
  return (codes.values, sum)
}

/// Difference and product of two Floats are exact in Double (the product always, the difference here,
/// where exponents are close), so each rounding to Float is the one that the contract names.
private func code(of value: Float, _ lower: Float, _ inverseStep: Float) -> UInt8 {
  let offset = Float(Double(value) - Double(lower))
  let scaled = Float(Double(offset) * Double(inverseStep))
  return UInt8(min(max(scaled.rounded(.toNearestOrEven), 0), 255))
}
