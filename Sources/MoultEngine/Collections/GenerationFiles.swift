import MoultCompute
import MoultModel
import MoultStorage

/// The files of a generation: encoder, codes and indexes. Joins what compute knows (the bytes' meaning) with
/// what storage knows (where they are).
struct GenerationFiles: Sendable {
  let directory: DataDirectory
  let collectionID: Int64
  let generationID: Int64

  // MARK: Encoder

  /// Writes the encoder; returns the path that the catalog stores.
  func write(_ encoder: VectorEncoder) throws -> String {
    let path = FileNames.encoder(collection: collectionID, generation: generationID)
    try encoder.serialized().withUnsafeBytes { bytes in
      _ = try SegmentWriter.write(
        bytes, to: directory.absolutePath(path), kind: .encoder, identity: encoderIdentity,
        fileSystem: directory.fileSystem)
    }
    return path
  }

  func readEncoder(_ path: String) throws -> VectorEncoder {
    let file = try SegmentFile(
      path: directory.absolutePath(path), kind: .encoder, identity: encoderIdentity,
      fileSystem: directory.fileSystem)
    try file.verify()
    return try Self.reading(file) { try VectorEncoder(serialized: $0) }
  }

  private var encoderIdentity: SegmentIdentity {
    SegmentIdentity(collectionID: collectionID, generationID: generationID)
  }

  // MARK: Codes

  func codesPath(_ segment: SegmentView) -> String {
    FileNames.codes(collection: collectionID, segment: segment.id, generation: generationID)
  }

  /// A writer for the codes of a whole sealed segment.
  func codesWriter(_ segment: SegmentView, encoder: VectorEncoder) throws -> SegmentWriter {
    try SegmentWriter(
      path: directory.absolutePath(codesPath(segment)), kind: .codes, identity: identity(of: segment),
      rowCount: segment.count, rowStride: encoder.rowBytes, sideStride: encoder.sideBytes,
      fileSystem: directory.fileSystem)
  }

  /// Writes codes that are all in memory.
  ///
  /// - Parameter record: stores the path in the catalog, once the file is durable.
  func writeCodes(
    _ codes: CodeView, of segment: SegmentView, encoder: VectorEncoder, record: (String) throws -> Void
  ) throws -> SegmentFile {
    let writer = try codesWriter(segment, encoder: encoder)
    if codes.count > 0 { try writer.append(rows: codes.rows, side: codes.side, count: codes.count) }
    _ = try writer.finish()
    let path = codesPath(segment)
    try record(path)
    let file = try openCodes(path, segment: segment, encoder: encoder)
    file.trust()
    return file
  }

  func openCodes(_ path: String, segment: SegmentView, encoder: VectorEncoder) throws -> SegmentFile {
    let file = try SegmentFile(
      path: directory.absolutePath(path), kind: .codes, identity: identity(of: segment),
      fileSystem: directory.fileSystem)
    guard
      file.count == segment.count, file.rowStride == encoder.rowBytes, file.sideStride == encoder.sideBytes
    else {
      throw MoultError(
        .corrupted,
        "\(file.path): expected \(segment.count) rows of \(encoder.rowBytes) + \(encoder.sideBytes) bytes, found "
          + "\(file.count) of \(file.rowStride) + \(file.sideStride)")
    }
    return file
  }

  // MARK: Indexes

  func graphPath(_ segment: SegmentView) -> String {
    FileNames.graph(collection: collectionID, segment: segment.id, generation: generationID)
  }

  func invertedFilePath(_ segment: SegmentView) -> String {
    FileNames.invertedFile(collection: collectionID, segment: segment.id, generation: generationID)
  }

  func path(of index: SegmentIndex, _ segment: SegmentView) -> String {
    index.isGraph ? graphPath(segment) : invertedFilePath(segment)
  }

  /// - Parameter path: says what the bytes are, a graph or an inverted file.
  func write(index bytes: [UInt8], to path: String, of segment: SegmentView) throws {
    try bytes.withUnsafeBytes { bytes in
      _ = try SegmentWriter.write(
        bytes, to: directory.absolutePath(path), kind: FileNames.indexKind(ofFile: path),
        identity: indexIdentity(of: segment), fileSystem: directory.fileSystem)
    }
  }

  /// Gives this generation the index of another by a second name of the same file.
  func share(_ index: SegmentIndex, of segment: SegmentView) throws {
    let target = directory.absolutePath(path(of: index, segment))
    try directory.fileSystem.remove(target)
    try directory.fileSystem.link(index.file.path, to: target)
    try directory.fileSystem.syncDirectory(directory.directory(ofCollection: collectionID))
  }

  /// - Parameters:
  ///   - path: says what it is, a graph or an inverted file.
  ///   - guide: of another graph of the segment.
  func openIndex(_ path: String, segment: SegmentView, guide: SegmentGuide? = nil) throws -> SegmentIndex {
    let kind = FileNames.indexKind(ofFile: path)
    let file = try SegmentFile(
      path: directory.absolutePath(path), kind: kind, identity: indexIdentity(of: segment),
      fileSystem: directory.fileSystem)
    let content: SegmentIndex.Content
    let rowCount: Int
    if kind == .invertedFile {
      let index = try Self.reading(file) { try IVFIndex(bytes: $0) }
      let dimension = segment.vectors.rowStride / MemoryLayout<Float>.stride
      // Searches hand over queries without their length.
      guard index.dimension == dimension else {
        throw MoultError(
          .corrupted,
          "\(file.path): expected an inverted file of \(dimension) dimensions, found one of \(index.dimension)"
        )
      }
      (content, rowCount) = (.ivf(index, RestingCopy()), index.rowCount)
    } else {
      let index = try Self.reading(file) { try GraphIndex(bytes: $0) }
      (content, rowCount) = (.graph(index, guide ?? SegmentGuide()), index.rowCount)
    }
    guard rowCount == segment.count else {
      throw MoultError(
        .corrupted, "\(file.path): expected an index of \(segment.count) rows, found one of \(rowCount)")
    }
    return SegmentIndex(content: content, file: file)
  }

  /// Makes something of a file's content. What finds fault with the content does not know where it came from: the
  /// error gets the file's path.
  private static func reading<Content>(
    _ file: SegmentFile, _ body: (UnsafeRawBufferPointer) throws -> Content
  ) throws -> Content {
    do {
      return try body(file.payload)
    } catch let error as MoultError {
      throw MoultError(error.code, "\(file.path): \(error.message)")
    }
  }

  /// An index names no generation: it serves any codes of the segment's rows.
  private func indexIdentity(of segment: SegmentView) -> SegmentIdentity {
    SegmentIdentity(collectionID: collectionID, segmentID: segment.id, firstRow: segment.firstRow)
  }

  private func identity(of segment: SegmentView) -> SegmentIdentity {
    SegmentIdentity(
      collectionID: collectionID, generationID: generationID, segmentID: segment.id,
      firstRow: segment.firstRow)
  }
}
