import Foundation
import Testing

@testable import MoultCompute

/// The tables against the normal distribution, integrated in closed form.
@Suite("Level tables")
struct LevelTableTests {
  private func density(_ x: Double) -> Double { exp(-x * x / 2) / (2 * Double.pi).squareRoot() }
  private func cumulative(_ x: Double) -> Double { erfc(-x / 2.0.squareRoot()) / 2 }

  /// Probability, first and second moment of a standard normal number between `a` and `b`.
  private func moments(_ a: Double, _ b: Double) -> (mass: Double, first: Double, second: Double) {
    let mass = cumulative(b) - cumulative(a)
    let edges = (a.isFinite ? a * density(a) : 0) - (b.isFinite ? b * density(b) : 0)
    return (mass, density(a) - density(b), mass + edges)
  }

  /// Mean squared error of levels with their thresholds.
  private func distortion(_ levels: [Double], _ thresholds: [Double]) -> Double {
    let edges = [-Double.infinity] + thresholds + [.infinity]
    return levels.indices.reduce(0) { sum, i in
      let (mass, first, second) = moments(edges[i], edges[i + 1])
      return sum + second - 2 * levels[i] * first + levels[i] * levels[i] * mass
    }
  }

  @Test("Lloyd–Max levels are the means of their cells, thresholds midway", arguments: 1...5)
  func fixedPoints(bits: Int) {
    let table = LevelTable.lloyd(bits: bits)
    #expect(table.bits == bits && table.levels.count == 1 << bits && table.thresholds.count == 1 << bits - 1)
    #expect(table.levels == table.levels.sorted() && Set(table.levels).count == 1 << bits)
    #expect(table.levels == table.levels.reversed().map { -$0 } && table.levels.last == 127)
    let edges = [-Double.infinity] + table.thresholds.map(Double.init) + [.infinity]
    // Before they were rounded to bytes: the means of the cells.
    let means = (0..<1 << bits).map { cell in
      let (mass, first, _) = moments(edges[cell], edges[cell + 1])
      return first / mass
    }
    for (threshold, pair) in zip(table.thresholds, zip(means, means.dropFirst())) {
      #expect(abs(Double(threshold) - (pair.0 + pair.1) / 2) < 2e-6)
    }
    for (level, mean) in zip(table.levels, means) {
      #expect(abs(Double(level) * Double(table.unit) - mean) <= Double(table.unit) * 0.5001)
    }
    #expect(abs(table.distortion - distortion(means, table.thresholds.map(Double.init))) < 1e-7)
  }

  @Test("8 bits are even steps over ±4.2σ, with the stated error")
  func eightBits() {
    let table = LevelTable.lloyd(bits: 8)
    let unit = Double(table.unit)
    #expect(abs(unit * 127 - 4.2) < 1e-6 && table.levels.isEmpty && table.thresholds.isEmpty)
    let levels = (-127...127).map { Double($0) * unit }
    let expected = distortion(levels, zip(levels, levels.dropFirst()).map { ($0 + $1) / 2 })
    #expect(abs(table.distortion / expected - 1) < 1e-3, "\(expected)")
  }

  @Test("RaBitQ's grid is even, its unit the one of least error", arguments: 1...5)
  func grids(bits: Int) {
    let table = LevelTable.grid(bits: bits)
    let last = (1 << bits) - 1
    #expect(table.levels == (0...last).map { Int8(2 * $0 - last) })
    #expect(table.thresholds == (1...last).map { Float(2 * $0 - last - 1) })
    func error(_ unit: Double) -> Double {
      distortion(table.levels.map { Double($0) * unit }, table.thresholds.map { Double($0) * unit })
    }
    let unit = Double(table.unit)
    #expect(error(unit) < error(unit * 1.01) && error(unit) < error(unit * 0.99))
    #expect(abs(error(unit) - table.distortion) < 1e-6, "\(error(unit))")
  }

  @Test("more bits, less error")
  func falls() {
    let distortions = CodeLayout.widths.map { LevelTable.lloyd(bits: $0).distortion }
    #expect(zip(distortions, distortions.dropFirst()).allSatisfy { $0 > 2 * $1 })
  }
}
