internal import HTTPTypes
internal import Hummingbird
internal import MoultModel

/// Notes what the caller may do: `Authorization: Bearer TOKEN`, or Basic with `user:password`.
///
/// `OPTIONS` is open, which browsers send without authorization.
struct Authentication: RouterMiddleware {
  typealias Context = BasicRequestContext

  let authenticator: Authenticator
  let openPaths: Set<String>
  /// Another header that shows a token as it is.
  var keyHeader: HTTPField.Name?

  func handle(
    _ request: Request, context: Context, next: (Request, Context) async throws -> Response
  ) async throws -> Response {
    if openPaths.contains(request.uri.path) || request.method == .options {
      return try await next(request, context)
    }
    let caller = try await caller(of: request)
    return try await Caller.$current.withValue(caller) { try await next(request, context) }
  }

  private func caller(of request: Request) async throws -> Caller {
    guard authenticator.tokens != nil else { return Authenticator.everyone }
    if let keyHeader, let key = request.headers[keyHeader] {
      return try await caller(showing: Array(key.utf8), keyHeader)
    }
    guard let header = request.headers[.authorization] else {
      throw MoultError(
        .unauthenticated,
        "this server wants a token: send 'Authorization: Bearer TOKEN' (moult: --token, MOULT_TOKEN)")
    }
    return try await caller(showing: AccessTokens.credentials(header), .authorization)
  }

  private func caller(showing credentials: [UInt8]?, _ name: HTTPField.Name) async throws -> Caller {
    if let credentials {
      switch authenticator.look(at: credentials) {
      case .known(let caller): return caller
      case .unchecked(let user, let password):
        if let caller = try await authenticator.check(user: user, password: password) { return caller }
      case .refused(let reason): throw MoultError(.unauthenticated, reason)
      case .unknown: break
      }
    }
    throw MoultError(
      .unauthenticated, "the token in the header '\(name.rawName)' is not one that this server wants")
  }
}
