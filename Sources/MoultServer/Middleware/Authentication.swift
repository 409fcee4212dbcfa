internal import HTTPTypes
internal import Hummingbird
internal import MoultModel

/// Notes what the caller may do: `Authorization: Bearer TOKEN`, or Basic with `user:password`.
///
/// `/healthz` is open, and so is `OPTIONS`, which browsers send without authorization.
struct Authentication: RouterMiddleware {
  typealias Context = BasicRequestContext

  /// `nil` lets everyone do everything.
  let tokens: AccessTokens?

  func handle(
    _ request: Request, context: Context, next: (Request, Context) async throws -> Response
  ) async throws -> Response {
    if request.uri.path == HealthRoutes.path || request.method == .options {
      return try await next(request, context)
    }
    let access = try access(of: request)
    return try await Caller.$access.withValue(access) { try await next(request, context) }
  }

  private func access(of request: Request) throws(MoultError) -> Access {
    guard let tokens else { return .write }
    guard let header = request.headers[.authorization] else {
      throw MoultError(
        .unauthenticated,
        "this server wants a token: send 'Authorization: Bearer TOKEN' (moult: --token, MOULT_TOKEN)")
    }
    guard let given = AccessTokens.credentials(header), let access = tokens.access(of: given) else {
      throw MoultError(
        .unauthenticated, "the token in the header 'Authorization' is not one that this server wants")
    }
    return access
  }
}
