internal import HTTPTypes
internal import Hummingbird
internal import MoultEngine
internal import MoultModel
internal import NIOCore

extension AdminAPI {
  private static let searchOptions: Set<String> = [
    "limit", "offset", "ef", "probes", "exact", "oversampling", "payload", "vectors", "allowPartial",
  ]
  private static let defaultLimit = 10

  func addSearchRoutes(to group: GuardedRoutes) {
    group.on(.post, "collections/{name}/search", .read) { request, context in
      let name = try context.pathPart("name")
      guard request.mediaType == "application/octet-stream" else {
        let (search, texts, model) = try await jsonSearch(request)
        if let texts {
          return Self.answer(try await engine.search(texts: texts, ofModel: model, search, in: name))
        }
        if let model { return Self.answer(try await engine.search(search, ofModel: model, in: name)) }
        return Self.answer(try await engine.search(search, in: name))
      }
      let parameters = try QueryParameters(request, known: Self.searchOptions.union(["dimension"]))
      let body = try await request.wholeBody(bodyBytesMax)
      return try await engine.reading(name) { info in
        // Of the whole collection that a name stands for, or of the field that it names.
        let isField = FieldName.split(name) != nil
        let target =
          isField && info.schema.searchField != nil
          ? FieldName.joined(info.name, info.schema.vectorField) : info.name
        return Self.answer(
          try await engine.search(
            try Self.binarySearch(
              body, parameters, in: info,
              dimension: isField ? info.schema.dimension : info.searchDimension), in: target))
      }
    }
  }

  /// Queries as little-endian float32 in the body, everything else as parameters.
  private static func binarySearch(
    _ body: ByteBuffer, _ parameters: QueryParameters, in info: CollectionInfo, dimension: Int
  ) throws(MoultError) -> SearchRequest {
    guard let given = try parameters.int("dimension") else {
      throw MoultError(
        .invalidArgument, "parameter 'dimension' is missing; a binary body needs it: entries of each query")
    }
    guard given == dimension else {
      throw MoultError(
        .dimensionMismatch,
        "collection '\(info.name)' takes \(dimension)-dimensional queries; parameter 'dimension' says \(given)"
      )
    }
    guard let queries = LittleEndianFloats.decode(body.readableBytesView, dimension: dimension) else {
      throw MoultError(
        .dimensionMismatch,
        "the body should be queries of \(dimension) × 4 bytes (collection '\(info.name)'), got \(body.readableBytes) bytes"
      )
    }
    return SearchRequest(
      queries: queries, dimension: dimension, limit: try parameters.int("limit") ?? defaultLimit,
      offset: try parameters.int("offset") ?? 0, ef: try parameters.int("ef"),
      probes: try parameters.int("probes"),
      exact: try parameters.bool("exact") ?? false, oversampling: try parameters.double("oversampling"),
      includePayload: try parameters.bool("payload") ?? false,
      includeVectors: try parameters.bool("vectors") ?? false,
      refusesPartial: try parameters.bool("allowPartial") != true)
  }

  /// What is searched for: vectors, or texts that the collection's model makes vectors of.
  private func jsonSearch(_ request: Request) async throws -> (
    SearchRequest, texts: [String]?, model: String?
  ) {
    let fields = try await fields(of: request, floatKeys: ["queries"]).fields
    try fields.refuseOthers(
      than: Self.searchOptions.union(["queries", "texts", "model", "filter", "range", "groupBy"]))
    let texts = try fields.strings("texts")
    guard (fields["queries"] == nil) != (texts == nil) else {
      throw fields.missing("queries", expected: "an array of vectors, or 'texts', an array of strings")
    }
    let model = try fields.string("model")
    let queries = try fields.vectors("queries") ?? ([], 0)
    let search = SearchRequest(
      queries: queries.values, dimension: queries.dimension,
      limit: try fields.int("limit") ?? Self.defaultLimit, offset: try fields.int("offset") ?? 0,
      ef: try fields.int("ef"), probes: try fields.int("probes"), exact: try fields.bool("exact") ?? false,
      oversampling: try fields.double("oversampling"),
      filter: try fields.fields("filter")?.pointFilter(), range: try fields.searchRange("range"),
      grouping: try fields.searchGrouping("groupBy"), includePayload: try fields.bool("payload") ?? false,
      includeVectors: try fields.bool("vectors") ?? false,
      refusesPartial: try fields.bool("allowPartial") != true)
    return (search, texts, model)
  }

  private static func answer(_ response: SearchResponse) -> Response {
    var json = JSONWriter(capacity: 1024)
    json.beginObject()
    json.key("hits")
    json.beginArray()
    for hits in response.hits {
      json.beginArray()
      for hit in hits {
        json.beginObject()
        json.key("id")
        json.value(hit.id)
        json.member("score", hit.score)
        if let payload = hit.payload.map(TextVector.plain), !payload.isEmpty {
          json.member("payload", raw: payload)
        }
        if let vector = hit.vector { json.member("vector", vector) }
        if let group = hit.group {
          json.key("group")
          json.value(JSON(group))
        }
        json.endObject()
      }
      json.endArray()
    }
    json.endArray()
    json.key("servedBy")
    json.beginObject()
    json.member("collection", response.servedBy.collection)
    json.member("generation", response.servedBy.generation)
    json.endObject()
    if let bridge = response.bridge {
      json.key("bridge")
      json.beginObject()
      json.member("model", bridge.model)
      json.member("rescored", bridge.rescored)
      json.member("estimated", bridge.estimated)
      json.endObject()
    }
    json.endObject()
    return .json(json, servedBy: response.servedBy)
  }
}
