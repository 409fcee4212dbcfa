import CMoultKernels
import MoultTesting
import Testing

@Suite("encode rows")
struct EncodeRowsTests {
  @Test(
    "codes and sums are those of the kernels they are defined by, with and without lengths",
    arguments: KernelLevel.offered, aroundLanes.filter { $0 > 0 })
  func againstSingleKernels(level: KernelLevel, dimension: Int) {
    for (normalizes, measures) in [(false, false), (false, true), (true, false), (true, true)] {
      for count in [0, 1, 2, 3, 7] {
        let seed = UInt64(8 * dimension + count)
        var fixture = EncodeRowsCase(seed: seed, dimension: dimension, count: count)
        fixture.normalizes = normalizes
        fixture.measures = measures
        for streams in [false, true] {
          fixture.streams = streams
          let (codes, sums) = fixture.encode(level)
          let (expectedCodes, expectedSums) = fixture.expected()
          #expect(codes == expectedCodes, "seed \(seed)")
          #expect(sums == expectedSums, "seed \(seed)")
        }
      }
    }
  }

  @Test("lengths that one float cannot scale give the code of nothing", arguments: KernelLevel.offered)
  func extremeLengths(level: KernelLevel) {
    for (scale, dimension) in [(Float(0), 64), (1e-40, 100), (1e37, 128)] {
      var fixture = EncodeRowsCase(seed: 3, dimension: dimension, count: 4)
      fixture.normalizes = true
      fixture.measures = true
      fixture.vectors = fixture.vectors.map { $0 * scale }
      let (codes, sums) = fixture.encode(level)
      let (expectedCodes, expectedSums) = fixture.expected()
      #expect(codes == expectedCodes)
      #expect(sums == expectedSums)
      #expect(sums.allSatisfy { $0.square == 0 })
    }
  }

  @Test("codes of both ends do not overflow the sums", arguments: KernelLevel.offered)
  func widestCodes(level: KernelLevel) {
    for (value, offset) in [(Float(1e30), Int64(127)), (-1e30, -128)] {
      var fixture = EncodeRowsCase(seed: 4, dimension: 65_536, count: 1)
      fixture.vectors = [Float](repeating: value, count: 65_536)
      fixture.high = [Int8](repeating: -128, count: 65_536)
      fixture.measures = true
      let (_, sums) = fixture.encode(level)
      #expect(Int64(sums[0].offsetSquare) == offset * offset * 65_536)
      #expect(Int64(sums[0].high) == -128 * (offset + 128) * 65_536)
    }
  }

  @Test(
    "centred values and their sums have the bits of the contract", arguments: KernelLevel.offered, aroundLanes
  )
  func centreSums(level: KernelLevel, count: Int) {
    let scalar = KernelLevel.scalar.kernels
    for shift in 0..<4 {
      let seed = UInt64(4 * count + shift)
      var random = SeededGenerator(seed: seed)
      let scales: [Float] = [1, 1e-42, 1e15, 1e-3]
      let values = random.gaussianFloats(count: count).map { $0 * scales[Int(random.next() % 4)] }
      let centre = random.gaussianFloats(count: count).map { $0 * scales[Int(random.next() % 4)] }
      let factor: Float = shift == 0 ? 1 : random.gaussian()
      let (source, mean) = (GuardedBuffer(values, shift: shift), GuardedBuffer(centre, shift: shift * 2))
      let target = GuardedBuffer([Float](repeating: .nan, count: count), shift: shift)
      var along = Double.nan
      let square = level.kernels.centre_sums_f32(
        source.pointer, factor, mean.pointer, target.pointer, count, &along)
      let expected = zip(values, centre).map { value, centre in
        let product = value * factor
        return product - centre
      }
      #expect(target.values == expected, "seed \(seed)")
      #expect(square == scalar.sum_of_squares_f32(expected, count), "seed \(seed)")
      #expect(along == scalar.dot_f32_f64(expected, centre, count), "seed \(seed)")

      // In place, without the sums.
      let without = level.kernels.centre_sums_f32(
        source.pointer, factor, mean.pointer, source.pointer, count, nil)
      #expect(source.values == expected && without == 0, "seed \(seed)")
    }
  }
}

/// Vectors to encode, a coder, and what has to come out, by the scalar kernels that the contract names.
private struct EncodeRowsCase {
  struct Row: Equatable {
    var givenSquare = 0.0
    var square = 0.0
    var offsetSquare: UInt32 = 0
    var high: Int32 = 0
    var low: Int32 = 0
  }

  let dimension: Int
  let count: Int
  /// `count × stride`.
  var vectors: [Float]
  let centre: [Float]
  var high: [Int8]
  let low: [Int8]
  var normalizes = false
  var measures = false
  var streams = false
  private var stride: Int { dimension + 3 }
  private let lower: Float = -1.5
  private let inverseStep: Float = 85

  init(seed: UInt64, dimension: Int, count: Int) {
    self.dimension = dimension
    self.count = count
    var random = SeededGenerator(seed: seed)
    vectors = random.gaussianFloats(count: count * (dimension + 3))
    centre = random.gaussianFloats(count: dimension).map { $0 / 4 }
    high = random.int8s(count: dimension)
    low = random.int8s(count: dimension)
  }

  func encode(_ level: KernelLevel) -> ([UInt8], [Row]) {
    // The last row ends where the vectors do.
    let given = GuardedBuffer(Array(vectors.prefix(max(0, count * stride - 3))))
    let (mean, first, second) = (GuardedBuffer(centre), GuardedBuffer(high), GuardedBuffer(low))
    let codes = GuardedBuffer([UInt8](repeating: 0xA5, count: count * dimension))
    let scratch = GuardedBuffer([Float](repeating: .nan, count: dimension))
    var sums = [moult_u8_row](repeating: moult_u8_row(), count: count)
    var coder = moult_u8_coder(
      dimension: dimension, normalizes: normalizes ? 1 : 0, streams: streams ? 1 : 0,
      centre: mean.pointer, lower: lower, inverse_step: inverseStep,
      high: measures ? UnsafePointer(first.pointer) : nil, low: measures ? UnsafePointer(second.pointer) : nil
    )
    level.kernels.encode_u8_rows(
      &coder, given.pointer, 4 * stride, count, scratch.pointer, codes.pointer, &sums)
    let rows = sums.map {
      Row(
        givenSquare: $0.given_square, square: $0.square, offsetSquare: $0.offset_square, high: $0.high,
        low: $0.low)
    }
    return (codes.values, rows)
  }

  func expected() -> ([UInt8], [Row]) {
    let kernels = KernelLevel.scalar.kernels
    var all: [UInt8] = []
    var rows: [Row] = []
    for i in 0..<count {
      var vector = Array(vectors[i * stride..<i * stride + dimension])
      var row = Row()
      if normalizes {
        row.givenSquare = kernels.sum_of_squares_f32(vector, dimension)
        let isScalable = row.givenSquare > 1e-70 && row.givenSquare < 1e70
        let factor = isScalable ? Float(1 / row.givenSquare.squareRoot()) : 0
        vector = vector.map { $0 * factor }
      }
      if measures { row.square = kernels.sum_of_squares_f32(vector, dimension) }
      let centred = zip(vector, centre).map { $0 - $1 }
      var codes = [UInt8](repeating: 0, count: dimension)
      _ = kernels.encode_u8(centred, lower, inverseStep, &codes, dimension)
      row.offsetSquare = UInt32(codes.reduce(0) { $0 + (Int($1) - 128) * (Int($1) - 128) })
      if measures {
        row.high = Int32(zip(codes, high).reduce(0) { $0 + Int($1.0) * Int($1.1) })
        row.low = Int32(zip(codes, low).reduce(0) { $0 + Int($1.0) * Int($1.1) })
      }
      all += codes
      rows.append(row)
    }
    return (all, rows)
  }
}
