internal import Hummingbird
internal import MoultEngine
internal import MoultModel
internal import MoultServer

/// Searches: `points/query` and what came before it.
extension QdrantAPI {
  private static let points = "collections/{name}/points"

  func addQueryRoutes(to group: GuardedRoutes) {
    route(.post, Self.points + "/query", .read, to: group) { call in
      let (collection, fields) = try query(call)
      let search = try nearest(fields, query: fields["query"], using: fields.string("using"))
      let records = try await operations.nearest(search, in: collection)
      return try call.answer { json in
        json.beginObject()
        json.key("points")
        try write(records, search, collection, to: &json)
        json.endObject()
      }
    }
    route(.post, Self.points + "/search", .read, to: group) { call in
      let (collection, fields) = try query(call)
      let named = fields["vector"]?.object.map { QdrantFields($0, at: "vector") }
      let search = try nearest(
        fields, query: named?["vector"] ?? fields["vector"], using: try named?.string("name"))
      let records = try await operations.nearest(search, in: collection)
      return try call.answer { try write(records, search, collection, to: &$0) }
    }
  }

  private func query(_ call: QdrantCall) throws -> (QdrantCollection, QdrantFields) {
    let collection = try operations.describe(try call.path("name"))
    return (collection, try call.object(floatKeys: ["query", "nearest", "vector"]))
  }

  private func nearest(
    _ fields: QdrantFields, query: JSON?, using: String?
  ) throws -> QdrantOperations.Nearest {
    guard let query else { throw QdrantError.badRequest("expected `query`") }
    let parameters = try fields.fields("params")
    let quantization = try parameters?.fields("quantization")
    var search = QdrantOperations.Nearest(
      query: query["nearest"] ?? query, using: using, filter: nil,
      limit: try fields.count("limit", atLeast: 1) ?? fields.count("top", atLeast: 1) ?? 10,
      offset: try fields.count("offset") ?? 0,
      threshold: try fields.double("score_threshold").map(Float.init),
      payload: try WithPayload(fields["with_payload"], default: false),
      vector: try WithVector(fields["with_vector"] ?? fields["with_vectors"]))
    search.isExact =
      try parameters?.bool("exact") ?? false || quantization?.bool("ignore") ?? false
    search.ef = try parameters?.count("hnsw_ef", atLeast: 1)
    search.oversampling =
      try quantization?.bool("rescore") == false ? 1 : quantization?.double("oversampling")
    search.filter = try operations.filter(fields)?.pointFilter
    return search
  }

  private func write(
    _ records: [QdrantRecord], _ search: QdrantOperations.Nearest, _ collection: QdrantCollection,
    to json: inout JSONWriter
  ) throws {
    json.beginArray()
    for record in records {
      try record.write(collection, payload: search.payload, vector: search.vector, to: &json)
    }
    json.endArray()
  }
}
