import CMoultKernels
import MoultTesting
import Testing

@Suite("distance_i8")
struct DistanceI8Tests {
  @Test(
    "dot products of bytes are exact at every length around a lane",
    arguments: KernelLevel.offered, aroundLanes)
  func exact(level: KernelLevel, dimension: Int) {
    for seed in UInt64(0)..<4 {
      var random = SeededGenerator(seed: seed << 32 | UInt64(dimension))
      let aSigned = random.int8s(count: dimension)
      let bSigned = random.int8s(count: dimension)
      let aUnsigned = random.bytes(count: dimension)
      let bUnsigned = random.bytes(count: dimension)
      let operands = Operands(aSigned, bSigned, aUnsigned, bUnsigned, shift: Int(seed))
      operands.check(level, "seed \(seed << 32 | UInt64(dimension))")
    }
  }

  @Test("extreme bytes are exact up to 65 536 dimensions", arguments: KernelLevel.offered)
  func extremes(level: KernelLevel) {
    let extremeBytes: [UInt8] = [0, 0x7F, 0x80, 0xFF]  // as signed bytes 0, 127, −128, −1
    for dimension in [1, 63, 64, 100, 1000, 65_535, 65_536] {
      for a in extremeBytes {
        for b in extremeBytes {
          let operands = Operands(
            Array(repeating: Int8(bitPattern: a), count: dimension),
            Array(repeating: Int8(bitPattern: b), count: dimension),
            Array(repeating: a, count: dimension),
            Array(repeating: b, count: dimension))
          operands.check(level, "bytes \(a) and \(b)")
        }
      }
    }
  }

  @Test("the largest sums are the ones of the contract", arguments: KernelLevel.offered)
  func largestSums(level: KernelLevel) {
    let lowest = [Int8](repeating: .min, count: 65_536)
    let highest = [UInt8](repeating: .max, count: 65_536)
    #expect(level.kernels.dot_i8(lowest, lowest, 65_536) == 1 << 30)
    #expect(level.kernels.dot_u8(highest, highest, 65_536) == 255 * 255 * 65_536)
    #expect(level.kernels.dot_u8_i8(highest, lowest, 65_536) == -255 * 128 * 65_536)
  }

  @Test(
    "two limbs against many rows equal single dot products, in order and gathered",
    arguments: KernelLevel.offered, aroundLanes)
  func rowsEqualSingles(level: KernelLevel, dimension: Int) {
    let rowCount = 23
    let strideBytes = dimension + 3
    var random = SeededGenerator(seed: UInt64(dimension))
    let queryHigh = GuardedBuffer(random.int8s(count: dimension))
    let queryLow = GuardedBuffer(random.int8s(count: dimension))
    let rows = GuardedBuffer(random.bytes(count: rowCount * strideBytes - 3))
    let scalar = KernelLevel.scalar.kernels

    for count in rowCounts {
      for indices in [nil, gatherList(count: count, rowCount: rowCount)] {
        let high = GuardedBuffer([Int32](repeating: 7, count: count))
        let low = GuardedBuffer([Int32](repeating: 7, count: count))
        level.kernels.dot_u8_i8x2_rows(
          queryHigh.pointer, queryLow.pointer, rows.pointer, strideBytes, indices, count, dimension,
          high.pointer, low.pointer)

        let starts = (indices?.map(Int.init) ?? Array(0..<count)).map { rows.pointer + $0 * strideBytes }
        let expectedHigh = starts.map { scalar.dot_u8_i8($0, queryHigh.pointer, dimension) }
        let expectedLow = starts.map { scalar.dot_u8_i8($0, queryLow.pointer, dimension) }
        #expect(high.values == expectedHigh, "seed \(dimension), \(count) rows")
        #expect(low.values == expectedLow, "seed \(dimension), \(count) rows")
      }
    }
  }

  @Test("two limbs are exact at 65 536 dimensions", arguments: KernelLevel.offered)
  func widestRows(level: KernelLevel) {
    let dimension = 65_536
    let high = [Int8](repeating: .min, count: dimension)
    let low = [Int8](repeating: .max, count: dimension)
    let rows = [UInt8](repeating: .max, count: dimension)
    var sums: (high: Int32, low: Int32) = (0, 0)
    level.kernels.dot_u8_i8x2_rows(high, low, rows, dimension, nil, 1, dimension, &sums.high, &sums.low)
    #expect(sums.high == -255 * 128 * 65_536)
    #expect(sums.low == 255 * 127 * 65_536)
  }
}

/// Two signed and two unsigned vectors, checked in all three combinations against Int64 arithmetic.
private struct Operands {
  let aSigned: GuardedBuffer<Int8>
  let bSigned: GuardedBuffer<Int8>
  let aUnsigned: GuardedBuffer<UInt8>
  let bUnsigned: GuardedBuffer<UInt8>
  let signed: Int64
  let unsigned: Int64
  let mixed: Int64

  init(_ aSigned: [Int8], _ bSigned: [Int8], _ aUnsigned: [UInt8], _ bUnsigned: [UInt8], shift: Int = 0) {
    self.aSigned = GuardedBuffer(aSigned, shift: shift)
    self.bSigned = GuardedBuffer(bSigned)
    self.aUnsigned = GuardedBuffer(aUnsigned, shift: shift)
    self.bUnsigned = GuardedBuffer(bUnsigned)
    var signed: Int64 = 0
    var unsigned: Int64 = 0
    var mixed: Int64 = 0
    for i in aSigned.indices {
      signed += Int64(aSigned[i]) * Int64(bSigned[i])
      unsigned += Int64(aUnsigned[i]) * Int64(bUnsigned[i])
      mixed += Int64(aUnsigned[i]) * Int64(bSigned[i])
    }
    self.signed = signed
    self.unsigned = unsigned
    self.mixed = mixed
  }

  func check(_ level: KernelLevel, _ origin: String) {
    let kernels = level.kernels
    let dimension = aSigned.count
    let note: Comment = "\(dimension) dimensions, \(origin)"
    #expect(Int64(kernels.dot_i8(aSigned.pointer, bSigned.pointer, dimension)) == signed, note)
    #expect(Int64(kernels.dot_u8(aUnsigned.pointer, bUnsigned.pointer, dimension)) == unsigned, note)
    #expect(Int64(kernels.dot_u8_i8(aUnsigned.pointer, bSigned.pointer, dimension)) == mixed, note)
  }
}
