import CMoultKernels
import MoultTesting
import Testing

@Suite("guide_score_rows")
struct GuideTests {
  @Test(
    "scores are those of the contract, bit for bit, on every ISA", arguments: KernelLevel.offered, [1, 2])
  func definition(level: KernelLevel, lines: Int) {
    for count in 0...9 {
      let seed = UInt64(lines * 10 + count)
      var random = SeededGenerator(seed: seed)
      let rowCount = 12
      let bytes = lines * 64
      var records = (0..<rowCount * bytes).map { _ in UInt8(truncatingIfNeeded: random.next()) }
      // One row of all ones: the largest sums.
      for byte in 0..<bytes { records[byte] = 255 }
      var factors: [Float] = []
      var additives: [Float] = []
      for row in 0..<rowCount {
        factors.append(random.gaussian())
        additives.append(random.gaussian())
        withUnsafeBytes(of: (factors[row], additives[row])) { side in
          for (i, byte) in side.enumerated() { records[(row + 1) * bytes - 8 + i] = byte }
        }
      }
      var weights = (0..<4 * bytes).map { _ in Int8(truncatingIfNeeded: random.next()) }
      if count % 3 == 0 { weights = weights.map { $0 < 0 ? -128 : 127 } }
      for plane in 0..<4 {
        for byte in 56..<64 { weights[(lines - 1) * 256 + plane * 64 + byte] = 0 }
      }
      let indices = (0..<count).map { _ in UInt32(random.next() % UInt64(rowCount)) }
      let (scale, offset): (Float, Float) = (0.0137, random.gaussian())

      let guardedRecords = GuardedBuffer(records)
      let guardedWeights = GuardedBuffer(weights)
      let guardedIndices = GuardedBuffer(indices)
      let scores = GuardedBuffer([Float](repeating: .nan, count: count))
      var query = moult_guide_query(
        weights: guardedWeights.pointer, lines: lines, scale: scale, offset: offset)
      level.kernels.guide_score_rows(
        &query, guardedRecords.pointer, guardedIndices.pointer, count, scores.pointer)

      let expected = indices.map { index -> Float in
        let row = Int(index)
        var sum = 0
        for byte in 0..<bytes {
          for plane in 0..<4 {
            let cell = Int(records[row * bytes + byte] >> UInt8(2 * plane)) & 3
            sum += cell * Int(weights[byte / 64 * 256 + plane * 64 + byte % 64])
          }
        }
        let product = scale * Float(sum)
        let estimate = product + offset
        let scaled = factors[row] * estimate
        return scaled + additives[row]
      }
      #expect(scores.values == expected, "seed \(seed)")
    }
  }
}
