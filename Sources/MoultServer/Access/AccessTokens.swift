internal import Foundation

/// What clients can show, and what each of it allows. Tokens appear in no message and no log.
package struct AccessTokens: Sendable {
  private let readWrite: [UInt8]
  private let readOnly: [UInt8]?

  /// - Parameters:
  ///   - readWrite: `user:password` or any other text.
  ///   - readOnly: for clients that change nothing; another text than `readWrite`.
  package init(readWrite: String, readOnly: String? = nil) {
    precondition(readWrite != readOnly)
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
