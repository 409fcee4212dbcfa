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
    let hidden = vector.isWanted && !collection.definition.sparseVectors.isEmpty
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
    let hidden = vector.isWanted && !collection.definition.sparseVectors.isEmpty
    var points = try await engine.query(
      collection.name, filter: conditions.count > 1 ? .all(conditions) : conditions.first, limit: limit + 1,
      includeVectors: vector.isWanted, includePayload: payload.isWanted || hidden
    ).points
    let next = points.count > limit ? points.removeLast().id : nil
    return Page(records: points.map { QdrantRecord($0) }, next: next)
  }

  struct Order {
    var key: String
    var isDescending = false
    var from: JSON?

    /// A key, or `{"key", "direction", "start_from"}`.
    init(_ json: JSON, at path: String) throws(QdrantError) {
      if let text = json.string {
        key = text
        return
      }
      let fields = try QdrantFields(json, at: path)
      key = try fields.required("key", try fields.string("key"))
      switch try fields.string("direction") {
      case nil, "asc"?: break
      case "desc"?: isDescending = true
      case let other?:
        throw .format("\(fields.place("direction")): unknown variant `\(other)`, expected `asc` or `desc`")
      }
      from = fields["start_from"]
    }
  }

  /// Points that have a number, or a moment, under a key, in its order.
  ///
  /// - Throws: 400 unless the key has an index that knows an order.
  func scroll(
    _ collection: QdrantCollection, by order: Order, filter: PointFilter?, limit: Int, payload: WithPayload,
    vector: WithVector
  ) async throws -> [QdrantRecord] {
    let index = collection.definition.payloadIndexes.first { $0.field == order.key }
    guard let index, ["integer", "float", "datetime"].contains(index.type) else {
      throw QdrantError.badRequest(
        "No range index for `order_by` key: `\(order.key)`. Please create one to use `order_by`. Supported schema types: "
          + "[integer, float, datetime]")
    }
    let path = try fieldPath(order.key, at: "order_by.key")
    var conditions: [PointFilter] = [filter].compactMap(\.self)
    if index.type == "datetime" {
      let start = order.from?.string.map { PointFilter.TextBound($0, isInclusive: true) }
      conditions.append(
        .field(
          path,
          .isTextBetween(lower: order.isDescending ? nil : start, upper: order.isDescending ? start : nil)))
    } else {
      let start = order.from?.double.map { PointFilter.Bound($0, isInclusive: true) }
      conditions.append(
        .field(
          path, .isBetween(lower: order.isDescending ? nil : start, upper: order.isDescending ? start : nil)))
    }
    let points = try await engine.query(
      collection.name, filter: .all(conditions),
      order: [PointOrder(.payload(path), isDescending: order.isDescending)],
      limit: min(limit, Self.limitMax), includeVectors: vector.isWanted, includePayload: true
    ).points
    return try points.map { point in
      var record = QdrantRecord(point)
      var value: JSON? = .object(try StoredPayload(point.payload).object)
      for name in path.names { value = value?[name] }
      record.orderValue = value
      return record
    }
  }

  /// A key without arrays.
  func fieldPath(_ key: String, at place: String) throws(QdrantError) -> FieldPath {
    var names: [String] = []
    for step in try QdrantPath.read(key, at: place).steps {
      guard case .key(let name) = step else {
        throw .badRequest("\(place): `\(key)` leads into an array, which has no one value")
      }
      names.append(name)
    }
    return FieldPath(names)
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

  // MARK: Nearest

  struct Nearest {
    var query: JSON
    var using: String?
    var filter: PointFilter?
    var limit: Int
    var offset: Int
    var threshold: Float?
    var payload: WithPayload
    var vector: WithVector
    var isExact = false
    var ef: Int?
    var oversampling: Double?
  }

  /// The points nearest to a vector, or to a point that is stored, which is left out.
  func nearest(_ search: Nearest, in collection: QdrantCollection) async throws -> [QdrantRecord] {
    let target = try collection.vector(using: search.using)
    var filter = search.filter
    var query = search.query
    if let id = Self.id(query) {
      guard
        let point = try await engine.get(
          [id], from: collection.name, includeVectors: true, includePayload: true
        )
        .points.first
      else { throw QdrantError.notFound("No point with id \(QdrantPointID.text(id)) found") }
      query = try Self.vector(target, of: point)
      let others = PointFilter.not(.ids([id]))
      filter = filter.map { .all([$0, others]) } ?? others
    }
    let hits: [SearchHit]
    if target.kind == .sparse {
      guard let sparse = try QdrantSparseVector(query, at: "query") else {
        throw QdrantError.wrongInput("Conversion between sparse and regular vectors failed")
      }
      hits =
        try await engine.search(
          PayloadSearch(
            field: target.target, scoring: target.scoring,
            queries: [.sparse(indices: sparse.indices, values: sparse.values)], limit: search.limit,
            offset: search.offset, filter: filter, range: search.threshold.map(target.range),
            includePayload: search.payload.isWanted), in: collection.name
        ).hits.first ?? []
    } else {
      guard let vector = collection.definition.vectors.first(where: { $0.name == target.name }) else {
        throw QdrantError.wrongInput("Not existing vector name error: \(target.name)")
      }
      guard vector.distance != .manhattan else {
        throw QdrantError.badRequest("the distance Manhattan is not searched here yet")
      }
      let values = try PointVectors.dense(query, vector, at: "query")
      hits =
        try await engine.search(
          SearchRequest(
            queries: values, dimension: values.count, limit: search.limit, offset: search.offset,
            ef: search.ef,
            exact: search.isExact, oversampling: search.oversampling, filter: filter,
            range: search.threshold.map(target.range), includePayload: search.payload.isWanted),
          in: target.target
        ).hits.first ?? []
    }
    guard search.vector.isWanted else {
      return hits.map { QdrantRecord(id: $0.id, score: target.score($0.score), payload: $0.payload) }
    }
    let scores = Dictionary(hits.map { ($0.id, $0.score) }, uniquingKeysWith: { first, _ in first })
    return try await records(
      hits.map(\.id), of: collection, payload: search.payload, vector: search.vector
    ).map { record in
      var record = record
      record.score = scores[record.id].map(target.score)
      return record
    }
  }

  private static func id(_ json: JSON) -> PointID? { try? QdrantPointID.read(json, at: "query") }

  private static func vector(_ target: QdrantVector, of point: Point) throws -> JSON {
    let missing = QdrantError.badRequest(
      "Point \(QdrantPointID.text(point.id)) does not have vector: \(target.name)")
    guard target.kind == .sparse else {
      guard let values = target.values(of: point) else { throw missing }
      return .floats(values)
    }
    guard let stored = try StoredPayload(point.payload).object[target.target]?.string,
      let sparse = QdrantSparseVector(stored: stored)
    else { throw missing }
    return .object([
      "indices": .array(sparse.indices.map { .int(Int64($0)) }), "values": .floats(sparse.values),
    ])
  }
}
