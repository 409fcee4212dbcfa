import MoultModel

extension Engine {
  /// A bulk session at most; it may be begun again before it ends.
  package static let bulkSecondsMax = 86_400.0

  /// Lets indexes and merges of a collection and its vector fields wait for so long, or until ``endBulk(of:)``, while much
  /// is written. What is at work already goes on. A restart of the server ends it too.
  ///
  /// - Throws: `collectionNotFound`, `invalidArgument` for times out of range.
  package func beginBulk(of name: String, seconds: Double) throws {
    guard seconds > 0, seconds <= Self.bulkSecondsMax else {
      throw MoultError(
        .invalidArgument,
        "a bulk session lasts above 0 and up to \(Int(Self.bulkSecondsMax)) seconds, got \(seconds)")
    }
    for part in try aliases.resolveReady(name).withFields {
      let id = part.id
      resources.bulk.begin(id, seconds: seconds) { [resources, aliases] in
        // Another one by now, perhaps, or none any more.
        guard let part = aliases.current.collections.values.first(where: { $0.id == id }) else { return }
        try? await resources.writing.run { resources.orderUpkeep(of: part) }
      }
    }
  }

  /// Ends it, if there is one: indexes and merges that are due begin.
  ///
  /// - Throws: `collectionNotFound`.
  package func endBulk(of name: String) async throws {
    for part in try aliases.resolveReady(name).withFields {
      resources.bulk.end(part.id)
      try await resources.writing.run { [resources] in resources.orderUpkeep(of: part) }
    }
  }
}
