internal import MoultEngine
internal import MoultModel
internal import MoultServer

/// One search of one vector field.
extension MilvusOperations {
  /// Numbers in the vectors that a search by ids looks up: a few bytes of ids must not cost gigabytes.
  private static let queryValuesMax = 1 << 24

  /// - Parameter needsPayload: whether hits come with their payload though no output field needs it.
  func search(
    _ search: MilvusSearch, in collection: DescribedCollection, output: OutputFields,
    needsPayload: Bool = false
  ) async throws -> FoundPoints {
    let target = try collection.target(search.field)
    try requireLoaded(collection, collection.info.name)
    var search = search
    if case .texts(let texts) = search.queries, case .dense(let dense) = target {
      // The path names the collection that was described, so its model is the one that answers.
      let vectors = try await engine.queryVectors(of: texts, in: dense.path)
      search.queries = .dense(vectors.flatMap { $0 }, dimension: dense.dimension)
    }
    try check(search, target)
    let order = try order(search, of: collection)
    let plan = try plan(
      search, target, in: collection, output: output,
      needsPayload: needsPayload || order?.needsPayload == true)
    var response = try await found(plan)
    if let order { response.hits = response.hits.map(order.sorted) }
    if search.iteration != nil { try await addTies(to: &response, of: plan) }
    if output.includesVectors(beside: target.field.name) {
      try await addVectors(to: &response, of: collection)
    }
    return response
  }

  /// A search in the engine's terms.
  private struct Plan {
    enum Request {
      case dense(SearchRequest)
      case payload(PayloadSearch)
    }

    var request: Request
    /// Where it goes.
    var path: String
    var field: String
    var limit: Int
  }

  private func plan(
    _ search: MilvusSearch, _ target: SearchTarget, in collection: DescribedCollection, output: OutputFields,
    needsPayload: Bool
  ) throws -> Plan {
    var grouping: SearchGrouping?
    if !search.groupingField.isEmpty {
      let field = collection.definition.field(search.groupingField)
      guard field?.type.isVector != true else {
        throw MilvusError.invalidParameter(
          "group_by_field \(search.groupingField) is a vector; hits are grouped by scalar fields")
      }
      grouping = SearchGrouping(
        field: field?.path ?? [search.groupingField], size: search.groupSize)
    }
    let parameters = search.parameters
    let range = Self.range(parameters, search.iteration, target.metric)
    let filter = try condition(search.filter, search.templates, collection, search.partitions)
    let includePayload = output.includesPayload || needsPayload
    switch (target, search.queries) {
    case (.dense(let target), .dense(let queries, _)):
      let request = SearchRequest(
        queries: queries, dimension: target.dimension, limit: search.limit, offset: search.offset,
        ef: parameters.ef, probes: parameters.probes, exact: parameters.exact,
        oversampling: parameters.oversampling, filter: filter, range: range, grouping: grouping,
        includePayload: includePayload, includeVectors: output.includes(target.field.name))
      return Plan(
        request: .dense(request), path: target.path, field: target.field.name, limit: search.limit)
    case (.payload(let target), .payload(let queries)):
      let request = PayloadSearch(
        field: target.member, scoring: try target.scoring(parameters), queries: queries, limit: search.limit,
        offset: search.offset, dropRatio: parameters.dropRatio ?? 0, filter: filter, range: range,
        grouping: grouping, includePayload: includePayload)
      return Plan(
        request: .payload(request), path: collection.info.name, field: target.field.name, limit: search.limit)
    default:
      throw MilvusError.invalidParameter("the queries are of another type than field \(target.field.name)")
    }
  }

  private func found(_ plan: Plan) async throws -> FoundPoints {
    switch plan.request {
    case .dense(let request):
      FoundPoints(try await engine.search(request, in: plan.path), field: plan.field)
    case .payload(let request):
      FoundPoints(try await engine.search(request, in: plan.path), field: plan.field)
    }
  }

  /// The next step begins behind the last score, so whatever has this very score belongs to this one.
  private func addTies(to response: inout FoundPoints, of plan: Plan) async throws {
    guard let hits = response.hits.first, hits.count == plan.limit, let last = hits.last else { return }
    let range = SearchRange(
      lower: .init(last.score, isInclusive: true), upper: .init(last.score, isInclusive: true))
    var ties = plan
    switch plan.request {
    case .dense(var request):
      request.limit = Self.countMax
      request.range = range
      ties.request = .dense(request)
    case .payload(var request):
      request.limit = Self.countMax
      request.range = range
      ties.request = .payload(request)
    }
    let had = Set(hits.map(\.id))
    response.hits[0] += try await found(ties).hits[0].filter { !had.contains($0.id) }
  }

  /// Those of all other fields. A point that is deleted meanwhile is no hit any more.
  private func addVectors(to response: inout FoundPoints, of collection: DescribedCollection) async throws {
    let ids = Set(response.hits.joined().map(\.id))
    let points = try await engine.get(
      Array(ids), from: collection.info.name, includeVectors: true, includePayload: false
    ).points
    let vectors = Dictionary(uniqueKeysWithValues: points.map { ($0.id, $0.vectors(collection.info.schema)) })
    response.hits = response.hits.map { hits in
      hits.compactMap { hit in
        guard let own = vectors[hit.id] else { return nil }
        var hit = hit
        hit.vectors.merge(own) { searched, _ in searched }
        return hit
      }
    }
  }

  /// The stored vectors of `ids`: queries of a search by ids.
  func queries(
    of ids: [PointID], _ target: SearchTarget, in collection: DescribedCollection
  ) async throws -> SearchQueries {
    switch target {
    case .dense(let target):
      let points = try await points(
        of: ids, countMax: Self.queryValuesMax / target.dimension, in: collection, includeVectors: true)
      let floats = try points.flatMap { point in
        guard let vector = point.vectors(collection.info.schema)[target.field.name] else {
          throw MilvusError.invalidParameter("entity \(point.id) has no vector in field \(target.field.name)")
        }
        return vector
      }
      return .dense(floats, dimension: target.dimension)
    case .payload(let target):
      if case .text = target.content {
        throw MilvusError.invalidParameter(
          "field \(target.field.name) is made of texts by a function, and cannot be searched by ids; send texts"
        )
      }
      let points = try await points(of: ids, countMax: Self.countMax, in: collection, includeVectors: false)
      return .payload(
        try points.map { point in
          // It was checked when it was stored.
          let object = (try? JSONReader.parse(point.payload ?? "{}"))?.object
          guard let bytes = PayloadVector.bytes(object?[target.member], target.field) else {
            throw MilvusError.invalidParameter(
              "entity \(point.id) has no vector in field \(target.field.name)")
          }
          return try target.query(bytes)
        })
    }
  }

  private func points(
    of ids: [PointID], countMax: Int, in collection: DescribedCollection, includeVectors: Bool
  ) async throws -> [Point] {
    let countMax = min(Self.countMax, countMax)
    guard ids.count <= countMax else {
      throw MilvusError.invalidParameter(
        "nq [\(ids.count)] is invalid, it should be in range [1, \(countMax)], but got \(ids.count)")
    }
    let points = try await engine.get(
      ids, from: collection.info.name, includeVectors: includeVectors, includePayload: !includeVectors
    ).points
    guard points.count == ids.count else {
      let found = Set(points.map(\.id))
      let missing = ids.filter { !found.contains($0) }
      throw MilvusError.invalidParameter(
        "a search by ids needs stored entities; of \(ids.count) ids \(missing.count) are not there, the first is \(missing[0])"
      )
    }
    return points
  }

  /// `radius` bounds from afar and `range_filter` from near: for distances `range_filter <= d < radius`, for
  /// similarities `radius < s <= range_filter`.
  private static func range(
    _ parameters: MilvusSearch.Parameters, _ iteration: MilvusSearch.Iteration?, _ metric: MilvusMetric
  ) -> SearchRange? {
    let far = parameters.radius.map { SearchRange.Bound(Float($0), isInclusive: false) }
    var near = parameters.rangeFilter.map { SearchRange.Bound(Float($0), isInclusive: true) }
    if let last = iteration?.lastScore {
      let isBehind = near.map { metric.higherIsNearer ? last <= $0.score : last >= $0.score } ?? true
      if isBehind { near = SearchRange.Bound(last, isInclusive: false) }
    }
    guard far != nil || near != nil else { return nil }
    return metric.higherIsNearer ? SearchRange(lower: far, upper: near) : SearchRange(lower: near, upper: far)
  }

  private func check(_ search: MilvusSearch, _ target: SearchTarget) throws {
    guard search.parameters.radius != nil || search.parameters.rangeFilter == nil else {
      throw MilvusError.invalidParameter("range_filter needs a radius")
    }
    let metric = target.metric.rawValue
    guard search.metricType.isEmpty || search.metricType.uppercased() == metric else {
      throw MilvusError.invalidParameter("metric type not match", expected: metric, actual: search.metricType)
    }
    guard (1...Self.countMax).contains(search.limit) else {
      throw MilvusError.invalidParameter(
        "topk [\(search.limit)] is invalid, it should be in range [1, 16384], but got \(search.limit)")
    }
    guard search.offset >= 0, search.offset <= Self.countMax - search.limit else {
      throw MilvusError.invalidParameter(
        "(offset+limit) should be in range [1, 16384], but got \(search.offset.addingReportingOverflow(search.limit).partialValue)"
      )
    }
    let count = search.queries.count
    if search.iteration != nil {
      guard count == 1, search.offset == 0, search.groupingField.isEmpty else {
        throw MilvusError.invalidParameter(
          "an iterator takes one query, no offset and no grouping, got \(count) queries and offset \(search.offset)"
        )
      }
      if let last = search.iteration?.lastScore, !last.isFinite {
        throw MilvusError.invalidParameter("search_iter_last_bound \(last) is invalid, it should be a number")
      }
    }
    guard (1...Self.countMax).contains(count) else {
      throw MilvusError.invalidParameter(
        "nq [\(count)] is invalid, nq (number of search vector per search request) should be in range [1, 16384], but got \(count)"
      )
    }
  }
}
