package import HTTPTypes
package import Hummingbird

/// Where a protocol adds its routes: each says what it does, and is reached only by callers who may do that, with the
/// whole body and a deadline.
package struct GuardedRoutes {
  package typealias Context = BasicRequestContext
  package typealias Handler = @Sendable (Request, Context) async throws -> Response

  private let group: RouterGroup<Context>
  private let requestGuard: RequestGuard
  private let checksUsers: Bool

  init(_ group: RouterGroup<Context>, _ requestGuard: RequestGuard, checksUsers: Bool = false) {
    self.checksUsers = checksUsers
    self.group = group
    self.requestGuard = requestGuard
  }

  /// A route that everyone may ask, which tells nothing that is not known anyway. Its path is one of the protocol's
  /// open ones.
  package func open(_ method: HTTPRequest.Method, _ path: String, handler: @escaping Handler) {
    group.on(RouterPath(path), method: method) { request, context in try await handler(request, context) }
  }

  /// - Parameters:
  ///   - path: under the protocol's root.
  ///   - access: what the handler does. One that writes is not cancelled once it has begun; one that reads is, when its
  ///     time has run out.
  ///   - streams: the handler reads a body of any length as it comes, or answers so; then there is neither a limit nor
  ///     a deadline, and only a client that stands still is cut off.
  package func on(
    _ method: HTTPRequest.Method, _ path: String, _ access: Access, streams: Bool = false,
    handler: @escaping Handler
  ) {
    group.on(RouterPath(path), method: method) { [requestGuard, checksUsers] request, context in
      try RequestGuard.require(access, of: request, checksUsers: checksUsers)
      guard !streams else { return try await requestGuard.stream(request, context, handler) }
      return try await requestGuard.run(request, context, access, handler)
    }
  }
}
