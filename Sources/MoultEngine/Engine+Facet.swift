package import MoultModel
import MoultStorage

extension Engine {
  /// How many points that match have each text, integer or truth value at a place in their payload, or among the
  /// elements of an array there; most first, then by value.
  ///
  /// - Parameters:
  ///   - segments: from the outermost object inwards; each that follows begins in every element of the array to which
  ///     those before it lead.
  ///   - filter: `nil` matches all.
  ///   - limit: 1 … ``groupCountMax``.
  /// - Complexity: reads the payloads of all points.
  package func facet(
    _ name: String, _ segments: [FieldPath], filter: PointFilter?, limit: Int
  ) async throws -> (values: [(value: PointFilter.Scalar, count: Int)], servedBy: ServedBy) {
    guard (1...Self.groupCountMax).contains(limit) else {
      throw MoultError(.invalidArgument, "limit must be in 1 … \(Self.groupCountMax), got \(limit)")
    }
    let collection = try aliases.resolveReady(name)
    if let filter { try Self.check(filter) }
    try resources.admission.enter()
    defer { resources.admission.leave() }
    let values = try await resources.directory.read { db in
      try collection.points.facet(segments, matching: filter, limit: limit, in: db)
    }
    return (values, collection.servedBy(collection.snapshot))
  }
}
