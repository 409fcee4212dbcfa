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
extension LinearTransform: FramedTransform {
  static let magic = "MOULTLIN"
  static let version: UInt32 = 1
  private static let sides: [TransformSide] = [.both, .documents, .queries]
  private static let spaces: [VectorSpace] = [.collection, .code, .oldModel, .newModel]

  /// The transform as bytes, all that `init(serialized:)` needs.
  public func serialized() -> [UInt8] { TransformFrame.write(self) }

  /// Reads a transform. The bytes may be anything: every length and value is checked.
  ///
  /// - Throws: `corrupted` for foreign, damaged or truncated bytes, with the offset; `unsupportedVersion`
  ///   for a newer version.
  public init(serialized bytes: UnsafeRawBufferPointer) throws(MoultError) {
    self = try TransformFrame.read(bytes)
  }

  func write(to writer: inout ByteWriter) {
    writer.integer(UInt8(LinearTransform.sides.firstIndex(of: direction.side)!))
    writer.integer(UInt8(LinearTransform.spaces.firstIndex(of: direction.source)!))
    writer.integer(UInt8(LinearTransform.spaces.firstIndex(of: direction.target)!))
    writer.integer(UInt8((isOrthonormal ? 1 : 0) | (bias == nil ? 0 : 2) | (normalizesInput ? 4 : 0)))
    writer.integer(UInt32(inputDimension))
    writer.integer(UInt32(outputDimension))
    writer.floats(matrix)
    if let bias { writer.floats(bias) }
  }

  init(reading reader: inout ByteReader) throws(MoultError) {
    let side = try LinearTransform.choice(&reader, LinearTransform.sides, "side")
    let source = try LinearTransform.choice(&reader, LinearTransform.spaces, "source space")
    let target = try LinearTransform.choice(&reader, LinearTransform.spaces, "target space")
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
