import Foundation
import MoultModel
import MoultServer
import MoultTesting
import Testing

@testable import MoultMilvus

@Suite("Milvus: rankings made one")
struct HybridRankerTests {
  private func hits(_ scores: [(Int64, Float)], group: (Int64) -> Int64? = { _ in nil }) -> [FoundPoints.Hit]
  {
    scores.map { FoundPoints.Hit(id: .int64($0.0), score: $0.1, group: group($0.0).map { .int($0) }) }
  }

  private func told(_ ranked: [HybridRanker.Ranked]) -> [String] {
    ranked.map { "\($0.hit.id) \($0.score)" }
  }

  @Test("reciprocal ranks are added up; ties come by id")
  func reciprocal() {
    let ranked = HybridRanker.reciprocal(k: 60).fused(
      [hits([(1, 0.9), (2, 0.8), (3, 0.7)]), hits([(3, 0.5), (4, 0.4)]), hits([(4, 1)])],
      metrics: [.cosine, .cosine, .cosine])
    let parts: [Float] = [1 / 61 as Float, 1 / 62 as Float, 1 / 63 as Float]
    #expect(
      told(ranked) == [
        "4 \(parts[1] + parts[0])", "3 \(parts[2] + parts[0])", "1 \(parts[0])", "2 \(parts[1])",
      ])
    let tied = HybridRanker.reciprocal(k: 1).fused(
      [hits([(9, 1)]), hits([(2, 1)])], metrics: [.cosine, .cosine])
    #expect(told(tied) == ["2 0.5", "9 0.5"])
  }

  @Test("weighted sums of normalized scores, by the arctangents of Milvus")
  func weighted() {
    let ranker = HybridRanker.weighted([0.25, 0.5, 1], normalizes: true)
    let ranked = ranker.fused(
      [hits([(1, 0.5)]), hits([(1, 3)]), hits([(1, 2), (2, 0)])],
      metrics: [.cosine, .innerProduct, .squaredEuclidean])
    let expected = 0.25 * 0.75 + 0.5 * (0.5 + atan(3) / .pi) + (1 - 2 * atan(2) / .pi)
    #expect(ranked.map(\.hit.id) == [.int64(2), .int64(1)])
    #expect(abs(Double(ranked[1].score) - expected) < 1e-6 && ranked[0].score == 1)
  }

  @Test("BM25, whose scores are not negative, fills 0 to 1; distances of bits are turned round")
  func payloadMetrics() {
    let ranker = HybridRanker.weighted([1], normalizes: true)
    func normalized(_ score: Float, _ metric: MilvusMetric) -> Double {
      Double(ranker.fused([hits([(1, score)])], metrics: [metric])[0].score)
    }
    #expect(abs(normalized(3, .bm25) - 2 * atan(3) / .pi) < 1e-6)
    #expect(abs(normalized(3, .innerProduct) - (0.5 + atan(3) / .pi)) < 1e-6)
    #expect(abs(normalized(5, .hamming) - (1 - 2 * atan(5) / .pi)) < 1e-6)
    #expect(abs(normalized(0.25, .jaccard) - (1 - 2 * atan(0.25) / .pi)) < 1e-6)
    let plain = HybridRanker.weighted([1, 1], normalizes: false)
    #expect(
      plain.fused([hits([(1, 2), (2, 9)]), hits([(2, 1)])], metrics: [.hamming, .jaccard]).map(\.hit.id)
        == [.int64(1), .int64(2)])
  }

  @Test(
    "without normalization scores stay; distances alone ascend, beside similarities they are turned round")
  func plain() {
    let ranker = HybridRanker.weighted([0.5, 0.5], normalizes: false)
    let rankings = [hits([(1, 1), (2, 4)]), hits([(2, 1), (1, 6)])]
    #expect(
      told(ranker.fused(rankings, metrics: [.squaredEuclidean, .squaredEuclidean])) == ["2 2.5", "1 3.5"])
    #expect(told(ranker.fused(rankings, metrics: [.innerProduct, .innerProduct])) == ["1 3.5", "2 2.5"])
    let mixed = ranker.fused(rankings, metrics: [.squaredEuclidean, .innerProduct])
    #expect(mixed.map(\.hit.id) == [.int64(1), .int64(2)])
    #expect(abs(mixed[0].score - (0.5 * (1 - 2 * Float(atan(1.0)) / .pi) + 3)) < 1e-6)
  }

  @Test(
    "decay: nothing is lost within the offset, the factor is the decay one scale behind it",
    arguments: DecayFunction.Shape.allCases)
  func decay(shape: DecayFunction.Shape) {
    var function = DecayFunction(field: "n", shape: shape, origin: 100, scale: 20)
    function.offset = 5
    function.decay = 0.25
    for (value, factor) in [(100, 1), (95, 1), (105, 1), (125, 0.25), (75, 0.25)] as [(Double, Float)] {
      #expect(abs(function.factor(value) - factor) < 1e-6, "\(value)")
    }
    let half: Float =
      switch shape {
      case .gauss: pow(0.25, 0.25)
      case .exp: pow(0.25, 0.5)
      case .linear: 0.625
      }
    #expect(abs(function.factor(115) - half) < 1e-6)
    #expect(function.factor(300) == (shape == .linear ? 0.25 : function.factor(-100)))
    #expect(function.factor(nil) == 0)
  }

  @Test(
    "decay of several rankings takes a hit's best, added or mean score",
    arguments: DecayFunction.ScoreMode.allCases)
  func decayOfSeveral(mode: DecayFunction.ScoreMode) {
    var function = DecayFunction(field: "n", shape: .exp, origin: 0, scale: 10)
    function.scoreMode = mode
    let ranked = HybridRanker.decay(function).fused(
      [hits([(1, 0.5), (2, 0.25)]), hits([(1, 0.25)])], metrics: [.cosine, .cosine]
    ) { $0.id == .int64(1) ? 10 : 0 }
    let first: Float =
      switch mode {
      case .max: 0.25
      case .sum: 0.375
      case .average: 0.1875
      }
    let expected = first >= 0.25 ? ["1 \(first)", "2 0.25"] : ["2 0.25", "1 \(first)"]
    #expect(told(ranked) == expected)
  }

  @Test("groups are ordered by their best, added or mean score, then by size, then by id; small ones can go")
  func grouping() {
    // 1, 4 and 5 are of group 0; 2 and 3 of group 1; 6 of group 2.
    let groups: [Int64: Int64] = [1: 0, 4: 0, 5: 0, 2: 1, 3: 1, 6: 2]
    let ranked = HybridRanker.weighted([1], normalizes: false).fused(
      [hits([(1, 9), (2, 8), (3, 7), (6, 9), (4, 3), (5, 2)]) { groups[$0] }], metrics: [.innerProduct])
    func ids(_ grouping: RankGrouping, limit: Int = 9, offset: Int = 0) -> [String] {
      grouping.grouped(ranked, limit: limit, offset: offset).map { "\($0.hit.id)" }
    }
    var grouping = RankGrouping(field: "g", size: 2)
    // Groups 0 and 2 both score 9; 0 is larger.
    #expect(ids(grouping) == ["1", "4", "6", "2", "3"])
    #expect(ids(grouping, limit: 1, offset: 1) == ["6"])
    grouping.scorer = .sum
    #expect(ids(grouping) == ["2", "3", "1", "4", "6"])
    grouping.scorer = .average
    #expect(ids(grouping) == ["6", "2", "3", "1", "4"])
    grouping.isStrict = true
    #expect(ids(grouping) == ["2", "3", "1", "4"])
    #expect(throws: MilvusError.self) { try RankGrouping(field: "g", size: .max).check() }
  }
}
