/// How the text of a point is put together from its payload: `{lemmas}: {gloss}`.
///
/// A name in braces stands for the payload's member of that name: a text, or an array of texts, joined by `", "`.
/// `{{` and `}}` stand for braces.
public struct TextTemplate: Sendable, Equatable {
  private enum Part: Sendable, Equatable {
    case literal(String)
    /// A place in ``fields``.
    case field(Int)
  }

  public let text: String
  /// Names in the order of their first use, each once.
  public let fields: [String]
  private let parts: [Part]

  /// What became of one payload.
  public enum Rendered: Sendable, Equatable {
    case text(String)
    /// A field is not there, is null or has nothing in it; or all of them are blank.
    case missing(field: String)
    /// A field is a number, a boolean or an object, or an array of such.
    case noText(field: String, found: String)
  }

  /// - Throws: `invalidArgument` for braces without a partner, empty names, and a template that names no field.
  public init(_ text: String) throws(MoultError) {
    func failure(_ reason: String) -> MoultError {
      MoultError(
        .invalidArgument, "the template '\(text.prefix(300))' \(reason); write it like '{title}: {body}'")
    }
    guard text.utf8.count <= 16_384 else { throw failure("has more than 16384 bytes") }
    var fields: [String] = []
    var parts: [Part] = []
    var literal = ""
    var rest = Substring(text)
    while let character = rest.popFirst() {
      switch character {
      case "{" where rest.first == "{", "}" where rest.first == "}":
        literal.append(character)
        rest.removeFirst()
      case "{":
        guard let end = rest.firstIndex(of: "}") else { throw failure("opens a brace and does not close it") }
        let name = String(rest[..<end])
        rest = rest[rest.index(after: end)...]
        guard !name.isEmpty, !name.contains("{") else { throw failure("has braces without a name") }
        if !literal.isEmpty { parts.append(.literal(literal)) }
        literal = ""
        let place = fields.firstIndex(of: name) ?? fields.count
        if place == fields.count { fields.append(name) }
        parts.append(.field(place))
      case "}": throw failure("closes a brace that is not open")
      default: literal.append(character)
      }
    }
    if !literal.isEmpty { parts.append(.literal(literal)) }
    guard !fields.isEmpty else { throw failure("names no field of the payload") }
    self.text = text
    self.fields = fields
    self.parts = parts
  }

  /// The text of a payload.
  ///
  /// - Parameters:
  ///   - payload: a JSON object that was checked when it was stored; `nil` or empty has no members.
  ///   - fillsMissing: whether a field that is missing counts as an empty text.
  /// - Complexity: one pass over the payload's bytes.
  public func render(_ payload: String?, fillsMissing: Bool) -> Rendered {
    var values = [PayloadText?](repeating: nil, count: fields.count)
    if var payload, !payload.isEmpty {
      payload.withUTF8 { bytes in
        try? PayloadText.read(bytes, names: fields) { values[$0] = $1 }
      }
    }
    var hasText = false
    for (place, value) in values.enumerated() {
      switch value {
      case .text(let text)?: hasText = hasText || !text.utf8.allSatisfy { $0 <= 0x20 }
      case .other(let found)?: return .noText(field: fields[place], found: found)
      case .empty?, nil: if !fillsMissing { return .missing(field: fields[place]) }
      }
    }
    // Nothing but what stands between the fields says nothing about the point.
    guard hasText else { return .missing(field: fields[0]) }
    var text = ""
    for part in parts {
      switch part {
      case .literal(let literal): text += literal
      case .field(let place): if case .text(let value)? = values[place] { text += value }
      }
    }
    return .text(text)
  }
}

/// A member of a payload as a template sees it.
private enum PayloadText {
  case text(String)
  case empty
  /// Something that is no text, in words.
  case other(String)

  /// Finds members by name; of those with the same name the last one counts.
  static func read(
    _ bytes: UnsafeBufferPointer<UInt8>, names: [String], _ found: (Int, PayloadText) -> Void
  ) throws(JSONError) {
    var scanner = JSONScanner(bytes)
    scanner.skipWhitespace()
    guard scanner.current == UInt8(ascii: "{") else { return }
    try scanner.enter(JSONText.depthMax)
    guard scanner.current != UInt8(ascii: "}") else { return }
    repeat {
      let start = scanner.offset
      let hasEscapes = try scanner.scanString()
      let key = scanner.string(from: start, hasEscapes: hasEscapes)
      try scanner.scanColon()
      if let place = names.firstIndex(of: key) {
        found(place, try value(&scanner))
      } else {
        try scanner.skipValue(depthLeft: JSONText.depthMax)
      }
    } while try scanner.anotherElement(closing: UInt8(ascii: "}"))
  }

  private static func value(_ scanner: inout JSONScanner) throws(JSONError) -> PayloadText {
    switch scanner.current {
    case UInt8(ascii: "\""):
      let start = scanner.offset
      let hasEscapes = try scanner.scanString()
      return .text(scanner.string(from: start, hasEscapes: hasEscapes))
    case UInt8(ascii: "["): return try array(&scanner)
    case UInt8(ascii: "n"):
      try scanner.scanWord("null")
      return .empty
    case UInt8(ascii: "{"):
      try scanner.skipValue(depthLeft: JSONText.depthMax)
      return .other("an object")
    case UInt8(ascii: "t"), UInt8(ascii: "f"):
      try scanner.skipValue(depthLeft: JSONText.depthMax)
      return .other("a boolean")
    default:
      try scanner.skipValue(depthLeft: JSONText.depthMax)
      return .other("a number")
    }
  }

  private static func array(_ scanner: inout JSONScanner) throws(JSONError) -> PayloadText {
    try scanner.enter(JSONText.depthMax)
    guard scanner.current != UInt8(ascii: "]") else {
      scanner.offset += 1
      return .empty
    }
    var joined = ""
    var count = 0
    var other: String?
    repeat {
      guard scanner.current == UInt8(ascii: "\"") else {
        try scanner.skipValue(depthLeft: JSONText.depthMax)
        other = "an array with something else than texts"
        continue
      }
      let start = scanner.offset
      let hasEscapes = try scanner.scanString()
      if count > 0 { joined += ", " }
      joined += scanner.string(from: start, hasEscapes: hasEscapes)
      count += 1
    } while try scanner.anotherElement(closing: UInt8(ascii: "]"))
    return other.map { .other($0) } ?? .text(joined)
  }
}

extension JSONScanner {
  /// The value of a string that was scanned.
  ///
  /// - Parameter start: where its opening quote is; the scanner stands behind the closing one.
  package func string(from start: Int, hasEscapes: Bool) -> String {
    let bytes = UnsafeBufferPointer(start: base + start + 1, count: offset - start - 2)
    guard hasEscapes else { return String(decoding: bytes, as: UTF8.self) }
    var text: [UInt8] = []
    text.reserveCapacity(bytes.count)
    var units = JSONScanner(UnsafeBufferPointer(start: base, count: offset))
    units.offset = start + 1
    while units.offset < offset - 1 {
      let byte = units.current
      units.offset += 1
      guard byte == UInt8(ascii: "\\") else {
        text.append(byte)
        continue
      }
      switch units.current {
      case UInt8(ascii: "b"): text.append(0x08)
      case UInt8(ascii: "f"): text.append(0x0C)
      case UInt8(ascii: "n"): text.append(0x0A)
      case UInt8(ascii: "r"): text.append(0x0D)
      case UInt8(ascii: "t"): text.append(0x09)
      case UInt8(ascii: "u"):
        guard var scalar = try? units.scanCodeUnit() else { continue }
        if (0xD800...0xDBFF).contains(scalar) {
          units.offset += 1
          guard let low = try? units.scanCodeUnit() else { continue }
          scalar = 0x10000 + (scalar - 0xD800) << 10 + (low - 0xDC00)
        }
        text += Array(String(Unicode.Scalar(scalar).map(Character.init) ?? "\u{FFFD}").utf8)
        continue
      case let plain: text.append(plain)
      }
      units.offset += 1
    }
    return String(decoding: text, as: UTF8.self)
  }
}
