/// Names under which the reader expects vectors.
///
/// An array of numbers that is the value of such a member, or stands in arrays that are, is read as
/// ``JSON/floats(_:)``. The rule starts anew in each object: under "data", `{"ids": [1, 2]}` is plain JSON.
/// Names are compared ignoring ASCII case. Below members of some other names, such as payloads, all is plain JSON.
package struct JSONFloatKeys: Sendable, ExpressibleByArrayLiteral {
  private let names: [[UInt8]]
  private let plainNames: [[UInt8]]

  /// - Parameter plainNames: of members in which there are no vectors, however deep; they win over `names`.
  package init(_ names: some Sequence<String>, except plainNames: [String] = []) {
    self.names = names.map { $0.utf8.map(Self.lowercased) }
    self.plainNames = plainNames.map { $0.utf8.map(Self.lowercased) }
  }

  package init(arrayLiteral elements: String...) {
    self.init(elements)
  }

  func contains(_ key: String) -> Bool { Self.contains(key, names) }

  /// Whether everything below a member of this name is plain JSON.
  func excludes(_ key: String) -> Bool { Self.contains(key, plainNames) }

  private static func contains(_ key: String, _ names: [[UInt8]]) -> Bool {
    if names.isEmpty { return false }
    let bytes = key.utf8
    return names.contains { name in
      name.count == bytes.count && zip(name, bytes).allSatisfy { $0 == lowercased($1) }
    }
  }

  private static func lowercased(_ byte: UInt8) -> UInt8 {
    (0x41...0x5A).contains(byte) ? byte | 0x20 : byte
  }
}
