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
  /// Queries of one request at most.
  package static let queryCountMax = 16_384

  /// - Throws: `dimensionMismatch`, `invalidVector`, `invalidArgument` (limit, offset), `collectionNotReady`.
  package func search(_ request: SearchRequest, in name: String) async throws -> SearchResponse {
    let collection = try aliases.resolveReady(name)
    try check(request, collection: collection)
    // From here on the request sees this snapshot and nothing else.
    let snapshot = collection.snapshot
    return try await resources.searching.run { [resources] in
      let found = request.queries.withUnsafeBufferPointer { queries in
        SearchExecutor.search(
          snapshot, generation: snapshot.live, queries: queries.baseAddress!,
          queryCount: queries.count / request.dimension,
          parameters: .init(
            count: request.limit + request.offset, ef: request.ef, exact: request.exact,
            oversampling: request.oversampling),
          parallel: resources.searching.parallelFor
        ).map { $0.dropFirst(request.offset) }
      }
      let rows = Set(found.joined().map(\.row))
      let stored = try resources.directory.read { db in
        try collection.points.points(rows: rows, payloads: request.includePayload, in: db)
      }
      let hits = found.map { neighbors in
        neighbors.compactMap { neighbor -> SearchHit? in
          guard let point = stored[neighbor.row] else { return nil }
          return SearchHit(
            id: point.id,
            // Estimates of codes may fall a little below a distance of zero.
            score: collection.schema.metric.higherIsNearer ? neighbor.score : max(0, 0 - neighbor.score),
            payload: point.payload,
            vector: request.includeVectors
              ? snapshot.vector(ofRow: neighbor.row, dimension: request.dimension) : nil)
        }
      }
      return SearchResponse(hits: hits, servedBy: collection.servedBy(snapshot))
    }
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
    let hits = request.queries.count / dimension * (request.limit + request.offset)
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
    if let oversampling = request.oversampling { try Self.check(oversampling: oversampling) }
    try PointValidation.checkQueries(request.queries, schema: collection.schema)
  }

  static func check(oversampling: Double) throws {
    guard (1...1_000).contains(oversampling) else {
      throw MoultError(
        .invalidArgument, "oversampling must be in 1 … 1000 (1 = no rescoring), got \(oversampling)")
    }
  }
}
