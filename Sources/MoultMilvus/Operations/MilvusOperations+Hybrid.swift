internal import MoultEngine
internal import MoultModel
internal import MoultServer

extension MilvusOperations {
  /// The most searches of one request.
  private static let searchCountMax = 1024
  /// Ids in one look for what a boost's filter matches.
  private static let idCountMax = 50_000

  /// Several searches, fused.
  func hybridSearch(_ hybrid: HybridSearch, in collection: DescribedCollection, output: OutputFields)
    async throws
    -> FoundPoints
  {
    let count = hybrid.searches.count
    let targets = try hybrid.searches.map { try collection.target($0.field) }
    guard (1...Self.searchCountMax).contains(count), Set(hybrid.searches.map(\.queries.count)).count == 1
    else {
      throw MilvusError.invalidParameter(
        "hybrid search takes 1 to \(Self.searchCountMax) searches with the same number of queries, got \(count)"
      )
    }
    guard hybrid.searches.allSatisfy(\.order.isEmpty) else {
      throw MilvusError.invalidParameter("order_by_fields is not supported in hybrid search")
    }
    try check(hybrid.ranker, searchCount: count)
    try Self.check(limit: hybrid.limit, offset: hybrid.offset)
    var rankings: [[[FoundPoints.Hit]]] = []
    var servedBy = collection.info.servedBy
    for var search in hybrid.searches {
      search.offset = 0
      if let grouping = hybrid.grouping {
        search.groupingField = grouping.field
        search.groupSize = grouping.size
      }
      let response = try await self.search(
        search, in: collection, output: output, needsPayload: hybrid.ranker.needsPayload)
      rankings.append(response.hits)
      servedBy = response.servedBy
    }
    let metrics = targets.map(\.metric)
    let values = hybrid.ranker.values(in: collection)
    let hits = rankings[0].indices.map { query -> [FoundPoints.Hit] in
      let ranked = hybrid.ranker.fused(rankings.map { $0[query] }, metrics: metrics, values: values)
      let chosen =
        hybrid.grouping?.grouped(ranked, limit: hybrid.limit, offset: hybrid.offset)
        ?? Array(ranked.dropFirst(hybrid.offset).prefix(hybrid.limit))
      return chosen.map(\.rescored)
    }
    return FoundPoints(hits: hits, servedBy: servedBy)
  }

  /// A search whose hits are boosted, or ranked anew: those that it finds without this, up to its limit and offset.
  func search(
    _ search: MilvusSearch, ranking: MilvusRanking, in collection: DescribedCollection, output: OutputFields
  ) async throws -> FoundPoints {
    if ranking.ranker == nil, ranking.boosts.boosts.isEmpty {
      return try await self.search(search, in: collection, output: output)
    }
    if let ranker = ranking.ranker { try check(ranker, searchCount: 1) }
    guard search.iteration == nil, search.groupingField.isEmpty, search.order.isEmpty else {
      throw MilvusError.invalidParameter(
        "a search with a rerank function takes no grouping and no order_by_fields, and is no iterator")
    }
    for boost in ranking.boosts.boosts {
      guard let field = boost.random?.field, collection.definition.field(field) == nil else { continue }
      throw MilvusError.invalidParameter("field \(field) of random_score not exist")
    }
    try Self.check(limit: search.limit, offset: search.offset)
    var whole = search
    (whole.limit, whole.offset) = (search.limit + search.offset, 0)
    var response = try await self.search(
      whole, in: collection, output: output,
      needsPayload: ranking.ranker?.needsPayload == true
        || ranking.boosts.needPayload(key: collection.info.schema.keyField))
    let metric = try collection.target(search.field).metric
    try await boost(&response.hits, ranking.boosts, metric, in: collection)
    let values = ranking.ranker?.values(in: collection)
    response.hits = response.hits.map { hits in
      let ranked =
        ranking.ranker?.fused([hits], metrics: [metric], values: values ?? { _ in nil }).map(\.rescored)
        ?? hits
      return Array(ranked.dropFirst(search.offset))
    }
    return response
  }

  /// Changes the scores of hits that match, and orders them anew.
  private func boost(
    _ hits: inout [[FoundPoints.Hit]], _ boosts: Boosts, _ metric: MilvusMetric,
    in collection: DescribedCollection
  ) async throws {
    guard !boosts.boosts.isEmpty else { return }
    let ids = Array(Set(hits.joined().map(\.id)))
    var matches: [Set<PointID>?] = []
    for boost in boosts.boosts {
      guard let condition = try condition(boost.filter, [:], collection, []) else {
        matches.append(nil)
        continue
      }
      var matching: Set<PointID> = []
      for first in stride(from: 0, to: ids.count, by: Self.idCountMax) {
        let part = ids[first..<min(ids.count, first + Self.idCountMax)]
        let page = try await engine.query(
          collection.info.name, filter: .all([.ids(Set(part)), condition]), limit: part.count,
          includeVectors: false, includePayload: false)
        matching.formUnion(page.points.map(\.id))
      }
      matches.append(matching)
    }
    let isDescending = metric.higherIsNearer
    hits = hits.map { hits in
      hits.map { hit in
        var hit = hit
        hit.score = boosts.score(
          hit, matches: matches.map { $0?.contains(hit.id) ?? true }, key: collection.info.schema.keyField)
        return hit
      }.sorted { left, right in
        if left.score == right.score { return left.id < right.id }
        return isDescending ? left.score > right.score : left.score < right.score
      }
    }
  }

  private func check(_ ranker: HybridRanker, searchCount: Int) throws {
    guard case .weighted(let weights, _) = ranker, weights.count != searchCount else { return }
    throw MilvusError.invalidParameter(
      "the length of weights param mismatch with ann search requests", expected: "\(searchCount)",
      actual: "\(weights.count)")
  }

  private static func check(limit: Int, offset: Int) throws {
    guard limit >= 1, offset >= 0, limit <= countMax, offset <= countMax - limit else {
      throw MilvusError.invalidParameter(
        "(offset+limit) should be in range [1, \(countMax)], but got \(offset.addingReportingOverflow(limit).partialValue)"
      )
    }
  }
}

extension HybridRanker.Ranked {
  /// The hit with the new score.
  fileprivate var rescored: FoundPoints.Hit {
    var hit = hit
    hit.score = score
    return hit
  }
}

extension HybridRanker {
  fileprivate var needsPayload: Bool {
    if case .decay = self { true } else { false }
  }

  /// What a decay looks at.
  fileprivate func values(in collection: DescribedCollection) -> (FoundPoints.Hit) -> Double? {
    guard case .decay(let decay) = self else { return { _ in nil } }
    let isKey = decay.field == collection.info.schema.keyField
    let whenMissing = collection.definition.field(decay.field)?.whenMissing.double
    return { hit in
      if isKey {
        if case .int64(let key) = hit.id { return Double(key) }
        return nil
      }
      // It was checked when it was stored.
      return (try? JSONReader.parse(hit.payload ?? "{}"))?.object?[decay.field].map(\.double)
        ?? whenMissing
    }
  }
}
