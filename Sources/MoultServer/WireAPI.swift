package import HTTPTypes
package import Hummingbird
package import MoultModel

/// A protocol that is spoken over HTTP, and maybe over gRPC: it translates requests into verbs of the engine and answers back.
///
/// The server knows its protocols only through this. What fails before a route is reached (authorization, a
/// body that is too large, an unknown path) is told in the words of the protocol under whose root it happened.
package protocol WireAPI: Sendable {
  typealias Context = BasicRequestContext

  /// The path under which all its routes stand, without a slash at the end.
  var root: String { get }
  /// Headers of every answer under `root`, failures included.
  var headers: HTTPFields { get }
  /// Whether clients ask `OPTIONS` first, without authorization: answered with 204 and `headers`.
  var answersPreflight: Bool { get }

  /// Whether its routes look at the privileges of users themselves; otherwise they are for users of the role `admin`.
  var checksUsers: Bool { get }

  /// What everyone may ask for, without credentials, on a port of this protocol's own.
  var openPaths: Set<String> { get }
  /// A header that shows a token as it is, beside `Authorization`, on a port of this protocol's own.
  var keyHeader: HTTPField.Name? { get }

  /// What can be called over gRPC. Authorization is the server's.
  var rpcMethods: [RPCMethod] { get }

  /// - Parameter routes: below `root`.
  func addRoutes(to routes: GuardedRoutes)
  func response(to error: MoultError) -> Response
  func responseToUnknownRoute(_ request: Request) -> Response
}

extension WireAPI {
  package var headers: HTTPFields { [:] }
  package var answersPreflight: Bool { false }
  package var checksUsers: Bool { false }
  package var openPaths: Set<String> { [] }
  package var keyHeader: HTTPField.Name? { nil }
  package var rpcMethods: [RPCMethod] { [] }

  /// Whether a request belongs to this protocol.
  func owns(_ path: String) -> Bool {
    path.hasPrefix(root)
      && (path.utf8.count == root.utf8.count
        || path.utf8.dropFirst(root.utf8.count).first == UInt8(ascii: "/"))
  }
}
