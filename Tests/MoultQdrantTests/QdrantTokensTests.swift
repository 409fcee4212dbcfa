import Crypto
import Foundation
import MoultModel
import MoultServer
import Testing

@testable import MoultQdrant

@Suite("Tokens of Qdrant's clients")
struct QdrantTokensTests {
  private static let tokens = QdrantTokens(key: "secret") { 1_000_000 }

  private static func coded(_ bytes: some Sequence<UInt8>) -> String {
    Data(bytes).base64EncodedString().replacing("+", with: "-").replacing("/", with: "_").replacing(
      "=", with: "")
  }

  private static func token(
    _ claims: String, header: String = #"{"alg":"HS256","typ":"JWT"}"#, key: String = "secret"
  ) -> String {
    let signed = coded(header.utf8) + "." + coded(claims.utf8)
    let code = HMAC<SHA256>.authenticationCode(
      for: Array(signed.utf8), using: SymmetricKey(data: Array(key.utf8)))
    return signed + "." + coded(code)
  }

  private func caller(_ token: String) throws -> Caller? { try Self.tokens.caller(of: Array(token.utf8)) }

  /// The example of RFC 7519, signed as RFC 7515 says (appendix A.1): its key is the one given there.
  @Test("a token of the standard is read")
  func standard() throws {
    let key = Data(
      base64Encoded:
        "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ+EstJQLr/T+1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow==")!
    let token =
      "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    let tokens = QdrantTokens(key: SymmetricKey(data: key)) { 1_300_819_000 }
    #expect(try tokens.caller(of: Array(token.utf8))?.access == .administer)
  }

  @Test("claims say what is allowed")
  func claims() throws {
    #expect(try caller(Self.token("{}"))?.access == .administer)
    #expect(try caller(Self.token(#"{"access":"m"}"#))?.access == .administer)
    #expect(try caller(Self.token(#"{"access":"r","sub":"who","exp":1000001}"#))?.access == .read)
    let some = try caller(
      Self.token(
        #"{"access":[{"collection":"a","access":"r"},{"collection":"b","access":"rw"},{"collection":"c","access":"prw"},{"collection":"c","access":"r"}]}"#
      ))
    #expect(some?.access == .write)
    #expect(some?.claims?.collections == ["a": .read, "b": .write, "c": .writePoints])
    #expect(try caller(Self.token(#"{"access":[{"collection":"a","access":"r"}]}"#))?.access == .read)
    #expect(try caller(Self.token(#"{"access":[]}"#))?.claims?.collections == [:])
    let condition = try caller(
      Self.token(#"{"value_exists":{"collection":"u","matches":[{"key":"id","value":7}]}}"#))?.claims?
      .condition
    #expect(condition == Claims.Condition(collection: "u", matches: [.init(key: "id", value: .int(7))]))
  }

  @Test("a signature that is not of the key makes it no token at all")
  func signatures() throws {
    let good = Self.token(#"{"access":"r"}"#)
    #expect(try caller(Self.token(#"{"access":"r"}"#, key: "another")) == nil)
    #expect(try caller(Self.coded(#"{"alg":"none"}"#.utf8) + "." + Self.coded("{}".utf8) + ".") == nil)
    #expect(try caller(good + "A") == nil && caller(good + "=") == nil && caller(good + ".") == nil)
    #expect(try caller("") == nil && caller("..") == nil && caller("secret") == nil)
    #expect(try caller(String(repeating: "a", count: 100_000)) == nil)
    // Each bit of it counts.
    let bytes = Array(good.utf8)
    for place in bytes.indices where bytes[place] != UInt8(ascii: ".") {
      var other = bytes
      other[place] = bytes[place] == UInt8(ascii: "A") ? UInt8(ascii: "B") : UInt8(ascii: "A")
      // The last character of the signature has bits that say nothing.
      if place == bytes.count - 1 { continue }
      #expect(try Self.tokens.caller(of: other) == nil, "\(place)")
    }
  }

  @Test(
    "what is signed and no good is told why",
    arguments: [
      (#"{"exp":999969}"#, "expired 31 seconds ago"),
      (#"{"exp":-1e300}"#, "expired 1000000000000000 seconds ago"), (#"{"exp":"soon"}"#, "`exp`"),
      (#"{"access":"w"}"#, "`access`"),
      (#"{"access":[{"collection":"a","access":"m"}]}"#, "`prw`"),
      (#"{"access":[{"access":"r"}]}"#, "`collection`"),
      (#"{"access":[{"collection":"a","access":"r","payload":{"u":1}}]}"#, "1.16"),
      (#"{"value_exists":{}}"#, "matches"),
      (#"{"value_exists":{"collection":"a","matches":[]}}"#, "matches"), ("[]", "object"), ("{", "object"),
    ])
  func refused(claims: String, expected: String) throws {
    let error = try #require(throws: MoultError.self) { try caller(Self.token(claims)) }
    #expect(error.code == .unauthenticated && error.message.contains(expected), "\(error)")
  }

  @Test("another algorithm is refused, though the signature is good")
  func algorithm() throws {
    #expect(throws: MoultError.self) { try caller(Self.token("{}", header: #"{"alg":"HS512"}"#)) }
    #expect(try caller(Self.token(#"{"exp":999971}"#)) != nil)
  }
}
