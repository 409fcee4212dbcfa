internal import MoultModel

/// The filters that name points by their keys: `key == value` and `key in [value, …]`.
///
/// This is all that deleting understands so far; whatever else is written is refused with its place, never
/// passed over.
struct KeyFilter {
  let field: String
  let kind: CollectionSchema.KeyKind

  /// - Throws: what is not understood, in words.
  func ids(_ text: String) throws(KeyFilterError) -> [PointID] {
    var scanner = KeyFilterScanner(text)
    let name = scanner.name()
    guard name == field else {
      throw scanner.failure("expected the primary field '\(field)', got '\(name)'")
    }
    var ids: [PointID] = []
    if scanner.take("==") {
      ids.append(try id(&scanner))
    } else if ["in", "IN"].contains(scanner.name()) {
      guard scanner.take("[") else { throw scanner.failure("expected '['") }
      while !scanner.take("]") {
        ids.append(try id(&scanner))
        if scanner.take("]") { break }
        guard scanner.take(",") else { throw scanner.failure("expected ',' or ']'") }
      }
    } else {
      throw scanner.failure("expected '==' or 'in'")
    }
    guard scanner.isAtEnd else { throw scanner.failure("expected the end of the expression") }
    return ids
  }

  private func id(_ scanner: inout KeyFilterScanner) throws(KeyFilterError) -> PointID {
    switch kind {
    case .int64:
      guard let value = scanner.integer() else { throw scanner.failure("expected an integer of 64 bits") }
      return .int64(value)
    case .string:
      guard let text = scanner.quoted() else { throw scanner.failure("expected a string in quotes") }
      return .string(text)
    }
  }
}

struct KeyFilterError: Error {
  var message: String
}

private struct KeyFilterScanner {
  private let text: [UInt8]
  private var offset = 0

  init(_ text: String) {
    self.text = Array(text.utf8)
  }

  func failure(_ fault: String) -> KeyFilterError { KeyFilterError(message: "\(fault) at byte \(offset)") }

  private mutating func skipBlanks() {
    while offset < text.count, [0x20, 0x09, 0x0A, 0x0D].contains(text[offset]) { offset += 1 }
  }

  var isAtEnd: Bool {
    mutating get {
      skipBlanks()
      return offset == text.count
    }
  }

  /// Moves over these characters if they stand here.
  mutating func take(_ characters: String) -> Bool {
    skipBlanks()
    guard text[offset...].starts(with: characters.utf8) else { return false }
    offset += characters.utf8.count
    return true
  }

  /// A name or word; empty when there is none.
  mutating func name() -> String {
    skipBlanks()
    let start = offset
    while offset < text.count, isNameByte(text[offset]) { offset += 1 }
    return String(decoding: text[start..<offset], as: UTF8.self)
  }

  private func isNameByte(_ byte: UInt8) -> Bool {
    (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
      || byte == 0x5F
  }

  mutating func integer() -> Int64? {
    skipBlanks()
    let start = offset
    var end = offset
    if end < text.count, text[end] == UInt8(ascii: "-") || text[end] == UInt8(ascii: "+") { end += 1 }
    while end < text.count, isNameByte(text[end]) { end += 1 }
    guard let value = Int64(String(decoding: text[start..<end], as: UTF8.self)) else { return nil }
    offset = end
    return value
  }

  /// A string in either quotes, with the escapes of C.
  mutating func quoted() -> String? {
    skipBlanks()
    guard offset < text.count, text[offset] == UInt8(ascii: "'") || text[offset] == UInt8(ascii: "\"") else {
      return nil
    }
    let quote = text[offset]
    var bytes: [UInt8] = []
    var at = offset + 1
    while at < text.count, text[at] != quote {
      var byte = text[at]
      if byte == UInt8(ascii: "\\") {
        at += 1
        guard at < text.count, let escaped = Self.escapes[text[at]] else { return nil }
        byte = escaped
      }
      bytes.append(byte)
      at += 1
    }
    guard at < text.count else { return nil }
    offset = at + 1
    return String(decoding: bytes, as: UTF8.self)
  }

  private static let escapes: [UInt8: UInt8] = [
    UInt8(ascii: "\\"): UInt8(ascii: "\\"), UInt8(ascii: "'"): UInt8(ascii: "'"),
    UInt8(ascii: "\""): UInt8(ascii: "\""), UInt8(ascii: "n"): 0x0A, UInt8(ascii: "t"): 0x09,
    UInt8(ascii: "r"): 0x0D,
  ]
}
