public import MoultModel

/// A transform that maps documents and queries differently into one space, where they meet.
public struct AsymmetricTransform: Sendable {
  public let documents: LinearTransform
  public let queries: LinearTransform

  public var inputDimension: Int { documents.inputDimension }
  public var outputDimension: Int { documents.outputDimension }

  /// - Precondition: both take and make the same dimensions; `documents` is for documents, `queries` for
  ///   queries, into the same space.
  public init(documents: LinearTransform, queries: LinearTransform) {
    precondition(AsymmetricTransform.fit(documents, queries) == nil)
    self.documents = documents
    self.queries = queries
  }

  /// Why the two do not belong together.
  private static func fit(_ documents: LinearTransform, _ queries: LinearTransform) -> String? {
    guard documents.direction.side != .queries && queries.direction.side != .documents else {
      return "its two sides map \(documents.direction) and \(queries.direction)"
    }
    guard documents.direction.target == queries.direction.target else {
      return "documents go to \(documents.direction.target.rawValue), queries to "
        + queries.direction.target.rawValue
    }
    guard
      documents.outputDimension == queries.outputDimension
        && documents.inputDimension == queries.inputDimension
    else {
      return "documents map \(documents.inputDimension) dimensions to \(documents.outputDimension), queries "
        + "\(queries.inputDimension) to \(queries.outputDimension)"
    }
    return nil
  }
}

/// The format of an asymmetric transform, version 1. Little-endian.
///
///     0   8  "MOULTASY"
///     8   4  version
///     12     body: that of the documents' transform, then that of the queries' (`LinearTransform`)
///     end−8  FNV-1a of everything before
///
/// *Changing any of this needs a new version number and a reader for the old one.*
extension AsymmetricTransform: FramedTransform {
  static let magic = "MOULTASY"
  static let version: UInt32 = 1

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
    documents.write(to: &writer)
    queries.write(to: &writer)
  }

  init(reading reader: inout ByteReader) throws(MoultError) {
    let documents = try LinearTransform(reading: &reader)
    let queries = try LinearTransform(reading: &reader)
    if let reason = AsymmetricTransform.fit(documents, queries) { throw reader.corrupted(reason) }
    self.init(documents: documents, queries: queries)
  }
}
