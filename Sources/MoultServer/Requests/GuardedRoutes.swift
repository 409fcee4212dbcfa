package import HTTPTypes
package import Hummingbird
internal import MoultModel

/// Where a protocol adds its routes: each says what it does, and is reached only by callers who may do that.
package struct GuardedRoutes {
  package typealias Context = BasicRequestContext
  package typealias Handler = @Sendable (Request, Context) async throws -> Response

  private let group: RouterGroup<Context>

  init(_ group: RouterGroup<Context>) { self.group = group }

  /// - Parameters:
  ///   - path: under the protocol's root.
  ///   - access: what the handler needs.
  package func on(
    _ method: HTTPRequest.Method, _ path: String, _ access: Access, handler: @escaping Handler
  ) {
    group.on(RouterPath(path), method: method) { request, context in
      try Self.require(access, for: "\(method.rawValue) \(request.uri.path)")
      return try await handler(request, context)
    }
  }

  /// - Throws: `permissionDenied`.
  private static func require(_ access: Access, for what: String) throws(MoultError) {
    guard let granted = Caller.access, granted >= access else {
      throw MoultError(
        .permissionDenied,
        "the token of this request only allows reading, and \(what.prefix(300)) changes something; send the read-write token"
      )
    }
  }
}
