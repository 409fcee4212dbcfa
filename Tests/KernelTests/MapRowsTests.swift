import CMoultKernels
import MoultTesting
import Testing

/// Inputs on both sides of the 256 that a pass takes; outputs on both sides of a block of 16, of the two and three
/// blocks that kernels take at once, and of the eight for few rows.
private let shapes = [
  (0, 3), (1, 1), (3, 15), (7, 16), (8, 17), (64, 48), (100, 70), (255, 31), (256, 32), (257, 33), (513, 130),
]

@Suite("map_rows_f32")
struct MapRowsTests {
  @Test("is one chain of fused multiply-adds a result", arguments: KernelLevel.offered, shapes)
  func isChain(level: KernelLevel, shape: (Int, Int)) {
    for rowCount in [0, 1, 2, 3, 5, 6, 7, 12, 13, 25, 97] {
      let fixture = Mapping(inputs: shape.0, outputs: shape.1, rowCount: rowCount, scale: 1)
      #expect(fixture.results(level) == fixture.chains, "\(rowCount) rows, seed \(fixture.seed)")
    }
  }

  @Test(
    "is that where numbers are tiny or huge", arguments: KernelLevel.offered,
    [1e-22, 1e-19, 1e18] as [Float])
  func isChainOfHardNumbers(level: KernelLevel, scale: Float) {
    let fixture = Mapping(inputs: 70, outputs: 40, rowCount: 8, scale: scale)
    #expect(fixture.results(level) == fixture.chains, "seed \(fixture.seed)")
  }

  @Test("a row's results do not depend on the others", arguments: KernelLevel.offered)
  func aloneOrTogether(level: KernelLevel) {
    let fixture = Mapping(inputs: 300, outputs: 37, rowCount: 205, scale: 1)
    let together = fixture.results(level)
    for rows in [0..<1, 3..<5, 95..<97, 100..<111, 96..<205, 204..<205] {
      #expect(
        fixture.results(level, rows: rows) == Array(together[rows.lowerBound * 37..<rows.upperBound * 37]))
    }
  }
}

/// A matrix and rows, both of seeded numbers.
private struct Mapping {
  let inputs: Int
  let outputs: Int
  let rowCount: Int
  let seed: UInt64
  private let matrix: [Float]
  private let rows: [Float]

  /// - Parameter scale: of all numbers but the zeros, every ninth.
  init(inputs: Int, outputs: Int, rowCount: Int, scale: Float) {
    self.inputs = inputs
    self.outputs = outputs
    self.rowCount = rowCount
    seed = UInt64(inputs * 1000 + outputs)
    var random = SeededGenerator(seed: seed)
    matrix = random.gaussianFloats(count: outputs * inputs).map { $0 * scale }
    var rows = random.gaussianFloats(count: rowCount * inputs).map { $0 * scale }
    for i in stride(from: 0, to: rows.count, by: 9) { rows[i] = i % 2 == 0 ? 0 : -0.0 }
    self.rows = rows
  }

  /// Bit patterns: a zero has a sign.
  var chains: [UInt32] {
    var results: [UInt32] = []
    for row in 0..<rowCount {
      for output in 0..<outputs {
        var sum: Float = 0
        for j in 0..<inputs { sum.addProduct(rows[row * inputs + j], matrix[output * inputs + j]) }
        results.append(sum.bitPattern)
      }
    }
    return results
  }

  /// The matrix in blocks of 16 outputs.
  private var blocks: [Float] {
    var blocks: [Float] = []
    for first in stride(from: 0, to: outputs, by: 16) {
      for j in 0..<inputs {
        for output in first..<first + 16 { blocks.append(output < outputs ? matrix[output * inputs + j] : 0) }
      }
    }
    return blocks
  }

  func results(_ level: KernelLevel, rows range: Range<Int>? = nil) -> [UInt32] {
    let range = range ?? 0..<rowCount
    // An entry between rows that nobody may read, and an address of no alignment.
    let spaced = GuardedBuffer(
      Array(range.map { rows[$0 * inputs..<(1 + $0) * inputs] }.joined(separator: [.nan])), shift: 1)
    let blocks = GuardedBuffer(blocks)
    let out = GuardedBuffer([Float](repeating: .nan, count: range.count * outputs))
    level.kernels.map_rows_f32(
      blocks.pointer, inputs, outputs, spaced.pointer, 4 * (inputs + 1), range.count, out.pointer)
    return out.values.map(\.bitPattern)
  }
}
