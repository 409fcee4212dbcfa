internal import Hummingbird
internal import MoultEngine
internal import MoultModel
internal import MoultServer

/// `/v2/vectordb/common/run_analyzer`.
extension MilvusAPI {
  func addAnalyzerRoutes(to group: GuardedRoutes) {
    route("common/run_analyzer", .read, type: "RunAnalyzerReq", to: group) { fields in
      _ = fields.required("text")
      return (
        texts: try fields.strings("text") ?? [], parameters: try fields.string("analyzerParams"),
        collection: try fields.string("collectionName"), field: try fields.string("fieldName"),
        names: try fields.strings("analyzerNames") ?? [],
        withDetail: try fields.fields.bool("withDetail") ?? false,
        withHash: try fields.fields.bool("withHash") ?? false
      )
    } answer: { input, _ in
      let found = try await operations.analyze(
        input.texts, parameters: input.parameters, collection: input.collection, field: input.field,
        names: input.names)
      return MilvusAnswer.success { json in
        json.beginArray()
        for tokens in found {
          json.beginObject()
          json.key("tokens")
          json.beginArray()
          for token in tokens {
            Self.write(token, withDetail: input.withDetail, withHash: input.withHash, to: &json)
          }
          json.endArray()
          json.endObject()
        }
        json.endArray()
      }
    }
  }

  /// Members are named as in the message.
  private static func write(
    _ token: TextToken, withDetail: Bool, withHash: Bool, to json: inout JSONWriter
  ) {
    json.beginObject()
    json.member("token", token.text)
    if withDetail {
      json.member("start_offset", token.bytes.lowerBound)
      json.member("end_offset", token.bytes.upperBound)
      json.member("position", token.position)
      json.member("position_length", 1)
    }
    if withHash { json.member("hash", Int(token.dimension)) }
    json.endObject()
  }
}
