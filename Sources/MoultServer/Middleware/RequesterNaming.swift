internal import HTTPTypes
internal import Hummingbird
internal import MoultModel

extension HTTPField.Name {
  /// Who asks, in his own words, for the history.
  static let moultRequester = HTTPField.Name("moult-requester")!
}

/// Notes who asks: what the header `moult-requester` says, for as long as the request lasts.
struct RequesterNaming: RouterMiddleware {
  typealias Context = BasicRequestContext

  static let bytesMax = 200

  func handle(
    _ request: Request, context: Context, next: (Request, Context) async throws -> Response
  ) async throws -> Response {
    guard let name = request.headers[.moultRequester], !name.isEmpty else {
      return try await next(request, context)
    }
    guard name.utf8.count <= Self.bytesMax else {
      throw MoultError(
        .invalidArgument,
        "the header moult-requester must have at most \(Self.bytesMax) bytes, got \(name.utf8.count)")
    }
    return try await Requester.$name.withValue(name) { try await next(request, context) }
  }
}
