/// Writes JSON into a byte array, piece by piece; commas come by themselves.
///
/// ```swift
/// var json = JSONWriter()
/// json.beginObject()
/// json.member("code", 0)
/// json.key("data")
/// json.beginArray()
/// for hit in hits { json.value(hit.score) }
/// json.endArray()
/// json.endObject()
/// ```
///
/// Nothing checks that brackets match and that values in objects have names: that is the caller's.
package struct JSONWriter: Sendable {
  package private(set) var bytes: [UInt8] = []
  private var needsComma = false

  package init(capacity: Int = 256) {
    bytes.reserveCapacity(capacity)
  }

  package mutating func beginObject() { open(UInt8(ascii: "{")) }
  package mutating func endObject() { close(UInt8(ascii: "}")) }
  package mutating func beginArray() { open(UInt8(ascii: "[")) }
  package mutating func endArray() { close(UInt8(ascii: "]")) }

  /// The name of the member whose value comes next.
  package mutating func key(_ name: String) {
    value(name)
    bytes.append(UInt8(ascii: ":"))
    needsComma = false
  }

  package mutating func null() { raw("null") }

  package mutating func value(_ value: Bool) { raw(value ? "true" : "false") }

  package mutating func value(_ value: Int64) {
    separate()
    append(value)
  }

  package mutating func value(_ value: Int) { self.value(Int64(value)) }

  /// The shortest text that reads back as the same double; `null` for what JSON cannot say.
  package mutating func value(_ value: Double) {
    guard value.isFinite else { return null() }
    separate()
    append(utf8Of: value.description)
  }

  /// The shortest text that reads back as the same float; `null` for what JSON cannot say.
  package mutating func value(_ value: Float) {
    guard value.isFinite else { return null() }
    separate()
    append(utf8Of: value.description)
  }

  package mutating func value(_ text: String) {
    separate()
    appendQuoted(text)
  }

  /// An array of numbers.
  package mutating func value(_ vector: some Collection<Float>) {
    beginArray()
    for entry in vector { value(entry) }
    endArray()
  }

  package mutating func value(_ json: JSON) {
    switch json {
    case .null: null()
    case .bool(let value): self.value(value)
    case .int(let value): self.value(value)
    case .large(let value): raw(String(value))
    case .double(let value): self.value(value)
    case .string(let text): value(text)
    case .floats(let vector): value(vector)
    case .array(let values):
      beginArray()
      for element in values { value(element) }
      endArray()
    case .object(let object):
      beginObject()
      for member in object.members { self.member(member.key, member.value) }
      endObject()
    }
  }

  /// A value that is JSON text already, such as a payload; it is not checked.
  package mutating func raw(_ json: String) {
    separate()
    append(utf8Of: json)
  }

  /// A value that is JSON text already; it is not checked.
  package mutating func raw(_ json: some Collection<UInt8>) {
    separate()
    bytes.append(contentsOf: json)
  }

  package mutating func member(_ name: String, _ value: Bool) {
    key(name)
    self.value(value)
  }

  package mutating func member(_ name: String, _ value: Int) {
    key(name)
    self.value(value)
  }

  package mutating func member(_ name: String, _ value: Int64) {
    key(name)
    self.value(value)
  }

  package mutating func member(_ name: String, _ value: Double) {
    key(name)
    self.value(value)
  }

  package mutating func member(_ name: String, _ value: Float) {
    key(name)
    self.value(value)
  }

  package mutating func member(_ name: String, _ value: String) {
    key(name)
    self.value(value)
  }

  package mutating func member(_ name: String, _ value: some Collection<Float>) {
    key(name)
    self.value(value)
  }

  package mutating func member(_ name: String, _ value: JSON) {
    key(name)
    self.value(value)
  }

  /// A member whose value is JSON text already; it is not checked.
  package mutating func member(_ name: String, raw json: String) {
    key(name)
    raw(json)
  }

  private mutating func open(_ bracket: UInt8) {
    separate()
    bytes.append(bracket)
    needsComma = false
  }

  private mutating func close(_ bracket: UInt8) {
    bytes.append(bracket)
    needsComma = true
  }

  private mutating func separate() {
    if needsComma { bytes.append(UInt8(ascii: ",")) }
    needsComma = true
  }

  private mutating func append(utf8Of text: String) {
    var text = text
    text.withUTF8 { bytes.append(contentsOf: $0) }
  }

  private mutating func append(_ value: Int64) {
    if value < 0 { bytes.append(UInt8(ascii: "-")) }
    var rest = value.magnitude
    let first = bytes.count
    repeat {
      bytes.append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10))
      rest /= 10
    } while rest > 0
    bytes[first...].reverse()
  }

  private mutating func appendQuoted(_ text: String) {
    var text = text
    bytes.append(UInt8(ascii: "\""))
    text.withUTF8 { utf8 in
      var runStart = 0
      for (index, byte) in utf8.enumerated() where byte < 0x20 || byte == 0x22 || byte == 0x5C {
        bytes.append(contentsOf: utf8[runStart..<index])
        appendEscape(of: byte)
        runStart = index + 1
      }
      bytes.append(contentsOf: utf8[runStart...])
    }
    bytes.append(UInt8(ascii: "\""))
  }

  private mutating func appendEscape(of byte: UInt8) {
    bytes.append(UInt8(ascii: "\\"))
    switch byte {
    case 0x08: bytes.append(UInt8(ascii: "b"))
    case 0x09: bytes.append(UInt8(ascii: "t"))
    case 0x0A: bytes.append(UInt8(ascii: "n"))
    case 0x0C: bytes.append(UInt8(ascii: "f"))
    case 0x0D: bytes.append(UInt8(ascii: "r"))
    case 0x22, 0x5C: bytes.append(byte)
    default:
      let digits = Array("0123456789abcdef".utf8)
      bytes.append(contentsOf: "u00".utf8)
      bytes.append(digits[Int(byte >> 4)])
      bytes.append(digits[Int(byte & 15)])
    }
  }
}
