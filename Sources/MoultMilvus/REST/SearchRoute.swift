internal import Hummingbird
internal import MoultEngine
internal import MoultModel
internal import MoultServer
internal import NIOCore

/// `/v2/vectordb/entities/search`.
extension MilvusAPI {
  @Sendable
  private static func queryField(_ body: ByteBuffer) -> JSONFloatKeys { ["data"] }

  func addSearchRoute(to group: RouterGroup<Context>) {
    route("entities/search", type: "SearchReqV2", to: group, floatKeys: Self.queryField) {
      try MilvusSearchRequest(&$0)
    } answer: { input, call in
      let (response, output) = try await engine.reading(input.collection) { info in
        let output = OutputFields(input.outputFields, schema: info.schema)
        let request = try input.searchRequest(info.schema, output)
        return (try await engine.search(request, in: info.name), output)
      }
      return MilvusAnswer.success(
        cost: true, topks: response.hits.map(\.count), servedBy: response.servedBy
      ) { json in
        json.beginArray()
        for hit in response.hits.joined() {
          output.write(
            hit.id, distance: hit.score, vector: hit.vector, payload: hit.payload,
            int64AsText: call.int64AsText,
            to: &json)
        }
        json.endArray()
      }
    }
  }
}
