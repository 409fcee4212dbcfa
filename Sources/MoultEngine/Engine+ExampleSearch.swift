import MoultCompute
package import MoultModel
import MoultStorage

extension Engine {
  /// Points by their similarities to several examples, best first; scores are the combination's.
  ///
  /// - Throws: `dimensionMismatch`, `invalidVector`, `invalidArgument`, `collectionNotFound`, `collectionNotReady`,
  ///   `overloaded`; `CancellationError` at once when the task is cancelled.
  package func search(_ request: ExampleSearch, in name: String) async throws -> SearchResponse {
    let collection = try aliases.resolveReady(name)
    try resources.checkCoverage(of: collection, refuses: false)
    try request.check(dimension: collection.schema.dimension)
    let window = SearchWindow(queryCount: 1, limit: request.limit, offset: 0, filter: request.filter)
    try window.check()
    // Of these scores higher ones are better, whatever the metric says of distances.
    return try await answer(
      window, of: collection, metric: .innerProduct, includePayload: request.includePayload
    ) { [resources] filtered, _ in
      let parallel = resources.searching.parallelFor
      try filtered.requireSound(filtered.live, exact: true, parallel: parallel)
      return { count in
        var request = request
        request.limit = count
        return [
          SearchExecutor.examples(
            filtered, request, metric: collection.schema.metric, parallel: parallel)
        ]
      }
    }
  }
}
