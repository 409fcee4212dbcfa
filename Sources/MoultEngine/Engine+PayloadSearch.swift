import MoultCompute
package import MoultModel
import MoultStorage

extension Engine {
  /// Finds points by sparse vectors, bits or words in their payload.
  ///
  /// - Throws: `invalidArgument`, `invalidVector` (a sparse query), `collectionNotFound`, `overloaded`;
  ///   `CancellationError` at once when the task is cancelled.
  package func search(_ request: PayloadSearch, in name: String) async throws -> SearchResponse {
    let collection = try aliases.resolveReady(name)
    try check(request)
    let kind = try Self.kind(of: request)
    let snapshot = collection.snapshot
    let start = ContinuousClock.now
    defer { resources.searchLatencies.record(start.secondsToNow, besideJob: resources.background.isBusy) }
    try resources.admission.enter()
    return try await resources.searching.runUntilCancelled(ended: resources.admission.leave) { [resources] in
      let filtered =
        try request.filter.map {
          try collection.filters.apply(
            $0, to: snapshot, points: collection.points, directory: resources.directory)
        } ?? snapshot
      let index = collection.payloadIndexes.index(of: request.field, kind)
      func search(_ count: Int) throws -> [[GlobalNeighbor]] {
        try index.search(
          request, count: count, in: filtered, of: snapshot, points: collection.points,
          directory: resources.directory)
      }
      let metric: Metric = request.scoring.higherIsNearer ? .innerProduct : .squaredEuclidean
      let wanted = request.limit + request.offset
      let found: [[SearchDeepening.Chosen]]
      if request.range == nil, request.grouping == nil {
        found = try search(wanted).map { $0.dropFirst(request.offset).map { .init(neighbor: $0) } }
      } else {
        let deepening = SearchDeepening(
          range: request.range, metric: metric, wanted: wanted, countMax: Self.limitMax,
          grouping: request.grouping)
        found = try deepening.run(search: search) { rows in
          try resources.directory.read { db in
            try collection.points.values(
              ofField: request.grouping?.field ?? FieldPath([]), rows: rows, in: db)
          }
        }.map { Self.skipping(request.offset, of: $0) }
      }
      let rows = Set(found.joined().map(\.neighbor.row))
      let stored = try resources.directory.read { db in
        try collection.points.points(rows: rows, payloads: request.includePayload, in: db)
      }
      let hits = found.map { chosen in
        chosen.compactMap { chosen -> SearchHit? in
          guard let point = stored[chosen.neighbor.row] else { return nil }
          return SearchHit(
            id: point.id, score: metric.ownScore(chosen.neighbor.score), payload: point.payload,
            group: chosen.value)
        }
      }
      return SearchResponse(hits: hits, servedBy: collection.servedBy(snapshot))
    }
  }

  /// - Throws: `invalidArgument` unless all queries are what the scoring compares.
  private static func kind(of request: PayloadSearch) throws -> PayloadIndex.Kind {
    var sizes: Set<Int> = []
    for query in request.queries {
      switch (query, request.scoring) {
      case (.sparse(let indices, let values), .sparse): _ = try SparseVector(indices: indices, values: values)
      case (.text(let text), .bm25):
        guard text.utf8.count <= 65_535 else {
          throw MoultError(
            .invalidArgument, "a text that is searched for takes 65535 bytes, got \(text.utf8.count)")
        }
      case (.bits(let bytes), .hamming), (.bits(let bytes), .jaccard): sizes.insert(bytes.count)
      default:
        throw MoultError(
          .invalidArgument,
          "queries of field '\(request.field)' are of another kind than its scoring compares")
      }
    }
    switch request.scoring {
    case .sparse: return .sparse
    case .bm25(let k1, let b, let stopWords):
      guard (0...3).contains(k1), (0...1).contains(b) else {
        throw MoultError(
          .invalidArgument, "BM25 takes k1 in 0 … 3 and b in 0 … 1, got \(k1) and \(b)")
      }
      return .text(stopWords: stopWords)
    case .hamming, .jaccard:
      guard sizes.count == 1, let size = sizes.first, (1...1 << 15).contains(size) else {
        throw MoultError(
          .invalidArgument, "queries of bits are of one length, 1 … 32768 bytes, got \(sizes.sorted())")
      }
      return .bits(byteCount: size)
    }
  }

  private func check(_ request: PayloadSearch) throws {
    guard (1...Self.queryCountMax).contains(request.queries.count) else {
      throw MoultError(
        .invalidArgument, "a request takes 1 … \(Self.queryCountMax) queries, got \(request.queries.count)")
    }
    guard request.limit >= 1, request.offset >= 0, request.limit <= Self.limitMax,
      request.offset <= Self.limitMax - request.limit
    else {
      throw MoultError(
        .invalidArgument,
        "limit must be at least 1, offset at least 0, and limit + offset at most \(Self.limitMax); got limit "
          + "\(request.limit), offset \(request.offset)")
    }
    if let size = request.grouping?.size, !SearchGrouping.sizeRange.contains(size) {
      throw MoultError(.invalidArgument, "a group takes \(SearchGrouping.sizeRange) hits, got \(size)")
    }
    let perQuery = min(Self.limitMax, (request.limit + request.offset) * (request.grouping?.size ?? 1))
    guard request.queries.count * perQuery <= Self.hitCountMax else {
      throw MoultError(
        .tooLarge,
        "queries × (limit + offset) may be at most \(Self.hitCountMax), got \(request.queries.count * perQuery)"
      )
    }
    guard (0..<1).contains(request.dropRatio) else {
      throw MoultError(.invalidArgument, "dropRatio must be in 0 ..< 1, got \(request.dropRatio)")
    }
    if let filter = request.filter { try Self.check(filter) }
    if let range = request.range { try Self.check(range) }
  }
}
