internal import MoultEngine
internal import MoultModel
internal import MoultServer

extension MilvusOperations {
  static let countField = "count(*)"
  static let countMax = 16_384
  /// Numbers in the vectors that a search by ids looks up: a few bytes of ids must not cost gigabytes.
  private static let queryValuesMax = 1 << 24
  /// Of a query without a limit.
  static let rowsMax = 100_000

  func delete(_ filter: String, templates: [String: JSON], from name: String, partition: String) async throws
    -> WriteResult
  {
    let collection = try describe(name)
    let condition = try FilterParser.parse(filter, collection, templates: templates)
    let inPartition = try partitionCondition([partition], of: collection, mayBeReleased: true)
    if let inPartition {
      return try await engine.delete(matching: .all([condition, inPartition]), from: name)
    }
    switch condition {
    case .ids(let ids): return try await engine.delete(Array(ids).sorted(), from: name)
    case let condition: return try await engine.delete(matching: condition, from: name)
    }
  }

  // MARK: Reading

  /// - Returns: points in the order of their keys, with what the query's output fields need.
  func query(_ query: MilvusQuery, in collection: DescribedCollection, output: OutputFields) async throws
    -> PointPage
  {
    try requireLoaded(collection, collection.info.name)
    let filter = try condition(query.filter, query.templates, collection, query.partitions)
    if query.filter.allSatisfy(\.isWhitespace), query.limit == nil {
      throw MilvusError.invalidParameter("empty expression should be used with limit")
    }
    try checkWindow(query)
    let order = try order(query, of: collection)
    if !order.isEmpty, let limit = query.limit {
      return try await engine.query(
        collection.info.name, filter: filter, order: order, limit: limit, offset: query.offset,
        includeVectors: output.includesVector, includePayload: output.includesPayload)
    }
    if case .ids(let ids) = filter, query.offset == 0 {
      var page = try await engine.get(
        ids.sorted(), from: collection.info.name, includeVectors: output.includesVector,
        includePayload: output.includesPayload)
      if let limit = query.limit, page.points.count > limit {
        page.points.removeLast(page.points.count - limit)
      }
      return page
    }
    let page = try await engine.query(
      collection.info.name, filter: filter, limit: query.limit ?? Self.rowsMax, offset: query.offset,
      includeVectors: output.includesVector, includePayload: output.includesPayload)
    guard query.limit != nil || page.points.count < Self.rowsMax else {
      throw MilvusError.invalidParameter(
        "query results exceed \(Self.rowsMax - 1) rows; give a limit, or read them with an iterator")
    }
    return page
  }

  func checkWindow(_ query: MilvusQuery) throws {
    if let limit = query.limit, !(1...Self.countMax).contains(limit) {
      throw MilvusError.invalidParameter(
        "invalid max query result window, limit [\(limit)] is invalid, it should be in range [1, \(Self.countMax)], but got \(limit)"
      )
    }
    guard query.offset >= 0, query.offset <= Self.countMax - (query.limit ?? 0) else {
      throw MilvusError.invalidParameter(
        "invalid max query result window, (offset+limit) should be in range [1, \(Self.countMax)], but got \(query.offset.addingReportingOverflow(query.limit ?? 0).partialValue)"
      )
    }
  }

  /// `count(*)`.
  func count(_ query: MilvusQuery, in collection: DescribedCollection) async throws -> (
    count: Int, servedBy: ServedBy
  ) {
    try requireLoaded(collection, collection.info.name)
    guard let filter = try condition(query.filter, query.templates, collection, query.partitions) else {
      return (collection.info.count, collection.info.servedBy)
    }
    return try await engine.count(collection.info.name, filter: filter)
  }

  /// - Parameter partitions: empty for all.
  func condition(
    _ text: String, _ templates: [String: JSON], _ collection: DescribedCollection, _ partitions: [String]
  ) throws -> PointFilter? {
    let inPartitions = try partitionCondition(partitions, of: collection, mayBeReleased: false)
    guard !text.allSatisfy(\.isWhitespace) else { return inPartitions }
    let condition = try FilterParser.parse(text, collection, templates: templates)
    return inPartitions.map { .all([condition, $0]) } ?? condition
  }

  /// Points by their keys.
  ///
  /// - Parameter partitions: empty for all.
  func get(
    _ ids: [PointID], from collection: DescribedCollection, output: OutputFields, partitions: [String]
  ) async throws -> PointPage {
    guard !ids.isEmpty,
      let inPartitions = try partitionCondition(partitions, of: collection, mayBeReleased: false)
    else {
      return try await engine.get(
        ids, from: collection.info.name, includeVectors: output.includesVector,
        includePayload: output.includesPayload)
    }
    guard ids.count <= Self.countMax else {
      throw MilvusError.invalidParameter(
        "\(ids.count) ids in partitions are more than can be looked up at once (\(Self.countMax))")
    }
    return try await engine.query(
      collection.info.name, filter: .all([.ids(Set(ids)), inPartitions]), limit: ids.count, offset: 0,
      includeVectors: output.includesVector, includePayload: output.includesPayload)
  }

  /// - Parameter needsPayload: whether hits come with their payload though no output field needs it.
  func search(
    _ search: MilvusSearch, in collection: DescribedCollection, output: OutputFields,
    needsPayload: Bool = false
  ) async throws -> FoundPoints {
    let target = try collection.vector(search.field)
    try requireLoaded(collection, collection.info.name)
    try check(search, target)
    var grouping: SearchGrouping?
    if !search.groupingField.isEmpty {
      grouping = SearchGrouping(field: [search.groupingField], size: search.groupSize)
    }
    let range = Self.range(search.parameters, search.iteration, target.metric)
    let request = SearchRequest(
      queries: search.queries, dimension: target.dimension, limit: search.limit, offset: search.offset,
      ef: search.parameters.ef, probes: search.parameters.probes, exact: search.parameters.exact,
      oversampling: search.parameters.oversampling,
      filter: try condition(search.filter, search.templates, collection, search.partitions),
      range: range, grouping: grouping,
      includePayload: output.includesPayload || needsPayload,
      includeVectors: output.includes(target.field.name))
    let answer = try await engine.search(request, in: target.path)
    var response = FoundPoints(answer, field: target.field.name)
    if search.iteration != nil { try await addTies(to: &response, of: request, target) }
    if output.includesVectors(beside: target.field.name) {
      try await addVectors(to: &response, of: collection)
    }
    return response
  }

  /// The next step begins behind the last score, so whatever has this very score belongs to this one.
  private func addTies(
    to response: inout FoundPoints, of request: SearchRequest, _ target: VectorTarget
  ) async throws {
    guard let hits = response.hits.first, hits.count == request.limit, let last = hits.last else { return }
    var ties = request
    ties.limit = Self.countMax
    ties.range = SearchRange(
      lower: .init(last.score, isInclusive: true), upper: .init(last.score, isInclusive: true))
    let had = Set(hits.map(\.id))
    let others = FoundPoints(try await engine.search(ties, in: target.path), field: target.field.name)
    response.hits[0] += others.hits[0].filter { !had.contains($0.id) }
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

  /// The stored vectors of `ids`, one after the other: queries of a search by ids.
  func vectors(
    of ids: [PointID], _ target: VectorTarget, in collection: DescribedCollection
  ) async throws -> [Float] {
    guard ids.count <= Self.countMax, ids.count <= Self.queryValuesMax / target.dimension
    else {
      throw MilvusError.invalidParameter(
        "nq [\(ids.count)] is invalid, it should be in range [1, \(min(Self.countMax, Self.queryValuesMax / target.dimension))], but got \(ids.count)"
      )
    }
    let points = try await engine.get(
      ids, from: collection.info.name, includeVectors: true, includePayload: false
    ).points
    guard points.count == ids.count else {
      let found = Set(points.map(\.id))
      let missing = ids.filter { !found.contains($0) }
      throw MilvusError.invalidParameter(
        "a search by ids needs stored entities; of \(ids.count) ids \(missing.count) are not there, the first is \(missing[0])"
      )
    }
    return try points.flatMap { point in
      guard let vector = point.vectors(collection.info.schema)[target.field.name] else {
        throw MilvusError.invalidParameter("entity \(point.id) has no vector in field \(target.field.name)")
      }
      return vector
    }
  }

  /// `radius` bounds from afar and `range_filter` from near: for distances `range_filter <= d < radius`, for
  /// similarities `radius < s <= range_filter`.
  private static func range(
    _ parameters: MilvusSearch.Parameters, _ iteration: MilvusSearch.Iteration?, _ metric: Metric
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

  private func check(_ search: MilvusSearch, _ target: VectorTarget) throws {
    guard search.parameters.radius != nil || search.parameters.rangeFilter == nil else {
      throw MilvusError.invalidParameter("range_filter needs a radius")
    }
    let metric = target.metric.milvusName
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
    let count = search.queries.count / target.dimension
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
