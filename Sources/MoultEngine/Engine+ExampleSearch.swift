import MoultCompute
package import MoultModel
import MoultStorage

extension Engine {
  /// Points by their similarities to several examples, best first; scores are the combination's.
  ///
  /// - Throws: `dimensionMismatch`, `invalidVector`, `invalidArgument`, `collectionNotFound`, `collectionNotReady`,
  ///   `tooLarge`, `overloaded`; `CancellationError` at once when the task is cancelled.
  package func search(_ request: ExampleSearch, in name: String) async throws -> SearchResponse {
    let collection = try aliases.resolveReady(name)
    try request.check(dimension: collection.schema.dimension, limitMax: Self.limitMax)
    if let filter = request.filter { try Self.check(filter) }
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
      try filtered.requireSound(filtered.live, exact: true, parallel: resources.searching.parallelFor)
      let found = SearchExecutor.examples(
        filtered, request, metric: collection.schema.metric, parallel: resources.searching.parallelFor)
      let stored = try resources.directory.read { db in
        try collection.points.points(rows: found.map(\.row), payloads: request.includePayload, in: db)
      }
      let hits = found.compactMap { neighbor -> SearchHit? in
        guard let point = stored[neighbor.row] else { return nil }
        return SearchHit(
          id: point.id, score: neighbor.score, payload: point.payload,
          vector: request.includeVectors
            ? snapshot.vector(ofRow: neighbor.row, dimension: request.dimension) : nil)
      }
      return SearchResponse(hits: [hits], servedBy: collection.servedBy(snapshot))
    }
  }
}
