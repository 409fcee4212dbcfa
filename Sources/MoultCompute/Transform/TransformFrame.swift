internal import MoultModel

/// A transform with a file format of its own: a body in a `TransformFrame`.
protocol FramedTransform {
  static var magic: String { get }
  static var version: UInt32 { get }

  /// Appends the body.
  func write(to writer: inout ByteWriter)

  /// Reads a body.
  init(reading reader: inout ByteReader) throws(MoultError)
}

/// What stands around the body of a transform's file: magic and version before it, a checksum after it.
enum TransformFrame {
  static func write<Transform: FramedTransform>(_ transform: Transform) -> [UInt8] {
    var writer = ByteWriter()
    writer.raw(Transform.magic.utf8)
    writer.integer(Transform.version)
    transform.write(to: &writer)
    writer.integer(FNV1a.hash(writer.bytes))
    return writer.bytes
  }

  static func read<Transform: FramedTransform>(_ bytes: UnsafeRawBufferPointer) throws(MoultError)
    -> Transform
  {
    var reader = ByteReader(bytes, subject: "transform")
    let end = try open(&reader, bytes, Transform.magic, version: Transform.version)
    let transform = try Transform(reading: &reader)
    guard reader.offset == end else {
      throw reader.corrupted("the body ends at byte \(reader.offset), expected \(end)")
    }
    return transform
  }

  /// Checks magic, version and checksum; the reader then stands before the body.
  ///
  /// - Returns: where the body must end.
  private static func open(
    _ reader: inout ByteReader, _ bytes: UnsafeRawBufferPointer, _ magic: String, version: UInt32
  ) throws(MoultError) -> Int {
    for expected in magic.utf8 {
      guard try reader.integer(UInt8.self, "magic") == expected else {
        throw reader.corrupted("it does not begin with '\(magic)'")
      }
    }
    let found = try reader.integer(UInt32.self, "version")
    guard found <= version else {
      throw MoultError(
        .unsupportedVersion,
        "transform has version \(found), this Moult reads up to \(version); update Moult")
    }
    guard found == version else { throw reader.corrupted("version is \(found)") }
    guard reader.remaining >= 8 else {
      throw reader.corrupted("the checksum needs 8 bytes, \(reader.remaining) are left")
    }
    let end = bytes.count - 8
    let hash = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: end, as: UInt64.self))
    guard FNV1a.hash(bytes[..<end]) == hash else { throw reader.corrupted("its checksum does not match") }
    return end
  }
}
