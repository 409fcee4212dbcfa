internal import Hummingbird
internal import MoultEngine
internal import MoultModel
internal import MoultServer

/// `/v2/vectordb/entities/search`.
extension MilvusAPI {
  func addSearchRoute(to group: RouterGroup<Context>) {
    route("entities/search", type: "SearchReqV2", to: group, floatKeys: { _ in ["data"] }) {
      try MilvusSearchRequest(&$0)
    } answer: { input, call in
      let schema = try engine.describeCollection(input.collection).schema
      let output = OutputFields(input.outputFields, schema: schema)
      let request = try input.searchRequest(schema, output)
      let response = try await engine.search(request, in: input.collection)
      return MilvusAnswer.success(
        cost: true, topks: response.hits.map(\.count), servedBy: response.servedBy
      ) { json in
        json.beginArray()
        for hit in response.hits.joined() {
          output.write(
            hit.id, distance: hit.score, vector: hit.vector, payload: hit.payload, int64AsText: call.int64AsText,
            to: &json)
        }
        json.endArray()
      }
    }
  }
}
