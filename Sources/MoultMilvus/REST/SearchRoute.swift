internal import Hummingbird
internal import MoultEngine
internal import MoultModel
internal import MoultServer
internal import NIOCore

/// `/v2/vectordb/entities/search`.
extension MilvusAPI {
  @Sendable
  static func queryField(_ body: ByteBuffer) -> JSONFloatKeys { ["data"] }

  func addSearchRoute(to group: GuardedRoutes) {
    route("entities/search", .read, type: "SearchReqV2", to: group, floatKeys: Self.queryField) {
      try MilvusSearchRequest(&$0)
    } answer: { input, call in
      let (response, output) = try await operations.reading(input.collection) { collection in
        let output = try OutputFields(input.outputFields, of: collection)
        let target = try collection.target(input.field)
        let search = try await input.search(target, collection.info.schema) {
          try await operations.queries(of: $0, target, in: collection)
        }
        let ranking = try input.ranking(in: collection)
        return (
          try await operations.search(search, ranking: ranking, in: collection, output: output), output
        )
      }
      return Self.answer(response, output, call)
    }
  }
}
