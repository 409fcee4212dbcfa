/// Where and how a text is not the JSON that was expected.
public struct JSONError: Error, Equatable, Sendable, CustomStringConvertible {
  /// Bytes before the place of the fault.
  public let offset: Int
  public let expected: String
  public let found: String

  public init(offset: Int, expected: String, found: String) {
    self.offset = offset
    self.expected = expected
    self.found = found
  }

  public var description: String { "expected \(expected) at byte \(offset), found \(found)" }

  /// The same as an `invalidArgument`.
  ///
  /// - Parameter what: what was read, as the subject of the sentence ("the request's body").
  public func moultError(_ what: String) -> MoultError {
    MoultError(.invalidArgument, "\(what) is not valid JSON: \(description)")
  }
}

/// Checks of JSON that stays text: payloads are stored and given back byte for byte and are parsed by nobody.
public enum JSONText {
  /// Levels of arrays and objects that are accepted unless another limit is given.
  public static let depthMax = 64

  /// Checks that `utf8` is one JSON object (RFC 8259) with nothing but white space around it.
  ///
  /// What this accepts, `JSONReader` accepts, except numbers beyond the range of Double. So escaped
  /// surrogates must stand in pairs and UTF-8 must be well-formed, also where nobody reads it.
  ///
  /// - Complexity: O(n), more than 500 MB/s; allocates nothing unless it throws.
  public static func validateObject(
    utf8 bytes: UnsafeBufferPointer<UInt8>, depthMax: Int = Self.depthMax
  ) throws(JSONError) {
    var scanner = JSONScanner(bytes)
    scanner.skipWhitespace()
    guard scanner.current == UInt8(ascii: "{") else { throw scanner.failure(expected: "an object ('{')") }
    try scanner.skipValue(depthLeft: depthMax)
    try scanner.finish()
  }

  /// Checks that `text` is one JSON object; see ``validateObject(utf8:depthMax:)``.
  public static func validateObject(_ text: String, depthMax: Int = Self.depthMax) throws(JSONError) {
    var text = text
    let outcome = text.withUTF8 { (bytes) -> Result<Void, JSONError> in
      Result { () throws(JSONError) in try validateObject(utf8: bytes, depthMax: depthMax) }
    }
    try outcome.get()
  }
}

/// A place in a text, and the moves over JSON tokens that check them on the way.
///
/// The bytes must outlive the scanner.
package struct JSONScanner {
  @usableFromInline package let base: UnsafePointer<UInt8>
  @usableFromInline package let count: Int
  @usableFromInline package var offset = 0

  package init(_ bytes: UnsafeBufferPointer<UInt8>) {
    // An empty buffer may have no address; nothing is read where `count` is 0.
    base = bytes.baseAddress ?? UnsafePointer(bitPattern: 1)!
    count = bytes.count
  }

  /// The byte at hand, or 0 at the end: NUL stands nowhere in JSON, so it fits no expectation either.
  @inlinable package var current: UInt8 { offset < count ? base[offset] : 0 }

  @inlinable package mutating func skipWhitespace() {
    while offset < count {
      let byte = base[offset]
      guard byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 else { return }
      offset += 1
    }
  }

  /// What is wrong here.
  package func failure(expected: String) -> JSONError {
    failure(at: offset, expected: expected)
  }

  package func failure(at place: Int, expected: String) -> JSONError {
    let found =
      if place >= count {
        "the end of the text"
      } else if (0x21...0x7E).contains(base[place]) {
        "'\(Character(Unicode.Scalar(base[place])))'"
      } else if base[place] == 0x20 {
        "a space"
      } else {
        "byte 0x" + (base[place] < 16 ? "0" : "") + String(base[place], radix: 16, uppercase: true)
      }
    return JSONError(offset: place, expected: expected, found: found)
  }

  /// Checks that only white space is left.
  package mutating func finish() throws(JSONError) {
    skipWhitespace()
    guard offset == count else { throw failure(expected: "the end of the text") }
  }

  /// Moves over one value of any kind.
  ///
  /// - Parameter depthLeft: levels of nesting that may still be opened.
  package mutating func skipValue(depthLeft: Int) throws(JSONError) {
    switch current {
    case UInt8(ascii: "{"):
      try enter(depthLeft)
      guard current != UInt8(ascii: "}") else {
        offset += 1
        return
      }
      while true {
        guard current == UInt8(ascii: "\"") else { throw failure(expected: "a member's name ('\"')") }
        _ = try scanString()
        try scanColon()
        try skipValue(depthLeft: depthLeft - 1)
        guard try anotherElement(closing: UInt8(ascii: "}")) else { return }
      }
    case UInt8(ascii: "["):
      try enter(depthLeft)
      guard current != UInt8(ascii: "]") else {
        offset += 1
        return
      }
      while true {
        try skipValue(depthLeft: depthLeft - 1)
        guard try anotherElement(closing: UInt8(ascii: "]")) else { return }
      }
    case UInt8(ascii: "\""): _ = try scanString()
    case UInt8(ascii: "t"): try scanWord("true")
    case UInt8(ascii: "f"): try scanWord("false")
    case UInt8(ascii: "n"): try scanWord("null")
    case UInt8(ascii: "-"), 0x30...0x39: try scanNumber()
    default: throw failure(expected: "a JSON value")
    }
  }

  /// Moves over the bracket that opens an array or object, and white space after it.
  package mutating func enter(_ depthLeft: Int) throws(JSONError) {
    guard depthLeft > 0 else { throw failure(expected: "less deeply nested arrays and objects") }
    offset += 1
    skipWhitespace()
  }

  /// Moves over ',' or the closing bracket, and white space around it.
  ///
  /// - Returns: whether another element follows.
  package mutating func anotherElement(closing: UInt8) throws(JSONError) -> Bool {
    skipWhitespace()
    if current == closing {
      offset += 1
      return false
    }
    guard current == UInt8(ascii: ",") else {
      throw failure(expected: "',' or '\(Character(Unicode.Scalar(closing)))'")
    }
    offset += 1
    skipWhitespace()
    return true
  }

  /// Moves over ':' and white space around it.
  package mutating func scanColon() throws(JSONError) {
    skipWhitespace()
    guard current == UInt8(ascii: ":") else { throw failure(expected: "':'") }
    offset += 1
    skipWhitespace()
  }

  /// Moves over `true`, `false` or `null`.
  package mutating func scanWord(_ word: StaticString) throws(JSONError) {
    let length = word.utf8CodeUnitCount
    for index in 0..<length where offset + index >= count || base[offset + index] != word.utf8Start[index] {
      throw failure(at: offset + index, expected: "'\(word)'")
    }
    offset += length
  }

  /// Moves over a number; its grammar is checked, its value is not looked at.
  package mutating func scanNumber() throws(JSONError) {
    if current == UInt8(ascii: "-") { offset += 1 }
    if current == UInt8(ascii: "0") {
      offset += 1
      if isDigit(current) { throw failure(expected: "no digit after a leading zero") }
    } else {
      try scanDigits()
    }
    if current == UInt8(ascii: ".") {
      offset += 1
      try scanDigits()
    }
    if current | 0x20 == UInt8(ascii: "e") {
      offset += 1
      if current == UInt8(ascii: "+") || current == UInt8(ascii: "-") { offset += 1 }
      try scanDigits()
    }
  }

  private mutating func scanDigits() throws(JSONError) {
    guard isDigit(current) else { throw failure(expected: "a digit") }
    while isDigit(current) { offset += 1 }
  }

  private func isDigit(_ byte: UInt8) -> Bool { byte &- 0x30 < 10 }

  /// Moves over a string, from its opening quote past its closing one.
  ///
  /// - Returns: whether it has escapes.
  package mutating func scanString() throws(JSONError) -> Bool {
    let start = offset
    var hasEscapes = false
    offset += 1
    while true {
      skipPlainText()
      guard offset < count else {
        throw JSONError(
          offset: count, expected: "'\"' to close the string that opens at byte \(start)",
          found: "the end of the text")
      }
      switch base[offset] {
      case UInt8(ascii: "\""):
        offset += 1
        return hasEscapes
      case UInt8(ascii: "\\"):
        hasEscapes = true
        try scanEscape()
      case 0x80...: try scanUTF8Sequence()
      case ..<0x20: throw failure(expected: "control characters in strings to be escaped")
      default: offset += 1
      }
    }
  }

  /// Moves, eight bytes at a time, to the next byte that is a control character, a quote, a backslash or not
  /// ASCII, or to the last seven bytes.
  private mutating func skipPlainText() {
    let ones: UInt64 = 0x0101_0101_0101_0101
    while offset + 8 <= count {
      let word = UInt64(littleEndian: UnsafeRawPointer(base + offset).loadUnaligned(as: UInt64.self))
      // Borrows run upwards only, so the lowest byte that is marked is marked rightly.
      let marks =
        (word | (word &- ones &* 0x20) | ((word ^ ones &* 0x22) &- ones) | ((word ^ ones &* 0x5C) &- ones))
        & (ones &* 0x80)
      guard marks == 0 else {
        offset += marks.trailingZeroBitCount >> 3
        return
      }
      offset += 8
    }
  }

  private mutating func scanEscape() throws(JSONError) {
    offset += 1
    switch current {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"),
      UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
      offset += 1
    case UInt8(ascii: "u"):
      let start = offset - 1
      switch try scanCodeUnit() {
      case 0xD800...0xDBFF:
        guard current == UInt8(ascii: "\\"), offset + 1 < count, base[offset + 1] == UInt8(ascii: "u") else {
          throw failure(expected: "the low half of the surrogate pair that begins at byte \(start)")
        }
        let low = offset
        offset += 1
        guard (0xDC00...0xDFFF).contains(try scanCodeUnit()) else {
          throw failure(at: low, expected: "the low half of the surrogate pair that begins at byte \(start)")
        }
      case 0xDC00...0xDFFF:
        throw failure(at: start, expected: "no low surrogate without its high half")
      default: break
      }
    default: throw failure(expected: "one of \" \\ / b f n r t u after '\\'")
    }
  }

  /// Moves over `u` and four hexadecimal digits, and gives their value.
  package mutating func scanCodeUnit() throws(JSONError) -> UInt32 {
    offset += 1
    var value: UInt32 = 0
    for _ in 0..<4 {
      let byte = current
      let digit: UInt8
      switch byte {
      case 0x30...0x39: digit = byte - 0x30
      case 0x41...0x46: digit = byte - 0x37
      case 0x61...0x66: digit = byte - 0x57
      default: throw failure(expected: "four hexadecimal digits after '\\u'")
      }
      value = value << 4 | UInt32(digit)
      offset += 1
    }
    return value
  }

  /// Moves over one character of two to four bytes; the table of well-formed sequences is Unicode's 3-7.
  private mutating func scanUTF8Sequence() throws(JSONError) {
    let lead = base[offset]
    let length: Int
    var second: ClosedRange<UInt8> = 0x80...0xBF
    switch lead {
    case 0xC2...0xDF: length = 2
    case 0xE0: (length, second) = (3, 0xA0...0xBF)
    case 0xED: (length, second) = (3, 0x80...0x9F)
    case 0xE1...0xEF: length = 3
    case 0xF0: (length, second) = (4, 0x90...0xBF)
    case 0xF4: (length, second) = (4, 0x80...0x8F)
    case 0xF1...0xF3: length = 4
    default: throw failure(expected: "well-formed UTF-8")
    }
    guard offset + length <= count, second.contains(base[offset + 1]) else {
      throw failure(expected: "well-formed UTF-8")
    }
    for index in 2..<max(2, length) where base[offset + index] & 0xC0 != 0x80 {
      throw failure(expected: "well-formed UTF-8")
    }
    offset += length
  }
}
