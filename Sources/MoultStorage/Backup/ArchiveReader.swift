import MoultModel

/// Takes an archive apart as its bytes come, in pieces of any size, and checks each of them.
///
/// What it hands on before the end is not yet known to be sound: checksums are compared at the end. Memory: the index,
/// some hundred bytes an entry.
struct ArchiveReader {
  enum Event {
    case begin(ArchiveEntry)
    case content(UnsafeRawBufferPointer)
    case end(ArchiveEntry)
  }

  private enum State {
    case header
    case content(ArchiveEntry, left: Int)
    case padding(ArchiveEntry, left: Int)
    case zeros(left: Int)
    case done
  }

  private var state = State.header
  /// Of a header, of the index, of a failure.
  private var kept: [UInt8] = []
  private var checksum = SegmentChecksum()
  private var index = ArchiveIndex()
  private var seconds: Int?
  private static let failureBytesMax = 65_536

  /// Bytes that have come.
  private(set) var byteCount = 0

  var entryCount: Int { index.entries.count }

  /// Where the reader is, in words.
  var place: String {
    switch state {
    case .content(let entry, _), .padding(let entry, _):
      "in entry '\(entry.name)' (from byte \(entry.offset) on)"
    case .header: index.entries.last.map { "behind entry '\($0.entry.name)'" } ?? "at its beginning"
    case .zeros, .done: "at its end"
    }
  }

  /// - Throws: `corrupted` with the entry and the place; what `take` throws; the error of a backup that failed.
  mutating func read(_ bytes: UnsafeRawBufferPointer, _ take: (Event) throws -> Void) throws {
    var rest = bytes
    while !rest.isEmpty {
      let count = try step(rest, take)
      byteCount += count
      rest = UnsafeRawBufferPointer(rebasing: rest[count...])
    }
  }

  /// - Throws: `corrupted` unless the archive is complete.
  func requireEnd() throws {
    guard case .done = state else {
      throw backupDamage(at: byteCount, "it ends too early, \(place)")
    }
  }

  /// - Returns: bytes used, at least one.
  private mutating func step(_ bytes: UnsafeRawBufferPointer, _ take: (Event) throws -> Void) throws -> Int {
    switch state {
    case .header:
      let count = min(bytes.count, ArchiveEntry.sizeBytes - kept.count)
      kept += bytes[..<count]
      guard kept.count == ArchiveEntry.sizeBytes else { return count }
      let entry = try ArchiveEntry(decoding: kept, at: index.byteCount)
      kept.removeAll()
      try begin(entry, take)
      return count
    case .content(let entry, let left):
      let count = min(bytes.count, left)
      let part = UnsafeRawBufferPointer(rebasing: bytes[..<count])
      checksum.update(part)
      if isOurs(entry) { kept += part } else { try take(.content(part)) }
      state = .content(entry, left: left - count)
      if left == count { try endContent(entry, take) }
      return count
    case .padding(let entry, let left):
      let count = try requireZeros(bytes, left, "behind entry '\(entry.name)'")
      state = left == count ? next(after: entry) : .padding(entry, left: left - count)
      return count
    case .zeros(let left):
      let count = try requireZeros(bytes, left, "at the end")
      state = left == count ? .done : .zeros(left: left - count)
      return count
    case .done:
      throw backupDamage(at: byteCount, "expected its end, found more bytes")
    }
  }

  private func isOurs(_ entry: ArchiveEntry) -> Bool {
    entry.name == ArchiveWriter.endName || entry.name == ArchiveWriter.failureName
  }

  private mutating func begin(_ entry: ArchiveEntry, _ take: (Event) throws -> Void) throws {
    // Whoever tells of a failure may not know when the backup began.
    if let seconds, entry.seconds != seconds, entry.name != ArchiveWriter.failureName {
      throw backupDamage(
        at: entry.offset, "entry '\(entry.name)' is of another moment than those before it")
    }
    seconds = entry.seconds
    checksum = SegmentChecksum()
    if entry.name == ArchiveWriter.endName {
      let expected = index.text.utf8.count
      guard entry.size == expected else {
        throw backupDamage(
          at: entry.offset,
          "the index: expected \(expected) bytes for \(entryCount) entries, got \(entry.size)")
      }
    } else if entry.name == ArchiveWriter.failureName {
      guard entry.size <= Self.failureBytesMax else {
        throw backupDamage(at: entry.offset, "a message of \(entry.size) bytes")
      }
    } else {
      try take(.begin(entry))
    }
    state = .content(entry, left: entry.size)
    if entry.size == 0 { try endContent(entry, take) }
  }

  private mutating func endContent(_ entry: ArchiveEntry, _ take: (Event) throws -> Void) throws {
    switch entry.name {
    case ArchiveWriter.failureName: throw Self.failure(kept)
    case ArchiveWriter.endName: try compareIndex()
    default:
      try take(.end(entry))
      index.add(entry, content: checksum)
    }
    kept.removeAll()
    state = entry.paddingBytes > 0 ? .padding(entry, left: entry.paddingBytes) : next(after: entry)
  }

  private func next(after entry: ArchiveEntry) -> State {
    entry.name == ArchiveWriter.endName ? .zeros(left: ArchiveWriter.endZeros) : .header
  }

  private func requireZeros(_ bytes: UnsafeRawBufferPointer, _ left: Int, _ what: String) throws -> Int {
    let count = min(bytes.count, left)
    if let place = bytes[..<count].firstIndex(where: { $0 != 0 }) {
      throw backupDamage(at: byteCount + place, "expected zeros \(what), got \(bytes[place])")
    }
    return count
  }

  private func compareIndex() throws {
    guard kept != Array(index.text.utf8) else { return }
    let got = String(decoding: kept, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false)
    let expected = index.lines
    let place = expected.indices.first { $0 >= got.count || got[$0] != expected[$0] } ?? 0
    let line = place < got.count ? String(got[place].prefix(200)) : "nothing"
    guard place < entryCount else {
      throw backupDamage(at: 0, "its bytes make '\(expected[place])', its index says '\(line)'")
    }
    let entry = index.entries[place].entry
    throw backupDamage(
      at: entry.offset, "entry '\(entry.name)' makes '\(expected[place])', the index says '\(line)'")
  }

  private static func failure(_ bytes: [UInt8]) -> MoultError {
    let parts = String(decoding: bytes, as: UTF8.self).split(separator: "\n", maxSplits: 1).map(String.init)
    return MoultError(
      parts.first.flatMap(MoultError.Code.init(rawValue:)) ?? .internalError,
      parts.count == 2 ? parts[1] : "the backup failed")
  }
}
