package import MoultModel

/// What a backup's contents are handed to. Nothing of it is known to be sound before `BackupDecoder.finish()`.
protocol BackupSink: AnyObject {
  func begin(_ manifest: BackupManifest) throws
  func add(_ points: [BackupPoint], to collection: BackupManifest.Collection) throws
  func add(_ checksums: [VectorChecksum], of segment: Int64, in collection: BackupManifest.Collection) throws
  /// - Parameter header: as it was where the backup was made.
  func open(_ file: BackupFile, header: SegmentHeader) throws
  /// Bytes of the open file behind its header; of a growing segment side bytes, then rows.
  func write(_ bytes: UnsafeRawBufferPointer) throws
  func close() throws
}

/// Reads a backup from bytes that nobody vouches for, and checks all of them: the archive's checksums, the order of its
/// entries, the manifest, every header and every row of points.
///
/// Memory: the archive's index, and one entry of points.
package struct BackupDecoder {
  private enum Item {
    case manifest
    case points(Int)
    case checksums(Int, BackupManifest.Segment)
    case file(BackupFile)
  }

  private var archive = ArchiveReader()
  private let sink: (any BackupSink)?
  private var manifest: BackupManifest?
  /// What comes, in order.
  private var items: [Item] = [.manifest]
  private var nextItem = 0
  /// Of the collection whose points come.
  private var pointsPlace: (number: Int, lastRow: Int64) = (0, -1)
  private var liveRows: [Int] = []
  private var entry: ArchiveEntry?
  private var kept: [UInt8] = []
  /// Of the sealed file that is read: `nil` until its header is there.
  private var header: SegmentHeader?
  private var payload = SegmentChecksum()

  package init() { sink = nil }

  package init(into target: BackupTarget) { sink = target }

  /// Bytes read so far.
  package var byteCount: Int { archive.byteCount }

  /// - Throws: `corrupted` naming entry and place, `unsupportedVersion`, the error of a backup that failed half-way.
  package mutating func read(_ bytes: UnsafeRawBufferPointer) throws {
    // Taken out, so that it can be changed while it calls back.
    var reader = ArchiveReader()
    swap(&reader, &archive)
    defer { swap(&reader, &archive) }
    do {
      try reader.read(bytes) { event in try take(event) }
    } catch let error as MoultError where entry != nil && error.code == .corrupted {
      // What is wrong inside of an entry does not know where it stands.
      guard let entry, !error.message.hasPrefix("the backup is damaged") else { throw error }
      throw backupDamage(at: entry.offset, "entry '\(entry.name)': \(error.message)")
    }
  }

  /// - Throws: `corrupted` unless all of it has come.
  package mutating func finish() throws -> BackupSummary {
    try archive.requireEnd()
    skipPoints()
    guard nextItem == items.count, let manifest else {
      throw backupDamage(at: archive.byteCount, "expected entry '\(expectedName)', found the end")
    }
    return BackupSummary(
      createdAt: manifest.createdAt, bytes: archive.byteCount, entries: archive.entryCount,
      collections: zip(manifest.collections, liveRows).filter { $0.0.parent == nil }.map { collection, rows in
        .init(
          name: collection.name, rows: rows, sequence: collection.sequence,
          generations: collection.generations.count)
      }, aliases: manifest.aliases)
  }

  // MARK: Entries

  private mutating func take(_ event: ArchiveReader.Event) throws {
    switch event {
    case .begin(let entry):
      try begin(entry)
      self.entry = entry
    case .content(let bytes):
      if case .file(let file) = items[nextItem] { try read(bytes, of: file) } else { kept += bytes }
    case .end(let entry):
      try end(entry)
      kept.removeAll()
      self.entry = nil
    }
  }

  private var expectedName: String {
    guard nextItem < items.count else { return "the end" }
    guard let manifest else { return BackupManifest.entryName }
    return switch items[nextItem] {
    case .manifest: BackupManifest.entryName
    case .points(let index): BackupManifest.pointsName(manifest.collections[index].id, pointsPlace.number)
    case .checksums(let index, let segment):
      BackupManifest.checksumsName(manifest.collections[index].id, segment.id)
    case .file(let file): file.name
    }
  }

  /// There may be any number of entries of points.
  private mutating func skipPoints() {
    while nextItem < items.count, case .points = items[nextItem] {
      nextItem += 1
      pointsPlace = (0, -1)
    }
  }

  /// Of one segment: they are gathered in memory.
  private static let checksumBytesMax = 256 << 20

  private mutating func begin(_ entry: ArchiveEntry) throws {
    if entry.name != expectedName { skipPoints() }
    guard nextItem < items.count, entry.name == expectedName else {
      throw backupDamage(at: entry.offset, "expected entry '\(expectedName)', found '\(entry.name)'")
    }
    let bytesMax: Int
    switch items[nextItem] {
    case .manifest: bytesMax = BackupManifest.sizeBytesMax
    case .points: bytesMax = BackupPoint.chunkBytesMax
    case .checksums(_, let segment):
      bytesMax = min(segment.rowCount * VectorChecksum.encodedBytes, Self.checksumBytesMax)
    case .file(let file):
      guard let growing = file.growing else {
        bytesMax = .max
        guard entry.size >= SegmentHeader.sizeBytes else {
          throw backupDamage(at: entry.offset, "entry '\(entry.name)' of \(entry.size) bytes has no header")
        }
        break
      }
      bytesMax = (file.rowCount ?? 0) * (growing.strides.row + growing.strides.side)
      guard entry.size == bytesMax else {
        throw backupDamage(
          at: entry.offset, "entry '\(entry.name)': expected \(bytesMax) bytes, got \(entry.size)")
      }
      try sink?.open(file, header: file.growingHeader(growing))
    }
    guard entry.size <= bytesMax else {
      throw backupDamage(
        at: entry.offset, "entry '\(entry.name)': expected at most \(bytesMax) bytes, got \(entry.size)")
    }
  }

  private mutating func read(_ bytes: UnsafeRawBufferPointer, of file: BackupFile) throws {
    var rest = bytes
    if file.growing == nil, header == nil, let entry {
      let count = min(rest.count, SegmentHeader.sizeBytes - kept.count)
      kept += rest[..<count]
      rest = UnsafeRawBufferPointer(rebasing: rest[count...])
      guard kept.count == SegmentHeader.sizeBytes else { return }
      let header = try SegmentHeader(decoding: kept, byteCount: kept.count, path: file.name)
      try header.require(kind: file.kind, identity: file.identity, path: file.name)
      try header.requireSealed(fileSize: entry.size, path: file.name)
      if let rowCount = file.rowCount, header.rowCount != rowCount {
        throw MoultError(.corrupted, "expected \(rowCount) rows, found \(header.rowCount)")
      }
      self.header = header
      payload = SegmentChecksum()
      try sink?.open(file, header: header)
    }
    guard !rest.isEmpty else { return }
    payload.update(rest)
    try sink?.write(rest)
  }

  private mutating func end(_ entry: ArchiveEntry) throws {
    switch items[nextItem] {
    case .manifest:
      let manifest = try BackupManifest(decoding: kept)
      self.manifest = manifest
      liveRows = manifest.collections.map { _ in 0 }
      for (index, collection) in manifest.collections.enumerated() {
        if collection.parent == nil { items.append(.points(index)) }
        items += collection.segments.map { .checksums(index, $0) }
      }
      for collection in manifest.collections { items += manifest.files(of: collection).map { .file($0) } }
      try sink?.begin(manifest)
    case .points(let index):
      try addPoints(index)
      // The next entry may be more of them.
      return
    case .checksums(let index, let segment):
      let checksums = try VectorChecksum.decode(kept, rowCount: segment.rowCount)
      try sink?.add(checksums, of: segment.id, in: manifest!.collections[index])
    case .file(let file):
      if file.growing == nil {
        guard let header, payload.value == header.payloadChecksum else {
          throw MoultError(
            .corrupted,
            "its payload has checksum \(hexadecimal(payload.value)), "
              + "its header says \(header.map { hexadecimal($0.payloadChecksum) } ?? "nothing")")
        }
      }
      header = nil
      try sink?.close()
    }
    nextItem += 1
  }

  private mutating func addPoints(_ index: Int) throws {
    let collection = manifest!.collections[index]
    let points = try BackupPoint.decode(kept, keyKind: collection.schema.keyKind)
    for point in points {
      guard point.row > pointsPlace.lastRow, point.row < collection.nextRow,
        point.died.map({ $0 < collection.nextSequence }) != false
      else {
        throw MoultError(
          .corrupted,
          "row \(point.row), which died in batch \(point.died ?? 0): expected rows that rise, below "
            + "\(collection.nextRow), and batches below \(collection.nextSequence)")
      }
      pointsPlace.lastRow = point.row
      if point.died == nil { liveRows[index] += 1 }
    }
    pointsPlace.number += 1
    try sink?.add(points, to: collection)
  }
}

extension BackupFile {
  /// What the header of a growing segment says.
  func growingHeader(
    _ growing: (strides: BackupManifest.Segment.Strides, capacity: Int)
  ) -> SegmentHeader {
    SegmentHeader(
      kind: .vectors, identity: identity, rowCapacity: growing.capacity, rowStride: growing.strides.row,
      sideStride: growing.strides.side)
  }
}

extension VectorChecksum {
  static let encodedBytes = 12

  static func encode(_ checksums: [VectorChecksum]) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(checksums.count * encodedBytes)
    for known in checksums {
      bytes.store(UInt32(known.places.lowerBound))
      bytes.store(UInt32(known.places.count))
      bytes.store(known.checksum)
    }
    return bytes
  }

  /// - Throws: `corrupted` unless they rise and lie among the rows.
  static func decode(_ bytes: [UInt8], rowCount: Int) throws -> [VectorChecksum] {
    var reader = ByteReader(bytes)
    var checksums: [VectorChecksum] = []
    var next = 0
    while !reader.isAtEnd {
      let (place, count, checksum): (UInt32, UInt32, UInt32) =
        (try reader.number(), try reader.number(), try reader.number())
      guard place >= next, count > 0, Int(place) + Int(count) <= rowCount else {
        throw reader.fault("the checksum of rows from \(next) on, below \(rowCount)")
      }
      next = Int(place) + Int(count)
      checksums.append(VectorChecksum(places: Int(place)..<next, checksum: checksum))
    }
    return checksums
  }
}
