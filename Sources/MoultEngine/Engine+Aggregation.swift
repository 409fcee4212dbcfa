package import MoultModel
internal import MoultStorage

extension Engine {
  /// Groups of points at most that an aggregation answers with.
  package static let groupCountMax = 100_000

  /// Points that match, in an order; points that are equal in it come by id.
  ///
  /// - Parameters:
  ///   - filter: `nil` matches all.
  ///   - limit: 1 … 100,000.
  /// - Complexity: reads the payloads of all points; memory for `limit + offset` of them.
  package func query(
    _ name: String, filter: PointFilter?, order: [PointOrder], limit: Int, offset: Int = 0,
    includeVectors: Bool, includePayload: Bool
  ) async throws -> PointPage {
    guard (1...100_000).contains(limit), offset >= 0 else {
      throw MoultError(
        .invalidArgument, "limit must be in 1 … 100000 and offset at least 0, got \(limit) and \(offset)")
    }
    guard order.count <= PointAggregation.columnCountMax else {
      throw MoultError(
        .invalidArgument,
        "an order has at most \(PointAggregation.columnCountMax) fields, got \(order.count)")
    }
    let collection = try aliases.resolveReady(name)
    if let filter { try Self.check(filter) }
    return try await read(collection, includeVectors: includeVectors) { db in
      try collection.points.live(
        matching: filter, order: order, limit: limit, offset: offset, payloads: includePayload, in: db)
    }
  }

  /// Groups of points that match: for each the values of its fields, then its measures.
  ///
  /// - Parameters:
  ///   - filter: `nil` matches all.
  ///   - limit: 1 … ``groupCountMax``.
  /// - Complexity: reads the payloads of all points; memory for `limit` groups.
  package func aggregate(
    _ name: String, _ aggregation: PointAggregation, filter: PointFilter?, limit: Int, offset: Int = 0
  ) async throws -> (groups: [[PointFilter.Scalar]], servedBy: ServedBy) {
    let columnCount = aggregation.groups.count + aggregation.measures.count
    guard (1...PointAggregation.columnCountMax).contains(columnCount) else {
      throw MoultError(
        .invalidArgument,
        "an aggregation has 1 to \(PointAggregation.columnCountMax) fields and measures, got \(columnCount)")
    }
    guard (1...Self.groupCountMax).contains(limit), offset >= 0 else {
      throw MoultError(
        .invalidArgument,
        "limit must be in 1 … \(Self.groupCountMax) and offset at least 0, got \(limit) and \(offset)")
    }
    let collection = try aliases.resolveReady(name)
    if let filter { try Self.check(filter) }
    try resources.admission.enter()
    defer { resources.admission.leave() }
    let groups = try await resources.directory.read { db in
      try collection.points.aggregate(
        aggregation, matching: filter, limit: limit, offset: offset, in: db)
    }
    return (groups, collection.servedBy(collection.snapshot))
  }
}
