internal import Foundation
package import MoultModel

/// The hosts that embedders may be called at: what the server's operator has named, and nothing that a client of its API
/// can add to.
package struct EmbedderHosts: Sendable {
  private struct Host: Sendable, Hashable {
    var name: String
    /// `nil` for that of the scheme.
    var port: Int?
  }

  private let hosts: Set<Host>

  /// - Parameter texts: `HOST` or `HOST:PORT`; without a port that of the scheme, 80 or 443.
  /// - Throws: `invalidArgument` for what is no host.
  package init(_ texts: [String]) throws(MoultError) {
    var hosts = Set<Host>()
    for text in texts {
      guard let parsed = URLComponents(string: "http://\(text)"), let name = parsed.host, !name.isEmpty,
        parsed.path.isEmpty, parsed.query == nil, parsed.user == nil, parsed.fragment == nil,
        parsed.port.map({ (1...65_535).contains($0) }) ?? !text.hasSuffix(":")
      else {
        throw MoultError(
          .invalidArgument, "an embedder's host is HOST or HOST:PORT, such as 127.0.0.1:8080, got '\(text)'")
      }
      hosts.insert(Host(name: name.lowercased(), port: parsed.port))
    }
    self.hosts = hosts
  }

  /// - Returns: the parts of a URL that may be called.
  /// - Throws: `invalidArgument` for a URL that is none, or leads elsewhere.
  func check(_ url: String) throws(MoultError) -> (scheme: String, host: String) {
    guard let parsed = URLComponents(string: url), let scheme = parsed.scheme?.lowercased(),
      ["http", "https"].contains(scheme), let name = parsed.host?.lowercased(), !name.isEmpty,
      parsed.user == nil, parsed.password == nil, parsed.fragment == nil
    else {
      throw MoultError(
        .invalidArgument,
        "the url of an embedder looks like https://host/v1/embeddings, without user, password or fragment; got "
          + "'\(url.prefix(300))'")
    }
    let standard = scheme == "https" ? 443 : 80
    let port = parsed.port ?? standard
    guard
      hosts.contains(Host(name: name, port: port)) || (port == standard && hosts.contains(Host(name: name)))
    else {
      throw MoultError(
        .invalidArgument,
        "this server may not call '\(name):\(port)'; who runs it allows that with `moult serve --embedder-host "
          + "\(name)\(port == standard ? "" : ":\(port)")`")
    }
    return (scheme, name)
  }

  /// Whether a name stands for this machine: what is sent there is on no wire.
  static func isLocal(_ host: String) -> Bool {
    ["localhost", "::1", "[::1]"].contains(host) || host.hasPrefix("127.")
  }
}
