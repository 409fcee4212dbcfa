import MoultModel
import MoultTesting
import Testing

@testable import MoultCompute

@Suite("Recall")
struct RecallTests {
  /// Truth 0 … k−1 for every query, and results of which `hits[i]` are right.
  private func results(hits: [Int], k: Int) -> (found: [[Int64]], truth: [[Int64]]) {
    let truth = [[Int64]](repeating: (0..<Int64(k)).map { $0 }, count: hits.count)
    let found = hits.map { hits in (0..<k).map { Int64($0 < hits ? $0 : 1000 + $0) } }
    return (found, truth)
  }

  private func estimate(_ hits: [Int], k: Int = 10) -> MeasuredRecall {
    let (found, truth) = results(hits: hits, k: k)
    return Recall.estimate(found: found, truth: truth, k: k)
  }

  @Test("counts the true neighbours found, in any order")
  func counts() {
    let estimate = Recall.estimate(
      found: [[3, 2, 1], [9, 8, 7], [4, 5, 6, 7]], truth: [[1, 2, 3], [9, 1, 2], [7, 4, 5]], k: 3)
    #expect(abs(estimate.mean - 2.0 / 3) < 1e-12)  // 3 + 1 + 2 of 9: 7 stands fourth
    #expect(estimate.queryCount == 3 && estimate.k == 3)
  }

  @Test("a sample without a miss does not prove certainty", arguments: [1, 5, 25, 200, 1000])
  func perfectSamples(queryCount: Int) {
    let perfect = estimate([Int](repeating: 10, count: queryCount))
    #expect(perfect.mean == 1 && perfect.upper == 1)
    #expect(perfect.lower < 1)
    #expect(perfect.lower > 1 - 20 / Double(queryCount))
    let none = estimate([Int](repeating: 0, count: queryCount))
    #expect(none.mean == 0 && none.lower == 0 && none.upper > 0)
  }

  @Test("a miss never raises the lower end", arguments: [50, 200, 1000])
  func missesLower(queryCount: Int) {
    var last = estimate([Int](repeating: 10, count: queryCount)).lower
    for misses in 1...20 {
      let hits = (0..<queryCount).map { $0 < misses ? 9 : 10 }
      let lower = estimate(hits).lower
      #expect(lower < last)
      last = lower
    }
  }

  @Test(
    "the interval holds the true recall about 95 times in 100",
    arguments: [0.5, 0.9, 0.97, 0.995], [1, 10])
  func covers(recall: Double, k: Int) {
    var random = SeededGenerator(seed: UInt64(recall * 1000))
    var covered = 0
    let trials = 400
    for _ in 0..<trials {
      // Queries differ in difficulty: half have twice the miss rate of the mean, the others next to none.
      let hits = (0..<200).map { _ in
        let miss = Bool.random(using: &random) ? min(1, 2 * (1 - recall)) : 0
        return (0..<k).count { _ in random.unit() >= miss }
      }
      let estimate = estimate(hits, k: k)
      if (estimate.lower...estimate.upper).contains(recall) { covered += 1 }
    }
    // 95 % ± 4 standard errors of 400 trials.
    #expect(Double(covered) / Double(trials) > 0.905)
  }

  @Test("short truth counts as it is, and queries without truth not at all")
  func shortTruth() {
    let estimate = Recall.estimate(found: [[1, 2], [5], []], truth: [[1, 2], [], [7]], k: 10)
    #expect(estimate.mean == 0.5 && estimate.queryCount == 2)
    let none = Recall.estimate(found: [[1]], truth: [[]], k: 10)
    #expect(none.lower == 0 && none.upper == 1 && none.queryCount == 0)
  }

  @Test("a paired difference holds the true one about 95 times in 100")
  func pairedCovers() {
    var random = SeededGenerator(seed: 9)
    var covered = 0
    for _ in 0..<400 {
      let old = (0..<200).map { _ in (0..<10).count { _ in random.unit() < 0.95 } }
      let new = old.map { hits in (0..<hits).count { _ in random.unit() < 0.98 } }
      let (oldFound, truth) = results(hits: old, k: 10)
      let (newFound, _) = results(hits: new, k: 10)
      let difference = Recall.pairedDifference(new: newFound, old: oldFound, truth: truth)
      if (difference.lower...difference.upper).contains(-0.95 * 0.02) { covered += 1 }
    }
    #expect(Double(covered) / 400 > 0.905)
  }

  @Test("equal results do not prove equality")
  func pairedIsOpen() {
    let (found, truth) = results(hits: [Int](repeating: 9, count: 200), k: 10)
    let difference = Recall.pairedDifference(new: found, old: found, truth: truth)
    #expect(difference.mean == 0 && difference.lower < 0 && difference.upper > 0)
    #expect(difference.lower > -0.005)
    #expect(Recall.pairedDifference(new: [], old: [], truth: []).queryCount == 0)
  }

  @Test(
    "Student's quantiles are right to three places",
    arguments: [(1, 12.706), (10, 2.228), (11, 2.201), (30, 2.042), (199, 1.972), (100_000, 1.960)])
  func quantiles(degreesOfFreedom: Int, expected: Double) {
    #expect(abs(StudentT.quantile975(degreesOfFreedom: degreesOfFreedom) - expected) < 1e-3)
  }
}
