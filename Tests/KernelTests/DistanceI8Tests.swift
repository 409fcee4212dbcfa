import CMoultKernels
import MoultTesting
import Testing

@Suite("distance_i8")
struct DistanceI8Tests {
  @Test(
    "dot products of unsigned bytes are exact at every length around a lane",
    arguments: KernelLevel.offered, aroundLanes)
  func exact(level: KernelLevel, dimension: Int) {
    for shift in 0..<4 {
      let seed = UInt64(dimension * 4 + shift)
      var random = SeededGenerator(seed: seed)
      let a = random.bytes(count: dimension)
      let b = random.bytes(count: dimension)
      let aBuffer = GuardedBuffer(a, shift: shift)
      let bBuffer = GuardedBuffer(b)
      let expected = zip(a, b).reduce(0) { $0 + UInt32($1.0) * UInt32($1.1) }
      #expect(level.kernels.dot_u8(aBuffer.pointer, bBuffer.pointer, dimension) == expected, "seed \(seed)")
    }
  }

  @Test(
    "two limbs against many rows are exact, in order and gathered, at every length around a lane",
    arguments: KernelLevel.offered, aroundLanes)
  func rows(level: KernelLevel, dimension: Int) {
    let rowCount = 23
    let strideBytes = dimension + 3
    var random = SeededGenerator(seed: UInt64(dimension))
    let highLimb = random.int8s(count: dimension)
    let lowLimb = random.int8s(count: dimension)
    let bytes = random.bytes(count: rowCount * strideBytes - 3)
    let queryHigh = GuardedBuffer(highLimb)
    let queryLow = GuardedBuffer(lowLimb)
    let rows = GuardedBuffer(bytes)

    for count in rowCounts {
      for indices in [nil, gatherList(count: count, rowCount: rowCount)] {
        let high = GuardedBuffer([Int32](repeating: 7, count: count))
        let low = GuardedBuffer([Int32](repeating: 7, count: count))
        level.kernels.dot_u8_i8x2_rows(
          queryHigh.pointer, queryLow.pointer, rows.pointer, strideBytes, indices, count, dimension,
          high.pointer, low.pointer)

        let order = indices?.map(Int.init) ?? Array(0..<count)
        let chosen = order.map { bytes[($0 * strideBytes)...].prefix(dimension) }
        #expect(high.values == chosen.map { dot($0, highLimb) }, "seed \(dimension), \(count) rows")
        #expect(low.values == chosen.map { dot($0, lowLimb) }, "seed \(dimension), \(count) rows")
      }
    }
  }

  @Test("extreme bytes are exact up to 65 536 dimensions", arguments: KernelLevel.offered)
  func extremes(level: KernelLevel) {
    let extremeBytes: [UInt8] = [0, 0x7F, 0x80, 0xFF]  // as signed bytes 0, 127, −128, −1
    for dimension in [1, 63, 64, 100, 1000, 65_535, 65_536] {
      for a in extremeBytes {
        let row = [UInt8](repeating: a, count: dimension)
        for b in extremeBytes {
          let signed = Int8(bitPattern: b)
          let note: Comment = "\(dimension) dimensions, bytes \(a) and \(b)"
          let other = [UInt8](repeating: b, count: dimension)
          #expect(Int(level.kernels.dot_u8(row, other, dimension)) == Int(a) * Int(b) * dimension, note)

          let limb = [Int8](repeating: signed, count: dimension)
          var (high, low): (Int32, Int32) = (0, 0)
          level.kernels.dot_u8_i8x2_rows(limb, limb, row, dimension, nil, 1, dimension, &high, &low)
          #expect(Int(high) == Int(a) * Int(signed) * dimension && low == high, note)
        }
      }
    }
  }
}

private func dot(_ row: ArraySlice<UInt8>, _ limb: [Int8]) -> Int32 {
  zip(row, limb).reduce(0) { $0 + Int32($1.0) * Int32($1.1) }
}
