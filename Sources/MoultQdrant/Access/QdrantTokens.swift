internal import Crypto
internal import Foundation
package import MoultModel
package import MoultServer

/// JSON Web Tokens (RFC 7519) as Qdrant takes them with `jwt_rbac`: signed with the API key by HMAC-SHA256 (`HS256`,
/// RFC 7515), with what their holders may do in them.
///
/// Claims: `exp`, seconds since 1970; `access`, `"r"`, `"m"` or `[{"collection", "access": "r" | "rw" | "prw"}]`, all
/// when it is left out; `value_exists`, `{"collection", "matches": [{"key", "value"}]}`. Others say nothing here.
package struct QdrantTokens: SignedCredentials {
  /// Longer ones are not looked at.
  static let bytesMax = 8_192
  /// Seconds that the clocks of whoever signs and of this machine may differ by.
  static let leeway = 30.0
  private static let depthMax = 8

  private let key: SymmetricKey
  private let now: @Sendable () -> Double

  /// - Parameters:
  ///   - key: the one for reading and writing.
  ///   - now: seconds since 1970.
  package init(
    key: String, now: @escaping @Sendable () -> Double = { Date().timeIntervalSince1970 }
  ) {
    self.init(key: SymmetricKey(data: Array(key.utf8)), now: now)
  }

  init(key: SymmetricKey, now: @escaping @Sendable () -> Double) {
    self.key = key
    self.now = now
  }

  package func caller(of credentials: [UInt8]) throws(MoultError) -> Caller? {
    guard credentials.count <= Self.bytesMax else { return nil }
    let parts = credentials.split(
      separator: UInt8(ascii: "."), maxSplits: 3, omittingEmptySubsequences: false)
    guard parts.count == 3, let signature = Self.data(parts[2]),
      // In a time that says nothing about the signature.
      HMAC<SHA256>.isValidAuthenticationCode(
        signature, authenticating: credentials[..<parts[1].endIndex], using: key)
    else { return nil }
    guard let header = Self.json(parts[0]), header["alg"] == .string("HS256"),
      let claims = Self.json(parts[1])?.object
    else { throw Self.refusal("expected a header with `alg` HS256 and claims as a JSON object") }
    return try caller(QdrantTokenClaims(claims))
  }

  private func caller(_ claims: QdrantTokenClaims) throws(MoultError) -> Caller {
    if let expiry = try claims.expiry, expiry + Self.leeway < now() {
      // A number of any size can be signed.
      let age = Int(min(1e15, max(0, now() - expiry)))
      throw Self.refusal("it expired \(age) seconds ago; sign a new one")
    }
    let condition = try claims.condition
    switch claims["access"] {
    case nil, .string("m")?: return Caller(access: .administer, claims: Claims(condition: condition))
    case .string("r")?: return Caller(access: .read, claims: Claims(condition: condition))
    case .array(let list)?:
      let grants = try QdrantTokenClaims.grants(list)
      let writes = grants.values.contains { $0 > .read }
      return Caller(
        access: writes ? .write : .read, claims: Claims(collections: grants, condition: condition))
    case let other?:
      throw Self.refusal("`access` should be \"r\", \"m\" or a list of collections, got \(other.kind)")
    }
  }

  static func refusal(_ reason: String) -> MoultError {
    MoultError(.unauthenticated, "the token is signed with this server's key and not good: \(reason)")
  }

  private static func json(_ part: ArraySlice<UInt8>) -> JSON? {
    guard let data = data(part) else { return nil }
    return data.withUnsafeBytes { try? JSONReader.parse($0.bindMemory(to: UInt8.self), depthMax: depthMax) }
  }

  /// Base64 with `-` and `_`, without padding.
  private static func data(_ part: ArraySlice<UInt8>) -> Data? {
    var text: [UInt8] = []
    text.reserveCapacity(part.count + 3)
    for byte in part {
      switch byte {
      case UInt8(ascii: "-"): text.append(UInt8(ascii: "+"))
      case UInt8(ascii: "_"): text.append(UInt8(ascii: "/"))
      case UInt8(ascii: "+"), UInt8(ascii: "/"), UInt8(ascii: "="): return nil
      default: text.append(byte)
      }
    }
    while !text.count.isMultiple(of: 4) { text.append(UInt8(ascii: "=")) }
    return Data(base64Encoded: Data(text))
  }
}
