internal import HTTPTypes
package import Hummingbird
internal import MoultModel
package import NIOCore

/// Refuses a request whose header announces more than is allowed, before any of it is read.
struct RequestLimits: RouterMiddleware {
  typealias Context = BasicRequestContext

  let bodyBytesMax: Int

  func handle(
    _ request: Request, context: Context, next: (Request, Context) async throws -> Response
  ) async throws -> Response {
    if let length = request.headers[.contentLength].flatMap({ Int($0) }), length > bodyBytesMax {
      throw BodyTooLarge.error(length, bodyBytesMax)
    }
    return try await next(request, context)
  }
}

enum BodyTooLarge {
  static func error(_ length: Int?, _ bodyBytesMax: Int) -> MoultError {
    let came = length.map { "\($0) bytes" } ?? "more"
    return MoultError(
      .tooLarge,
      "the request's body must be at most \(bodyBytesMax) bytes, got \(came); send it in several requests")
  }
}

extension Request {
  /// The whole body.
  ///
  /// - Throws: `tooLarge` as soon as more than `bodyBytesMax` have come.
  package func wholeBody(_ bodyBytesMax: Int) async throws -> ByteBuffer {
    do {
      return try await body.collect(upTo: bodyBytesMax)
    } catch is NIOTooManyBytesError {
      throw BodyTooLarge.error(nil, bodyBytesMax)
    }
  }
}
