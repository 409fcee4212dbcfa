internal import HTTPTypes
internal import Hummingbird
internal import MoultEngine
internal import MoultModel
internal import NIOCore

extension AdminAPI {
  /// Points of one page at most; a page of large vectors is shorter, and its end is an empty page.
  private static let pagePointsMax = 10_000
  private static let pageBytesMax = 64 << 20

  private enum WriteModeName: String, CaseIterable {
    case insert
    case upsert

    var mode: WriteMode { self == .insert ? .insert : .upsert }
  }

  func addPointRoutes(to group: GuardedRoutes) {
    group.on(.post, "collections/{name}/points", .write) { request, context in
      let name = try context.pathPart("name")
      let parameters = try QueryParameters(request, known: ["mode", "model"])
      let mode = try parameters.word("mode", WriteModeName.self) ?? .upsert
      let batch = try await pointBatch(of: request, to: name)
      return Self.answer(
        try await engine.write(batch, ofModel: parameters.string("model"), to: name, mode: mode.mode))
    }
    group.on(.get, "collections/{name}/points", .read) { request, context in
      try await page(request, of: try context.pathPart("name"))
    }
    group.on(.post, "collections/{name}/points/delete", .write) { request, context in
      let name = try context.pathPart("name")
      let fields = try await fields(of: request).fields
      try fields.refuseOthers(than: ["ids"])
      guard let values = try fields.array("ids") else {
        throw fields.missing("ids", expected: "an array of numbers or strings")
      }
      var ids: [PointID] = []
      for (index, value) in values.enumerated() {
        ids.append(try Self.pointID(value, "ids[\(index)]", fields))
      }
      return Self.answer(try await engine.delete(ids, from: name))
    }
  }

  private func pointBatch(of request: Request, to name: String) async throws -> PointBatch {
    let info = try? engine.describeCollection(name)
    let hasPlaceholder = info?.schema.hasPlaceholder ?? false
    if request.mediaType == PointFrame.mediaType {
      return try PointFrame(decoding: try await request.wholeBody(bodyBytesMax)).batch(
        hasPlaceholder: hasPlaceholder)
    }
    let others = info?.fields ?? []
    let (fields, body) = try await fields(
      of: request, floatKeys: JSONFloatKeys(["vector"] + others.map(\.name)))
    try fields.refuseOthers(than: ["points"])
    guard let points = try fields.array("points") else {
      throw fields.missing("points", expected: "an array")
    }
    return try Self.batch(points, body, others, hasPlaceholder: hasPlaceholder)
  }

  /// - Parameter hasPlaceholder: whether the collection has no first field of which points could have a vector.
  private static func batch(
    _ points: [JSON], _ body: ByteBuffer, _ others: [VectorFieldInfo], hasPlaceholder: Bool
  ) throws(MoultError) -> PointBatch {
    var batch = PointBatch(ids: [], vectors: [], dimension: 0)
    for other in others {
      try FieldVectors.requireRoom(count: points.count, dimension: other.dimension)
    }
    var vectors = [[[Float]?]](repeating: [], count: others.count)
    batch.payloads = [String](repeating: "", count: points.count)
    for (row, point) in points.enumerated() {
      guard let object = point.object else {
        throw MoultError(.invalidArgument, "field 'points[\(row)]': expected an object, got \(point.kind)")
      }
      let fields = RequestFields(object, path: "points[\(row)].")
      try fields.refuseOthers(than: ["id", "vector", "payload", "fields"])
      if let id = fields["id"] {
        guard batch.ids.count == row else { throw fields.failure("id", "is missing in an earlier point") }
        batch.ids.append(try pointID(id, "id", fields))
      } else if !batch.ids.isEmpty {
        throw fields.missing("id", expected: "a number or a string, as in the points before")
      }
      let entries =
        try hasPlaceholder ? placeholder(in: fields, others) : firstVector(in: fields)
      if row == 0 {
        batch.dimension = entries.count
        try FieldVectors.requireRoom(count: points.count, dimension: entries.count)
      }
      guard entries.count == batch.dimension, !entries.isEmpty else {
        throw MoultError(
          .dimensionMismatch,
          fields.failure(
            "vector",
            "expected \(row == 0 ? "the collection's dimension" : "\(batch.dimension)") numbers, got \(entries.count)"
          ).message)
      }
      batch.vectors.append(contentsOf: entries)
      if let payload = fields.member("payload") {
        guard case .object = payload.value else {
          throw fields.mismatch("payload", expected: "an object", payload.value)
        }
        batch.payloads[row] = body.text(payload.text)
      }
      let named = try fields.fields("fields")
      try named?.refuseOthers(than: Set(others.map(\.name)))
      for (place, other) in others.enumerated() {
        vectors[place].append(try Self.vector(of: other, in: named))
      }
    }
    for (other, vectors) in zip(others, vectors) {
      batch.fields[other.name] = FieldVectors(vectors, dimension: other.dimension)
    }
    return batch
  }

  private static func firstVector(in fields: RequestFields) throws(MoultError) -> [Float] {
    guard let vector = fields["vector"] else {
      throw fields.missing("vector", expected: "an array of numbers")
    }
    guard let entries = vector.floats else {
      throw fields.mismatch("vector", expected: "an array of numbers", vector)
    }
    return entries
  }

  private static func placeholder(
    in fields: RequestFields, _ others: [VectorFieldInfo]
  ) throws(MoultError) -> [Float] {
    guard fields["vector"] == nil else {
      throw fields.failure(
        "vector",
        "the collection has no first vector field; give vectors by their names, in 'fields' ("
          + others.map(\.name).joined(separator: ", ") + ")")
    }
    return PlaceholderField.vectors(count: 1)
  }

  /// - Returns: `nil` for null, and where nothing is said.
  private static func vector(
    of field: VectorFieldInfo, in fields: RequestFields?
  ) throws(MoultError) -> [Float]? {
    guard let fields, let value = fields[field.name], value != .null else { return nil }
    guard let entries = value.floats else {
      throw fields.mismatch(field.name, expected: "an array of numbers", value)
    }
    guard entries.count == field.dimension else {
      throw MoultError(
        .dimensionMismatch,
        fields.failure(field.name, "expected \(field.dimension) numbers, got \(entries.count)").message)
    }
    return entries
  }

  static func pointID(_ json: JSON, _ name: String, _ fields: RequestFields) throws(MoultError) -> PointID {
    switch json {
    case .int(let value): return .int64(value)
    case .string(let text): return .string(text)
    default: throw fields.mismatch(name, expected: "an integer of 64 bits or a string", json)
    }
  }

  private static func answer(_ result: WriteResult) -> Response {
    var json = JSONWriter(capacity: 32 + result.ids.count * 8)
    json.beginObject()
    json.member("count", result.ids.count)
    json.key("ids")
    json.beginArray()
    for id in result.ids { json.value(id) }
    json.endArray()
    json.endObject()
    return .json(json, servedBy: result.servedBy)
  }

  private func page(_ request: Request, of name: String) async throws -> Response {
    let parameters = try QueryParameters(request, known: ["after", "limit", "vectors", "payload"])
    let limit = try parameters.int("limit", in: 1...Self.pagePointsMax) ?? 1000
    return try await engine.reading(name) { info in
      try await page(parameters, limit: limit, of: info, asJSON: request.accepts("application/json"))
    }
  }

  private func page(
    _ parameters: QueryParameters, limit: Int, of info: CollectionInfo, asJSON: Bool
  ) async throws -> Response {
    let schema = info.schema
    let after = try parameters.string("after").map { (text) throws(MoultError) -> PointID in
      switch schema.keyKind {
      case .string: return .string(text)
      case .mixed: return .mixed(text)
      case .int64:
        guard let value = Int64(text) else {
          throw MoultError(
            .invalidArgument, "parameter 'after': expected an integer of 64 bits, got '\(text.prefix(100))'")
        }
        return .int64(value)
      }
    }
    let includeVectors = try parameters.bool("vectors") ?? true
    let fitting = includeVectors ? max(1, Self.pageBytesMax / (schema.dimension * 4)) : limit
    let page = try await engine.scan(
      info.name, after: after, limit: min(limit, fitting), includeVectors: includeVectors,
      includePayload: try parameters.bool("payload") ?? true)

    guard asJSON else {
      return .bytes(
        PointFrame(page.points, dimension: schema.dimension).encode(), type: PointFrame.mediaType,
        servedBy: page.servedBy)
    }
    var json = JSONWriter(capacity: 4096)
    json.beginObject()
    json.key("points")
    json.beginArray()
    for point in page.points { json.value(point) }
    json.endArray()
    json.endObject()
    return .json(json, servedBy: page.servedBy)
  }
}

extension Request {
  /// Whether the client names this type of answer.
  func accepts(_ mediaType: String) -> Bool { headers[.accept]?.lowercased().contains(mediaType) == true }

  /// The media type of the body without parameters, in lower case.
  var mediaType: String? {
    headers[.contentType]?.prefix { $0 != ";" }.lowercased().filter { !$0.isWhitespace }
  }
}

extension JSONWriter {
  mutating func value(_ id: PointID) {
    switch id {
    case .int64(let value): self.value(value)
    case .string(let text): value(text)
    }
  }

  /// `{"id", "vector"?, "payload"?, "fields"?}`.
  mutating func value(_ point: Point) {
    beginObject()
    key("id")
    value(point.id)
    if let vector = point.vector { member("vector", vector) }
    if let payload = point.payload.map(TextVector.plain), !payload.isEmpty { member("payload", raw: payload) }
    if !point.fields.isEmpty {
      key("fields")
      beginObject()
      for (name, vector) in point.fields.sorted(by: { $0.key < $1.key }) { member(name, vector) }
      endObject()
    }
    endObject()
  }
}
