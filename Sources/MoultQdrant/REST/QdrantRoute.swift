internal import Foundation
internal import HTTPTypes
internal import Hummingbird
internal import MoultEngine
internal import MoultModel
internal import MoultServer
internal import NIOCore

/// A request on its way through a route.
struct QdrantCall: Sendable {
  /// As it came.
  enum Source: Sendable {
    case http(Request, BasicRequestContext)
    /// Over gRPC: the route's parameters, whether the client wants to be told when all is done, and the body.
    case message(parameters: [String: String], waits: Bool, JSONObject)
  }

  let source: Source
  /// Empty over gRPC.
  let body: ByteBuffer
  let start: ContinuousClock.Instant

  /// A part of the path, decoded.
  func path(_ name: String) throws -> String {
    switch source {
    case .message(let parameters, _, _): return parameters[name] ?? ""
    case .http(_, let context):
      let raw = try context.parameters.require(name)
      guard let text = raw.removingPercentEncoding else {
        throw QdrantError.wrongInput("'\(raw.prefix(100))' in the path is not percent-encoded UTF-8")
      }
      return text
    }
  }

  func query(_ name: String) -> String? {
    switch source {
    case .message(_, let waits, _): name == "wait" ? String(waits) : nil
    case .http(let request, _): request.uri.queryParameters.first { $0.key == name }.map { String($0.value) }
    }
  }

  /// The body as JSON.
  ///
  /// - Parameter floatKeys: names of members that hold vectors.
  /// - Throws: 400.
  func json(floatKeys: JSONFloatKeys = []) throws(QdrantError) -> JSON {
    if case .message(_, _, let object) = source { return .object(object) }
    guard body.readableBytes > 0 else { throw .format("EOF while parsing a value at line 1 column 0") }
    do {
      return try body.json(floatKeys: floatKeys, keepsLarge: true)
    } catch {
      throw .format(error.description)
    }
  }

  /// The body as a JSON object.
  func object(floatKeys: JSONFloatKeys = []) throws(QdrantError) -> QdrantFields {
    try QdrantFields(try json(floatKeys: floatKeys))
  }

  func answer(_ write: (inout JSONWriter) throws -> Void) rethrows -> Response {
    try QdrantAnswer.success(since: start, write)
  }

  func answer(_ isDone: Bool) -> Response { answer { $0.value(isDone) } }

  /// Of a write, which is durable in either case.
  func answer(_ update: QdrantUpdate) -> Response { answer { update.write(to: &$0, waited: waits) } }

  /// Whether the client wants to be told when all is done; it is, whatever it wants.
  var waits: Bool { query("wait") == "true" }
}

extension QdrantAPI {
  typealias Answer = @Sendable (QdrantCall) async throws -> Response

  /// - Parameters:
  ///   - path: below the root, in Hummingbird's form.
  ///   - access: what the handler does.
  ///   - need: what a signed token must grant; `nil` takes what the path and the access say.
  func route(
    _ method: HTTPRequest.Method, _ path: String, _ access: Access, to group: GuardedRoutes,
    need: QdrantNeed? = nil, answer: @escaping Answer
  ) {
    let need = need ?? QdrantNeed(path, access)
    let authorized: Answer = { [operations] call in
      try await operations.authorize(need) { try call.path("name") }
      return try await answer(call)
    }
    handlers.add(authorized, for: method, path)
    group.on(method, path, access) { request, context in
      let start = ContinuousClock.now
      let hasBody = [.post, .put, .patch].contains(method)
      let body = hasBody ? try await request.wholeBody(bodyBytesMax) : ByteBuffer()
      do {
        return try await authorized(QdrantCall(source: .http(request, context), body: body, start: start))
      } catch let error as QdrantError {
        return QdrantAnswer.failure(error, since: start)
      } catch let error as MoultError where error.code != .internalError && error.code != .corrupted {
        return QdrantAnswer.failure(QdrantError(error), since: start)
      }
    }
  }
}
