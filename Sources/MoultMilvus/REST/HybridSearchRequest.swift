internal import MoultModel
internal import MoultServer

/// `entities/hybrid_search`.
struct HybridSearchRequest {
  var collection: String
  var outputFields: [String]
  private var parts: [MilvusSearchRequest] = []
  private var strategy: String
  private var parameters: RequestFields
  private var functions: [RankFunction]
  private var functionParameters: [String: String]
  private var limit: Int
  private var offset: Int
  private var grouping: RankGrouping?

  init(_ fields: inout MilvusFields) throws {
    let values = fields.fields
    collection = try fields.requiredString("collectionName")
    outputFields = try fields.strings("outputFields") ?? []
    limit = try values.int("limit") ?? 100
    offset = try values.int("offset") ?? 0
    let partitions = try fields.strings("partitionNames") ?? []
    _ = fields.required("search")
    for (place, object) in (try fields.objects("search") ?? []).enumerated() {
      let part = RequestFields(object, path: "search[\(place)].", ignoresCase: true)
      if part["data"] == nil { fields.addMissing("search[\(place)].data") }
      parts.append(
        try MilvusSearchRequest(part: part, limit: limit + min(offset, 16_384), partitions: partitions))
    }
    let rerank = try values.fields("rerank")
    strategy = try rerank?.string("strategy") ?? "rrf"
    parameters = try rerank?.fields("params") ?? RequestFields(JSONObject(), ignoresCase: true)
    (functions, functionParameters) = try RankFunction.list(try values.fields("functionScore"))
    let field = try fields.string("groupingField")
    if !field.isEmpty {
      grouping = RankGrouping(
        field: field, size: try values.int("groupSize") ?? 1,
        isStrict: try values.bool("strictGroupSize") ?? false)
    }
  }

  func search(_ collection: DescribedCollection) async throws -> HybridSearch {
    var searches: [MilvusSearch] = []
    for part in parts {
      searches.append(
        try await part.search(try collection.target(part.field), collection.info.schema) { _ in .none })
    }
    var search = HybridSearch(
      searches: searches, ranker: try ranker(in: collection), limit: limit, offset: offset)
    try grouping?.check()
    search.grouping = grouping
    return search
  }

  private func ranker(in collection: DescribedCollection) throws -> HybridRanker {
    guard functions.isEmpty else {
      return try MilvusRanking(functions, parameters: functionParameters, in: collection).hybridRanker()
    }
    return try HybridRanker(strategy: strategy, parameters)
  }
}
