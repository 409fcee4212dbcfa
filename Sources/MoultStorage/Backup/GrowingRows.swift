import MoultModel

/// The committed rows of a segment that may be growing, mapped from its file, which nobody shortens below them.
final class GrowingRows {
  private let mapping: MappedFile
  private let header: SegmentHeader
  private let rowCount: Int

  /// - Parameter header: of the file as it grows; its own may be written at this moment.
  /// - Throws: `corrupted` when the file is missing or too short.
  init(path: String, header: SegmentHeader, rowCount: Int, fileSystem: any FileSystem) throws {
    let file = try openSegment(path, .read, fileSystem)
    defer { fileSystem.close(file) }
    let expected = rowCount == 0 ? SegmentHeader.sizeBytes : header.fileSize(rowCount: rowCount)
    let size = try fileSystem.size(of: file)
    guard size >= expected else {
      throw corruption(
        path, size, "file size", expected: "at least \(expected) bytes for \(rowCount) rows", got: "\(size)")
    }
    mapping = try MappedFile(file, byteCount: expected)
    self.header = header
    self.rowCount = rowCount
  }

  /// - Throws: `corrupted` naming the rows that are no longer what was acknowledged.
  func verify(_ checksums: [VectorChecksum], path: String) throws {
    try header.verify(checksums, in: mapping, path: path)
  }

  /// Side bytes, then rows; valid as long as this object.
  var pieces: [UnsafeRawBufferPointer] {
    let bytes = mapping.bytes
    let (side, rows) = (SegmentHeader.sideOffset, header.rowsOffset)
    return [
      UnsafeRawBufferPointer(rebasing: bytes[side..<side + rowCount * header.sideStride]),
      UnsafeRawBufferPointer(rebasing: bytes[rows..<rows + rowCount * header.rowStride]),
    ]
  }
}
