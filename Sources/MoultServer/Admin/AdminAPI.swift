internal import Foundation
internal import HTTPTypes
package import Hummingbird
package import MoultEngine
package import MoultModel
internal import NIOCore

/// Moult's own protocol: what Milvus and Qdrant have no words for, and all the rest besides.
package struct AdminAPI: WireAPI {
  package static let root = "/moult/v1"

  let engine: Engine
  let bodyBytesMax: Int

  package init(engine: Engine, bodyBytesMax: Int) {
    self.engine = engine
    self.bodyBytesMax = bodyBytesMax
  }

  package var root: String { Self.root }

  package func addRoutes(to group: GuardedRoutes) {
    addCollectionRoutes(to: group)
    addPointRoutes(to: group)
    addSearchRoutes(to: group)
    addGenerationRoutes(to: group)
    addJobRoutes(to: group)
    addAliasRoutes(to: group)
    addHistoryRoutes(to: group)
    addEmbedderRoutes(to: group)
    addComparisonRoutes(to: group)
    addBackupRoutes(to: group)
    group.on(.get, "openapi.json", .read) { _, _ in
      Response.text(OpenAPI.document, type: "application/json")
    }
  }

  package func response(to error: MoultError) -> Response {
    Self.failure(code: error.code.rawValue, error.message, status: error.code.adminStatus)
  }

  package func responseToUnknownRoute(_ request: Request) -> Response {
    Self.failure(
      code: "routeNotFound",
      "there is no \(request.method.rawValue) \(request.uri.path); \(Self.root)/openapi.json lists the routes",
      status: .notFound)
  }

  private static func failure(code: String, _ message: String, status: HTTPResponse.Status) -> Response {
    var json = JSONWriter()
    json.beginObject()
    json.key("error")
    json.beginObject()
    json.member("code", code)
    json.member("message", message)
    json.endObject()
    json.endObject()
    var response = Response.json(json, status: status)
    response.sayWhenToRetry()
    return response
  }
}

extension AdminAPI {
  /// An answer in the form that `MoultModel` gives its values.
  static func answer(
    _ value: some Encodable, status: HTTPResponse.Status = .ok, servedBy: ServedBy? = nil
  ) throws -> Response {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return .bytes(
      ByteBuffer(bytes: try encoder.encode(value)), type: "application/json", status: status,
      servedBy: servedBy)
  }

  /// The body as the fields of an object; an empty body is an object without members.
  func fields(
    of request: Request, floatKeys: JSONFloatKeys = []
  ) async throws -> (fields: RequestFields, body: ByteBuffer) {
    let body = try await request.wholeBody(bodyBytesMax)
    if body.readableBytes == 0 { return (RequestFields(JSONObject()), body) }
    return (try RequestFields(try body.json(floatKeys: floatKeys)), body)
  }
}

extension CollectionInfo {
  package var servedBy: ServedBy { ServedBy(collection: name, generation: generation.id) }
}
