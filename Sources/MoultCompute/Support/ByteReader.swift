internal import MoultModel

/// Reads little-endian numbers from bytes that nobody vouches for: every read is checked and names what it
/// wanted and where.
struct ByteReader {
  private let bytes: UnsafeRawBufferPointer
  /// What the bytes stand for, for messages.
  private let subject: String
  private(set) var offset = 0

  init(_ bytes: UnsafeRawBufferPointer, subject: String = "encoder") {
    self.bytes = bytes
    self.subject = subject
  }

  var remaining: Int { bytes.count - offset }

  func corrupted(_ what: String) -> MoultError {
    MoultError(.corrupted, "\(subject) is damaged: \(what) (byte \(offset) of \(bytes.count))")
  }

  mutating func integer<T: FixedWidthInteger>(_ type: T.Type, _ what: String) throws(MoultError) -> T {
    guard remaining >= MemoryLayout<T>.size else {
      throw corrupted("\(what) needs \(MemoryLayout<T>.size) bytes, \(remaining) are left")
    }
    let value = bytes.loadUnaligned(fromByteOffset: offset, as: T.self)
    offset += MemoryLayout<T>.size
    return T(littleEndian: value)
  }

  /// A finite number.
  mutating func float(_ what: String) throws(MoultError) -> Float {
    let value = Float(bitPattern: try integer(UInt32.self, what))
    guard value.isFinite else { throw corrupted("\(what) is \(value)") }
    return value
  }

  /// Any number, NaN included.
  mutating func double(_ what: String) throws(MoultError) -> Double {
    Double(bitPattern: try integer(UInt64.self, what))
  }

  /// A count that must be `expected`, then that many finite numbers.
  mutating func floats(_ expected: Int, _ what: String) throws(MoultError) -> FloatBuffer {
    let count = Int(try integer(UInt32.self, "count of \(what)"))
    guard count == expected else { throw corrupted("\(count) numbers of \(what), expected \(expected)") }
    guard remaining / 4 >= count else {
      throw corrupted("\(what) needs \(4 * count) bytes, \(remaining) are left")
    }
    let start = bytes.baseAddress! + offset
    var finite = true
    let buffer = FloatBuffer(count: count) { floats in
      for i in 0..<count {
        let bits = UInt32(littleEndian: (start + 4 * i).loadUnaligned(as: UInt32.self))
        floats[i] = Float(bitPattern: bits)
        if bits & 0x7F80_0000 == 0x7F80_0000 { finite = false }
      }
    }
    guard finite else { throw corrupted("\(what) holds a number that is not finite") }
    offset += 4 * count
    return buffer
  }
}
