internal import Hummingbird
internal import MoultEngine
internal import MoultModel
internal import MoultServer
internal import NIOCore

/// `/v2/vectordb/entities/hybrid_search`, also called `advanced_search`.
extension MilvusAPI {
  func addHybridSearchRoutes(to group: GuardedRoutes) {
    for action in ["hybrid_search", "advanced_search"] {
      route("entities/\(action)", .read, type: "HybridSearchReq", to: group, floatKeys: Self.queryField) {
        try HybridSearchRequest(&$0)
      } answer: { input, call in
        let (response, output) = try await operations.reading(input.collection) { collection in
          let output = try OutputFields(input.outputFields, of: collection)
          let search = try await input.search(collection)
          return (try await operations.hybridSearch(search, in: collection, output: output), output)
        }
        return Self.answer(response, output, call)
      }
    }
  }

  /// Hits of all queries in one array.
  static func answer(_ response: FoundPoints, _ output: OutputFields, _ call: MilvusCall) -> Response {
    MilvusAnswer.success(cost: true, topks: response.hits.map(\.count), servedBy: response.servedBy) { json in
      json.beginArray()
      for hit in response.hits.joined() {
        output.write(
          hit.id, distance: hit.score, vectors: hit.vectors, payload: hit.payload,
          int64AsText: call.int64AsText, to: &json)
      }
      json.endArray()
    }
  }
}
