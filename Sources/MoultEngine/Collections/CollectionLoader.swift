import GRDB
import Logging
import MoultCompute
import MoultModel
import MoultStorage

/// Opens a collection of the catalog: maps its segments, loads its generations, and brings codes of growing
/// segments (which live in memory) and of segments whose sealing a crash cut short up to date.
struct CollectionLoader: Sendable {
  let directory: DataDirectory
  let parallel: ParallelFor
  let logger: Logger

  func load(_ record: CollectionRecord) throws -> Collection {
    let identityEncoder = VectorEncoder.identity(
      dimension: record.schema.dimension, metric: record.schema.metric)
    let points = record.points
    // Nobody holds a snapshot yet that could still show a deleted point. Those of a field are its collection's.
    while try record.parentID == nil
      && directory.write({ db in
        try points.purgeDeadPayloads(throughSequence: record.nextSequence, in: db)
      }) > 0
    {}
    let (segmentRecords, generationRecords, dead) = try directory.read { db in
      (
        try directory.catalog.segments(of: record.id, in: db),
        try directory.catalog.generations(of: record.id, in: db),
        try points.deadRows(from: 0, to: record.nextRow, in: db)
      )
    }
    var segments = try segmentRecords.map { try open($0, dead: dead, encoder: identityEncoder) }
    if record.parentID != nil {
      for index in segments.indices { segments[index].killAbsent() }
    }
    let schema = record.schema
    func load(_ id: Int64, beside snapshot: CollectionSnapshot? = nil) throws -> GenerationView? {
      guard let record = generationRecords.first(where: { $0.id == id }) else { return nil }
      return try loadGeneration(
        record, schema: schema, segments: segments,
        guides: snapshot?.guides(in: GraphSpace(record.specification)) ?? [:])
    }
    guard let live = try load(record.currentGeneration) else {
      throw MoultError(.corrupted, "the catalog has no current generation for collection '\(record.name)'")
    }
    var snapshot = CollectionSnapshot(segments: segments, live: live, previous: nil, building: nil)
    do {
      snapshot.previous = try record.previousGeneration.flatMap { try load($0, beside: snapshot) }
    } catch let error as MoultError where error.code == .corrupted {
      // It answers nothing; only a rollback would need it, and is refused.
      logger.error("'\(record.name)' cannot be rolled back; `moult repair` may help: \(error.message)")
    }
    return Collection(
      id: record.id, parentID: record.parentID, name: record.name, schema: record.schema,
      createdAt: record.createdAt, points: points,
      identityEncoder: identityEncoder, snapshot: snapshot, isReady: record.state == .live,
      nextRow: record.nextRow, nextKey: record.nextKey)
  }

  /// A collection that was just made.
  func empty(_ record: CollectionRecord, generation: GenerationRecord) throws -> Collection {
    let encoder = try VectorEncoder.identity(
      dimension: record.schema.dimension, metric: record.schema.metric,
      specification: generation.specification)
    let live = GenerationView(
      id: generation.id, encoder: encoder, codes: [:], indexes: [:], createdAt: generation.createdAt,
      publishedAt: generation.publishedAt, report: nil,
      specification: generation.specification)
    return Collection(
      id: record.id, parentID: record.parentID, name: record.name, schema: record.schema,
      createdAt: record.createdAt, points: record.points, identityEncoder: encoder,
      snapshot: CollectionSnapshot(segments: [], live: live), isReady: record.state == .live,
      nextRow: record.nextRow, nextKey: record.nextKey)
  }

  private func open(_ record: SegmentRecord, dead: [Int64], encoder: VectorEncoder) throws -> SegmentView {
    let path = directory.absolutePath(record.file)
    let rows = try rows(of: record)
    let deadHere = dead.lazy.compactMap { rows.place(of: $0, count: record.rowCount) }
    let storage: VectorSegment
    switch record.state {
    case .sealed:
      let file = try SegmentFile(
        path: path, kind: .vectors, identity: record.identity, fileSystem: directory.fileSystem)
      try requireShape(of: path, file.count, file.rowStride, file.sideStride, record, encoder)
      storage = .sealed(file)
    case .growing:
      let growing = try GrowingSegment(
        opening: path, identity: record.identity, rowCount: record.rowCount,
        fileSystem: directory.fileSystem)
      try requireShape(
        of: path, record.rowCount, growing.rowStride, growing.sideStride, record, encoder)
      try growing.verify(
        directory.read { db in
          try directory.catalog.checksums(of: record.id, rowCount: record.rowCount, in: db)
        })
      storage = .growing(growing)
    }
    return SegmentView(
      id: record.id, rows: rows, count: record.rowCount, capacity: record.rowCapacity,
      live: LiveBitmap(capacity: record.rowCapacity, live: record.rowCount, except: deadHere),
      storage: storage)
  }

  private func rows(of record: SegmentRecord) throws -> SegmentRows {
    guard let path = record.rowsFile else { return SegmentRows(from: record.firstRow) }
    let file = try SegmentFile(
      path: directory.absolutePath(path), kind: .rows, identity: record.identity,
      fileSystem: directory.fileSystem)
    guard file.count == record.rowCount else {
      throw MoultError(
        .corrupted, "\(file.path): expected \(record.rowCount) row numbers, found \(file.count)")
    }
    try file.requireSound()
    return try SegmentRows(from: record.firstRow, span: record.rowSpan, listedIn: file)
  }

  /// Rows are read through pointers: a file of another shape would lead them astray.
  private func requireShape(
    of path: String, _ count: Int, _ rowStride: Int, _ sideStride: Int, _ record: SegmentRecord,
    _ encoder: VectorEncoder
  ) throws {
    guard count == record.rowCount, rowStride == encoder.rowBytes, sideStride == encoder.sideBytes else {
      throw MoultError(
        .corrupted,
        "\(path): expected \(record.rowCount) rows of \(encoder.rowBytes) + \(encoder.sideBytes) bytes, found "
          + "\(count) of \(rowStride) + \(sideStride)")
    }
  }

  private func loadGeneration(
    _ record: GenerationRecord, schema: CollectionSchema, segments: [SegmentView],
    guides: [Int64: SegmentGuide]
  ) throws -> GenerationView {
    var view = try GenerationLoader.load(
      record, schema: schema, segments: segments, guides: guides, directory: directory)
    for segment in segments where view.codes[segment.id] == nil {
      let buffer = CodeBuffer(encoder: view.encoder, capacity: segment.capacity)
      if segment.count > 0 {
        try segment.requireSoundVectors()
        let vectors = segment.vectors
        EncodeLoop.encode(
          vectors.rows.assumingMemoryBound(to: Float.self), count: segment.count, with: view.encoder,
          into: buffer, at: 0, parallel: parallel)
      }
      if segment.isSealed {
        logger.notice(
          "encoding segment \(segment.id) of generation \(record.id) again: its codes were cut off")
        view.codes[segment.id] = .file(
          CodeFile(try persist(buffer, segment: segment, generation: view)))
      } else {
        view.codes[segment.id] = .buffer(buffer)
      }
    }
    return view
  }

  private func persist(
    _ buffer: CodeBuffer, segment: SegmentView, generation: GenerationView
  ) throws -> SegmentFile {
    let record = try directory.read { db in try directory.catalog.segment(segment.id, in: db) }
    let files = GenerationFiles(
      directory: directory, collectionID: record.collectionID, generationID: generation.id)
    return try files.writeCodes(buffer.view(count: segment.count), of: segment, encoder: generation.encoder) {
      path in
      try directory.write { db in
        try directory.catalog.recordCodes(
          generation: generation.id, segment: segment.id, codesFile: path, graphFile: nil, in: db)
      }
    }
  }
}
