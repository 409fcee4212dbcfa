internal import HTTPTypes
internal import Hummingbird
internal import MoultModel

/// Notes what the caller may do: `Authorization: Bearer TOKEN`, or Basic with `user:password`.
///
/// `/healthz` is open, and so is `OPTIONS`, which browsers send without authorization.
struct Authentication: RouterMiddleware {
  typealias Context = BasicRequestContext

  let authenticator: Authenticator

  func handle(
    _ request: Request, context: Context, next: (Request, Context) async throws -> Response
  ) async throws -> Response {
    if request.uri.path == HealthRoutes.path || request.method == .options {
      return try await next(request, context)
    }
    let caller = try await caller(of: request)
    return try await Caller.$current.withValue(caller) { try await next(request, context) }
  }

  private func caller(of request: Request) async throws -> Caller {
    guard authenticator.tokens != nil else { return Authenticator.everyone }
    guard let header = request.headers[.authorization] else {
      throw MoultError(
        .unauthenticated,
        "this server wants a token: send 'Authorization: Bearer TOKEN' (moult: --token, MOULT_TOKEN)")
    }
    if let credentials = AccessTokens.credentials(header) {
      switch authenticator.look(at: credentials) {
      case .known(let caller): return caller
      case .unchecked(let user, let password):
        if let caller = try await authenticator.check(user: user, password: password) { return caller }
      case .unknown: break
      }
    }
    throw MoultError(
      .unauthenticated, "the token in the header 'Authorization' is not one that this server wants")
  }
}
