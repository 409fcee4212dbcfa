import HTTPTypes
import Hummingbird
import MoultModel
import MoultServer
import NIOCore

/// Routes and procedures that wait until the test says so, none of which knows a collection.
struct WaitingAPI: WireAPI {
  /// Somebody is inside.
  let begun = AsyncStream.makeStream(of: Void.self)
  let go = AsyncStream.makeStream(of: Void.self)

  var root: String { "/test" }

  func addRoutes(to routes: GuardedRoutes) {
    routes.on(.post, "read", .read) { _, _ in
      try await wait()
      return Response(status: .ok)
    }
    routes.on(.post, "write", .write) { request, _ in
      let body = try await request.wholeBody(100)
      try await wait()
      // Would be thrown if the change were cancelled in its middle.
      try Task.checkCancellation()
      return .text("written \(body.readableBytes)")
    }
    routes.on(.post, "late", .write) { _, _ in
      try await wait()
      try Deadline.check()
      return .text("written")
    }
  }

  var rpcMethods: [RPCMethod] {
    [
      RPCMethod(path: "/test.Waiting/Read", .read) { message, _ in
        try await wait()
        return message
      },
      RPCMethod(path: "/test.Waiting/Write", .write) { message, _ in
        try await wait()
        try Task.checkCancellation()
        return message
      },
    ]
  }

  private func wait() async throws {
    begun.continuation.yield()
    for await _ in go.stream { return }
    throw CancellationError()
  }

  func response(to error: MoultError) -> Response {
    .text(error.code.rawValue, status: error.code == .deadlineExceeded ? .gatewayTimeout : .badRequest)
  }
  func responseToUnknownRoute(_ request: Request) -> Response { Response(status: .notFound) }
}
