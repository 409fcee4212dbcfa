internal import Foundation
internal import MoultModel

/// What a payload holds that is too large to lie among what filters read: bytes under numbers, in one member at its
/// head.
///
/// Where payloads travel they are one text: `{"$vectors":{"0":"<base64>","3":"<base64>"},…}`, numbers rising. Where
/// they lie the bytes are in a table of their own (``PointStore``), and the text is without the member: a filter, and a
/// search that asks for payloads, never reads them. A text of any other form stays as it is, so that what is read is
/// always what was written, byte for byte. *The form is in stored data and in backups.*
struct PayloadParts: Equatable {
  struct Part: Equatable {
    var number: Int
    var bytes: Data
  }

  /// The payload without them; empty for none.
  var plain: String
  /// At least one, by number.
  var parts: [Part]

  private static let head = "{\"$vectors\":{"
  private static let digitsMax = 6

  /// - Returns: `nil` for a payload without parts.
  init?(_ payload: String) {
    // Every payload comes here.
    guard payload.utf8.starts(with: Self.head.utf8) else { return nil }
    var rest = payload.utf8.dropFirst(Self.head.utf8.count)
    parts = []
    repeat {
      guard let part = Self.part(&rest), part.number > parts.last?.number ?? -1 else { return nil }
      parts.append(part)
    } while Self.take(",", &rest)
    guard Self.take("}", &rest) else { return nil }
    if Self.take(",", &rest) {
      plain = "{" + String(Substring(rest))
    } else {
      guard rest.elementsEqual("}".utf8) else { return nil }
      plain = ""
    }
  }

  init(plain: String, parts: [Part]) {
    self.plain = plain
    self.parts = parts
  }

  /// The opposite of ``init(_:)``.
  var payload: String {
    let members = parts.map { "\"\($0.number)\":\"\($0.bytes.base64EncodedString())\"" }
    return Self.head + members.joined(separator: ",") + "}" + (plain.isEmpty ? "}" : "," + plain.dropFirst())
  }

  /// `"12":"<base64>"` in the one form that ``payload`` writes.
  private static func part(_ rest: inout Substring.UTF8View) -> Part? {
    guard take("\"", &rest), let digits = upToQuote(&rest), (1...digitsMax).contains(digits.utf8.count),
      let number = Int(digits), String(number) == digits, take(":", &rest), take("\"", &rest),
      let text = upToQuote(&rest), let bytes = Data(base64Encoded: text), bytes.base64EncodedString() == text
    else { return nil }
    return Part(number: number, bytes: bytes)
  }

  private static func upToQuote(_ rest: inout Substring.UTF8View) -> String? {
    guard let end = rest.firstIndex(of: UInt8(ascii: "\"")) else { return nil }
    let text = String(Substring(rest[..<end]))
    rest = rest[rest.index(after: end)...]
    return text
  }

  private static func take(_ character: Unicode.Scalar, _ rest: inout Substring.UTF8View) -> Bool {
    guard rest.first == UInt8(ascii: character) else { return false }
    rest = rest.dropFirst()
    return true
  }
}
