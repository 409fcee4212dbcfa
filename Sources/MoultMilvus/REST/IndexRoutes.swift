internal import Hummingbird
internal import MoultModel
internal import MoultServer

/// `/v2/vectordb/indexes/…`.
extension MilvusAPI {
  private struct IndexName {
    var collection: String
    var name: String

    init(_ fields: inout MilvusFields) throws {
      collection = try fields.requiredString("collectionName")
      name = try fields.requiredString("indexName")
    }
  }

  func addIndexRoutes(to group: GuardedRoutes) {
    route("indexes/create", .write, type: "IndexParamReq", to: group) { fields in
      let collection = try fields.requiredString("collectionName")
      _ = fields.required("indexParams")
      let indexes = try (fields.objects("indexParams") ?? []).map {
        try IndexRequest(RequestFields($0, ignoresCase: true))
      }
      return (collection, indexes)
    } answer: { input, _ in
      for index in input.1 {
        try await operations.createIndex(
          input.0, field: index.field, name: index.name, parameters: index.parameters)
      }
      return MilvusAnswer.success()
    }
    route("indexes/list", .read, type: "CollectionNameReq", to: group) {
      try CollectionNameRequest(&$0)
    } answer: { input, _ in
      let names = try operations.describe(input.collection).definition.indexes.map(\.name)
      return MilvusAnswer.success { $0.value(strings: names) }
    }
    route("indexes/describe", .read, type: "IndexReq", to: group) {
      try IndexName(&$0)
    } answer: { input, _ in
      let indexes = try operations.describeIndexes(input.collection, name: input.name)
      return MilvusAnswer.success { json in
        json.beginArray()
        for index in indexes { Self.write(index, to: &json) }
        json.endArray()
      }
    }
    route("indexes/drop", .write, type: "IndexReq", to: group) {
      try IndexName(&$0)
    } answer: { input, _ in
      try await operations.dropIndex(input.collection, name: input.name)
      return MilvusAnswer.success()
    }
    route("indexes/alter_properties", .write, type: "IndexReq", to: group) { fields in
      let name = try IndexName(&fields)
      return (name, JSONParameter.list(try fields.fields.fields("properties")))
    } answer: { input, _ in
      try await operations.alterIndex(input.0.collection, name: input.0.name, set: input.1, remove: [])
      return MilvusAnswer.success()
    }
    route("indexes/drop_properties", .write, type: "IndexReq", to: group) { fields in
      (try IndexName(&fields), try fields.strings("propertyKeys") ?? [])
    } answer: { input, _ in
      try await operations.alterIndex(input.0.collection, name: input.0.name, set: [], remove: input.1)
      return MilvusAnswer.success()
    }
  }

  private static func write(_ described: DescribedIndex, to json: inout JSONWriter) {
    let index = described.index
    let isFinished = described.state == .finished
    json.beginObject()
    json.member("failReason", "")
    json.member("fieldName", index.field)
    json.member("indexName", index.name)
    json.key("indexParams")
    json.beginArray()
    for parameter in index.parameters where !["index_type", "metric_type"].contains(parameter.key) {
      json.beginObject()
      json.member("key", parameter.key)
      json.member("value", parameter.value)
      json.endObject()
    }
    json.endArray()
    json.member("indexState", isFinished ? "Finished" : "InProgress")
    json.member("indexType", IndexKind.value("index_type", in: index) ?? "")
    json.member("indexedRows", described.rowCount - described.pendingCount)
    json.member("metricType", IndexKind.value("metric_type", in: index) ?? "")
    json.member("pendingRows", described.pendingCount)
    json.member("totalRows", described.rowCount)
    json.endObject()
  }
}
