internal import Foundation

/// What clients can show, and what each of it allows. Tokens appear in no message and no log.
package struct AccessTokens: Sendable {
  private let readWrite: [UInt8]
  private let readOnly: [UInt8]?
  /// What else may be shown.
  let signed: (any SignedCredentials)?

  /// - Parameters:
  ///   - readWrite: `user:password` or any other text.
  ///   - readOnly: for clients that change nothing; another text than `readWrite`.
  ///   - signed: reads what is neither of them.
  package init(readWrite: String, readOnly: String? = nil, signed: (any SignedCredentials)? = nil) {
    precondition(readWrite != readOnly)
    self.signed = signed
    self.readWrite = Array(readWrite.utf8)
    self.readOnly = readOnly.map { Array($0.utf8) }
  }

  /// What these credentials allow; `nil` for unknown ones. The time says nothing about either token but its length.
  func access(of credentials: [UInt8]) -> Access? {
    // Both comparisons are always made.
    let mayWrite = Self.areEqual(credentials, readWrite)
    let mayRead = readOnly.map { Self.areEqual(credentials, $0) } ?? false
    return mayWrite ? .administer : mayRead ? .read : nil
  }

  /// What a header shows: the token itself after `Bearer`, or `user:password` of the Basic scheme.
  static func credentials(_ header: String) -> [UInt8]? {
    // By bytes: every request comes here, and trimming text takes ten times as long.
    let bytes = Array(header.utf8)
    guard let space = bytes.firstIndex(of: UInt8(ascii: " ")) else { return nil }
    var value = bytes[(space + 1)...]
    let isBlank: (UInt8) -> Bool = { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }
    while let first = value.first, isBlank(first) { value.removeFirst() }
    while let last = value.last, isBlank(last) { value.removeLast() }
    switch String(decoding: bytes[..<space], as: UTF8.self).lowercased() {
    case "bearer": return Array(value)
    case "basic": return Data(base64Encoded: Data(value)).map(Array.init)
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
