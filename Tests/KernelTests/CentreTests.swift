import CMoultKernels
import MoultTesting
import Testing

@Suite("centre")
struct CentreTests {
  @Test(
    "differences, their largest and the sum of squares are those of the contract, on every ISA",
    arguments: KernelLevel.offered, aroundLanes)
  func definition(level: KernelLevel, count: Int) {
    for shift in 0..<4 {
      let seed = UInt64(count * 4 + shift)
      var random = SeededGenerator(seed: seed)
      // Magnitudes from denormal to large: fusing, or another order of additions, shows.
      let scales: [Float] = [1, 1e-42, 1e15, 1e-3]
      let values = random.gaussianFloats(count: count).map { $0 * scales[Int(random.next() % 4)] }
      let centre = random.gaussianFloats(count: count).map { $0 * scales[Int(random.next() % 4)] }
      let factor: Float = shift == 0 ? 1 : random.gaussian()
      let (source, mean) = (GuardedBuffer(values, shift: shift), GuardedBuffer(centre, shift: shift * 2))
      let target = GuardedBuffer([Float](repeating: .nan, count: count), shift: shift)
      var largest: Float = .nan
      let square = level.kernels.centre_f32(
        source.pointer, factor, mean.pointer, target.pointer, count, &largest)

      let expected = zip(values, centre).map { value, centre in
        let product = value * factor
        return product - centre
      }
      var sums = [Double](repeating: 0, count: 16)
      for (j, value) in expected.enumerated() { sums[j % 16] += Double(value) * Double(value) }
      for half in [8, 4, 2, 1] {
        for lane in 0..<half { sums[lane] += sums[lane + half] }
      }
      #expect(target.values == expected, "seed \(seed)")
      #expect(square == sums[0], "seed \(seed)")
      #expect(largest == expected.map(abs).max() ?? 0, "seed \(seed)")
    }
  }
}
