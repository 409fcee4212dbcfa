import MoultModel

/// Streams a sealed file: codes row by row, a graph or an encoder as one blob.
///
/// Everything goes to `path.partial`; `finish()` syncs it, gives it its name and syncs the directory, so
/// that `path` is whole or absent. A writer that goes away unfinished removes its file.
package final class SegmentWriter {
  package let path: String
  private let header: SegmentHeader
  private let fileSystem: any FileSystem
  private let file: OpenFile
  private var sideChecksum = SegmentChecksum()
  private var rowsChecksum = SegmentChecksum()
  private var isFinished = false
  /// Up to where the file's write-back was begun.
  private var writebackEnd = 0
  /// Rows that were appended.
  package private(set) var count = 0

  /// - Parameters:
  ///   - rowCount: rows that will come, exactly.
  ///   - rowStride: bytes a row, at least 1.
  ///   - sideStride: bytes a row in the side section, 0 for none.
  package init(
    path: String, kind: SegmentHeader.Kind, identity: SegmentIdentity, rowCount: Int, rowStride: Int,
    sideStride: Int = 0, fileSystem: any FileSystem = POSIXFileSystem()
  ) throws {
    header = SegmentHeader(
      kind: kind, identity: identity, rowCapacity: rowCount, rowStride: rowStride,
      sideStride: sideStride)
    self.path = path
    self.fileSystem = fileSystem
    try fileSystem.makeDirectories(parentDirectory(of: path))
    let partial = path + partialSuffix
    try fileSystem.remove(partial)
    file = try fileSystem.open(partial, .create)
  }

  deinit {
    fileSystem.close(file)
    if !isFinished { try? fileSystem.remove(file.path) }
  }

  /// Writes one file from bytes that are all there.
  @discardableResult
  package static func write(
    _ bytes: UnsafeRawBufferPointer, to path: String, kind: SegmentHeader.Kind, identity: SegmentIdentity,
    fileSystem: any FileSystem = POSIXFileSystem()
  ) throws -> SegmentHeader {
    let writer = try SegmentWriter(
      path: path, kind: kind, identity: identity, rowCount: bytes.count, rowStride: 1,
      fileSystem: fileSystem)
    if let base = bytes.baseAddress { try writer.append(rows: base, count: bytes.count) }
    return try writer.finish()
  }

  /// - Parameters:
  ///   - rows: `count × rowStride` bytes.
  ///   - side: `count × sideStride` bytes; may be `nil` when there is no side section.
  /// - Precondition: not more rows than were announced; not finished.
  package func append(rows: UnsafeRawPointer, side: UnsafeRawPointer? = nil, count: Int) throws {
    precondition(!isFinished && count >= 0 && count <= header.rowCapacity - self.count)
    if header.sideStride > 0, count > 0 {
      guard let side else { preconditionFailure("side bytes are missing") }
      let bytes = UnsafeRawBufferPointer(start: side, count: count * header.sideStride)
      try fileSystem.writeAll(
        bytes, to: file, at: SegmentHeader.sideOffset + self.count * header.sideStride)
      sideChecksum.update(bytes)
    }
    let bytes = UnsafeRawBufferPointer(start: rows, count: count * header.rowStride)
    try writeRows(bytes, at: header.fileSize(rowCount: self.count))
    rowsChecksum.update(bytes)
    self.count += count
  }

  /// Bytes of one call of the system, and from one begun write-back to the next.
  ///
  /// Jobs write on threads that give way to searches, but a kernel without preemption lets them go on to the end of
  /// a call: beside calls of 3 MB and one sync, a thread on the same processor woke 0.6 ms late (p99, Linux 6.18, ext4),
  /// with pieces of 64 KiB and a write-back begun for each MiB 0.14 ms.
  private static let callBytes = 64 << 10
  private static let writebackBytes = 1 << 20

  private func writeRows(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws {
    for first in stride(from: 0, to: bytes.count, by: Self.callBytes) {
      let piece = UnsafeRawBufferPointer(rebasing: bytes[first..<min(bytes.count, first + Self.callBytes)])
      try fileSystem.writeAll(piece, to: file, at: offset + first)
      let end = offset + first + piece.count
      if end - writebackEnd >= Self.writebackBytes {
        fileSystem.beginSync(file, from: writebackEnd, count: end - writebackEnd)
        writebackEnd = end
      }
    }
  }

  /// Of what has come so far, in file order: side section, gap, rows.
  var payloadChecksum: UInt32 {
    var checksum = sideChecksum
    checksum.updateZeros(count: header.rowsOffset - SegmentHeader.sideOffset - sideChecksum.byteCount)
    checksum.append(rowsChecksum)
    return checksum.value
  }

  /// Gives the file its name; it is durable when this returns.
  ///
  /// - Precondition: all announced rows have come.
  @discardableResult
  package func finish() throws -> SegmentHeader {
    precondition(!isFinished && count == header.rowCapacity, "\(count) of \(header.rowCapacity) rows came")
    let sealed = header.sealed(rowCount: count, payloadChecksum: payloadChecksum)
    try fileSystem.resize(file, to: header.fullSize)
    try sealed.encoded().withUnsafeBytes { try fileSystem.writeAll($0, to: file, at: 0) }
    try fileSystem.sync(file)
    try fileSystem.rename(file.path, to: path)
    isFinished = true
    try fileSystem.syncDirectory(parentDirectory(of: path))
    return sealed
  }
}

/// What an unfinished file's name ends with.
let partialSuffix = ".partial"
