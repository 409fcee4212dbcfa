import MoultModel
import Synchronization

/// A sealed segment, mapped read-only. The pointers live as long as the object.
package final class SegmentFile: @unchecked Sendable {
  package let path: String
  package let header: SegmentHeader
  private let mapping: MappedFile
  /// Set once the payload was compared, or written by this process.
  private let isTrusted = Atomic(false)
  private let damage = Mutex<MoultError?>(nil)
  /// The comparison before the first use, which all that come meanwhile take part in.
  private let check: SharedChecksum

  /// Opens and checks the header against the file; the payload is checked by `verify()`.
  ///
  /// - Parameters:
  ///   - identity: whose rows it should hold; `nil` takes any.
  /// - Throws: `corrupted` when the file is missing, damaged, not sealed or another one;
  ///   `unsupportedVersion` for a newer format.
  package init(
    path: String, kind: SegmentHeader.Kind, identity: SegmentIdentity? = nil,
    fileSystem: any FileSystem = POSIXFileSystem()
  ) throws {
    let file = try openSegment(path, .read, fileSystem)
    defer { fileSystem.close(file) }
    let header = try SegmentHeader(readingFrom: file, fileSystem: fileSystem)
    try header.require(kind: kind, identity: identity, path: path)
    let fileSize = try fileSystem.size(of: file)
    try header.requireSealed(fileSize: fileSize, path: path)
    self.path = path
    self.header = header
    mapping = try MappedFile(file, byteCount: fileSize)
    check = SharedChecksum(byteCount: fileSize - SegmentHeader.sizeBytes)
  }

  /// Rows in the segment.
  package var count: Int { header.rowCount }
  /// Bytes a row.
  package var rowStride: Int { header.rowStride }
  /// Bytes a row in the side section; 0 when there is none.
  package var sideStride: Int { header.sideStride }
  /// `count × rowStride` bytes, 4 096-byte aligned.
  package var rows: UnsafeRawPointer { mapping.bytes.baseAddress! + header.rowsOffset }
  /// `count × sideStride` bytes, 64-byte aligned.
  package var side: UnsafeRawPointer { mapping.bytes.baseAddress! + SegmentHeader.sideOffset }
  /// The rows as bytes: the whole content of a graph or an encoder.
  package var payload: UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(start: rows, count: count * rowStride)
  }
  /// All of it, with its header.
  var bytes: UnsafeRawBufferPointer { mapping.bytes }
  /// What the file takes.
  package var sizeBytes: Int { mapping.bytes.count }

  /// Reads everything and compares its checksum.
  ///
  /// - Throws: `corrupted` naming the file, where the damage lies as far as that can be told, and both checksums.
  /// - Complexity: about 1 s a gigabyte.
  package func verify() throws { try compare(SegmentChecksum.of(checked)) }

  /// What the header's checksum speaks of.
  private var checked: UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(rebasing: mapping.bytes[SegmentHeader.sizeBytes...])
  }

  private func compare(_ checksum: UInt32) throws {
    guard checksum == header.payloadChecksum else {
      let first = SegmentHeader.sizeBytes
      let place = SegmentChecksum.damagedByte(
        expected: header.payloadChecksum, got: checksum, count: checked.count)
      throw corruption(
        path, place.map { first + $0 } ?? first,
        "payload checksum"
          + (place == nil ? " of bytes \(first) ..< \(sizeBytes), several of them wrong" : ""),
        expected: String(header.payloadChecksum, radix: 16), got: String(checksum, radix: 16))
    }
  }

  /// Whether the payload may be used, without a look at it.
  package var isKnownSound: Bool { isTrusted.load(ordering: .acquiring) }

  /// Verifies the file on the first call; later ones cost nothing. To be called before the payload is used:
  /// opening looks at the header only.
  ///
  /// Threads that come meanwhile take a part of the work each. None waits for another, which may be a job's that gives
  /// way to everything else.
  ///
  /// - Throws: `corrupted`, on every call, as `verify()` does.
  package func requireSound() throws {
    if isKnownSound { return }
    if let damage = damage.withLock(\.self) { throw damage }
    do { try compare(check.value(of: checked)) } catch {
      damage.withLock { $0 = error as? MoultError }
      throw error
    }
    trust()
  }

  /// Takes the payload for sound: this process has just written it.
  package func trust() { isTrusted.store(true, ordering: .releasing) }

  package func advise(_ pattern: AccessPattern) { mapping.advise(pattern) }
}

/// Opens a file that the catalog names: its absence is damage.
func openSegment(_ path: String, _ mode: OpenMode, _ fileSystem: any FileSystem) throws -> OpenFile {
  guard try fileSystem.size(atPath: path) != nil else {
    throw MoultError(.corrupted, "\(path) is missing: expected a segment file, found none")
  }
  return try fileSystem.open(path, mode)
}
