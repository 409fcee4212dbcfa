internal import Foundation
internal import MoultModel
internal import MoultServer

/// Makes one ranking of several, as `hybrid_search` asks for.
enum HybridRanker: Equatable {
  /// Reciprocal rank fusion: the sum of `1 / (k + rank)` over the rankings that have a hit, ranks from 1
  /// (Cormack, Clarke, Büttcher 2009).
  case reciprocal(k: Double)
  /// The sum of scores, each times its ranking's weight. `normalizes` maps scores to 0 … 1 before; distances are
  /// always turned round, so that higher is nearer.
  case weighted([Double], normalizes: Bool)

  /// - Parameters:
  ///   - rankings: best first, of one query each.
  ///   - metrics: of the scores of each ranking.
  /// - Returns: every hit once, best first, with the fused score; ties by id.
  func fused(_ rankings: [[FoundPoints.Hit]], metrics: [Metric]) -> [FoundPoints.Hit] {
    var hits: [PointID: FoundPoints.Hit] = [:]
    var scores: [PointID: Double] = [:]
    for (place, ranking) in rankings.enumerated() {
      for (rank, hit) in ranking.enumerated() {
        hits[hit.id] = hits[hit.id] ?? hit
        scores[hit.id, default: 0] += part(of: hit, rank: rank + 1, ranking: place, metrics[place])
      }
    }
    return scores.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.compactMap { id, score in
      guard var hit = hits[id] else { return nil }
      hit.score = Float(score)
      return hit
    }
  }

  private func part(of hit: FoundPoints.Hit, rank: Int, ranking: Int, _ metric: Metric) -> Double {
    switch self {
    case .reciprocal(let k): return 1 / (k + Double(rank))
    case .weighted(let weights, let normalizes):
      let score = Double(hit.score)
      let value: Double =
        switch metric {
        case .cosine: normalizes ? (1 + score) / 2 : score
        case .innerProduct: normalizes ? 0.5 + atan(score) / .pi : score
        case .squaredEuclidean: 1 - 2 * atan(score) / .pi
        }
      return weights[ranking] * value
    }
  }
}

extension MilvusOperations {
  /// Several searches of one collection, fused; each has its own limit and filter, and as many queries as the others.
  func hybridSearch(
    _ searches: [MilvusSearch], ranker: HybridRanker, limit: Int, offset: Int,
    in collection: DescribedCollection,
    output: OutputFields
  ) async throws -> FoundPoints {
    let targets = try searches.map { try collection.vector($0.field) }
    let queryCounts = zip(searches, targets).map { $0.queries.count / $1.dimension }
    guard (1...1024).contains(searches.count), Set(queryCounts).count == 1 else {
      throw MilvusError.invalidParameter(
        "hybrid search takes 1 to 1024 searches with the same number of queries, got \(searches.count)")
    }
    if case .weighted(let weights, _) = ranker, weights.count != searches.count {
      throw MilvusError.invalidParameter(
        "the length of weights param mismatch with ann search requests", expected: "\(searches.count)",
        actual: "\(weights.count)")
    }
    guard limit >= 1, offset >= 0, limit <= 16_384, offset <= 16_384 - limit else {
      throw MilvusError.invalidParameter(
        "(offset+limit) should be in range [1, 16384], but got \(offset.addingReportingOverflow(limit).partialValue)"
      )
    }
    var rankings: [[[FoundPoints.Hit]]] = []
    var servedBy = collection.info.servedBy
    for search in searches {
      let response = try await self.search(search, in: collection, output: output)
      rankings.append(response.hits)
      servedBy = response.servedBy
    }
    let queryCount = rankings[0].count
    let hits = (0..<queryCount).map { query in
      Array(
        ranker.fused(rankings.map { $0[query] }, metrics: targets.map(\.metric)).dropFirst(offset)
          .prefix(limit))
    }
    return FoundPoints(hits: hits, servedBy: servedBy)
  }
}
