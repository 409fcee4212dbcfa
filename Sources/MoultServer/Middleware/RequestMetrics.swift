internal import HTTPTypes
internal import Hummingbird

/// Counts and times every request by route and status.
struct RequestMetrics: RouterMiddleware {
  typealias Context = BasicRequestContext

  let metrics: ServerMetrics

  func handle(
    _ request: Request, context: Context, next: (Request, Context) async throws -> Response
  ) async throws -> Response {
    let start = ContinuousClock.now
    metrics.begin()
    defer { metrics.end() }
    let response = try await next(request, context)
    metrics.record(
      ServerMetrics.Key(
        method: Self.known.contains(request.method) ? request.method.rawValue : "other",
        route: context.endpointPath ?? "none", status: response.status.code),
      seconds: (ContinuousClock.now - start) / .seconds(1))
    return response
  }

  /// Others are counted together: what clients make up must not become labels without end.
  private static let known: Set<HTTPRequest.Method> = [.get, .head, .post, .put, .patch, .delete, .options]
}
