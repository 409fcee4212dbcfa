extension Engine {
  /// Runs what needs no collection where searches run, as one of them: what takes long holds up no connection.
  ///
  /// - Throws: `overloaded` when too many wait; what `body` throws.
  package func computing<Value: Sendable>(
    _ body: @escaping @Sendable () throws -> Value
  ) async throws -> Value {
    try resources.admission.enter()
    return try await resources.searching.runUntilCancelled(ended: resources.admission.leave, body)
  }
}
