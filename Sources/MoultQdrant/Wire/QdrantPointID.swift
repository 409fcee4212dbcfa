internal import MoultModel
internal import MoultServer

/// Ids of points as Qdrant has them, unsigned numbers of 64 bits and UUIDs, and as the engine keeps them.
///
/// Numbers beyond the engine's signed ones are kept as a text that sorts after all integers and before every UUID, so
/// that the order of the engine's keys is Qdrant's order of ids. *This form is in stored data.*
enum QdrantPointID {
  /// '#' is below '0'.
  private static let largeMark = "#"
  private static let largeDigits = 20

  static func id(_ number: UInt64) -> PointID {
    if let small = Int64(exactly: number) { return .int64(small) }
    // 2⁶³ has nineteen digits, 2⁶⁴ − 1 has twenty.
    let digits = String(number)
    return .string(largeMark + String(repeating: "0", count: largeDigits - digits.count) + digits)
  }

  /// - Parameter text: a UUID in any of the forms that Qdrant reads: with or without hyphens, in braces, after
  ///   `urn:uuid:`.
  /// - Returns: `nil` for another text.
  static func id(uuid text: String) -> PointID? {
    var bytes = Array(text.utf8)
    if text.lowercased().hasPrefix("urn:uuid:") { bytes.removeFirst(9) }
    if bytes.count == 38, bytes.first == UInt8(ascii: "{"), bytes.last == UInt8(ascii: "}") {
      bytes = Array(bytes[1..<37])
    }
    let hyphens = [8, 13, 18, 23]
    if bytes.count == 36 {
      guard hyphens.allSatisfy({ bytes[$0] == UInt8(ascii: "-") }) else { return nil }
      for place in hyphens.reversed() { bytes.remove(at: place) }
    }
    guard bytes.count == 32 else { return nil }
    var canonical: [UInt8] = []
    for (place, byte) in bytes.enumerated() {
      switch byte {
      case 0x30...0x39, 0x61...0x66: canonical.append(byte)
      case 0x41...0x46: canonical.append(byte | 0x20)
      default: return nil
      }
      if [7, 11, 15, 19].contains(place) { canonical.append(UInt8(ascii: "-")) }
    }
    return .string(String(decoding: canonical, as: UTF8.self))
  }

  /// - Parameter text: as it stands in a path: digits, or a UUID.
  static func id(_ text: String) -> PointID? { UInt64(text).map(id) ?? id(uuid: text) }

  /// - Throws: 400 for what is neither.
  static func read(_ json: JSON, at path: String) throws(QdrantError) -> PointID {
    switch json {
    case .int(let number) where number >= 0: return .int64(number)
    case .large(let number): return id(number)
    case .string(let text):
      if let id = id(uuid: text) { return id }
    default: break
    }
    var shown = JSONWriter()
    shown.value(json)
    let text = String(decoding: shown.bytes.prefix(100), as: UTF8.self)
    throw .format(
      "\(path): value \(text) is not a valid point ID, valid values are either an unsigned integer or a UUID")
  }

  /// As clients write it.
  static func text(_ id: PointID) -> String {
    if case .string(let text) = id, let number = largeNumber(text) { return String(number) }
    return id.description
  }

  /// The number that is kept as text; `nil` for a UUID, and for keys that other protocols have written.
  static func largeNumber(_ text: String) -> UInt64? {
    guard text.hasPrefix(largeMark), text.utf8.count == largeDigits + 1 else { return nil }
    return UInt64(text.dropFirst())
  }
}

extension JSONWriter {
  mutating func pointID(_ id: PointID) {
    switch id {
    case .int64(let number): value(number)
    case .string(let text):
      if let number = QdrantPointID.largeNumber(text) { raw(String(number)) } else { value(text) }
    }
  }
}
