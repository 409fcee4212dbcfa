/// Names under which the reader expects vectors.
///
/// An array of numbers that is the value of such a member, or stands in arrays that are, is read as
/// ``JSON/floats(_:)``. The rule starts anew in each object: under "data", `{"ids": [1, 2]}` is plain JSON.
/// Names are compared ignoring ASCII case.
package struct JSONFloatKeys: Sendable, ExpressibleByArrayLiteral {
  private let names: [[UInt8]]

  package init(_ names: some Sequence<String>) {
    self.names = names.map { $0.utf8.map(Self.lowercased) }
  }

  package init(arrayLiteral elements: String...) {
    self.init(elements)
  }

  func contains(_ key: String) -> Bool {
    let bytes = key.utf8
    return names.contains { name in
      name.count == bytes.count && zip(name, bytes).allSatisfy { $0 == Self.lowercased($1) }
    }
  }

  private static func lowercased(_ byte: UInt8) -> UInt8 {
    (0x41...0x5A).contains(byte) ? byte | 0x20 : byte
  }
}
