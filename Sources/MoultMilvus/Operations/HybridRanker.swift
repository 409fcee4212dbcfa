internal import Foundation
internal import MoultModel

/// Makes one ranking of several, as `hybrid_search` asks for; of one, another.
///
/// Arithmetic is in float, in the order of the rankings, as in Milvus, so that the same hits tie.
enum HybridRanker: Equatable {
  /// Reciprocal rank fusion: the sum of `1 / (k + rank)` over the rankings that have a hit, ranks from 1
  /// (Cormack, Clarke, Büttcher 2009).
  case reciprocal(k: Float)
  /// The sum of scores, each times its ranking's weight.
  ///
  /// `normalizes` maps scores to 0 … 1 before, higher nearer. Without it distances stay distances, and the smallest
  /// sum comes first; beside similarities they are turned round.
  case weighted([Float], normalizes: Bool)
  /// Scores, one a hit, times what its value in a field makes of it.
  case decay(DecayFunction)

  /// A hit with its fused score.
  struct Ranked {
    var hit: FoundPoints.Hit
    var score: Float
  }

  /// - Parameters:
  ///   - rankings: best first, of one query each.
  ///   - metrics: one for each ranking.
  ///   - values: of the field that ``decay(_:)`` looks at.
  /// - Returns: every hit once, best first; ties by id.
  func fused(
    _ rankings: [[FoundPoints.Hit]], metrics: [MilvusMetric],
    values: (FoundPoints.Hit) -> Double? = { _ in nil }
  ) -> [Ranked] {
    let turned = Set(metrics.map(\.higherIsNearer)).count > 1
    let ascends: Bool
    switch self {
    case .weighted(_, normalizes: false): ascends = !turned && metrics.allSatisfy { !$0.higherIsNearer }
    case .reciprocal, .weighted, .decay: ascends = false
    }
    var places: [PointID: Int] = [:]
    var ranked: [Ranked] = []
    var counts: [Float] = []
    for (ranking, hits) in rankings.enumerated() {
      for (rank, hit) in hits.enumerated() {
        let part = part(hit.score, rank: rank + 1, ranking, metrics[ranking], turned: turned)
        if let place = places[hit.id] {
          ranked[place].score = merged(ranked[place].score, part)
          counts[place] += 1
        } else {
          places[hit.id] = ranked.count
          ranked.append(Ranked(hit: hit, score: part))
          counts.append(1)
        }
      }
    }
    if case .decay(let decay) = self {
      for place in ranked.indices {
        if decay.scoreMode == .average { ranked[place].score /= counts[place] }
        ranked[place].score *= decay.factor(values(ranked[place].hit))
      }
    }
    return ranked.sorted { left, right in
      if left.score == right.score { return left.hit.id < right.hit.id }
      return ascends ? left.score < right.score : left.score > right.score
    }
  }

  /// What a hit of one ranking adds.
  private func part(
    _ score: Float, rank: Int, _ ranking: Int, _ metric: MilvusMetric, turned: Bool
  ) -> Float {
    switch self {
    case .reciprocal(let k): 1 / (k + Float(rank))
    case .weighted(let weights, let normalizes):
      weights[ranking]
        * (normalizes
          ? Self.normalized(score, metric) : turned ? Self.turned(score, metric) : score)
    case .decay(let decay):
      decay.normalizes ? Self.normalized(score, metric) : Self.turned(score, metric)
    }
  }

  /// A hit's score so far and what one more ranking adds.
  private func merged(_ score: Float, _ part: Float) -> Float {
    if case .decay(let decay) = self, decay.scoreMode == .max { return max(score, part) }
    return score + part
  }

  /// The nearest float; `Float.pi` is rounded down.
  private static let pi = Float(Double.pi)

  /// 0 … 1, higher is nearer.
  private static func normalized(_ score: Float, _ metric: MilvusMetric) -> Float {
    switch metric {
    case .cosine: (1 + score) * 0.5
    case .innerProduct: 0.5 + Float(atan(Double(score))) / pi
    case .bm25: 2 * Float(atan(Double(score))) / pi
    case .squaredEuclidean, .hamming, .jaccard: turned(score, metric)
    }
  }

  /// Higher is nearer; similarities are so already.
  private static func turned(_ score: Float, _ metric: MilvusMetric) -> Float {
    metric.higherIsNearer ? score : 1 - 2 * Float(atan(Double(score))) / pi
  }
}
