import Foundation
import GRDB
import MoultModel
import Synchronization

/// Reads a data directory into a backup, piece by piece, while it is written to: one state of the database, and the files
/// that it names, which stay as they are.
///
/// Sealed files never change; of growing ones only rows beyond the committed count do. Every file gets a second name in
/// a directory of this backup, so that a merge, a switch or a drop does not take it away. The database is held in
/// its state until all points are read; its log grows meanwhile.
///
/// Damage is not copied: checksums of each file are compared before it is sent.
package final class BackupSource {
  /// Files are sent in pieces of this size.
  private static let pieceBytes = 1 << 20
  /// A file may be removed between the look at the catalog and the second name.
  private static let attemptsMax = 20
  private static let number = Atomic<Int>(0)

  package let manifest: BackupManifest
  private let directory: DataDirectory
  private var snapshot: DatabaseSnapshot?
  /// Relative to the data directory.
  private let staging: String
  private var archive: ArchiveWriter
  private var steps: [Step]
  private var nextStep = 0
  /// Where the points of the present step go on.
  private var pointsPlace: (afterRow: Int64, number: Int) = (-1, 0)
  private var open: OpenPart?
  /// Of growing segments, by number: their files have none.
  private var growingChecksums: [Int64: [VectorChecksum]] = [:]

  private enum Step {
    case manifest
    case points(Int)
    case checksums(Int, BackupManifest.Segment)
    case file(BackupFile)
    case end
  }

  /// A file whose header is sent and whose content is not yet.
  private struct OpenPart {
    var pieces: [UnsafeRawBufferPointer]
    /// Keeps the pieces mapped.
    var owner: AnyObject
  }

  private init(_ directory: DataDirectory, collections names: Set<String>?) throws {
    self.directory = directory
    staging = FileNames.backup(Self.number.add(1, ordering: .relaxed).newValue)
    (snapshot, manifest) = try Self.look(at: directory, names)
    archive = ArchiveWriter(seconds: Int(manifest.createdAt / 1_000))
    steps = [.manifest]
    for (index, collection) in manifest.collections.enumerated() {
      if collection.parent == nil { steps.append(.points(index)) }
      steps += collection.segments.map { .checksums(index, $0) }
    }
    for collection in manifest.collections { steps += manifest.files(of: collection).map { .file($0) } }
    steps.append(.end)
  }

  /// - Returns: one state of the database, and what it names.
  private static func look(
    at directory: DataDirectory, _ names: Set<String>?
  ) throws -> (DatabaseSnapshot, BackupManifest) {
    let fileSystem = directory.fileSystem
    var attempt = 1
    while true {
      let snapshot = try directory.makeSnapshot()
      do {
        let manifest = try directory.read(snapshot) { db in
          try BackupManifest(reading: names, catalog: directory.catalog, in: db) { segment in
            let path = directory.absolutePath(segment.file)
            let file = try openSegment(path, .read, fileSystem)
            defer { fileSystem.close(file) }
            let header = try SegmentHeader(readingFrom: file, fileSystem: fileSystem)
            try header.require(kind: .vectors, identity: segment.identity, path: path)
            return .init(row: header.rowStride, side: header.sideStride)
          }
        }
        return (snapshot, manifest)
      } catch let error as MoultError where error.code == .corrupted && attempt < attemptsMax {
        // Read in the very moment in which the segment was sealed, or removed.
        attempt += 1
      }
    }
  }

  deinit { close() }

  /// Gives all of it back; also half-way.
  package func close() {
    snapshot = nil
    open = nil
    try? directory.removeStagedBackup(staging)
  }

  /// Gives the files their second names.
  ///
  /// - Returns: one that is not there: removed since the look at the catalog, which is to be taken again.
  private func pin() throws -> String? {
    try directory.fileSystem.makeDirectories(directory.absolutePath(staging))
    for case .file(let file) in steps {
      let path = directory.absolutePath(path(of: file))
      do { try directory.fileSystem.link(path, to: stagedPath(file)) } catch {
        guard try directory.fileSystem.size(atPath: path) == nil else { throw error }
        return path
      }
    }
    return nil
  }

  /// Pins what the catalog names now.
  ///
  /// - Parameter names: of collections; `nil` for all.
  /// - Throws: `collectionNotFound`, `collectionNotReady`, `diskFull`; `corrupted`, also for a file that the catalog
  ///   names and that is not there.
  package static func pinned(_ directory: DataDirectory, collections names: Set<String>? = nil) throws
    -> BackupSource
  {
    var missing: String?
    for _ in 1...attemptsMax {
      let source = try BackupSource(directory, collections: names)
      missing = try source.pin()
      if missing == nil { return source }
    }
    throw MoultError(.corrupted, "\(missing!) is missing: expected a segment file, found none")
  }

  /// Bytes of all files; points come on top.
  package var fileBytes: Int {
    var sum = 0
    for case .file(let file) in steps {
      if let growing = file.growing {
        sum += (file.rowCount ?? 0) * (growing.strides.row + growing.strides.side)
      } else {
        sum += (try? directory.fileSystem.size(atPath: stagedPath(file))) ?? 0
      }
    }
    return sum
  }

  /// The catalog's name of a file: that of a growing segment differs from its name in the archive.
  private func path(of file: BackupFile) -> String {
    BackupFile.path(kind: file.kind, identity: file.identity, generation: file.generationID ?? 0)
  }

  private func stagedPath(_ file: BackupFile) -> String {
    directory.absolutePath("\(staging)/\(file.name.replacing("/", with: "-"))")
  }

  // MARK: Bytes

  /// The next bytes of the archive, about a megabyte at most where a point is not larger; `nil` behind the last.
  ///
  /// An error is told in the archive too, as `failure` makes it: whoever has begun to send can say so no other way.
  package func next() throws -> [UInt8]? {
    if open != nil { return nextPiece() }
    guard nextStep < steps.count else { return nil }
    let step = steps[nextStep]
    switch step {
    case .manifest:
      nextStep += 1
      return try archive.entry(BackupManifest.entryName, try manifest.encoded())
    case .points(let index): return try nextPoints(of: manifest.collections[index]) ?? next()
    case .checksums(let index, let segment):
      nextStep += 1
      return try checksums(of: segment, in: manifest.collections[index])
    case .file(let file):
      // All that the database had to say is said.
      snapshot = nil
      nextStep += 1
      return try begin(file)
    case .end:
      nextStep += 1
      return try archive.finish()
    }
  }

  /// An entry that tells why the backup ends here.
  package static func failure(_ error: any Error) -> [UInt8] {
    let error = error as? MoultError ?? MoultError(.internalError, "\(error)")
    var archive = ArchiveWriter(seconds: 0)
    return
      (try? archive.entry(ArchiveWriter.failureName, Array("\(error.code.rawValue)\n\(error.message)".utf8)))
      ?? []
  }

  private func read<Value>(_ body: (Database) throws -> Value) throws -> Value {
    guard let snapshot else { preconditionFailure("the database was let go") }
    return try directory.read(snapshot, body)
  }

  /// - Returns: `nil` when there are no more.
  private func nextPoints(of collection: BackupManifest.Collection) throws -> [UInt8]? {
    let store = PointStore(collectionID: collection.id, keyKind: collection.schema.keyKind)
    let points = try read { db in
      try store.backup(afterRow: pointsPlace.afterRow, bytes: BackupPoint.chunkBytes, in: db)
    }
    guard let last = points.last else {
      nextStep += 1
      pointsPlace = (-1, 0)
      return nil
    }
    let name = BackupManifest.pointsName(collection.id, pointsPlace.number)
    pointsPlace = (last.row, pointsPlace.number + 1)
    return try archive.entry(name, BackupPoint.encode(points, keyKind: collection.schema.keyKind))
  }

  private func checksums(
    of segment: BackupManifest.Segment, in collection: BackupManifest.Collection
  ) throws -> [UInt8] {
    let known = try read { db in
      try directory.catalog.checksums(of: segment.id, rowCount: segment.rowCount, in: db)
    }
    if segment.growing != nil { growingChecksums[segment.id] = known }
    return try archive.entry(
      BackupManifest.checksumsName(collection.id, segment.id), VectorChecksum.encode(known))
  }

  private func begin(_ file: BackupFile) throws -> [UInt8] {
    let part = try file.growing == nil ? sealed(file) : growing(file)
    open = part
    var bytes = try archive.begin(file.name, size: part.pieces.reduce(0) { $0 + $1.count })
    if part.pieces.isEmpty { bytes += endPart() }
    return bytes
  }

  private func nextPiece() -> [UInt8] {
    guard let piece = open?.pieces.first else { preconditionFailure("no part is open") }
    let count = min(piece.count, Self.pieceBytes)
    let part = UnsafeRawBufferPointer(rebasing: piece[..<count])
    archive.append(part)
    if count == piece.count {
      open!.pieces.removeFirst()
    } else {
      open!.pieces[0] = UnsafeRawBufferPointer(rebasing: piece[count...])
    }
    return Array(part) + (open!.pieces.isEmpty ? endPart() : [])
  }

  private func endPart() -> [UInt8] {
    open = nil
    return archive.end()
  }

  private func sealed(_ file: BackupFile) throws -> OpenPart {
    let staged = stagedPath(file)
    do {
      let opened = try SegmentFile(
        path: staged, kind: file.kind, identity: file.identity, fileSystem: directory.fileSystem)
      if let rowCount = file.rowCount, opened.count != rowCount {
        throw MoultError(
          .corrupted, "\(staged): expected \(rowCount) rows as in the catalog, found \(opened.count)")
      }
      try opened.verify()
      return OpenPart(pieces: [opened.bytes], owner: opened)
    } catch let error as MoultError {
      // It is known under its real name.
      throw MoultError(
        error.code, error.message.replacing(staged, with: directory.absolutePath(path(of: file))))
    }
  }

  /// The committed rows of a segment that grows, or that was sealed since.
  private func growing(_ file: BackupFile) throws -> OpenPart {
    let (strides, capacity) = file.growing!
    let header = SegmentHeader(
      kind: .vectors, identity: file.identity, rowCapacity: capacity, rowStride: strides.row,
      sideStride: strides.side)
    let rowCount = file.rowCount ?? 0
    let rows = try GrowingRows(
      path: stagedPath(file), header: header, rowCount: rowCount, fileSystem: directory.fileSystem)
    guard rowCount > 0 else { return OpenPart(pieces: [], owner: rows) }
    try rows.verify(
      growingChecksums[file.identity.segmentID] ?? [], path: directory.absolutePath(path(of: file)))
    return OpenPart(pieces: rows.pieces.filter { !$0.isEmpty }, owner: rows)
  }
}
