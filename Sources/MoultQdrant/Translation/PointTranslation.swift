internal import MoultEngine
internal import MoultModel
internal import MoultServer
internal import NIOCore

/// Points of a request.
struct GivenPoint: Sendable {
  var id: PointID
  var vectors: PointVectors
  /// As it is stored, without the sparse vectors.
  var payload: String
}

/// Reads points of a request and makes of them what the engine takes.
struct PointTranslation: Sendable {
  let collection: QdrantCollection
  /// Whose bytes the members' places are in.
  let body: ByteBuffer

  private var definition: QdrantDefinition { collection.definition }

  /// Names under which a body holds vectors of a collection. Payloads and filters keep their numbers, whatever their
  /// members are called.
  static func floatKeys(of collection: QdrantCollection) -> JSONFloatKeys {
    let plain: Set<String> = ["id", "ids", "points", "batch", "indices"]
    return JSONFloatKeys(
      ["vector", "vectors"]
        + (collection.definition.vectors.map(\.name) + collection.definition.multiVectors.map(\.name))
        .filter { !plain.contains($0.lowercased()) },
      except: ["payload", "payloads", "filter", "update_filter"])
  }

  // MARK: Reading

  /// `{"points": […]}` or `{"batch": {"ids", "vectors", "payloads"}}`.
  func points(_ fields: QdrantFields) throws(QdrantError) -> [GivenPoint] {
    if let batch = try fields.fields("batch") { return try columns(batch) }
    guard let list = try fields.array("points") else {
      throw .format("data did not match any variant: expected `points` or `batch`")
    }
    var points: [GivenPoint] = []
    points.reserveCapacity(list.count)
    for (index, json) in list.enumerated() { points.append(try point(json, at: "points[\(index)]")) }
    return points
  }

  private func point(_ json: JSON, at path: String) throws(QdrantError) -> GivenPoint {
    guard case .object(let object) = json else {
      throw .format("\(path): invalid type: expected a point, got \(json.kind)")
    }
    guard let id = object.member("id") else { throw .format("\(path): missing field `id`") }
    let vectors = object.member("vector") ?? object.member("vectors")
    var payload = ""
    switch object.member("payload") {
    case nil: break
    case let member?:
      switch member.value {
      case .null: break
      case .object(let object):
        payload = try text(of: object, member.text.isEmpty ? nil : body.text(member.text))
      case let other: throw .format("\(path).payload: invalid type: expected an object, got \(other.kind)")
      }
    }
    return GivenPoint(
      id: try QdrantPointID.read(id.value, at: "\(path).id"),
      vectors: try PointVectors(vectors?.value, definition, at: "\(path).vector"), payload: payload)
  }

  /// - Throws: 400 for a payload with a member that is kept for ourselves.
  private func text(of object: JSONObject, _ given: String?) throws(QdrantError) -> String {
    try Self.requireNothingHidden(in: object)
    if object.members.isEmpty { return "" }
    return given ?? StoredPayload(object: object).text
  }

  static func requireNothingHidden(at path: QdrantPath) throws(QdrantError) {
    guard case .key(let key)? = path.steps.first else { return }
    try requireNothingHidden(in: [key: .null])
  }

  static func requireNothingHidden(in object: JSONObject) throws(QdrantError) {
    if let member = object.members.first(where: { StoredPayload.isHidden($0.key) }) {
      throw .wrongInput(
        "payload keys that begin with `\(StoredPayload.hiddenPrefix)` are kept for sparse vectors, those that begin with "
          + "`\(StoredPayload.multiPrefix)` and `\(StoredPayload.partsMember)` for multivectors; got `\(member.key.prefix(100))`"
      )
    }
  }

  private func columns(_ batch: QdrantFields) throws(QdrantError) -> [GivenPoint] {
    let ids = try batch.required("ids", try batch.array("ids"))
    let payloads = try batch.array("payloads")
    guard payloads.map({ $0.count == ids.count }) ?? true else {
      throw .validation("[batch.payloads: number of payloads must match number of ids (\(ids.count))]")
    }
    var rows = [JSONObject](repeating: JSONObject(), count: ids.count)
    var unnamed: [JSON]?
    switch batch["vectors"] {
    case nil: throw .format("missing field `batch.vectors`")
    case .object(let columns)?:
      for column in columns.members {
        // Before rows are filled: the time that takes grows with the square of the number of columns.
        guard definition.names.contains(column.key) else {
          throw .wrongInput("Not existing vector name error: \(column.key)")
        }
        guard let values = column.value.array, values.count == ids.count else {
          throw .validation(
            "[batch.vectors.\(column.key): number of vectors must match number of ids (\(ids.count))]")
        }
        for (row, value) in values.enumerated() where value != .null { rows[row][column.key] = value }
      }
    case let list?:
      guard let values = list.array, values.count == ids.count else {
        throw .validation("[batch.vectors: number of vectors must match number of ids (\(ids.count))]")
      }
      unnamed = values
    }
    var points: [GivenPoint] = []
    points.reserveCapacity(ids.count)
    for (row, id) in ids.enumerated() {
      let path = "batch[\(row)]"
      var payload = ""
      switch payloads?[row] {
      case nil, .null?: break
      case .object(let object)?: payload = try text(of: object, nil)
      case let other?: throw .format("\(path).payload: invalid type: expected an object, got \(other.kind)")
      }
      points.append(
        GivenPoint(
          id: try QdrantPointID.read(id, at: "\(path).id"),
          vectors: try PointVectors(unnamed?[row] ?? .object(rows[row]), definition, at: "\(path).vector"),
          payload: payload))
    }
    return points
  }

  // MARK: Writing

  /// The engine's batch; of several points with one id the last counts, as in Qdrant.
  ///
  /// - Throws: 400 for a point without the vector that each point of the collection has.
  func batch(_ points: [GivenPoint]) throws(QdrantError) -> PointBatch {
    var seen = Set<PointID>(minimumCapacity: points.count)
    var points = points
    if !points.allSatisfy({ seen.insert($0.id).inserted }) {
      seen = []
      points = points.reversed().filter { seen.insert($0.id).inserted }.reversed()
    }
    let schema = collection.info.schema
    var batch = PointBatch(ids: points.map(\.id), vectors: [], dimension: schema.dimension)
    if schema.hasPlaceholder {
      batch.vectors = PlaceholderField.vectors(count: points.count)
    } else {
      // None while it is being dropped.
      let first = definition.vectors.firstIndex { $0.field == schema.vectorField }
      batch.vectors.reserveCapacity(points.count * schema.dimension)
      for point in points {
        guard let vector = first.flatMap({ point.vectors.dense[$0] }) else {
          throw .wrongInput(
            "point \(QdrantPointID.text(point.id)) has no vector, and every point of a collection whose vector has no name has one; "
              + "to store points without, create the collection with named vectors, or drop that vector once another one is "
              + "the default")
        }
        batch.vectors += vector
      }
    }
    for (place, vector) in definition.vectors.enumerated() where vector.field != schema.vectorField {
      let vectors = points.map(\.vectors.dense[place])
      guard vectors.contains(where: { $0 != nil }) else { continue }
      do { try FieldVectors.requireRoom(count: points.count, dimension: vector.size) } catch {
        throw QdrantError(error)
      }
      batch.fields[vector.field] = FieldVectors(vectors, dimension: vector.size)
    }
    let payloads = points.map { payload(of: $0) }
    if payloads.contains(where: { !$0.isEmpty }) { batch.payloads = payloads }
    return batch
  }

  private func payload(of point: GivenPoint) -> String {
    let hasMulti = point.vectors.multi.contains { $0 != nil }
    guard hasMulti || point.vectors.sparse.contains(where: { $0 != nil }) else { return point.payload }
    var json = JSONWriter()
    json.beginObject()
    if hasMulti {
      var hidden = StoredPayload(object: JSONObject())
      for (place, vector) in point.vectors.multi.enumerated() where vector != nil {
        hidden.setMultiVector(definition.multiVectors[place].part, vector)
      }
      for member in hidden.object.members { json.member(member.key, member.value) }
    }
    for (place, vector) in point.vectors.sparse.enumerated() {
      if let vector { json.member(definition.sparseVectors[place].member, vector.stored) }
    }
    json.endObject()
    let hidden = String(decoding: json.bytes, as: UTF8.self)
    guard !point.payload.isEmpty else { return hidden }
    // Both are objects with members: the user's text stays as it is.
    guard let brace = point.payload.firstIndex(of: "{") else { return hidden }
    return hidden.dropLast() + "," + point.payload[point.payload.index(after: brace)...]
  }
}
