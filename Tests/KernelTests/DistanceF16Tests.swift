import CMoultKernels
import MoultTesting
import Testing

@Suite("distance_f16")
struct DistanceF16Tests {
  static let formats = [Format.binary16, .bfloat16]

  @Test(
    "a row's score has the bits of the widened row's, in order and gathered", arguments: KernelLevel.offered,
    formats)
  func equalsWidened(level: KernelLevel, format: Format) {
    for dimension in aroundLanes {
      let seed = UInt64(dimension)
      var random = SeededGenerator(seed: seed)
      let rowCount = 23
      let query = random.gaussianFloats(count: dimension)
      let rows = (0..<rowCount).map { _ in
        format.narrow(random.gaussianFloats(count: dimension), level.kernels)
      }
      for count in rowCounts {
        for indices in [nil, gatherList(count: count, rowCount: rowCount)] {
          let scores = Scores(level, format, query, rows, indices, count)
          #expect(scores.actual == scores.expected, "seed \(seed), \(count) rows")
        }
      }
    }
  }

  @Test(
    "infinities, denormals and the largest numbers count as what they are", arguments: KernelLevel.offered,
    formats)
  func specials(level: KernelLevel, format: Format) {
    let dimension = 99
    // Largest, smallest normal, largest and smallest denormal, zeros; and last the infinities.
    let patterns: [UInt16] =
      format == .binary16
      ? [0x7BFF, 0xFBFF, 0x0400, 0x03FF, 0x8001, 0x0000, 0x8000, 0x7C00, 0xFC00]
      : [0x7F7F, 0xFF7F, 0x0080, 0x007F, 0x8001, 0x0000, 0x8000, 0x7F80, 0xFF80]
    for pattern in patterns {
      for position in [0, 15, 16, 63, 64, 95, 96, 98] {
        var row = [UInt16](repeating: 0, count: dimension)
        row[position] = pattern
        let value = format.value(of: pattern)
        let query = (0..<dimension).map { Float($0 % 3) + 1 }
        let scores = Scores(level, format, query, [row], nil, 1)
        #expect(scores.actual == scores.expected, "\(pattern) at \(position)")
        #expect(scores.dots == [query[position] * value], "\(pattern) at \(position)")
      }
    }
  }
}

enum Format: Sendable {
  case binary16
  case bfloat16

  func narrow(_ values: [Float], _ kernels: moult_kernels) -> [UInt16] {
    var result = [UInt16](repeating: 0, count: values.count)
    let kernel = self == .binary16 ? kernels.f32_to_f16 : kernels.f32_to_bf16
    kernel?(values, &result, values.count)
    return result
  }

  func widen(_ values: [UInt16]) -> [Float] { values.map(value) }

  /// By the formats' definitions.
  func value(of pattern: UInt16) -> Float {
    if self == .bfloat16 { return Float(bitPattern: UInt32(pattern) << 16) }
    let exponent = Int(pattern >> 10 & 0x1F)
    let fraction = Float(pattern & 0x3FF)
    let magnitude: Float =
      switch exponent {
      case 0x1F: .infinity
      case 0: fraction * 0x1p-24
      default: Float(sign: .plus, exponent: exponent - 15, significand: 1 + fraction / 1024)
      }
    return pattern & 0x8000 == 0 ? magnitude : -magnitude
  }
}

/// Scores by both kernels, and those of the float kernels for the widened rows.
private struct Scores {
  var actual: [UInt32]
  var expected: [UInt32]
  var dots: [Float]

  init(
    _ level: KernelLevel, _ format: Format, _ query: [Float], _ rows: [[UInt16]], _ indices: [UInt32]?,
    _ count: Int
  ) {
    let kernels = level.kernels
    let dimension = query.count
    let strideBytes = 2 * dimension + 3  // every other row is at an odd address
    var bytes = [UInt8]()
    for row in rows {
      bytes += row.flatMap { withUnsafeBytes(of: $0, Array.init) }
      bytes += [0xFF, 0xFF, 0xFF]  // the beginning of a NaN, should anybody read it
    }
    let memory = GuardedBuffer(Array(bytes.dropLast(3)))
    let own = GuardedBuffer(query, shift: 1)
    let dotTarget = GuardedBuffer([Float](repeating: 7, count: count))
    let squaredTarget = GuardedBuffer([Float](repeating: 7, count: count))
    let isHalf = format == .binary16
    (isHalf ? kernels.dot_f16_rows : kernels.dot_bf16_rows)?(
      own.pointer, memory.pointer, strideBytes, indices, count, dimension, dotTarget.pointer)
    (isHalf ? kernels.squared_l2_f16_rows : kernels.squared_l2_bf16_rows)?(
      own.pointer, memory.pointer, strideBytes, indices, count, dimension, squaredTarget.pointer)
    dots = dotTarget.values
    actual = (dots + squaredTarget.values).map(\.bitPattern)

    let chosen = (indices?.map(Int.init) ?? Array(0..<count)).map { format.widen(rows[$0]) }
    expected = chosen.map { kernels.dot_f32(query, $0, dimension).bitPattern }
    expected += chosen.map { kernels.squared_l2_f32(query, $0, dimension).bitPattern }
  }
}
