internal import HTTPTypes
internal import Hummingbird
internal import Logging
internal import MoultModel

/// Turns whatever failed into an answer of the protocol that was spoken to.
struct ProtocolErrors: RouterMiddleware {
  typealias Context = BasicRequestContext

  let protocols: [any WireAPI]

  func handle(
    _ request: Request, context: Context, next: (Request, Context) async throws -> Response
  ) async throws -> Response {
    let owner = protocols.first { $0.owns(request.uri.path) }
    if let owner, owner.answersPreflight, request.method == .options {
      return Response(status: .noContent, headers: owner.headers)
    }
    var response: Response
    do {
      response = try await next(request, context)
    } catch let error as HTTPError where error.status == .notFound {
      response = owner?.responseToUnknownRoute(request) ?? .text("404 page not found", status: .notFound)
    } catch {
      let error = Self.moultError(error, context.logger)
      response = (owner ?? protocols[0]).response(to: error)
      // Of a body that was not read to its end the rest is of no use.
      if [.tooLarge, .deadlineExceeded].contains(error.code) { response.headers[.connection] = "close" }
    }
    if let owner {
      for field in owner.headers { response.headers[field.name] = field.value }
    }
    return response
  }

  private static func moultError(_ error: any Error, _ logger: Logger) -> MoultError {
    switch error {
    case let error as MoultError:
      if error.code == .internalError || error.code == .corrupted { logger.error("\(error)") }
      return error
    case let error as JSONError: return error.moultError("the request's body")
    case is CancellationError:
      return MoultError(.cancelled, "the request was cancelled before it was answered")
    default:
      logger.error("a request failed unexpectedly: \(error)")
      return MoultError(.internalError, "the server failed: \(error); its log may say more")
    }
  }
}
