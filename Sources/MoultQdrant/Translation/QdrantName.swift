internal import MoultModel

/// Names as Qdrant has them, of almost any characters, and as the engine has them: ASCII letters, digits and `_`.
///
/// What the engine takes is the same in both; every other byte becomes `_xHH`, and so does an underscore that would be
/// read as the beginning of one. So names of other protocols are Qdrant's names too. *This form is in stored data.*
enum QdrantName {
  static let lengthRange = 1...255
  private static let refused: Set<Unicode.Scalar> = [
    "/", "\\", ":", "*", "?", "\"", "<", ">", "|", "\0", "\u{1F}",
  ]

  /// What Qdrant refuses in names of new collections.
  ///
  /// - Throws: 422.
  static func check(collection name: String) throws(QdrantError) {
    guard lengthRange.contains(name.unicodeScalars.count) else {
      throw .validation("[name: length must be in 1 … 255, got \(name.unicodeScalars.count)]")
    }
    if let scalar = name.unicodeScalars.first(where: refused.contains) {
      throw .validation(
        "[name: value \(name) is invalid: collection name cannot contain \"\(scalar.escaped(asASCII: true))\" char]"
      )
    }
  }

  /// The engine's name. It may be longer than the engine takes.
  static func encoded(_ name: String) -> String {
    let bytes = Array(name.utf8)
    var encoded: [UInt8] = []
    encoded.reserveCapacity(bytes.count)
    for (place, byte) in bytes.enumerated() {
      let isPlain =
        switch byte {
        case 0x41...0x5A, 0x61...0x7A: true
        case 0x30...0x39: place > 0
        case underscore: escapedByte(bytes[place...]) == nil
        default: false
        }
      if isPlain {
        encoded.append(byte)
      } else {
        encoded += [underscore, UInt8(ascii: "x"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
      }
    }
    return String(decoding: encoded, as: UTF8.self)
  }

  /// The opposite of ``encoded(_:)``; a name that it never gives stays as it is.
  static func decoded(_ name: String) -> String {
    guard name.utf8.contains(underscore) else { return name }
    var rest = Array(name.utf8)[...]
    var decoded: [UInt8] = []
    while let byte = rest.first {
      if let escaped = escapedByte(rest) {
        decoded.append(escaped)
        rest = rest.dropFirst(4)
      } else {
        decoded.append(byte)
        rest = rest.dropFirst()
      }
    }
    guard let text = String(validating: decoded, as: UTF8.self), encoded(text) == name else { return name }
    return text
  }

  /// The engine's name of a vector beside fields of these names.
  static func field(_ vector: String, avoiding taken: Set<String>) -> String {
    let encoded = encoded(vector)
    guard taken.contains(encoded), let first = encoded.utf8.first else { return encoded }
    return "_x" + String(decoding: [digits[Int(first >> 4)], digits[Int(first & 15)]], as: UTF8.self)
      + encoded.dropFirst()
  }

  private static let underscore = UInt8(ascii: "_")
  private static let digits = Array("0123456789ABCDEF".utf8)

  /// The byte that `_xHH` at the beginning stands for.
  private static func escapedByte(_ bytes: ArraySlice<UInt8>) -> UInt8? {
    let bytes = Array(bytes.prefix(4))
    guard bytes.count == 4, bytes[0] == underscore, bytes[1] == UInt8(ascii: "x"),
      let high = digits.firstIndex(of: bytes[2]), let low = digits.firstIndex(of: bytes[3])
    else { return nil }
    return UInt8(high << 4 | low)
  }
}
