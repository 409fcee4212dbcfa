import Foundation
import MoultTesting
import Testing

@testable import MoultCompute

@Suite("Bit allocation")
struct BitAllocationTests {
  private static let options = [0] + CodeLayout.widths

  private func distortion(_ bits: Int) -> Double { bits == 0 ? 1 : LevelTable.lloyd(bits: bits).distortion }

  private func cost(_ widths: [Int], _ variances: [Double], bits: Double) -> Double {
    let power = min(1.5, max(1, 1 + 0.5 * log2(bits)))
    let largest = variances.max()!
    return zip(widths, variances).reduce(0) {
      $0 + (largest > 0 ? pow($1.1 / largest, power) : 1) * distortion($1.0)
    }
  }

  /// Every allocation of four segments.
  private func least(_ variances: [Double], bits: Double, budget: Int) -> Double {
    var best = Double.infinity
    for a in Self.options {
      for b in Self.options where a + b <= budget {
        for c in Self.options where a + b + c <= budget {
          for d in Self.options where a + b + c + d <= budget {
            best = min(best, cost([a, b, c, d], variances, bits: bits))
          }
        }
      }
    }
    return best
  }

  private static func variances(_ random: inout SeededGenerator, count: Int) -> [Double] {
    let steepness = 3 * random.unit()
    return (0..<count).map { Double(exp(-steepness * Double($0))) * (0.8 + 0.4 * random.unit()) }.sorted(
      by: >)
  }

  @Test("is the best of all allocations", arguments: [0.25, 0.5, 1, 2, 4, 8])
  func equalsBruteForce(bits: Double) {
    for seed in 0..<20 {
      var random = SeededGenerator(seed: UInt64(seed))
      let variances = Self.variances(&random, count: 4)
      let budget = max(1, Int((bits * 4).rounded()))
      let widths = BitAllocation.widths(variances: variances, bits: bits, budget: budget)
      let own = cost(widths, variances, bits: bits)
      #expect(own <= least(variances, bits: bits, budget: budget) * (1 + 1e-12), "seed \(seed): \(widths)")
    }
  }

  @Test("never exceeds the budget, and widths do not rise", arguments: [1, 2, 7, 13, 48, 96, 400])
  func budget(budget: Int) {
    for seed in 0..<10 {
      var random = SeededGenerator(seed: UInt64(seed))
      var variances = Self.variances(&random, count: 24)
      if seed == 0 { variances = [Double](repeating: 1, count: 24) }
      if seed == 1 { variances = [Double](repeating: 0, count: 24) }
      if seed == 2 { variances = [1] + [Double](repeating: 0, count: 23) }
      let widths = BitAllocation.widths(variances: variances, bits: Double(budget) / 24, budget: budget)
      #expect(widths.count == 24 && widths.reduce(0, +) <= budget, "seed \(seed)")
      #expect(widths.allSatisfy { Self.options.contains($0) }, "seed \(seed)")
      #expect(zip(widths, widths.dropFirst()).allSatisfy { $0 >= $1 }, "seed \(seed)")
      // With something left over it would be used.
      #expect(
        widths.reduce(0, +) == min(budget, 24 * 8) || seed <= 2 || budget > 150, "seed \(seed): \(widths)")
    }
  }
}
