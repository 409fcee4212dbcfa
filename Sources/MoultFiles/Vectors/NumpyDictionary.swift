import MoultModel

/// Reads the Python dictionary of a `.npy` header: exactly the keys `descr`, `fortran_order` and `shape`, in
/// any order, with any spaces and trailing commas. Nothing else of Python is understood.
struct NumpyDictionary: ~Copyable {
  private let bytes: Slice<UnsafeRawBufferPointer>
  private var at: Int
  private let path: String

  init(_ bytes: Slice<UnsafeRawBufferPointer>, path: String) {
    self.bytes = bytes
    at = bytes.startIndex
    self.path = path
  }

  mutating func read() throws(MoultError) -> (description: String, fortranOrder: Bool, shape: [Int]) {
    var description: String?
    var fortranOrder: Bool?
    var shape: [Int]?
    try expect("{")
    while !accept("}") {
      let key = try string()
      try expect(":")
      switch key {
      case "descr" where description == nil: description = try elementDescription()
      case "fortran_order" where fortranOrder == nil: fortranOrder = try boolean()
      case "shape" where shape == nil: shape = try tuple()
      default:
        throw failure("expected each of the keys 'descr', 'fortran_order' and 'shape' once, found '\(key)'")
      }
      guard accept(",") else {
        try expect("}")
        break
      }
    }
    skipSpaces()
    guard at == bytes.endIndex else { throw failure("expected nothing after the dictionary, found \(found)") }
    guard let description, let fortranOrder, let shape else {
      throw failure("expected the keys 'descr', 'fortran_order' and 'shape', found only some of them")
    }
    return (description, fortranOrder, shape)
  }

  private mutating func elementDescription() throws(MoultError) -> String {
    skipSpaces()
    if current == UInt8(ascii: "[") {
      throw MoultError(
        .unsupported,
        "'\(path)': expected plain numbers, found a structured array; save one field with "
          + "np.ascontiguousarray(array['field'])")
    }
    return try string()
  }

  private mutating func string() throws(MoultError) -> String {
    skipSpaces()
    let quote = current
    guard quote == UInt8(ascii: "'") || quote == UInt8(ascii: "\"") else {
      throw failure("expected a string, found \(found)")
    }
    let start = at + 1
    at = start
    while current != quote {
      // No key and no type of ours has an escape in it.
      guard (0x20...0x7E).contains(current), current != UInt8(ascii: "\\"), at - start < 64 else {
        throw failure("expected a short string of ASCII characters, found \(found)")
      }
      at += 1
    }
    at += 1
    return String(decoding: bytes[start..<at - 1], as: UTF8.self)
  }

  private mutating func boolean() throws(MoultError) -> Bool {
    skipSpaces()
    for (word, value) in [("True", true), ("False", false)] {
      if bytes[at...].prefix(word.utf8.count).elementsEqual(word.utf8) {
        at += word.utf8.count
        return value
      }
    }
    throw failure("expected True or False, found \(found)")
  }

  /// `(3, 4)`, `(3,)` or `()`.
  private mutating func tuple() throws(MoultError) -> [Int] {
    var values: [Int] = []
    try expect("(")
    while !accept(")") {
      guard values.count < 32 else { throw failure("expected at most 32 dimensions, found more") }
      values.append(try integer())
      guard accept(",") else {
        try expect(")")
        guard values.count > 1 else { throw failure("expected a tuple as the shape, found one number") }
        break
      }
    }
    return values
  }

  private mutating func integer() throws(MoultError) -> Int {
    skipSpaces()
    let start = at
    var value = 0
    while (0x30...0x39).contains(current) {
      let (product, overflow) = value.multipliedReportingOverflow(by: 10)
      let (sum, overflowInSum) = product.addingReportingOverflow(Int(current - 0x30))
      guard !overflow, !overflowInSum else { throw failure("expected a shape below 2⁶³, found a larger one") }
      value = sum
      at += 1
    }
    guard at > start else { throw failure("expected a number without sign, found \(found)") }
    // Python 2 wrote long integers so.
    if current == UInt8(ascii: "L") { at += 1 }
    return value
  }

  /// The byte at hand; 0 at the end, which fits nothing.
  private var current: UInt8 { at < bytes.endIndex ? bytes[at] : 0 }

  private mutating func skipSpaces() {
    while [0x20, 0x09, 0x0A, 0x0D].contains(current) { at += 1 }
  }

  private mutating func accept(_ character: Unicode.Scalar) -> Bool {
    skipSpaces()
    guard current == UInt8(ascii: character) else { return false }
    at += 1
    return true
  }

  private mutating func expect(_ character: Unicode.Scalar) throws(MoultError) {
    guard accept(character) else { throw failure("expected '\(character)', found \(found)") }
  }

  private var found: String {
    if at >= bytes.endIndex { return "its end" }
    return (0x21...0x7E).contains(current)
      ? "'\(Unicode.Scalar(current))'" : "byte 0x" + String(current, radix: 16, uppercase: true)
  }

  private func failure(_ message: String) -> MoultError {
    MoultError(.corrupted, "'\(path)': the .npy header is malformed at byte \(at): \(message)")
  }
}
