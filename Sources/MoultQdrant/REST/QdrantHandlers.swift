internal import HTTPTypes
internal import MoultModel
internal import Synchronization

/// What answers each route of REST, for gRPC, whose methods are the same by other names.
final class QdrantHandlers: Sendable {
  private let handlers = Mutex<[String: QdrantAPI.Answer]>([:])

  func add(_ answer: @escaping QdrantAPI.Answer, for method: HTTPRequest.Method, _ path: String) {
    handlers.withLock { $0["\(method) \(path)"] = answer }
  }

  /// - Throws: `internalError` for a route that was not added.
  func handler(for method: HTTPRequest.Method, _ path: String) throws(MoultError) -> QdrantAPI.Answer {
    guard let handler = handlers.withLock({ $0["\(method) \(path)"] }) else {
      throw MoultError(.internalError, "there is no route \(method) \(path)")
    }
    return handler
  }
}
