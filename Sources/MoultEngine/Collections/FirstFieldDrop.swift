import GRDB
import MoultCompute
import MoultModel
import MoultStorage

/// Makes of a collection one that keeps the same rows by a placeholder in place of its first vector field.
///
/// Files first, then one transaction that exchanges schema, generations and segments. Until then nothing has changed, and
/// what a crash leaves are files that the next start sweeps: new ones before the transaction, old ones after it. Row
/// numbers stay, so points, tombstones and the other fields are as they were.
///
/// For the holder of the writers' gates, on a thread that may block.
struct FirstFieldDrop {
  let directory: DataDirectory
  let collection: Collection

  /// Rows that are written at a time.
  private static let blockRows = 8_192
  private static let encoder = VectorEncoder.identity(
    dimension: PlaceholderField.dimension, metric: PlaceholderField.metric)

  /// A segment of placeholders, in its files and not yet in the catalog.
  private struct Made {
    var segment: SegmentView
    var rowsFile: String?
    var checksums: [VectorChecksum]
    /// The number of the one whose rows these are.
    var replaced: Int64
  }

  /// - Parameter check: of what must hold, by the state of the database; before files are written, and at the commit.
  /// - Returns: the collection as it is now, without its fields and to be published, and files to remove then.
  func run(
    requestedBy requester: String?, check: (Database) throws -> Void
  ) throws -> (fresh: Collection, obsolete: [String]) {
    // Those without rows were left by batches that failed.
    let filled = collection.snapshot.segments.filter { $0.count > 0 }
    let ids = try directory.write { db in
      try check(db)
      return try filled.map { _ in try directory.catalog.reserveSegment(in: db) }
    }
    let made: [Made]
    do { made = try zip(filled, ids).map { try make($0, id: $1) } } catch {
      for id in ids { try? directory.removeFiles(ofSegment: id, collection: collection.id) }
      throw error
    }
    // The catalog's schema has what changed since the collection was opened.
    let schema = collection.info(aliases: []).schema.withoutFirstField
    let specification = EncodingSpecification()
    let encoder = try VectorEncoder.identity(
      dimension: schema.dimension, metric: schema.metric, specification: specification)
    // From here on a failure leaves the files to the next start: it may not tell whether they are named.
    let (record, generation, obsolete) = try directory.write { db in
      try check(db)
      return try exchange(made, schema, specification, requestedBy: requester, in: db)
    }
    let live = GenerationView(
      id: generation.id, encoder: encoder,
      codes: Dictionary(uniqueKeysWithValues: ids.map { ($0, SegmentCodes.vectors) }), indexes: [:],
      createdAt: generation.createdAt, publishedAt: generation.publishedAt, report: nil,
      specification: specification)
    let fresh = Collection(
      id: record.id, parentID: nil, name: record.name, schema: record.schema, createdAt: record.createdAt,
      points: record.points, identityEncoder: Self.encoder,
      snapshot: CollectionSnapshot(segments: made.map(\.segment), live: live),
      isReady: record.state == .live, nextRow: record.nextRow, nextKey: record.nextKey)
    return (fresh, obsolete)
  }

  // MARK: Files

  /// Writes a segment of the same rows.
  private func make(_ old: SegmentView, id: Int64) throws -> Made {
    let identity = SegmentIdentity(collectionID: collection.id, segmentID: id, firstRow: old.firstRow)
    let file = try writeVectors(count: old.count, identity: identity)
    var rows = SegmentRows(from: old.firstRow)
    var rowsFile: String?
    if !old.rows.isContiguous {
      (rows, rowsFile) = try SegmentRows.write(
        (0..<old.count).map { old.rows[$0] }, span: old.rows.end(count: old.count) - old.firstRow,
        identity: identity, in: directory)
    }
    return Made(
      segment: SegmentView(
        id: id, rows: rows, count: old.count, capacity: old.count, live: old.live, storage: .sealed(file)),
      rowsFile: rowsFile,
      checksums: VectorChecksum.of(
        rows: file.rows, rowStride: file.rowStride, side: file.side, sideStride: file.sideStride,
        count: old.count, at: 0),
      replaced: old.id)
  }

  private func writeVectors(count: Int, identity: SegmentIdentity) throws -> SegmentFile {
    let encoder = Self.encoder
    let path = directory.absolutePath(
      FileNames.vectors(collection: identity.collectionID, segment: identity.segmentID))
    let writer = try SegmentWriter(
      path: path, kind: .vectors, identity: identity, rowCount: count, rowStride: encoder.rowBytes,
      sideStride: encoder.sideBytes, fileSystem: directory.fileSystem)
    let block = min(count, Self.blockRows)
    let vectors = PlaceholderField.vectors(count: block)
    var rows = [UInt8](repeating: 0, count: block * encoder.rowBytes)
    var norms = [Float](repeating: 0, count: block)
    vectors.withUnsafeBufferPointer { vectors in
      rows.withUnsafeMutableBytes { rows in
        norms.withUnsafeMutableBytes { norms in
          encoder.encode(
            vectors.baseAddress!, count: block, rows: rows.baseAddress!, side: norms.baseAddress!)
        }
      }
    }
    try rows.withUnsafeBytes { rows in
      try norms.withUnsafeBytes { norms in
        for first in stride(from: 0, to: count, by: block) {
          try writer.append(
            rows: rows.baseAddress!, side: norms.baseAddress!, count: min(block, count - first))
        }
      }
    }
    _ = try writer.finish()
    let file = try SegmentFile(
      path: path, kind: .vectors, identity: identity, fileSystem: directory.fileSystem)
    file.trust()
    return file
  }

  // MARK: Catalog

  private func exchange(
    _ made: [Made], _ schema: CollectionSchema, _ specification: EncodingSpecification,
    requestedBy requester: String?, in db: Database
  ) throws -> (CollectionRecord, GenerationRecord, obsolete: [String]) {
    let catalog = directory.catalog
    let id = collection.id
    let dropped = try catalog.collection(id, in: db)
    let form = try catalog.generation(dropped.currentGeneration, in: db).label
    try catalog.setSchema(schema, of: id, in: db)
    let generation = try catalog.insertGeneration(
      collection: id, specification: specification, state: .live, in: db)
    _ = try catalog.publishGeneration(generation.id, of: id, in: db)
    var obsolete: [String] = []
    for old in try catalog.generations(of: id, in: db) where old.id != generation.id {
      obsolete += try catalog.deleteGeneration(old.id, in: db)
    }
    let replaced = Set(made.map(\.replaced))
    for old in try catalog.segments(of: id, in: db) where !replaced.contains(old.id) {
      obsolete += try catalog.deleteSegment(old.id, in: db)
    }
    for new in made {
      let segment = new.segment
      obsolete += try catalog.insertMergedSegment(
        segment.id, of: id, replacing: [new.replaced],
        rows: segment.firstRow..<segment.rows.end(count: segment.count), rowCount: segment.count,
        rowsFile: new.rowsFile, in: db)
      try catalog.record(new.checksums, of: segment.id, in: db)
    }
    // Whose model made the vectors that are gone.
    try catalog.setEmbedder(nil, of: id, in: db)
    try catalog.record(
      HistoryEntry(
        action: .collectionDropped, name: FieldName.joined(dropped.name, dropped.schema.vectorField),
        before: form, requestedBy: requester), in: db)
    return (try catalog.collection(id, in: db), try catalog.generation(generation.id, in: db), obsolete)
  }
}
