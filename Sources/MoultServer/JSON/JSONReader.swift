package import MoultModel

/// Reads JSON (RFC 8259) from bytes, strictly: no comments, no trailing commas, no NaN, nothing after the value.
///
/// Of members with the same name the last one stays. Numbers beyond the range of their type, lone surrogates and
/// malformed UTF-8 are errors.
package struct JSONReader: ~Copyable {
  private var scanner: JSONScanner
  private let floatKeys: JSONFloatKeys
  private let keepsLarge: Bool
  private let powers = PowersOfTen.shared
  private var floats = FloatBuffer()
  /// False below members that `floatKeys` excludes.
  private var readsFloats = true

  private init(_ bytes: UnsafeBufferPointer<UInt8>, floatKeys: JSONFloatKeys, keepsLarge: Bool) {
    scanner = JSONScanner(bytes)
    self.floatKeys = floatKeys
    self.keepsLarge = keepsLarge
  }

  /// - Parameters:
  ///   - bytes: the whole text, UTF-8 without byte order mark.
  ///   - depthMax: levels of arrays and objects.
  ///   - floatKeys: names of members whose arrays of numbers become ``JSON/floats(_:)``.
  ///   - keepsLarge: whether integers from 2⁶³ to 2⁶⁴ − 1 become ``JSON/large(_:)``, and not doubles.
  package static func parse(
    _ bytes: UnsafeBufferPointer<UInt8>, depthMax: Int = JSONText.depthMax, floatKeys: JSONFloatKeys = [],
    keepsLarge: Bool = false
  ) throws(JSONError) -> JSON {
    var reader = JSONReader(bytes, floatKeys: floatKeys, keepsLarge: keepsLarge)
    reader.scanner.skipWhitespace()
    let value = try reader.value(depthLeft: depthMax, asFloats: false)
    try reader.scanner.finish()
    return value
  }

  package static func parse(
    _ bytes: UnsafeRawBufferPointer, depthMax: Int = JSONText.depthMax, floatKeys: JSONFloatKeys = []
  ) throws(JSONError) -> JSON {
    try parse(bytes.assumingMemoryBound(to: UInt8.self), depthMax: depthMax, floatKeys: floatKeys)
  }

  package static func parse(
    _ bytes: [UInt8], depthMax: Int = JSONText.depthMax, floatKeys: JSONFloatKeys = [],
    keepsLarge: Bool = false
  ) throws(JSONError) -> JSON {
    try bytes.withUnsafeBufferPointer { bytes throws(JSONError) in
      try parse(bytes, depthMax: depthMax, floatKeys: floatKeys, keepsLarge: keepsLarge)
    }
  }

  package static func parse(
    _ text: String, depthMax: Int = JSONText.depthMax, floatKeys: JSONFloatKeys = [], keepsLarge: Bool = false
  ) throws(JSONError) -> JSON {
    try parse(Array(text.utf8), depthMax: depthMax, floatKeys: floatKeys, keepsLarge: keepsLarge)
  }

  /// Checks that a text is one JSON object without building it: ``JSONText/validateObject(utf8:depthMax:)``.
  package static func validateObject(utf8 bytes: UnsafeBufferPointer<UInt8>) throws(JSONError) {
    try JSONText.validateObject(utf8: bytes)
  }

  private mutating func value(depthLeft: Int, asFloats: Bool) throws(JSONError) -> JSON {
    switch scanner.current {
    case UInt8(ascii: "{"): return try object(depthLeft: depthLeft)
    case UInt8(ascii: "["): return try array(depthLeft: depthLeft, asFloats: asFloats)
    case UInt8(ascii: "\""): return .string(try string())
    case UInt8(ascii: "-"), 0x30...0x39: return try number()
    case UInt8(ascii: "t"):
      try scanner.scanWord("true")
      return .bool(true)
    case UInt8(ascii: "f"):
      try scanner.scanWord("false")
      return .bool(false)
    case UInt8(ascii: "n"):
      try scanner.scanWord("null")
      return .null
    default: throw scanner.failure(expected: "a JSON value")
    }
  }

  private mutating func object(depthLeft: Int) throws(JSONError) -> JSON {
    try scanner.enter(depthLeft)
    if scanner.current == UInt8(ascii: "}") {
      scanner.offset += 1
      return .object(JSONObject())
    }
    var members: [JSONObject.Member] = []
    repeat {
      guard scanner.current == UInt8(ascii: "\"") else {
        throw scanner.failure(expected: "a member's name ('\"')")
      }
      let key = try string()
      try scanner.scanColon()
      let start = scanner.offset
      let outerReadsFloats = readsFloats
      if readsFloats, floatKeys.excludes(key) { readsFloats = false }
      let value = try value(depthLeft: depthLeft - 1, asFloats: readsFloats && floatKeys.contains(key))
      readsFloats = outerReadsFloats
      members.append(JSONObject.Member(key: key, value: value, text: start..<scanner.offset))
    } while try scanner.anotherElement(closing: UInt8(ascii: "}"))
    return .object(JSONObject(members))
  }

  private mutating func array(depthLeft: Int, asFloats: Bool) throws(JSONError) -> JSON {
    let start = scanner.offset
    try scanner.enter(depthLeft)
    if scanner.current == UInt8(ascii: "]") {
      scanner.offset += 1
      return .array([])
    }
    var elementsAsFloats = asFloats
    if asFloats, isAtNumber {
      if let values = try floatArray() { return .floats(values) }
      // Something else stands among the numbers: once more from the bracket on, as plain JSON.
      scanner.offset = start
      try scanner.enter(depthLeft)
      elementsAsFloats = false
    }
    var values: [JSON] = []
    repeat {
      values.append(try value(depthLeft: depthLeft - 1, asFloats: elementsAsFloats))
    } while try scanner.anotherElement(closing: UInt8(ascii: "]"))
    return .array(values)
  }

  private var isAtNumber: Bool {
    let byte = scanner.current
    return byte == UInt8(ascii: "-") || byte &- 0x30 < 10
  }

  /// The rest of an array from its first number on, or `nil` when there is more than numbers in it.
  private mutating func floatArray() throws(JSONError) -> [Float]? {
    floats.removeAll()
    var scanner = scanner
    repeat {
      let byte = scanner.current
      guard byte == UInt8(ascii: "-") || byte &- 0x30 < 10 else { return nil }
      let number = try scanner.number()
      let value = number.float(in: scanner.base, powers)
      guard value.isFinite else {
        throw outOfRange(number, "a number within the range of float32 (±3.4028235e38)")
      }
      floats.append(value)
    } while try scanner.anotherElement(closing: UInt8(ascii: "]"))
    self.scanner = scanner
    return floats.array
  }

  private mutating func number() throws(JSONError) -> JSON {
    let number = try scanner.number()
    if let value = number.int64 { return .int(value) }
    if keepsLarge, let value = number.large(in: scanner.base) { return .large(value) }
    let value = number.double(in: scanner.base, powers)
    guard value.isFinite else { throw outOfRange(number, "a number within the range of float64 (±1.8e308)") }
    return .double(value)
  }

  private func outOfRange(_ number: JSONNumber, _ expected: String) -> JSONError {
    let shown = UnsafeBufferPointer(
      start: scanner.base + number.text.lowerBound, count: min(number.text.count, 40))
    return JSONError(
      offset: number.text.lowerBound, expected: expected, found: String(decoding: shown, as: UTF8.self))
  }

  private mutating func string() throws(JSONError) -> String {
    let start = scanner.offset + 1
    let hasEscapes = try scanner.scanString()
    let raw = UnsafeBufferPointer(start: scanner.base + start, count: scanner.offset - 1 - start)
    return hasEscapes ? Self.unescaped(raw) : String(decoding: raw, as: UTF8.self)
  }

  /// The text of a string's inside, which the scanner has checked.
  private static func unescaped(_ raw: UnsafeBufferPointer<UInt8>) -> String {
    var scanner = JSONScanner(raw)
    return String(unsafeUninitializedCapacity: raw.count) { text in
      var length = 0
      while scanner.offset < scanner.count {
        let byte = scanner.current
        scanner.offset += 1
        guard byte == UInt8(ascii: "\\") else {
          text[length] = byte
          length += 1
          continue
        }
        let escape = scanner.current
        if escape == UInt8(ascii: "u") {
          // An escape is six bytes and its character at most four, a pair of them twelve and four.
          for unit in UTF8.encode(scalar(&scanner))! {
            text[length] = unit
            length += 1
          }
          continue
        }
        scanner.offset += 1
        text[length] =
          switch escape {
          case UInt8(ascii: "b"): 0x08
          case UInt8(ascii: "f"): 0x0C
          case UInt8(ascii: "n"): 0x0A
          case UInt8(ascii: "r"): 0x0D
          case UInt8(ascii: "t"): 0x09
          default: escape
          }
        length += 1
      }
      return length
    }
  }

  /// The character of `uXXXX` or of a pair of them, at the first one's `u`.
  private static func scalar(_ scanner: inout JSONScanner) -> Unicode.Scalar {
    func unit() -> UInt32 {
      do { return try scanner.scanCodeUnit() } catch {
        preconditionFailure("checked by the scanner: \(error)")
      }
    }
    let high = unit()
    guard (0xD800...0xDBFF).contains(high) else { return Unicode.Scalar(high)! }
    scanner.offset += 1
    return Unicode.Scalar(0x10000 + (high - 0xD800) << 10 + (unit() - 0xDC00))!
  }
}

/// Floats of unknown number, kept between arrays so that only the result is allocated.
private struct FloatBuffer: ~Copyable {
  private var base = UnsafeMutablePointer<Float>.allocate(capacity: 1024)
  private var capacity = 1024
  private var count = 0

  deinit { base.deallocate() }

  mutating func removeAll() { count = 0 }

  @inline(__always)
  mutating func append(_ value: Float) {
    if count == capacity { grow() }
    base[count] = value
    count += 1
  }

  private mutating func grow() {
    let larger = UnsafeMutablePointer<Float>.allocate(capacity: capacity * 2)
    larger.update(from: base, count: count)
    base.deallocate()
    base = larger
    capacity *= 2
  }

  var array: [Float] { Array(UnsafeBufferPointer(start: base, count: count)) }
}
