import Foundation
import MoultCompute
import MoultModel
import MoultTesting
import Testing

@Suite("Ranked retrieval")
struct RankedRetrievalTests {
  @Test("nDCG and recall of answers that were worked out by hand")
  func byHand() {
    let two = 1 / log2(3.0)
    let cases: [(found: [Int], relevant: Set<Int>, ndcg: Double, recall: Double)] = [
      ([1, 2, 3], [1], 1, 1), ([2, 1, 3], [1], two, 1), ([2, 3, 4], [1], 0, 0), ([], [1], 0, 0),
      ([1, 9, 2], [1, 2], (1 + 0.5) / (1 + two), 1), ([9, 9, 9, 1], [1], 0, 0),
      // More right answers than fit in: all places right is the best there is.
      ([1, 2, 3, 4], [1, 2, 3, 4, 5], 1, 1), ([1, 9, 8], [1, 2, 3, 4], 1 / (1 + two + 0.5), 1.0 / 3),
    ]
    for (found, relevant, ndcg, recall) in cases {
      #expect(abs(RankedRetrieval.ndcg(found: found, relevant: relevant, k: 3) - ndcg) < 1e-12, "\(found)")
      #expect(
        abs(RankedRetrieval.recall(found: found, relevant: relevant, k: 3) - recall) < 1e-12, "\(found)")
    }
  }

  @Test("the interval of the bootstrap holds the true mean as often as it says", arguments: [20, 200])
  func coverage(count: Int) {
    var random = SeededGenerator(seed: 3)
    var held = 0
    for round in 0..<400 {
      // Like differences of nDCG: most are none.
      let differences = (0..<count).map { _ in
        Double.random(in: 0...1, using: &random) < 0.5 ? 0 : Double.random(in: -0.4...0.6, using: &random)
      }
      let found = RankedRetrieval.bootstrap(differences, samples: 400, seed: UInt64(round))
      #expect(found.lower <= found.mean && found.mean <= found.upper && found.queryCount == count)
      if found.lower <= 0.05 && 0.05 <= found.upper { held += 1 }
    }
    // 95 % of 400 are 380; the percentile bootstrap is known to be a little narrow with few queries.
    #expect((350...396).contains(held), "\(held)")
  }

  @Test("equal differences have an interval of one point, none an open one; a seed gives the same again")
  func edges() {
    let same = RankedRetrieval.bootstrap([0.25, 0.25, 0.25], seed: 1)
    #expect(same.mean == 0.25 && same.lower == 0.25 && same.upper == 0.25)
    let none = RankedRetrieval.bootstrap([], seed: 1)
    #expect(none.lower == -1 && none.upper == 1 && none.queryCount == 0)
    let mixed = [0.1, -0.2, 0.4, 0]
    #expect(RankedRetrieval.bootstrap(mixed, seed: 7) == RankedRetrieval.bootstrap(mixed, seed: 7))
  }
}
