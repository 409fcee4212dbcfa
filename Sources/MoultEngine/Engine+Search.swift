import MoultCompute
package import MoultModel
import MoultStorage

extension Engine {
  /// Hits of each query at most, `offset` included (Milvus' limit).
  package static let limitMax = 16_384
  /// Hits of one request at most, over all its queries.
  package static let hitCountMax = 4_000_000
  /// Entries of the vectors that one request asks back at most.
  package static let vectorEntriesMax = 64_000_000
  /// A filter that lets through no more than these bytes of full-precision vectors is answered exactly: reading
  /// them takes about as long as a walk through a graph that has to step over all others.
  private static let selectiveBytesMax = 4 << 20
  /// Queries of one request at most.
  package static let queryCountMax = 16_384

  /// - Throws: `dimensionMismatch`, `invalidVector`, `invalidArgument` (limit, offset), `collectionNotReady`,
  ///   `overloaded`; `CancellationError` at once when the task is cancelled.
  package func search(_ request: SearchRequest, in name: String) async throws -> SearchResponse {
    let collection = try aliases.resolveReady(name)
    try check(request, collection: collection)
    // From here on the request sees this snapshot and nothing else.
    let snapshot = collection.snapshot
    let start = ContinuousClock.now
    defer { resources.searchLatencies.record(start.secondsToNow, besideJob: resources.background.isBusy) }
    try resources.admission.enter()
    return try await resources.searching.runUntilCancelled(ended: resources.admission.leave) { [resources] in
      let searched =
        try request.filter.map {
          try collection.filters.apply(
            $0, to: snapshot, points: collection.points, directory: resources.directory)
        } ?? snapshot
      try snapshot.requireSound(
        snapshot.live, exact: request.exact, parallel: resources.searching.parallelFor)
      let found = try self.neighbors(request, of: collection, in: searched)
      let rows = Set(found.joined().map(\.neighbor.row))
      let stored = try resources.directory.read { db in
        try collection.points.points(rows: rows, payloads: request.includePayload, in: db)
      }
      let hits = found.map { chosen in
        chosen.compactMap { chosen -> SearchHit? in
          guard let point = stored[chosen.neighbor.row] else { return nil }
          return SearchHit(
            id: point.id, score: collection.schema.metric.ownScore(chosen.neighbor.score),
            payload: point.payload,
            vector: request.includeVectors
              ? snapshot.vector(ofRow: chosen.neighbor.row, dimension: request.dimension) : nil,
            group: chosen.value)
        }
      }
      return SearchResponse(hits: hits, servedBy: collection.servedBy(snapshot))
    }
  }

  /// The rows that answer each query, offset already passed over.
  private func neighbors(
    _ request: SearchRequest, of collection: Collection, in snapshot: CollectionSnapshot
  ) throws -> [[SearchDeepening.Chosen]] {
    let queryCount = request.queries.count / request.dimension
    let isSelective =
      request.filter != nil
      && snapshot.liveCount * request.dimension * MemoryLayout<Float>.stride <= Self.selectiveBytesMax
    func search(_ count: Int) -> [[GlobalNeighbor]] {
      request.queries.withUnsafeBufferPointer { queries in
        SearchExecutor.search(
          snapshot, generation: snapshot.live, queries: queries.baseAddress!, queryCount: queryCount,
          parameters: .init(
            count: count, ef: request.ef, probes: request.probes, exact: request.exact || isSelective,
            oversampling: request.oversampling,
            isFiltered: request.filter != nil), parallel: resources.searching.parallelFor)
      }
    }
    request.queries.withUnsafeBufferPointer {
      collection.recentQueries.record($0.baseAddress!, count: queryCount)
    }
    let wanted = request.limit + request.offset
    if request.range == nil && request.grouping == nil {
      return search(wanted).map { $0.dropFirst(request.offset).map { .init(neighbor: $0) } }
    }
    let deepening = SearchDeepening(
      range: request.range, metric: collection.schema.metric, wanted: wanted,
      countMax: min(Self.limitMax, max(1, Self.hitCountMax / queryCount)), grouping: request.grouping)
    let found = try deepening.run(search: search) { rows in
      try resources.directory.read { db in
        try collection.points.values(ofField: request.grouping?.field ?? FieldPath([]), rows: rows, in: db)
      }
    }
    return found.map { Self.skipping(request.offset, of: $0) }
  }

  /// Passes over the first hits, or the first groups.
  static func skipping(
    _ offset: Int, of hits: [SearchDeepening.Chosen]
  ) -> [SearchDeepening.Chosen] {
    guard offset > 0, let first = hits.first?.value else { return Array(hits.dropFirst(offset)) }
    var skipped = [first]
    for hit in hits where skipped.last != hit.value { skipped.append(hit.value!) }
    let passed = Set(skipped.prefix(offset))
    return hits.filter { !passed.contains($0.value!) }
  }

  private func check(_ request: SearchRequest, collection: Collection) throws {
    let dimension = collection.schema.dimension
    guard request.dimension == dimension, !request.queries.isEmpty, request.queries.count % dimension == 0
    else {
      throw MoultError(
        .dimensionMismatch,
        "collection '\(collection.name)' takes \(dimension)-dimensional queries; got "
          + "\(request.queries.count) numbers as \(request.dimension)-dimensional ones")
    }
    guard request.queries.count / dimension <= Self.queryCountMax else {
      throw MoultError(
        .invalidArgument,
        "a request takes 1 … \(Self.queryCountMax) queries, got \(request.queries.count / dimension)")
    }
    guard request.limit >= 1, request.offset >= 0, request.limit <= Self.limitMax,
      request.offset <= Self.limitMax - request.limit
    else {
      throw MoultError(
        .invalidArgument,
        "limit must be at least 1, offset at least 0, and limit + offset at most \(Self.limitMax); got limit "
          + "\(request.limit), offset \(request.offset)")
    }
    // Before it is multiplied with.
    if let size = request.grouping?.size, !SearchGrouping.sizeRange.contains(size) {
      throw MoultError(.invalidArgument, "a group takes \(SearchGrouping.sizeRange) hits, got \(size)")
    }
    let perQuery = (request.limit + request.offset) * (request.grouping?.size ?? 1)
    let hits = request.queries.count / dimension * min(perQuery, Self.limitMax)
    guard hits <= Self.hitCountMax, !request.includeVectors || hits * dimension <= Self.vectorEntriesMax
    else {
      throw MoultError(
        .tooLarge,
        "queries × (limit + offset) may be at most \(Self.hitCountMax), and with vectors times the dimension "
          + "\(Self.vectorEntriesMax); got \(hits) hits. Send fewer queries a request")
    }
    if let ef = request.ef, !(1...32_768).contains(ef) {
      throw MoultError(.invalidArgument, "ef must be in 1 … 32768, got \(ef)")
    }
    if let probes = request.probes, !IndexSpecification.listsRange.contains(probes) {
      throw MoultError(
        .invalidArgument,
        "probes (nprobe) must be in 1 … \(IndexSpecification.listsRange.upperBound), got \(probes)")
    }
    if let filter = request.filter { try Self.check(filter) }
    if let range = request.range { try Self.check(range) }
    if let oversampling = request.oversampling { try Self.check(oversampling: oversampling) }
    try PointValidation.checkQueries(request.queries, schema: collection.schema)
  }

  static func check(_ range: SearchRange) throws {
    for bound in [range.lower, range.upper] {
      if let bound, !bound.score.isFinite {
        throw MoultError(.invalidArgument, "a bound of scores must be a finite number, got \(bound.score)")
      }
    }
  }

  static func check(_ filter: PointFilter) throws {
    guard filter.depth <= PointFilter.depthMax, filter.valueCount <= PointFilter.valueCountMax,
      filter.conditionCount <= PointFilter.conditionCountMax
    else {
      throw MoultError(
        .invalidArgument,
        "a filter takes \(PointFilter.conditionCountMax) conditions, \(PointFilter.depthMax) deep, with "
          + "\(PointFilter.valueCountMax) values at most; got \(filter.conditionCount), \(filter.depth) and "
          + "\(filter.valueCount)")
    }
  }

  static func check(oversampling: Double) throws {
    guard (1...1_000).contains(oversampling) else {
      throw MoultError(
        .invalidArgument, "oversampling must be in 1 … 1000 (1 = no rescoring), got \(oversampling)")
    }
  }
}
