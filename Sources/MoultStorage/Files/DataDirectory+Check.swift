import GRDB
import MoultModel

/// What `DataDirectory.check` found.
package struct DataDirectoryReport: Sendable, Equatable {
  package struct Problem: Sendable, Equatable {
    package let path: String
    package let message: String
    /// The file, where it is one that the catalog names.
    package var file: CatalogFile?
  }

  /// Files that the catalog names.
  package var fileCount = 0
  /// What they take.
  package var byteCount = 0
  package var problems: [Problem] = []
  /// Files that no row of the catalog names, relative to the data directory; harmless.
  package var orphans: [String] = []

  package var isSound: Bool { problems.isEmpty }
}

/// A segment file that the catalog names.
package struct CatalogFile: Sendable, Equatable {
  /// Relative to the data directory.
  package let path: String
  package let kind: SegmentHeader.Kind
  package let identity: SegmentIdentity
  /// The generation whose file it is; `nil` for vectors and row numbers, which all share.
  package let generationID: Int64?
  /// Rows that the catalog counts; `nil` when the file decides.
  let rowCount: Int?
  let isGrowing: Bool
}

extension DataDirectory {
  /// Removes files that no row of the catalog names: unfinished ones, and what a crash left between a
  /// commit and the removal. For the start, before jobs run: a file that is just being built is not named
  /// yet either.
  ///
  /// Files whose names are not Moult's are left alone.
  ///
  /// - Returns: what was removed, relative to the data directory.
  @discardableResult
  package func sweepOrphans() throws -> [String] {
    let orphans = try orphans(named: Set(try read { try namedFiles(in: $0).map(\.path) }))
    try removeFiles(orphans)
    try removeStagedBackups()
    let known = Set(try read { try catalog.collections(in: $0).map { String($0.id) } })
    for name in try fileSystem.list(absolutePath(FileNames.collections))
    where Int64(name) != nil && !known.contains(name) {
      let directory = absolutePath("\(FileNames.collections)/\(name)")
      if try fileSystem.list(directory).isEmpty { try fileSystem.removeDirectory(directory) }
    }
    return orphans
  }

  /// Looks at every file that the catalog names: present, its header right, the right one.
  ///
  /// - Parameter deep: reads all of it, to compare checksums, and lets SQLite check the database.
  package func check(deep: Bool) -> DataDirectoryReport {
    var report = DataDirectoryReport()
    let databasePath = databasePath
    func note(_ path: String, _ error: any Error, _ file: CatalogFile? = nil) {
      let message = (error as? MoultError)?.message ?? "\(error)"
      report.problems.append(.init(path: path, message: message, file: file))
    }
    if deep {
      do { for damage in try databaseDamage() { note(damage.path, damage.error) } } catch {
        note(databasePath, error)
      }
    }
    // Where pages are damaged, what SQLite says of the rest would only repeat it.
    let isDamaged = !report.problems.isEmpty
    var files: [CatalogFile] = []
    do {
      files = try read { try namedFiles(in: $0) }
      let faults = try read { try databaseFaults(in: $0, deep: deep && !isDamaged) }
      for text in faults { report.problems.append(.init(path: databasePath, message: text)) }
    } catch { note(databasePath, MoultError.translating(error, path: databasePath)) }
    for file in files {
      report.fileCount += 1
      do { report.byteCount += try check(file, deep: deep) } catch {
        note(file.path, error, file)
      }
    }
    do { report.orphans = try orphans(named: Set(files.map(\.path))) } catch {
      note(FileNames.collections, error)
    }
    return report
  }

  // MARK: Parts

  private func namedFiles(in db: Database) throws -> [CatalogFile] {
    try catalog.collections(in: db).flatMap { collection in
      let segments = try catalog.segments(of: collection.id, in: db)
      let byID = Dictionary(uniqueKeysWithValues: segments.map { ($0.id, $0) })
      var files = segments.map {
        CatalogFile(
          path: $0.file, kind: .vectors, identity: $0.identity, generationID: nil, rowCount: $0.rowCount,
          isGrowing: $0.state == .growing)
      }
      files += segments.compactMap { segment in
        segment.rowsFile.map {
          CatalogFile(
            path: $0, kind: .rows, identity: segment.identity, generationID: nil, rowCount: segment.rowCount,
            isGrowing: false)
        }
      }
      for generation in try catalog.generations(of: collection.id, in: db) {
        if let path = generation.encoderFile {
          let identity = SegmentIdentity(collectionID: collection.id, generationID: generation.id)
          files.append(
            .init(
              path: path, kind: .encoder, identity: identity, generationID: generation.id, rowCount: nil,
              isGrowing: false))
        }
        for built in try catalog.generationSegments(of: generation.id, in: db) {
          guard let segment = byID[built.segmentID] else { continue }
          let identity = segment.identity(inGeneration: generation.id)
          if let path = built.codesFile {
            files.append(
              .init(
                path: path, kind: .codes, identity: identity, generationID: generation.id,
                rowCount: segment.rowCount, isGrowing: false))
          }
          if let path = built.graphFile {
            files.append(
              .init(
                path: path, kind: FileNames.indexKind(ofFile: path), identity: segment.identity,
                generationID: generation.id,
                rowCount: nil, isGrowing: false))
          }
        }
      }
      return files
    }
  }

  /// - Returns: bytes that the file takes.
  private func check(_ file: CatalogFile, deep: Bool) throws -> Int {
    let path = absolutePath(file.path)
    if file.isGrowing { return try checkGrowing(file, path: path, deep: deep) }
    let segment = try SegmentFile(
      path: path, kind: file.kind, identity: file.identity, fileSystem: fileSystem)
    if let rowCount = file.rowCount, segment.count != rowCount {
      throw corruption(
        path, SegmentHeader.Field.rowCount.rawValue, "row count", expected: "\(rowCount) as in the catalog",
        got: "\(segment.count)")
    }
    if deep {
      // First what tells the rows, then what covers every byte.
      if file.kind == .vectors { try segment.verify(checksums(of: file)) }
      try segment.verify()
    }
    return segment.sizeBytes
  }

  private func checksums(of file: CatalogFile) throws -> [VectorChecksum] {
    try read { db in
      try catalog.checksums(of: file.identity.segmentID, rowCount: file.rowCount ?? 0, in: db)
    }
  }

  private func checkGrowing(_ named: CatalogFile, path: String, deep: Bool) throws -> Int {
    let file = try openSegment(path, .read, fileSystem)
    defer { fileSystem.close(file) }
    let header = try SegmentHeader(readingFrom: file, fileSystem: fileSystem)
    try header.require(kind: .vectors, identity: named.identity, path: path)
    let rowCount = named.rowCount ?? 0
    guard rowCount <= header.rowCapacity else {
      throw corruption(
        path, SegmentHeader.Field.rowCapacity.rawValue, "row capacity", expected: "at least \(rowCount)",
        got: "\(header.rowCapacity)")
    }
    let size = try fileSystem.size(of: file)
    let expected = header.fileSize(rowCount: rowCount)
    guard size >= expected else {
      throw corruption(
        path, size, "file size", expected: "at least \(expected) bytes for \(rowCount) rows", got: "\(size)")
    }
    if deep {
      try header.verify(
        try checksums(of: named), in: MappedFile(file, byteCount: size), path: path)
    }
    return size
  }

  private func databaseFaults(in db: Database, deep: Bool) throws -> [String] {
    var faults: [String] = []
    if deep {
      faults += try String.fetchAll(db, sql: "PRAGMA integrity_check").filter { $0 != "ok" }
      faults += try Row.fetchAll(db, sql: "PRAGMA foreign_key_check").map { "dangling reference: \($0)" }
    }
    for collection in try catalog.collections(in: db) {
      var next: Int64 = 0
      for segment in try catalog.segments(of: collection.id, in: db) {
        if segment.firstRow < next {
          faults.append("segment \(segment.id) of '\(collection.name)' overlaps the one before")
        }
        // One that a batch has added and not filled lies beyond what is committed, and is empty.
        if !segment.rows.isEmpty { next = segment.rows.upperBound }
      }
      let store = collection.points
      let last = try Int64.fetchOne(db, sql: "SELECT max(row) FROM \(store.table)") ?? -1
      if last >= collection.nextRow || next > collection.nextRow {
        faults.append(
          "collection '\(collection.name)' hands out row \(collection.nextRow) next, but row "
            + "\(max(last, next - 1)) is stored")
      }
    }
    return faults
  }

  private func orphans(named: Set<String>) throws -> [String] {
    try fileSystem.list(absolutePath(FileNames.collections)).flatMap { directory in
      try fileSystem.list(absolutePath("\(FileNames.collections)/\(directory)"))
        .filter(FileNames.isOurs)
        .map { "\(FileNames.collections)/\(directory)/\($0)" }
        .filter { !named.contains($0) }
    } + stagedBackupFiles()
  }
}
