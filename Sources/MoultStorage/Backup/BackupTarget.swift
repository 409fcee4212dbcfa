import GRDB

/// Puts collections of a backup into a data directory, beside those that are there.
///
/// Collections are made under names that nobody can ask for, in the state *building*: the next start removes what a
/// crash leaves of them. Files come first, each durable; then the catalog names them (`attach`). To make them live is
/// the caller's, in a transaction of his (`publish`).
package final class BackupTarget: BackupSink {
  /// A collection that is being put in.
  package struct Restored: Sendable {
    /// Its name in the backup.
    package let source: String
    /// The name that it gets.
    package let name: String
    package let record: CollectionRecord
    package let sequence: Int64
  }

  fileprivate struct Numbers {
    var source: BackupManifest.Collection
    var name: String
    var id: Int64
    var points: PointStore
    var generations: [Int64: Int64]
    var segments: [Int64: Int64]
    var checksums: [Int64: [VectorChecksum]] = [:]
  }

  private let directory: DataDirectory
  private let rename: (BackupManifest) throws -> [String: String]
  private var arrived: BackupManifest?
  /// By the number in the backup.
  private var numbers: [Int64: Numbers] = [:]
  private var file: Output?

  private struct Output {
    var file: OpenFile
    /// Where the bytes go that come next.
    var offset: Int
    /// Of a growing segment: side bytes that are still to come, and where the rows begin.
    var sideLeft = 0
    var rowsOffset = 0
  }

  /// - Parameter rename: says which collections are wanted, and their new names; may refuse.
  package init(_ directory: DataDirectory, rename: @escaping (BackupManifest) throws -> [String: String]) {
    self.directory = directory
    self.rename = rename
  }

  // MARK: Contents

  func begin(_ manifest: BackupManifest) throws {
    let names = try rename(manifest)
    arrived = manifest
    for collection in manifest.collections {
      guard let name = names[collection.name] else { continue }
      numbers[collection.id] = try directory.write { db in try prepare(collection, name: name, in: db) }
      try directory.fileSystem.makeDirectories(
        directory.directory(ofCollection: numbers[collection.id]!.id))
    }
  }

  private func prepare(
    _ source: BackupManifest.Collection, name: String, in db: Database
  ) throws -> Numbers {
    let catalog = directory.catalog
    let current = source.generations.first { $0.id == source.currentGeneration }!
    // No request can ask for such a name.
    let made = try catalog.insertCollection(
      name: "restored \(UInt64.random(in: 0 ... .max))", schema: source.schema,
      specification: current.specification, state: .building,
      parent: source.parent.map { numbers[$0]!.id }, in: db)
    // In the order that they had, which is that of their age.
    let reserved = try catalog.reserve(source.generations.count - 1, of: "generations", in: db)
    let generations = zip(source.generations.map(\.id).sorted(), [made.generation.id] + reserved)
    let segments = try catalog.reserve(source.segments.count, of: "segments", in: db)
    return Numbers(
      source: source, name: name, id: made.collection.id,
      points: made.collection.points,
      generations: Dictionary(uniqueKeysWithValues: generations),
      segments: Dictionary(uniqueKeysWithValues: zip(source.segments.map(\.id), segments)))
  }

  func add(_ points: [BackupPoint], to collection: BackupManifest.Collection) throws {
    guard let store = numbers[collection.id]?.points else { return }
    try directory.write { db in try store.restore(points, in: db) }
  }

  func add(
    _ checksums: [VectorChecksum], of segment: Int64, in collection: BackupManifest.Collection
  ) throws { numbers[collection.id]?.checksums[segment] = checksums }

  func open(_ file: BackupFile, header: SegmentHeader) throws {
    guard let numbers = numbers[file.identity.collectionID] else { return }
    let identity = numbers.identity(file.identity)
    let path = directory.absolutePath(numbers.path(of: file))
    let fileSystem = directory.fileSystem
    var output = Output(file: try fileSystem.open(path, .create), offset: SegmentHeader.sizeBytes)
    self.file = output
    if file.growing != nil { try fileSystem.resize(output.file, to: header.fullSize) }
    try header.of(identity).encoded().withUnsafeBytes {
      try fileSystem.writeAll($0, to: output.file, at: 0)
    }
    if file.growing != nil {
      output.sideLeft = (file.rowCount ?? 0) * header.sideStride
      output.rowsOffset = header.rowsOffset
      if output.sideLeft == 0 { output.offset = header.rowsOffset }
    }
    self.file = output
  }

  func write(_ bytes: UnsafeRawBufferPointer) throws {
    guard var output = file else { return }
    var rest = bytes
    while !rest.isEmpty {
      let count = output.sideLeft > 0 ? min(rest.count, output.sideLeft) : rest.count
      try directory.fileSystem.writeAll(
        UnsafeRawBufferPointer(rebasing: rest[..<count]), to: output.file, at: output.offset)
      output.offset += count
      if output.sideLeft > 0 {
        output.sideLeft -= count
        if output.sideLeft == 0 { output.offset = output.rowsOffset }
      }
      rest = UnsafeRawBufferPointer(rebasing: rest[count...])
    }
    file = output
  }

  func close() throws {
    guard let output = file else { return }
    defer {
      directory.fileSystem.close(output.file)
      file = nil
    }
    try directory.fileSystem.sync(output.file)
  }

  // MARK: Catalog

  /// - Precondition: it has come, as it has where the decoder has finished.
  package var manifest: BackupManifest { arrived! }

  /// Lets the catalog name all files. To be called when the whole backup was found sound.
  ///
  /// - Returns: the collections, still building, under their future names.
  package func attach() throws -> [Restored] {
    for numbers in numbers.values {
      try directory.fileSystem.syncDirectory(directory.directory(ofCollection: numbers.id))
    }
    try directory.fileSystem.syncDirectory(directory.absolutePath(FileNames.collections))
    return try directory.write { db in
      try numbers.values.sorted { $0.name < $1.name }.map { numbers in
        try attach(numbers, in: db)
        var record = try directory.catalog.collection(numbers.id, in: db)
        record.name = numbers.name
        return Restored(
          source: numbers.source.name, name: numbers.name, record: record,
          sequence: numbers.source.sequence)
      }
    }
  }

  private func attach(_ numbers: Numbers, in db: Database) throws {
    let (catalog, source) = (directory.catalog, numbers.source)
    let files = manifest.files(of: source)
    for segment in source.segments {
      let id = numbers.segments[segment.id]!
      let hasRows = files.first { $0.kind == .rows && $0.identity.segmentID == segment.id }
      try catalog.restore(
        SegmentRecord(
          id: id, collectionID: numbers.id, firstRow: segment.firstRow, rowCapacity: segment.rowCapacity,
          rowCount: segment.rowCount, state: segment.growing == nil ? .sealed : .growing,
          file: FileNames.vectors(collection: numbers.id, segment: id),
          rowsFile: hasRows.map(numbers.path), mergedSpan: segment.mergedSpan), in: db)
      try catalog.record(numbers.checksums[segment.id] ?? [], of: id, in: db)
    }
    for generation in source.generations {
      let id = numbers.generations[generation.id]!
      try catalog.restore(
        GenerationRecord(
          id: id, collectionID: numbers.id, specification: generation.specification,
          state: generation.id == source.currentGeneration ? .live : .retained, report: generation.report,
          encoderFile: generation.hasEncoder
            ? FileNames.encoder(collection: numbers.id, generation: id) : nil,
          createdAt: generation.createdAt, publishedAt: generation.publishedAt), in: db)
      for built in generation.files {
        func path(_ kinds: [SegmentHeader.Kind]) -> String? {
          files.first {
            kinds.contains($0.kind) && $0.generationID == generation.id
              && $0.identity.segmentID == built.segment
          }.map(numbers.path)
        }
        try catalog.recordCodes(
          generation: id, segment: numbers.segments[built.segment]!, codesFile: path([.codes]),
          graphFile: path([.graph, .invertedFile]), in: db)
      }
    }
    try catalog.restore(
      numbers.id, currentGeneration: numbers.generations[source.currentGeneration]!, nextRow: source.nextRow,
      nextSequence: source.nextSequence, nextKey: source.nextKey,
      previousGeneration: source.previousGeneration.map { numbers.generations[$0]! },
      createdAt: source.createdAt, in: db)
  }

  /// Takes everything out again; also half-way, and also after a failure. What cannot be removed now is removed by the
  /// next start.
  package func discard() throws {
    if let file { directory.fileSystem.close(file.file) }
    file = nil
    // A collection takes its vector fields with it.
    for numbers in numbers.values where numbers.source.parent == nil {
      try directory.write { db in
        // What is live is nobody's leftover.
        let record = try directory.catalog.collection(numbers.id, in: db)
        precondition(record.state == .building, "a restored collection is live")
        try directory.catalog.deleteCollection(numbers.id, in: db)
      }
    }
    for numbers in numbers.values { try directory.removeFiles(ofCollection: numbers.id) }
    numbers = [:]
  }
}

extension BackupTarget.Numbers {
  /// Of a file, with the numbers that it has here.
  fileprivate func identity(_ identity: SegmentIdentity) -> SegmentIdentity {
    SegmentIdentity(
      collectionID: id, generationID: identity.generationID == 0 ? 0 : generations[identity.generationID]!,
      segmentID: identity.segmentID == 0 ? 0 : segments[identity.segmentID]!, firstRow: identity.firstRow)
  }

  fileprivate func path(of file: BackupFile) -> String {
    BackupFile.path(
      kind: file.kind, identity: identity(file.identity),
      generation: file.generationID.map { generations[$0]! } ?? 0)
  }
}
