internal import MoultModel

/// What the byte formats of graphs and inverted files share: a magic, a version, sections at multiples of 64.
enum IndexBytes {
  static let sectionAlignment = 64

  /// Hands out the places of sections, one behind the other.
  struct Layout {
    /// Where the last section ends.
    private(set) var end: Int

    init(headerSizeBytes: Int) { end = headerSizeBytes }

    /// - Precondition: no sum leaves `Int`.
    mutating func section(_ sizeBytes: Int) -> Int {
      let start = (end + sectionAlignment - 1) / sectionAlignment * sectionAlignment
      end = start + sizeBytes
      return start
    }
  }

  /// The unsigned 32-bit number at an offset that lies inside.
  static func number(in bytes: UnsafeRawBufferPointer, at offset: Int) -> Int {
    Int(UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self)))
  }

  /// Checks that bytes are long enough for a header and begin with a magic of 8 bytes and a version that is known.
  ///
  /// - Parameters:
  ///   - what: for messages: "graph".
  ///   - damaged: makes the error of bytes that are wrong.
  /// - Throws: that error, or `unsupportedVersion`.
  static func checkStart(
    of bytes: UnsafeRawBufferPointer, magic: [UInt8], version known: UInt32, headerSizeBytes: Int,
    what: String,
    damaged: (String) -> MoultError
  ) throws(MoultError) {
    guard bytes.count >= headerSizeBytes else {
      throw damaged("has \(bytes.count) bytes; its header alone takes \(headerSizeBytes)")
    }
    guard bytes.prefix(magic.count).elementsEqual(magic) else {
      throw damaged("does not begin with \(String(decoding: magic, as: UTF8.self)), so it is no \(what)")
    }
    let version = number(in: bytes, at: 8)
    guard version <= Int(known) else {
      throw MoultError(
        .unsupportedVersion,
        "the \(what) has format version \(version); this Moult reads versions up to \(known)")
    }
    guard version == Int(known) else { throw damaged("has format version \(version)") }
  }
}
