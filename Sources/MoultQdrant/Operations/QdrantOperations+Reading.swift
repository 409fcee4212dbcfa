internal import MoultEngine
internal import MoultModel
internal import MoultServer

extension QdrantOperations {
  /// Points at most that one request asks back.
  static let limitMax = 100_000

  /// In the order of `ids`, those that are not stored left out.
  func records(
    _ ids: [PointID], of collection: QdrantCollection, payload: WithPayload, vector: WithVector
  ) async throws -> [QdrantRecord] {
    guard !ids.isEmpty else { return [] }
    let hidden = vector.isWanted && collection.definition.hasVectorsInPayload
    return try await engine.get(
      ids, from: collection.name, includeVectors: vector.isWanted,
      includePayload: payload.isWanted || hidden
    ).points.map { QdrantRecord($0) }
  }

  struct Page {
    var records: [QdrantRecord]
    var next: PointID?
  }

  /// Points in the order of their ids, from `offset` on, that one included.
  func scroll(
    _ collection: QdrantCollection, filter: PointFilter?, offset: PointID?, limit: Int, payload: WithPayload,
    vector: WithVector
  ) async throws -> Page {
    let limit = min(limit, Self.limitMax - 1)
    let fromOffset = offset.map { PointFilter.idsBetween(lower: .init($0, isInclusive: true), upper: nil) }
    let conditions = [fromOffset, filter].compactMap(\.self)
    let hidden = vector.isWanted && collection.definition.hasVectorsInPayload
    var points = try await engine.query(
      collection.name, filter: conditions.count > 1 ? .all(conditions) : conditions.first, limit: limit + 1,
      includeVectors: vector.isWanted, includePayload: payload.isWanted || hidden
    ).points
    let next = points.count > limit ? points.removeLast().id : nil
    return Page(records: points.map { QdrantRecord($0) }, next: next)
  }

  /// Points that have a number, or a time, under a key, in its order.
  ///
  /// - Throws: 400 unless the key has an index that knows an order.
  func scroll(
    _ collection: QdrantCollection, by order: QdrantOrder, filter: PointFilter?, limit: Int,
    payload: WithPayload,
    vector: WithVector
  ) async throws -> [QdrantRecord] {
    let hidden = vector.isWanted && collection.definition.hasVectorsInPayload
    return try await ordered(
      collection, by: order, filter: filter, limit: min(limit, Self.limitMax),
      includeVectors: vector.isWanted,
      includePayload: payload.isWanted || hidden
    ).map { found in
      var record = QdrantRecord(found.point)
      record.orderValue = found.value
      return record
    }
  }

  func count(_ filter: PointFilter?, of collection: QdrantCollection) async throws -> Int {
    guard let filter else { return collection.info.count }
    return try await engine.count(collection.name, filter: filter).count
  }

  /// - Throws: 400 for a key without an index that knows its values.
  func facet(
    _ key: String, filter: PointFilter?, limit: Int, of collection: QdrantCollection
  ) async throws -> [(value: PointFilter.Scalar, count: Int)] {
    let kinds = ["keyword", "integer", "bool", "uuid"]
    guard collection.definition.payloadIndexes.contains(where: { $0.field == key && kinds.contains($0.type) })
    else {
      throw QdrantError.badRequest(
        "Index required but not found for \"\(key)\" of one of the following types: [keyword, integer, uuid, bool]. "
          + "Help: Create an index for this key or use a different filter.")
    }
    var segments = [FieldPath([])]
    for step in try QdrantPath.read(key, at: "key").steps {
      switch step {
      case .key(let name): segments[segments.count - 1].names.append(name)
      case .each: segments.append(FieldPath([]))
      case .index:
        throw QdrantError.badRequest("key: `\(key)` names one element of an array, which facets do not count")
      }
    }
    return try await engine.facet(
      collection.name, segments, filter: filter, limit: min(limit, Engine.groupCountMax)
    ).values
  }
}
