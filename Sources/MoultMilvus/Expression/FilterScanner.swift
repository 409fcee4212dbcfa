/// The words of a filter, with their places.
struct FilterScanner {
  enum Token: Equatable {
    case name(String)
    case int(Int64)
    case double(Double)
    case string(String)
    /// `{name}`: a value that comes beside the filter.
    case placeholder(String)
    case symbol(String)
    case end
  }

  private let text: [UInt8]
  private var offset = 0
  /// Where the token begins that `next` gave last.
  private(set) var start = 0

  init(_ text: String) { self.text = Array(text.utf8) }

  func failure(_ fault: String) -> FilterError { FilterError(message: "\(fault) at byte \(start)") }

  mutating func next() throws(FilterError) -> Token {
    while offset < text.count, [0x20, 0x09, 0x0A, 0x0D].contains(text[offset]) { offset += 1 }
    start = offset
    guard offset < text.count else { return .end }
    let byte = text[offset]
    switch byte {
    case UInt8(ascii: "'"), UInt8(ascii: "\""): return .string(try quoted(isRaw: false))
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."): return try number()
    case UInt8(ascii: "{"): return try placeholder()
    default: break
    }
    if Self.isNameByte(byte) {
      while offset < text.count, Self.isNameByte(text[offset]) { offset += 1 }
      let name = String(decoding: text[start..<offset], as: UTF8.self)
      let isString = offset < text.count && [0x22, 0x27].contains(text[offset])
      return name == "r" && isString ? .string(try quoted(isRaw: true)) : .name(name)
    }
    for symbol in Self.symbols where text[offset...].starts(with: symbol.utf8) {
      offset += symbol.utf8.count
      return .symbol(symbol)
    }
    throw failure("'\(String(decoding: text[offset...].prefix(1), as: UTF8.self))' is not understood")
  }

  /// The longer ones first.
  private static let symbols = [
    "==", "!=", "<=", ">=", "&&", "||", "=~", "!~", "**", "<<", ">>", "<", ">", "(", ")", "[", "]", ",", "!",
    "-", "+",
    "*", "/", "%", "~", "&", "|", "^", "=",
  ]

  private static func isNameByte(_ byte: UInt8) -> Bool {
    (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
      || byte == 0x5F || byte == UInt8(ascii: "$")
  }

  private mutating func placeholder() throws(FilterError) -> Token {
    guard let end = text[offset...].firstIndex(of: UInt8(ascii: "}")) else {
      throw failure("expected '}' after '{'")
    }
    let name = String(decoding: text[offset + 1..<end], as: UTF8.self)
    offset = end + 1
    return .placeholder(name.filter { !$0.isWhitespace })
  }

  /// Decimal, hexadecimal, octal, binary; or with a point or an exponent.
  private mutating func number() throws(FilterError) -> Token {
    var isReal = false
    let isHexadecimal =
      text[offset] == UInt8(ascii: "0") && offset + 1 < text.count
      && text[offset + 1] | 0x20 == UInt8(ascii: "x")
    while offset < text.count {
      let byte = text[offset]
      if byte == UInt8(ascii: ".") || (!isHexadecimal && byte | 0x20 == UInt8(ascii: "e")) {
        isReal = true
      } else if byte == UInt8(ascii: "-") || byte == UInt8(ascii: "+") {
        guard isReal, text[offset - 1] | 0x20 == UInt8(ascii: "e") else { break }
      } else if !Self.isNameByte(byte) {
        break
      }
      offset += 1
    }
    let digits = String(decoding: text[start..<offset], as: UTF8.self)
    if isReal {
      guard let value = Double(digits), value.isFinite else { throw failure("'\(digits)' is no number") }
      return .double(value)
    }
    let lower = digits.lowercased()
    let value: Int64? =
      switch lower.prefix(2) {
      case "0x": Int64(lower.dropFirst(2), radix: 16)
      case "0b": Int64(lower.dropFirst(2), radix: 2)
      case "0o": Int64(lower.dropFirst(2), radix: 8)
      default: lower.count > 1 && lower.hasPrefix("0") ? Int64(lower.dropFirst(), radix: 8) : Int64(lower)
      }
    if let value { return .int(value) }
    // The smallest integer has no positive counterpart; its sign was taken for a symbol.
    if lower == "9223372036854775808" { return .double(9_223_372_036_854_775_808) }
    throw failure("'\(digits)' is no integer of 64 bits")
  }

  private mutating func quoted(isRaw: Bool) throws(FilterError) -> String {
    let quote = text[offset]
    var bytes: [UInt8] = []
    var at = offset + 1
    while at < text.count, text[at] != quote {
      var byte = text[at]
      if byte == UInt8(ascii: "\\"), !isRaw {
        at += 1
        guard at < text.count, let escaped = Self.escapes[text[at]] else {
          throw failure("an unknown escape in a string")
        }
        byte = escaped
      }
      bytes.append(byte)
      at += 1
    }
    guard at < text.count else { throw failure("a string without its closing quote") }
    offset = at + 1
    guard let string = String(validating: bytes, as: UTF8.self) else {
      throw failure("a string that is no UTF-8")
    }
    return string
  }

  private static let escapes: [UInt8: UInt8] = [
    UInt8(ascii: "\\"): UInt8(ascii: "\\"), UInt8(ascii: "'"): UInt8(ascii: "'"),
    UInt8(ascii: "\""): UInt8(ascii: "\""), UInt8(ascii: "n"): 0x0A, UInt8(ascii: "t"): 0x09,
    UInt8(ascii: "r"): 0x0D, UInt8(ascii: "/"): UInt8(ascii: "/"), UInt8(ascii: "%"): UInt8(ascii: "%"),
    UInt8(ascii: "_"): UInt8(ascii: "_"),
  ]
}
