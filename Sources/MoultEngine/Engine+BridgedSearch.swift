import MoultCompute
import MoultModel
import MoultStorage

extension Engine {
  /// Candidates of a query that are looked at for each hit, and at least.
  private static let candidatesPerHit = 10
  private static let candidatesMin = 100
  private static let candidatesMax = 1_000

  /// Answers queries of a model that is still being embedded: candidates by the mapped queries from the old vectors, put
  /// in order by their new vectors, and, where those are not there yet, by the old ones mapped.
  ///
  /// - Parameters:
  ///   - queries: of the new model, `count × dimension`.
  ///   - request: what else is asked; its queries are not looked at.
  /// - Throws: as ``search(_:in:)``; `unsupported` for groups and ranges of scores.
  func search(
    _ queries: [Float], over open: BridgeTable.Open, _ request: SearchRequest
  ) async throws -> SearchResponse {
    let dimension = open.stage.order.embedder.dimension
    guard !queries.isEmpty, queries.count % dimension == 0 else {
      throw MoultError(
        .dimensionMismatch,
        "queries of '\(open.bridge.report.newModel)' have \(dimension) dimensions; got \(queries.count) numbers"
      )
    }
    guard request.range == nil, request.grouping == nil else {
      throw MoultError(
        .unsupported,
        "queries of '\(open.bridge.report.newModel)' take no range of scores and no groups before its vectors are there; "
          + "watch the job, or ask without")
    }
    guard request.limit >= 1, request.offset >= 0, request.limit <= Self.limitMax,
      request.offset <= Self.limitMax - request.limit
    else {
      throw MoultError(
        .invalidArgument,
        "limit must be at least 1, offset at least 0, and limit + offset at most \(Self.limitMax); got limit "
          + "\(request.limit) and offset \(request.offset)")
    }
    let wanted = request.limit + request.offset
    var candidates = request
    candidates.queries = try open.bridge.queries.map(queries, as: ModelBridge.queryUse)
    candidates.dimension = open.source.schema.dimension
    candidates.offset = 0
    candidates.limit = min(
      max(wanted, Self.candidatesMax), max(Self.candidatesMin, wanted * Self.candidatesPerHit))
    candidates.includePayload = true
    candidates.includeVectors = true
    let found = try await search(candidates, in: open.source)
    return try await resources.searching.run {
      var answer = SearchResponse(hits: [], servedBy: found.servedBy)
      var use = BridgeUse(model: open.bridge.report.newModel)
      for (place, hits) in found.hits.enumerated() {
        let query = Array(queries[place * dimension..<(place + 1) * dimension])
        var ranked = try Self.rescored(hits, by: query, over: open)
        ranked = Array(ranked.dropFirst(request.offset).prefix(request.limit))
        use.rescored += ranked.count { $0.isExact }
        use.estimated += ranked.count { !$0.isExact }
        answer.hits.append(
          ranked.map { one in
            var hit = one.hit
            if !request.includePayload { hit.payload = nil }
            if !request.includeVectors { hit.vector = nil }
            return hit
          })
      }
      answer.bridge = use
      return answer
    }
  }

  private static func rescored(
    _ hits: [SearchHit], by query: [Float], over open: BridgeTable.Open
  ) throws -> [(hit: SearchHit, isExact: Bool)] {
    let points = hits.map { StoredPoint(row: 0, id: $0.id, payload: $0.payload) }
    let made = try open.stage.vectors(of: points, requiresTexts: false)
    let mapped = try open.bridge.documents.map(
      hits.flatMap { $0.vector ?? [] }, as: ModelBridge.documentUse)
    let dimension = query.count
    return zip(hits, made).enumerated().map { place, pair in
      let (found, vector) = pair
      var hit = found
      let estimate = Array(mapped[place * dimension..<(place + 1) * dimension])
      var isExact = false
      if case .vector(let new) = vector {
        isExact = true
        hit.score = score(query, new, open.metric)
        hit.vector = new
      } else {
        hit.score = score(query, estimate, open.metric)
        hit.vector = nil
      }
      return (hit, isExact)
    }.sorted { left, right in
      let (a, b) = (left.hit, right.hit)
      if a.score != b.score { return open.metric.higherIsNearer ? a.score > b.score : a.score < b.score }
      return a.id < b.id
    }
  }

  /// In the metric's own sense.
  private static func score(_ a: [Float], _ b: [Float], _ metric: Metric) -> Float {
    var (product, squaredA, squaredB, distance) = (0.0, 0.0, 0.0, 0.0)
    for (x, y) in zip(a, b) {
      let (x, y) = (Double(x), Double(y))
      product += x * y
      squaredA += x * x
      squaredB += y * y
      distance += (x - y) * (x - y)
    }
    switch metric {
    case .cosine:
      let lengths = (squaredA * squaredB).squareRoot()
      return lengths > 0 ? Float(product / lengths) : 0
    case .innerProduct: return Float(product)
    case .squaredEuclidean: return Float(distance)
    }
  }
}
