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
    var fieldOperations: [(field: String, name: String)] = []

    init(_ fields: inout MilvusFields) throws {
      collection = try fields.requiredString("collectionName")
      _ = fields.required("data")
      rows = try fields.objects("data") ?? []
      partition = try fields.string("partitionName")
      partialUpdate = try fields.fields.bool("partialUpdate") ?? false
      for (index, object) in (try fields.objects("fieldOps") ?? []).enumerated() {
        let operation = RequestFields(object, path: "fieldOps[\(index)].", ignoresCase: true)
        fieldOperations.append(
          (try operation.string("fieldName") ?? "", (try operation.string("op") ?? "").uppercased()))
      }
    }
  }

  private struct DeleteRequest {
    var collection: String
    var filter: String
    var partition: String
    var templates: [String: JSON]

    init(_ fields: inout MilvusFields) throws {
      collection = try fields.requiredString("collectionName")
      filter = try fields.requiredString("filter")
      partition = try fields.string("partitionName")
      templates = MilvusFields.templates(try fields.fields.fields("exprParams"))
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

  private struct QueryRequest {
    var collection: String
    var query: MilvusQuery

    init(_ fields: inout MilvusFields) throws {
      collection = try fields.requiredString("collectionName")
      query = MilvusQuery(
        filter: try fields.string("filter"),
        templates: MilvusFields.templates(try fields.fields.fields("exprParams")),
        limit: try fields.fields.int("limit") ?? 100, offset: try fields.fields.int("offset") ?? 0,
        partitions: try fields.strings("partitionNames") ?? [])
      query.order = try fields.strings("orderByFields") ?? []
      query.groupFields = try fields.strings("groupByFields") ?? []
      query.outputFields = try fields.strings("outputFields") ?? (query.groupFields.isEmpty ? ["*"] : [])
    }
  }

  func addEntityRoutes(to group: GuardedRoutes) {
    // Milvus takes an insert of a stored id without a word (and then holds two entities of it, of which a
    // search finds either). Refusing it would break programs that run again; the later one replaces.
    for action in ["insert", "upsert"] {
      route("entities/\(action)", .write, type: "CollectionDataReq", to: group, floatKeys: vectorField) {
        try RowsRequest(&$0)
      } answer: { input, call in
        let result = try await write(input, call, isUpsert: action == "upsert")
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
    route("entities/delete", .write, type: "CollectionFilterReq", to: group) {
      try DeleteRequest(&$0)
    } answer: { input, _ in
      let result = try await operations.delete(
        input.filter, templates: input.templates, from: input.collection, partition: input.partition)
      return MilvusAnswer.success(cost: true, servedBy: result.servedBy) { json in
        json.beginObject()
        json.member("deleteCount", result.ids.count)
        json.endObject()
      }
    }
    route("entities/get", .read, type: "CollectionIDReq", to: group) {
      try GetRequest(&$0)
    } answer: { input, call in
      try await operations.reading(input.collection) { try await get(input, from: $0, call) }
    }
    route("entities/query", .read, type: "QueryReqV2", to: group) {
      try QueryRequest(&$0)
    } answer: { input, call in
      try await operations.reading(input.collection) { try await query(input, in: $0, call) }
    }
  }

  /// The names under which vectors stand in this request: those of the collection's vector fields.
  private func vectorField(_ body: ByteBuffer) -> JSONFloatKeys {
    guard let name = TopLevelText.find("collectionName", in: body),
      let info = try? engine.describeCollection(name)
    else { return [] }
    return JSONFloatKeys([info.schema.vectorField] + info.fields.map(\.name))
  }

  private func write(_ input: RowsRequest, _ call: MilvusCall, isUpsert: Bool) async throws -> WriteResult {
    let collection = try operations.describe(input.collection)
    let translation = RowTranslation(
      collection, body: call.body, namesKeys: isUpsert || input.partialUpdate)
    let changes = try ArrayOperation.operations(
      input.fieldOperations, of: collection.definition, isPartial: input.partialUpdate)
    if input.partialUpdate {
      return try await operations.update(
        try translation.partialRows(input.rows), changes, in: input.collection, partition: input.partition)
    }
    let batch = try translation.batch(input.rows)
    return try await operations.write(batch, to: input.collection, partition: input.partition)
  }

  private func get(_ input: GetRequest, from collection: DescribedCollection, _ call: MilvusCall) async throws
    -> Response
  {
    let schema = collection.info.schema
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
    try operations.requireLoaded(collection, input.collection)
    let output = try OutputFields(input.outputFields, of: collection)
    let page = try await operations.get(ids, from: collection, output: output, partitions: input.partitions)
    return answer(page, output, schema, call)
  }

  private func query(_ input: QueryRequest, in collection: DescribedCollection, _ call: MilvusCall)
    async throws
    -> Response
  {
    guard !input.query.isAggregation else {
      return answer(try await operations.groups(input.query, in: collection), call)
    }
    let output = try OutputFields(input.query.outputFields, of: collection)
    guard !input.query.isCount else {
      let (count, servedBy) = try await operations.count(input.query, in: collection)
      return MilvusAnswer.success(cost: true, servedBy: servedBy) { json in
        json.beginArray()
        json.beginObject()
        json.key(MilvusOperations.countField)
        json.value(.int64(Int64(count)), int64AsText: call.int64AsText)
        json.endObject()
        json.endArray()
      }
    }
    return answer(
      try await operations.query(input.query, in: collection, output: output), output, collection.info.schema,
      call)
  }

  private func answer(_ groups: MilvusGroups, _ call: MilvusCall) -> Response {
    MilvusAnswer.success(cost: true, servedBy: groups.servedBy) { json in
      json.beginArray()
      for row in 0..<groups.rowCount {
        json.beginObject()
        for column in groups.columns {
          json.key(column.name)
          switch column.values[row] {
          case .int(let number) where column.type == .int64 && call.int64AsText:
            json.value(String(number))
          case let value: json.value(value)
          }
        }
        json.endObject()
      }
      json.endArray()
    }
  }

  private func answer(
    _ page: PointPage, _ output: OutputFields, _ schema: CollectionSchema, _ call: MilvusCall
  ) -> Response {
    MilvusAnswer.success(cost: true, servedBy: page.servedBy) { json in
      json.beginArray()
      for point in page.points {
        output.write(
          point.id, distance: nil, vectors: point.vectors(schema), payload: point.payload,
          int64AsText: call.int64AsText,
          to: &json)
      }
      json.endArray()
    }
  }
}
