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
    try await search(request, in: try aliases.current.searched(name))
  }

  /// The same in a collection that was looked up before.
  ///
  /// - Parameter measured: the state of the collection that is searched, for a search that nobody has asked for: it is not
  ///   remembered among what is.
  func search(
    _ request: SearchRequest, in collection: Collection, measured: CollectionSnapshot? = nil
  ) async throws -> SearchResponse {
    if measured == nil { try resources.checkCoverage(of: collection, refuses: request.refusesPartial) }
    let window = try window(of: request, collection: collection)
    return try await answer(
      window, of: collection, measured: measured, metric: collection.schema.metric,
      includePayload: request.includePayload, includeVectors: request.includeVectors
    ) { [resources] filtered, _ in
      try filtered.requireSound(
        filtered.live, exact: request.exact, parallel: resources.searching.parallelFor)
      if measured == nil {
        request.queries.withUnsafeBufferPointer {
          collection.recentQueries.record($0.baseAddress!, count: window.queryCount)
        }
      }
      let isSelective =
        request.filter != nil
        && filtered.liveCount * request.dimension * MemoryLayout<Float>.stride <= Self.selectiveBytesMax
      return { count in
        request.queries.withUnsafeBufferPointer { queries in
          SearchExecutor.search(
            filtered, generation: filtered.live, queries: queries.baseAddress!, queryCount: window.queryCount,
            parameters: .init(
              count: count, ef: request.ef, probes: request.probes, exact: request.exact || isSelective,
              oversampling: request.oversampling,
              isFiltered: request.filter != nil), parallel: resources.searching.parallelFor)
        }
      }
    }
  }

  /// The nearest `count` of each query, best first.
  typealias Nearest = (_ count: Int) throws -> [[GlobalNeighbor]]

  /// Runs a search of any kind on one snapshot from beginning to end.
  ///
  /// - Parameters:
  ///   - measured: the snapshot, for a search whose time says nothing of what is asked.
  ///   - metric: of the scores that are found.
  ///   - prepare: what finds the nearest rows among those that `filtered` shows, of all of `snapshot`.
  func answer(
    _ window: SearchWindow, of collection: Collection, measured: CollectionSnapshot? = nil, metric: Metric,
    includePayload: Bool, includeVectors: Bool = false,
    prepare:
      @escaping @Sendable (_ filtered: CollectionSnapshot, _ snapshot: CollectionSnapshot) throws -> Nearest
  ) async throws -> SearchResponse {
    // From here on the request sees this snapshot and nothing else.
    let snapshot = measured ?? collection.snapshot
    let start = ContinuousClock.now
    defer {
      if measured == nil {
        resources.searchLatencies.record(start.secondsToNow, besideJob: resources.background.isBusy)
      }
    }
    try resources.admission.enter()
    return try await resources.searching.runUntilCancelled(ended: resources.admission.leave) { [resources] in
      let filtered =
        try window.filter.map {
          try collection.filters.apply(
            $0, to: snapshot, points: collection.points, directory: resources.directory)
        } ?? snapshot
      let found = try window.choose(metric: metric, search: try prepare(filtered, snapshot)) { field, rows in
        try resources.directory.read { try collection.points.values(ofField: field, rows: rows, in: $0) }
      }
      let rows = Set(found.joined().map(\.neighbor.row))
      let stored = try resources.directory.read { db in
        try collection.points.points(rows: rows, payloads: includePayload, in: db)
      }
      let hits = found.map { chosen in
        chosen.compactMap { chosen -> SearchHit? in
          guard let point = stored[chosen.neighbor.row] else { return nil }
          return SearchHit(
            id: point.id, score: metric.ownScore(chosen.neighbor.score), payload: point.payload,
            vector: includeVectors
              ? snapshot.vector(ofRow: chosen.neighbor.row, dimension: collection.schema.dimension) : nil,
            group: chosen.value)
        }
      }
      return SearchResponse(hits: hits, servedBy: collection.servedBy(snapshot))
    }
  }

  /// What a request asks of its hits, when it can be answered.
  private func window(of request: SearchRequest, collection: Collection) throws -> SearchWindow {
    let dimension = collection.schema.dimension
    guard request.dimension == dimension, !request.queries.isEmpty, request.queries.count % dimension == 0
    else {
      throw MoultError(
        .dimensionMismatch,
        "collection '\(collection.name)' takes \(dimension)-dimensional queries; got "
          + "\(request.queries.count) numbers as \(request.dimension)-dimensional ones")
    }
    let window = SearchWindow(
      queryCount: request.queries.count / dimension, limit: request.limit, offset: request.offset,
      filter: request.filter, range: request.range, grouping: request.grouping)
    try window.check()
    guard !request.includeVectors || window.hitCount * dimension <= Self.vectorEntriesMax else {
      throw MoultError(
        .tooLarge,
        "hits with vectors, times the dimension, may be at most \(Self.vectorEntriesMax) numbers; got "
          + "\(window.hitCount) hits. Send fewer queries a request")
    }
    if let ef = request.ef, !(1...32_768).contains(ef) {
      throw MoultError(.invalidArgument, "ef must be in 1 … 32768, got \(ef)")
    }
    if let probes = request.probes, !IndexSpecification.listsRange.contains(probes) {
      throw MoultError(
        .invalidArgument,
        "probes (nprobe) must be in 1 … \(IndexSpecification.listsRange.upperBound), got \(probes)")
    }
    if let oversampling = request.oversampling { try Self.check(oversampling: oversampling) }
    try PointValidation.checkQueries(request.queries, schema: collection.schema)
    return window
  }

  static func check(_ filter: PointFilter) throws(MoultError) {
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
