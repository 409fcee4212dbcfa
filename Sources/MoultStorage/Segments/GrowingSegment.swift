import MoultModel
import Synchronization

/// The vectors of a collection's newest rows: a file of fixed capacity that fills up.
///
/// The file has its full size from the start, as a hole, and is mapped read-only; rows are written by
/// `pwrite`, so that a full disk is an error and not a SIGBUS. Which rows count is the catalog's business
/// (`segments.row_count`): rows past that number are leftovers and are written over.
///
/// One writer at a time; readers use `rows` and `side` up to the count that they were given, also while
/// it is written and after it was sealed. The pointers live as long as the object.
package final class GrowingSegment: @unchecked Sendable {
  package let path: String
  package let header: SegmentHeader
  private let fileSystem: any FileSystem
  private let file: OpenFile
  private let mapping: MappedFile
  private let state = Mutex(State())

  private struct State {
    /// The first row that was written since the last sync.
    var unsyncedFrom: Int?
    /// The first row whose sync failed. The kernel reports a failed write-back once and then calls the
    /// page clean, so syncing again would succeed falsely: the rows have to be written again.
    var lostFrom: Int?
    var sealedCount: Int?
    /// Of the first rows, without their side bytes.
    var checksummed = SegmentChecksum()
  }

  /// Creates the file, durable with its name when this returns. A leftover at `path` is replaced.
  ///
  /// - Parameters:
  ///   - rowCapacity: rows that fit, at least 1.
  ///   - rowStride: bytes a row, at least 1.
  ///   - sideStride: bytes a row in the side section, 0 for none.
  package init(
    creating path: String, identity: SegmentIdentity, rowCapacity: Int, rowStride: Int,
    sideStride: Int = 0, fileSystem: any FileSystem = POSIXFileSystem()
  ) throws {
    let header = SegmentHeader(
      kind: .vectors, identity: identity, rowCapacity: rowCapacity, rowStride: rowStride,
      sideStride: sideStride)
    let directory = parentDirectory(of: path)
    try fileSystem.makeDirectories(directory)
    // Unlinked, not overwritten: whoever maps the leftover keeps it.
    try fileSystem.remove(path)
    let file = try fileSystem.open(path, .create)
    do {
      try fileSystem.resize(file, to: header.fullSize)
      try header.encoded().withUnsafeBytes { try fileSystem.writeAll($0, to: file, at: 0) }
      try fileSystem.sync(file)
      try fileSystem.syncDirectory(directory)
      mapping = try MappedFile(file, byteCount: header.fullSize)
    } catch {
      fileSystem.close(file)
      try? fileSystem.remove(path)
      throw error
    }
    self.path = path
    self.header = header
    self.file = file
    self.fileSystem = fileSystem
  }

  /// Opens a segment that the catalog calls growing, and undoes a sealing that a crash cut short.
  ///
  /// - Parameter rowCount: the catalog's count: rows that must be there.
  /// - Throws: `corrupted` when the file is missing, damaged, another one or shorter than `rowCount` rows.
  package init(
    opening path: String, identity: SegmentIdentity, rowCount: Int,
    fileSystem: any FileSystem = POSIXFileSystem()
  ) throws {
    let file = try openSegment(path, .readWrite, fileSystem)
    do {
      let found = try SegmentHeader(readingFrom: file, fileSystem: fileSystem)
      try found.require(kind: .vectors, identity: identity, path: path)
      guard rowCount <= found.rowCapacity else {
        throw corruption(
          path, SegmentHeader.Field.rowCapacity.rawValue, "row capacity",
          expected: "at least the \(rowCount) rows of the catalog", got: "\(found.rowCapacity)")
      }
      let fileSize = try fileSystem.size(of: file)
      let committedSize = rowCount == 0 ? SegmentHeader.sizeBytes : found.fileSize(rowCount: rowCount)
      guard fileSize >= committedSize else {
        throw corruption(
          path, fileSize, "file size", expected: "at least \(committedSize) bytes for \(rowCount) rows",
          got: "\(fileSize)")
      }
      header = SegmentHeader(
        kind: .vectors, identity: found.identity, rowCapacity: found.rowCapacity,
        rowStride: found.rowStride, sideStride: found.sideStride)
      if found.isSealed || fileSize != header.fullSize {
        try fileSystem.resize(file, to: header.fullSize)
        try header.encoded().withUnsafeBytes { try fileSystem.writeAll($0, to: file, at: 0) }
        try fileSystem.sync(file)
      }
      mapping = try MappedFile(file, byteCount: header.fullSize)
    } catch {
      fileSystem.close(file)
      throw error
    }
    self.path = path
    self.file = file
    self.fileSystem = fileSystem
  }

  deinit { fileSystem.close(file) }

  package var rowCapacity: Int { header.rowCapacity }
  /// Bytes a row.
  package var rowStride: Int { header.rowStride }
  /// Bytes a row in the side section; 0 when there is none.
  package var sideStride: Int { header.sideStride }
  /// `rowCapacity × rowStride` bytes, 4 096-byte aligned; after sealing only the sealed rows may be read.
  package var rows: UnsafeRawPointer { mapping.bytes.baseAddress! + header.rowsOffset }
  /// `rowCapacity × sideStride` bytes, 64-byte aligned.
  package var side: UnsafeRawPointer { mapping.bytes.baseAddress! + SegmentHeader.sideOffset }

  package func advise(_ pattern: AccessPattern) { mapping.advise(pattern) }

  /// Writes `count` rows from row `index` on, over whatever is there. Durable after `sync()`.
  ///
  /// When it throws, the rows from `index` on are undefined; those before are untouched.
  ///
  /// - Parameters:
  ///   - rows: `count × rowStride` bytes.
  ///   - side: `count × sideStride` bytes; may be `nil` when there is no side section.
  ///   - index: the first row's place in this segment: the number of rows that count so far.
  /// - Precondition: the rows fit the capacity and the segment is not sealed.
  package func append(rows: UnsafeRawPointer, side: UnsafeRawPointer? = nil, count: Int, at index: Int) throws
  {
    precondition(index >= 0 && count >= 0 && count <= rowCapacity - index, "rows beyond the capacity")
    guard count > 0 else { return }
    try state.withLock { state in
      precondition(state.sealedCount == nil, "a sealed segment takes no rows")
      if let lostFrom = state.lostFrom {
        guard index <= lostFrom else { throw lost(from: lostFrom) }
        state.lostFrom = nil
      }
      state.unsyncedFrom = min(index, state.unsyncedFrom ?? index)
      if sideStride > 0 {
        guard let side else { preconditionFailure("side bytes are missing") }
        try fileSystem.writeAll(
          UnsafeRawBufferPointer(start: side, count: count * sideStride), to: file,
          at: SegmentHeader.sideOffset + index * sideStride)
      }
      try fileSystem.writeAll(
        UnsafeRawBufferPointer(start: rows, count: count * rowStride), to: file,
        at: header.rowsOffset + index * rowStride)
    }
  }

  /// All rows written so far are on the disk when this returns.
  ///
  /// After a failure the rows since the last successful sync must be written again before the next one.
  package func sync() throws {
    try state.withLock { state in
      if let lostFrom = state.lostFrom { throw lost(from: lostFrom) }
      guard let unsyncedFrom = state.unsyncedFrom else { return }
      do { try fileSystem.syncData(file) } catch {
        state.lostFrom = unsyncedFrom
        throw error
      }
      state.unsyncedFrom = nil
    }
  }

  /// Computes ahead what `seal` needs of the first `count` rows, so that it keeps nobody waiting for that.
  ///
  /// - Precondition: the rows are committed, so that they do not change any more.
  /// - Complexity: of rows that earlier calls had not reached, 0.1 ms a megabyte.
  package func prepareToSeal(count: Int) {
    precondition(count >= 0 && count <= rowCapacity, "rows beyond the capacity")
    var checksum = state.withLock { $0.checksummed }
    guard checksum.byteCount < count * rowStride else { return }
    checksum.update(rowBytes(from: checksum.byteCount, to: count * rowStride))
    state.withLock { if $0.checksummed.byteCount < checksum.byteCount { $0.checksummed = checksum } }
  }

  private func rowBytes(from start: Int, to end: Int) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(rebasing: mapping.bytes[header.rowsOffset + start..<header.rowsOffset + end])
  }

  /// Of side bytes and rows together.
  private func payloadChecksum(count: Int, rowsAhead: SegmentChecksum) -> UInt32 {
    var checksum = SegmentChecksum()
    checksum.update(
      UnsafeRawBufferPointer(rebasing: mapping.bytes[SegmentHeader.sizeBytes..<header.rowsOffset]))
    var rows = rowsAhead.byteCount <= count * rowStride ? rowsAhead : SegmentChecksum()
    rows.update(rowBytes(from: rows.byteCount, to: count * rowStride))
    checksum.append(rows)
    return checksum.value
  }

  /// Finishes the file: cuts it to `count` rows and writes the header with count and checksum, all on
  /// the disk when this returns. Only then may the catalog call the segment sealed.
  ///
  /// When it throws, the segment is as before and still grows. Sealing again with the same count is fine.
  ///
  /// - Returns: the sealed file. This object and its pointers stay valid beside it.
  /// - Precondition: `count` rows are committed; not sealed with another count.
  package func seal(count: Int) throws -> SegmentFile {
    precondition(count >= 0 && count <= rowCapacity, "rows beyond the capacity")
    try state.withLock { state in
      if let sealedCount = state.sealedCount {
        precondition(sealedCount == count, "sealed twice, with \(sealedCount) and \(count) rows")
        return
      }
      if let lostFrom = state.lostFrom, lostFrom < count { throw lost(from: lostFrom) }
      try clearSide(from: count)
      let size = header.fileSize(rowCount: count)
      do {
        try fileSystem.resize(file, to: size)
        // The rows first: a sealed header must never be on the disk before what it vouches for.
        try fileSystem.syncData(file)
        let checksum = payloadChecksum(count: count, rowsAhead: state.checksummed)
        let sealed = header.sealed(rowCount: count, payloadChecksum: checksum)
        try sealed.encoded().withUnsafeBytes { try fileSystem.writeAll($0, to: file, at: 0) }
        try fileSystem.sync(file)
      } catch {
        // Best effort: opening it again does the same.
        try? fileSystem.resize(file, to: header.fullSize)
        try? header.encoded().withUnsafeBytes { try fileSystem.writeAll($0, to: file, at: 0) }
        throw error
      }
      state.sealedCount = count
    }
    let sealed = try SegmentFile(
      path: path, kind: .vectors, identity: header.identity, fileSystem: fileSystem)
    sealed.trust()
    return sealed
  }

  /// Zeros over the side bytes of rows that do not count, so that the checksum covers known bytes.
  private func clearSide(from index: Int) throws {
    let end = SegmentHeader.sideOffset + rowCapacity * sideStride
    var offset = SegmentHeader.sideOffset + index * sideStride
    let zeros = [UInt8](repeating: 0, count: min(65_536, end - offset))
    while offset < end {
      let step = min(zeros.count, end - offset)
      try zeros.withUnsafeBytes {
        try fileSystem.writeAll(.init(rebasing: $0[..<step]), to: file, at: offset)
      }
      offset += step
    }
  }

  private func lost(from row: Int) -> MoultError {
    MoultError(
      .internalError,
      "\(path): rows from \(header.identity.firstRow + Int64(row)) on could not be synced and must be "
        + "written again")
  }
}
