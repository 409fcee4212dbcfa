internal import HTTPTypes
package import Hummingbird
internal import MoultModel
package import NIOCore

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
