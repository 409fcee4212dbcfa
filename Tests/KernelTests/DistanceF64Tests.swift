import CMoultKernels
import MoultTesting
import Testing

@Suite("distance_f64")
struct DistanceF64Tests {
  @Test(
    "sums in double come in the order of the contract, on every ISA", arguments: KernelLevel.offered,
    aroundLanes)
  func orderOfSums(level: KernelLevel, count: Int) {
    for shift in 0..<4 {
      let seed = UInt64(count * 4 + shift)
      var random = SeededGenerator(seed: seed)
      // Magnitudes from denormal to huge: any other order of additions shows.
      let a = random.gaussianFloats(count: count).map { $0 * [1, 1e-42, 1e15, 1e-3][Int(random.next() % 4)] }
      let b = random.gaussianFloats(count: count).map { $0 * [1, 1e20, 1e-38, 3e-2][Int(random.next() % 4)] }
      let (first, second) = (GuardedBuffer(a, shift: shift), GuardedBuffer(b, shift: shift * 2))
      let kernels = level.kernels
      #expect(
        kernels.sum_of_squares_f32(first.pointer, count) == sum(a.map { Double($0) * Double($0) }),
        "seed \(seed)")
      #expect(
        kernels.dot_f32_f64(first.pointer, second.pointer, count)
          == sum(zip(a, b).map { Double($0) * Double($1) }), "seed \(seed)")
      let squares = zip(a, b).map { (Double($0) - Double($1)) * (Double($0) - Double($1)) }
      #expect(
        kernels.squared_l2_f32_f64(first.pointer, second.pointer, count) == sum(squares), "seed \(seed)")
    }
  }

  @Test("nothing overflows or vanishes that a float can hold", arguments: KernelLevel.offered)
  func extremes(level: KernelLevel) {
    let greatest = Float.greatestFiniteMagnitude
    let huge = [Float](repeating: greatest, count: 100)
    let square = Double(greatest) * Double(greatest)
    #expect(level.kernels.sum_of_squares_f32(huge, 100) == sum([Double](repeating: square, count: 100)))
    #expect(level.kernels.squared_l2_f32_f64(huge, huge.map { -$0 }, 100).isFinite)
    let tiny = [Float](repeating: .leastNonzeroMagnitude, count: 9)
    #expect(level.kernels.sum_of_squares_f32(tiny, 9) == 9 * 0x1p-298)
    #expect(level.kernels.dot_f32_f64(tiny, huge, 9) > 0)
  }

  @Test(
    "sign bits, sum of absolutes and of squares in one pass", arguments: KernelLevel.offered, aroundLanes)
  func signsAndSums(level: KernelLevel, count: Int) {
    for shift in 0..<4 {
      let seed = UInt64(count * 4 + shift)
      var random = SeededGenerator(seed: seed)
      let special: [Float] = [0, -0.0, .leastNonzeroMagnitude, -.leastNonzeroMagnitude, 1e30, -1e30, -1, 1]
      let values = (0..<count).map { _ in
        Bool.random(using: &random) ? random.gaussian() : special[Int(random.next() % 8)]
      }
      let source = GuardedBuffer(values, shift: shift)
      let codes = GuardedBuffer([UInt8](repeating: 0xA5, count: (count + 7) / 8))
      var (absolute, square) = (Double.nan, Double.nan)
      level.kernels.encode_signs_sums(source.pointer, codes.pointer, count, &absolute, &square)

      var expected = [UInt8](repeating: 0, count: (count + 7) / 8)
      for i in values.indices where values[i] > 0 { expected[i / 8] |= 1 << (i % 8) }
      #expect(codes.values == expected, "seed \(seed)")
      #expect(absolute == sum(values.map { Double(abs($0)) }), "seed \(seed)")
      #expect(square == sum(values.map { Double($0) * Double($0) }), "seed \(seed)")
    }
  }

  @Test("scaled values are rounded once, also in place", arguments: KernelLevel.offered, aroundLanes)
  func scaledValues(level: KernelLevel, count: Int) {
    for shift in 0..<4 {
      var random = SeededGenerator(seed: UInt64(count * 4 + shift))
      let a = random.gaussianFloats(count: count).map { $0 * [1, 1e-38][Int(random.next() % 2)] }
      let factor = random.float(in: -0.1...0.1)
      let values = GuardedBuffer(a, shift: shift)
      let target = GuardedBuffer([Float](repeating: 7, count: count), shift: shift * 2)
      level.kernels.scale_f32(values.pointer, factor, target.pointer, count)
      let expected = a.map { ($0 * factor).bitPattern }
      #expect(target.values.map(\.bitPattern) == expected)
      level.kernels.scale_f32(values.pointer, factor, values.pointer, count)
      #expect(values.values.map(\.bitPattern) == expected)
    }
  }

  @Test("differences are rounded once, also in place", arguments: KernelLevel.offered, aroundLanes)
  func differences(level: KernelLevel, count: Int) {
    for shift in 0..<4 {
      var random = SeededGenerator(seed: UInt64(count * 4 + shift))
      let a = random.gaussianFloats(count: count)
      let b = random.gaussianFloats(count: count).map { $0 * 1e-3 }
      let (values, centre) = (GuardedBuffer(a, shift: shift), GuardedBuffer(b, shift: shift * 3))
      let target = GuardedBuffer([Float](repeating: 7, count: count), shift: shift)
      level.kernels.subtract_f32(values.pointer, centre.pointer, target.pointer, count)
      let expected = zip(a, b).map { ($0 - $1).bitPattern }
      #expect(target.values.map(\.bitPattern) == expected)
      level.kernels.subtract_f32(values.pointer, centre.pointer, values.pointer, count)
      #expect(values.values.map(\.bitPattern) == expected)
    }
  }
}

/// 32 lanes, folded 16, 8, 4, 2, 1.
private func sum(_ terms: [Double]) -> Double {
  var lanes = [Double](repeating: 0, count: 32)
  for (j, term) in terms.enumerated() { lanes[j % 32] += term }
  for half in [16, 8, 4, 2, 1] {
    for lane in 0..<half { lanes[lane] += lanes[lane + half] }
  }
  return lanes[0]
}
