internal import Foundation
internal import HTTPTypes
internal import Hummingbird
internal import MoultModel

/// Lets through who shows the token: `Authorization: Bearer TOKEN`, or Basic with `user:password`.
///
/// `/healthz` is open, and so is `OPTIONS`, which browsers send without authorization. The token appears in no
/// message and no log.
struct Authentication: RouterMiddleware {
  typealias Context = BasicRequestContext

  private let token: [UInt8]

  init(token: String) {
    self.token = Array(token.utf8)
  }

  func handle(
    _ request: Request, context: Context, next: (Request, Context) async throws -> Response
  ) async throws -> Response {
    if request.uri.path == HealthRoutes.path || request.method == .options {
      return try await next(request, context)
    }
    guard let header = request.headers[.authorization] else {
      throw MoultError(
        .unauthenticated,
        "this server wants a token: send 'Authorization: Bearer TOKEN' (moult: --token, MOULT_TOKEN)")
    }
    guard let given = Self.credentials(header), Self.areEqual(given, token) else {
      throw MoultError(
        .unauthenticated, "the token in the header 'Authorization' is not the one this server wants")
    }
    return try await next(request, context)
  }

  /// What a header shows: the token itself, or `user:password` of the Basic scheme.
  static func credentials(_ header: String) -> [UInt8]? {
    guard let space = header.firstIndex(of: " ") else { return nil }
    let value = header[header.index(after: space)...].trimmingCharacters(in: .whitespaces)
    switch header[..<space].lowercased() {
    case "bearer": return Array(value.utf8)
    case "basic": return Data(base64Encoded: value).map(Array.init)
    default: return nil
    }
  }

  /// Compares in a time that depends on the length of `given` alone, so that nothing can be guessed byte by byte.
  static func areEqual(_ given: [UInt8], _ expected: [UInt8]) -> Bool {
    var difference = given.count ^ expected.count
    for index in given.indices {
      let other = expected.isEmpty ? 0 : expected[index % expected.count]
      difference |= Int(given[index] ^ other)
    }
    return difference == 0
  }
}
