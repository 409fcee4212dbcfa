public import MoultModel

/// The format of a linear transform, version 1. Little-endian.
///
///     0   8  "MOULTLIN"
///     8   4  version
///     12     body
///     end−8  FNV-1a of everything before
///
/// The body, which other formats embed:
///
///     0   1  side: 0 both, 1 documents, 2 queries
///     1   1  source space: 0 collection, 1 code, 2 old model, 3 new model
///     2   1  target space, likewise
///     3   1  flags: bit 0 orthonormal, bit 1 a bias follows, bit 2 input is normalized
///     4   4  input dimension, 1 … 32 768
///     8   4  output dimension, 1 … 32 768
///     12     matrix (count u32, f32 …, output × input)
///     …      bias (count u32, f32 …, output), if bit 1 is set
///
/// *Changing any of this needs a new version number and a reader for the old one.*
private enum LinearTransformFormat {
  static let magic = "MOULTLIN"
  static let version: UInt32 = 1
  static let sides: [TransformSide] = [.both, .documents, .queries]
  static let spaces: [VectorSpace] = [.collection, .code, .oldModel, .newModel]
}

extension LinearTransform {
  /// The transform as bytes, all that `init(serialized:)` needs.
  public func serialized() -> [UInt8] {
    var writer = ByteWriter()
    TransformFrame.begin(&writer, LinearTransformFormat.magic, version: LinearTransformFormat.version)
    write(to: &writer)
    TransformFrame.end(&writer)
    return writer.bytes
  }

  /// Reads a transform. The bytes may be anything: every length and value is checked.
  ///
  /// - Throws: `corrupted` for foreign, damaged or truncated bytes, with the offset; `unsupportedVersion`
  ///   for a newer version.
  public init(serialized bytes: UnsafeRawBufferPointer) throws(MoultError) {
    var reader = ByteReader(bytes, subject: "transform")
    let end = try TransformFrame.open(
      &reader, bytes, LinearTransformFormat.magic, version: LinearTransformFormat.version)
    self = try LinearTransform(reading: &reader)
    try TransformFrame.close(reader, end: end)
  }

  /// Appends the body.
  func write(to writer: inout ByteWriter) {
    writer.integer(UInt8(LinearTransformFormat.sides.firstIndex(of: direction.side)!))
    writer.integer(UInt8(LinearTransformFormat.spaces.firstIndex(of: direction.source)!))
    writer.integer(UInt8(LinearTransformFormat.spaces.firstIndex(of: direction.target)!))
    writer.integer(UInt8((isOrthonormal ? 1 : 0) | (bias == nil ? 0 : 2) | (normalizesInput ? 4 : 0)))
    writer.integer(UInt32(inputDimension))
    writer.integer(UInt32(outputDimension))
    writer.floats(matrix)
    if let bias { writer.floats(bias) }
  }

  /// Reads a body.
  init(reading reader: inout ByteReader) throws(MoultError) {
    let side = try LinearTransform.choice(&reader, LinearTransformFormat.sides, "side")
    let source = try LinearTransform.choice(&reader, LinearTransformFormat.spaces, "source space")
    let target = try LinearTransform.choice(&reader, LinearTransformFormat.spaces, "target space")
    let flags = try reader.integer(UInt8.self, "flags")
    guard flags < 8 else { throw reader.corrupted("flags are \(flags)") }
    let input = try LinearTransform.dimension(&reader, "input dimension")
    let output = try LinearTransform.dimension(&reader, "output dimension")
    let matrix = try reader.floats(input * output, "the matrix")
    let bias = flags & 2 == 0 ? nil : try reader.floats(output, "the bias")
    self.init(
      matrix: matrix, bias: bias, inputDimension: input, outputDimension: output,
      isOrthonormal: flags & 1 != 0, normalizesInput: flags & 4 != 0,
      direction: TransformDirection(side, from: source, to: target))
  }

  private static func choice<T>(
    _ reader: inout ByteReader, _ values: [T], _ what: String
  ) throws(MoultError) -> T {
    let number = Int(try reader.integer(UInt8.self, what))
    guard number < values.count else { throw reader.corrupted("\(what) is \(number)") }
    return values[number]
  }

  private static func dimension(
    _ reader: inout ByteReader, _ what: String
  ) throws(MoultError) -> Int {
    let dimension = Int(try reader.integer(UInt32.self, what))
    guard CollectionSchema.dimensionRange.contains(dimension) else {
      throw reader.corrupted("\(what) is \(dimension)")
    }
    return dimension
  }
}

/// What stands around the body of a transform's file: magic and version before it, a checksum after it.
enum TransformFrame {
  static func begin(_ writer: inout ByteWriter, _ magic: String, version: UInt32) {
    writer.raw(magic.utf8)
    writer.integer(version)
  }

  static func end(_ writer: inout ByteWriter) {
    writer.integer(FNV1a.hash(writer.bytes))
  }

  /// Checks magic, version and checksum; the reader then stands before the body.
  ///
  /// - Returns: where the body must end.
  static func open(
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

  static func close(_ reader: ByteReader, end: Int) throws(MoultError) {
    guard reader.offset == end else {
      throw reader.corrupted("the body ends at byte \(reader.offset), expected \(end)")
    }
  }
}
