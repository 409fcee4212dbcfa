internal import Hummingbird
internal import MoultEngine
internal import MoultModel
internal import MoultServer
internal import NIOCore

/// `/v2/vectordb/entities/…` but for search.
extension MilvusAPI {
  private struct RowsRequest {
    var collection: String
    var rows: [JSONObject]
    var partition: String
    var partialUpdate: Bool

    init(_ fields: inout MilvusFields) throws {
      collection = try fields.requiredString("collectionName")
      _ = fields.required("data")
      rows = try fields.objects("data") ?? []
      partition = try fields.string("partitionName")
      partialUpdate = try fields.fields.bool("partialUpdate") ?? false
    }
  }

  private struct DeleteRequest {
    var collection: String
    var filter: String
    var partition: String
    var hasTemplates: Bool

    init(_ fields: inout MilvusFields) throws {
      collection = try fields.requiredString("collectionName")
      filter = try fields.requiredString("filter")
      partition = try fields.string("partitionName")
      hasTemplates = try fields.fields.fields("exprParams")?.object.members.isEmpty == false
    }
  }

  private struct GetRequest {
    var collection: String
    var id: JSON
    var outputFields: [String]
    var partitions: [String]

    init(_ fields: inout MilvusFields) throws {
      collection = try fields.requiredString("collectionName")
      id = fields.required("id") ?? .null
      outputFields = try fields.strings("outputFields") ?? ["*"]
      partitions = try fields.strings("partitionNames") ?? []
    }
  }

  func addEntityRoutes(to group: RouterGroup<Context>) {
    // Milvus takes an insert of a stored id without a word (and then holds two entities of it, of which a
    // search finds either). Refusing it would break programs that run again; the later one replaces.
    for action in ["insert", "upsert"] {
      route("entities/\(action)", type: "CollectionDataReq", to: group, floatKeys: vectorField) {
        try RowsRequest(&$0)
      } answer: { input, call in
        let result = try await write(input, call)
        return MilvusAnswer.success(cost: true, servedBy: result.servedBy) { json in
          json.beginObject()
          json.member("\(action)Count", result.ids.count)
          json.key("\(action)Ids")
          json.beginArray()
          for id in result.ids { json.value(id, int64AsText: call.int64AsText) }
          json.endArray()
          json.endObject()
        }
      }
    }
    route("entities/delete", type: "CollectionFilterReq", to: group) {
      try DeleteRequest(&$0)
    } answer: { input, _ in
      let result = try await delete(input)
      return MilvusAnswer.success(cost: true, servedBy: result.servedBy) { json in
        json.beginObject()
        json.member("deleteCount", result.ids.count)
        json.endObject()
      }
    }
    route("entities/get", type: "CollectionIDReq", to: group) {
      try GetRequest(&$0)
    } answer: { input, call in
      try await engine.reading(input.collection) { try await get(input, from: $0, call) }
    }
  }

  /// The name under which vectors stand in this request: that of the collection's vector field.
  private func vectorField(_ body: ByteBuffer) -> JSONFloatKeys {
    guard let name = CollectionNameScanner.find(in: body),
      let info = try? engine.describeCollection(name)
    else { return [] }
    return JSONFloatKeys([info.schema.vectorField])
  }

  private func write(_ input: RowsRequest, _ call: MilvusCall) async throws -> WriteResult {
    let schema = try engine.describeCollection(input.collection).schema
    try Self.checkPartitions([input.partition])
    guard !input.partialUpdate else {
      throw MilvusError.invalidParameter("partialUpdate is not supported by this version of Moult")
    }
    let batch = try RowTranslation(schema: schema, body: call.body).batch(input.rows)
    return try await engine.write(batch, to: input.collection, mode: .upsert)
  }

  private func delete(_ input: DeleteRequest) async throws -> WriteResult {
    let schema = try engine.describeCollection(input.collection).schema
    try Self.checkPartitions([input.partition])
    let ids: [PointID]
    do {
      guard !input.hasTemplates else {
        throw KeyFilterError(message: "exprParams are not supported by this version of Moult")
      }
      ids = try KeyFilter(field: schema.keyField, kind: schema.keyKind).ids(input.filter)
    } catch let error as KeyFilterError {
      throw MilvusError.invalidParameter(
        """
        failed to create query plan: cannot parse expression: \(input.filter), error: \(error.message); this \
        version of Moult deletes by '\(schema.keyField) == value' and '\(schema.keyField) in [value, …]' only
        """)
    }
    return try await engine.delete(ids, from: input.collection)
  }

  private func get(_ input: GetRequest, from info: CollectionInfo, _ call: MilvusCall) async throws
    -> Response
  {
    let schema = info.schema
    try Self.checkPartitions(input.partitions)
    var ids: [PointID] = []
    for value in input.id.array ?? [input.id] {
      guard let id = schema.keyKind.pointID(value) else {
        throw MilvusError(
          code: MilvusError.Code.badPrimaryKey,
          message: """
            please check the primary key and its' type can only in [int, string], error: expected \
            \(schema.keyKind.milvusName) for field '\(schema.keyField)', got \(value.kind)
            """)
      }
      ids.append(id)
    }
    let output = OutputFields(input.outputFields, schema: schema)
    let page = try await engine.get(
      ids, from: info.name, includeVectors: output.includesVector, includePayload: output.includesPayload)
    return MilvusAnswer.success(cost: true, servedBy: page.servedBy) { json in
      json.beginArray()
      for point in page.points {
        output.write(
          point.id, distance: nil, vector: point.vector, payload: point.payload,
          int64AsText: call.int64AsText,
          to: &json)
      }
      json.endArray()
    }
  }

  /// There is one partition, and it may be named.
  static func checkPartitions(_ names: [String]) throws {
    guard let other = names.first(where: { !$0.isEmpty && $0 != "_default" }) else { return }
    throw MilvusError(
      code: MilvusError.Code.partitionNotFound, message: "partition not found[partition=\(other)]")
  }
}
