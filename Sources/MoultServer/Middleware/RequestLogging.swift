internal import HTTPTypes
internal import Hummingbird
internal import Logging

/// One line for each request at `debug`: never headers or bodies, which may hold tokens and data.
struct RequestLogging: RouterMiddleware {
  typealias Context = BasicRequestContext

  func handle(
    _ request: Request, context: Context, next: (Request, Context) async throws -> Response
  ) async throws -> Response {
    guard context.logger.logLevel <= .debug else { return try await next(request, context) }
    let start = ContinuousClock.now
    let response = try await next(request, context)
    let duration = ContinuousClock.now - start
    context.logger.debug(
      "\(request.method) \(request.uri.path) → \(response.status.code)",
      metadata: [
        "seconds": "\(duration / .seconds(1))",
        "generation": .string(response.headers[.moultGeneration] ?? "-"),
      ])
    return response
  }
}
