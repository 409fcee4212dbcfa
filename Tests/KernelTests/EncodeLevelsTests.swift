import CMoultKernels
import MoultTesting
import Testing

@Suite("encode_levels")
struct EncodeLevelsTests {
  static let widths: [UInt32] = [1, 2, 3, 4, 5, 8]
  static let counts = [0, 32, 64, 96, 128, 160, 384, 1024]

  @Test(
    "codes, packing and sums are those of the contract", arguments: KernelLevel.offered, widths)
  func againstOracle(level: KernelLevel, bits: UInt32) {
    for (trial, count) in Self.counts.enumerated() {
      for shift in 0..<4 {
        let seed = UInt64(bits) << 32 | UInt64(trial * 4 + shift)
        var random = SeededGenerator(seed: seed)
        let table = Table(bits: bits, random: &random)
        let values = random.gaussianFloats(count: count).map { $0 * (bits == 8 ? 70 : 2) }
        let scale = random.float(in: 0.5...2)
        let expected = Expected(values, scale, table)
        #expect(encode(level, values, scale, table, shift) == expected, "seed \(seed), \(count) values")
      }
    }
  }

  @Test(
    "a value on a threshold belongs above it, its neighbours to their sides", arguments: KernelLevel.offered,
    widths)
  func ties(level: KernelLevel, bits: UInt32) {
    var random = SeededGenerator(seed: UInt64(bits))
    let table = Table(bits: bits, random: &random)
    let edges = bits == 8 ? (-130...130).map { Float($0) + 0.5 } : table.thresholds
    var values = edges.flatMap { [$0.nextDown, $0, $0.nextUp] }
    values += [Float](repeating: 0, count: (32 - values.count % 32) % 32)
    #expect(encode(level, values, 1, table) == Expected(values, 1, table))
    // With equal thresholds a value passes all of them or none; a zero of either sign meets a zero.
    if bits < 8 {
      let zeros = Table(bits: bits, thresholds: table.thresholds.map { _ in 0 }, levels: table.levels)
      let signs = (0..<32).map { [Float(0), -0.0, .leastNonzeroMagnitude, -.leastNonzeroMagnitude][$0 % 4] }
      #expect(encode(level, signs, 1, zeros) == Expected(signs, 1, zeros))
      #expect(
        Expected(signs, 1, zeros).codes.map(Int.init) == (0..<32).map { $0 % 4 < 3 ? (1 << bits) - 1 : 0 })
    }
  }

  @Test(
    "extremes and denormals, products that overflow or vanish included", arguments: KernelLevel.offered,
    widths)
  func extremes(level: KernelLevel, bits: UInt32) {
    var random = SeededGenerator(seed: UInt64(bits))
    let table = Table(bits: bits, random: &random)
    let greatest = Float.greatestFiniteMagnitude
    // Sums of huge values overflow to infinities of both signs and so to NaN: one sign at a time.
    for group in [
      [greatest, 1e30, 127.5, 126.5, 1e-40, .leastNonzeroMagnitude, 0],
      [-greatest, -1e30, -127.5, -126.5, -1e-40, -.leastNonzeroMagnitude, -0.0],
      [1e-45, -1e-44, 3e-42, 1.2e-38, -1.1e-38, 2e-39, -2e-40],
    ] as [[Float]] {
      let values = (0..<64).map { group[$0 % group.count] }
      for scale in [1, 1e-20, 1e20, 1e38] as [Float] {
        let actual = encode(level, values, scale, table)
        let expected = Expected(values, scale, table)
        #expect(actual.bytes == expected.bytes && actual.square == expected.square, "scale \(scale)")
        #expect(actual.dotBits == expected.dotBits || (actual.isNaN && expected.isNaN), "scale \(scale)")
      }
    }
  }

  @Test("squares of very many levels need more than 32 bits", arguments: KernelLevel.offered)
  func wideSquares(level: KernelLevel) {
    let count = 1 << 18
    let values = [Float](repeating: -1, count: count)
    let lowest = Table(bits: 2, thresholds: [0, 1, 2], levels: [-128, 1, 2, 3])
    for (table, scale, square) in [(lowest, Float(1), 128 * 128), (Table(bits: 8), 1000, 127 * 127)] {
      var (codes, dot, sum) = ([UInt8](repeating: 0, count: count), Float(0), Int64(0))
      table.withLevels { level.kernels.encode_levels(values, scale, count, $0, &codes, &dot, &sum) }
      #expect(sum == Int64(count * square))
      #expect(dot == Float(count) * Float(square).squareRoot())  // every partial sum is a small integer
    }
  }
}

private struct Table {
  var bits: UInt32
  var thresholds: [Float] = []
  var levels: [Int8] = []

  init(bits: UInt32, thresholds: [Float] = [], levels: [Int8] = []) {
    self.bits = bits
    self.thresholds = thresholds
    self.levels = levels
  }

  /// Thresholds and levels at random, the extreme levels among them.
  init(bits: UInt32, random: inout SeededGenerator) {
    self.bits = bits
    guard bits < 8 else { return }
    thresholds = random.gaussianFloats(count: (1 << bits) - 1).sorted()
    levels = [-128, 127] + random.int8s(count: (1 << bits) - 2)
  }

  /// Guarded, since kernels load whole registers.
  func withLevels<Result>(_ body: (UnsafePointer<moult_levels>) -> Result) -> Result {
    let (thresholds, levels) = (GuardedBuffer(thresholds), GuardedBuffer(levels))
    var table = moult_levels(
      bits: bits, thresholds: bits < 8 ? UnsafePointer(thresholds.pointer) : nil,
      levels: bits < 8 ? UnsafePointer(levels.pointer) : nil)
    return withExtendedLifetime((thresholds, levels)) { body(&table) }
  }

  func code(of scaled: Float) -> UInt8 {
    if bits == 8 { return UInt8(min(max(scaled.rounded(.toNearestOrEven), -127), 127) + 128) }
    return UInt8(thresholds.count { $0 <= scaled })
  }

  func level(of code: UInt8) -> Int { bits == 8 ? Int(code) - 128 : Int(levels[Int(code)]) }
}

/// What encode_levels returns; of `codes` the packed bytes only.
private struct Encoded: Equatable {
  var bytes: [UInt8]
  var dotBits: UInt32
  var square: Int64

  var isNaN: Bool { Float(bitPattern: dotBits).isNaN }

  static func == (own: Encoded, other: Expected) -> Bool {
    own.bytes == other.bytes && own.dotBits == other.dotBits && own.square == other.square
  }
}

/// The contract, word for word.
private struct Expected {
  var codes: [UInt8]
  var bytes: [UInt8]
  var dotBits: UInt32
  var square: Int64

  var isNaN: Bool { Float(bitPattern: dotBits).isNaN }

  init(_ values: [Float], _ scale: Float, _ table: Table) {
    codes = values.map { table.code(of: $0 * scale) }
    square = codes.reduce(0) { $0 + Int64(table.level(of: $1) * table.level(of: $1)) }
    var lanes = [Float](repeating: 0, count: 16)
    for (j, value) in values.enumerated() {
      let product = value * Float(table.level(of: codes[j]))
      lanes[j % 16] += product
    }
    for half in [8, 4, 2, 1] {
      for lane in 0..<half { lanes[lane] += lanes[lane + half] }
    }
    dotBits = lanes[0].bitPattern
    bytes = []
    for start in stride(from: 0, to: codes.count, by: 32) {
      bytes += Expected.segment(Array(codes[start..<start + 32]), bits: Int(table.bits))
    }
  }

  /// As the comment on moult_zone has it: group g has, for byte b, the dimension of `place`.
  private static func segment(_ codes: [UInt8], bits: Int) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: 4 * bits)
    let natural = bits == 3 ? 2 : bits == 5 ? 4 : bits
    for (place, code) in codes.enumerated() {
      let low = natural == 8 ? code : code & ((1 << natural) - 1)
      bytes[place * natural / 8] |= low << (place * natural % 8)
    }
    guard bits != natural else { return bytes }
    for g in 0..<8 {
      for b in 0..<4 {
        let place = bits == 3 ? 16 * (g / 4) + 4 * b + g % 4 : 8 * (g / 2) + 2 * b + g % 2
        bytes[4 * natural + b] |= (codes[place] >> natural) << g
      }
    }
    return bytes
  }
}

private func encode(
  _ level: KernelLevel, _ values: [Float], _ scale: Float, _ table: Table, _ shift: Int = 0
) -> Encoded {
  let source = GuardedBuffer(values, shift: shift)
  let target = GuardedBuffer([UInt8](repeating: 0xA5, count: values.count / 8 * Int(table.bits)))
  var (dot, square) = (Float.nan, Int64(-1))
  table.withLevels {
    level.kernels.encode_levels(source.pointer, scale, values.count, $0, target.pointer, &dot, &square)
  }
  return Encoded(bytes: target.values, dotBits: dot.bitPattern, square: square)
}
