import GRDB
import Logging
import MoultCompute
import MoultModel
import MoultStorage

/// Changes the points of one collection. Every method is called by the holder of the gates of the collection and its
/// vector fields, on a thread that may block.
struct CollectionWriter: Sendable {
  /// Full-precision bytes of one segment at most, whatever the dimension.
  static let segmentBytesMax = 256 << 20

  /// Codes of growing rows that a search may scan, at most, where an index could spare it that: a large part of a
  /// millisecond on one core.
  static let scannedBytesMax = 8 << 20

  /// Stands in place of the inverse norm of a row without a vector, which is never negative otherwise.
  static let absentNorm: Float = -1

  let collection: Collection
  let directory: DataDirectory
  let segmentRowsMax: Int
  let parallel: ParallelFor
  /// Syncs rows while keys and payloads are stored.
  let syncing: ComputePool
  let logger: Logger
  /// Called after segments were sealed.
  let onSealed: @Sendable (Collection) throws -> Void
  /// Called after rows of sealed segments may have died.
  let onDied: @Sendable (Collection) -> Void

  /// Rows whose norms are computed at a time.
  private static let normRows = 32

  var schema: CollectionSchema { collection.schema }

  /// Rows of a new segment.
  private var segmentCapacity: Int {
    Self.segmentCapacity(rowsMax: segmentRowsMax, dimension: schema.dimension)
  }

  static func segmentCapacity(rowsMax: Int, dimension: Int) -> Int {
    max(1, min(rowsMax, segmentBytesMax / (dimension * MemoryLayout<Float>.stride)))
  }

  /// Part of a batch that goes to one segment.
  struct Placement {
    var segmentIndex: Int
    /// Index in the segment of its first row.
    var at: Int
    /// Points of the batch.
    var points: Range<Int>
  }

  /// The vectors of a batch in one field: in the files, and not yet in the catalog.
  struct Stored {
    var writer: CollectionWriter
    /// With the segments that the rows lie in; their counts do not reach them yet.
    var snapshot: CollectionSnapshot
    var placements: [Placement]
    var checksums: [[VectorChecksum]]
    /// Rows without a vector.
    var absent: [Int64]
  }

  /// The same for a vector field of the collection.
  func writer(of field: Collection) -> CollectionWriter {
    CollectionWriter(
      collection: field, directory: directory, segmentRowsMax: segmentRowsMax, parallel: parallel,
      syncing: syncing, logger: logger, onSealed: onSealed, onDied: onDied)
  }

  /// Stores a batch that `PointValidation` has passed. Durable and visible when it returns.
  ///
  /// Files first, then one SQLite transaction: the commit point, which waits until the files are synced. What a failure
  /// leaves in files lies beyond the committed rows and is written over.
  ///
  /// - Parameter newKeys: how many of the batch's keys are the collection's next ones.
  func write(_ batch: PointBatch, mode: WriteMode, newKeys: Int = 0) throws -> [PointID] {
    let count = batch.count
    let firstRow = collection.nextRow
    let firstKey = collection.nextKey
    let givesKeys = batch.ids.isEmpty
    let ids = givesKeys ? collection.keys(first: firstKey, count: count) : batch.ids
    var batch = batch
    batch.payloads = try TextVectorMaker(collection.textVectors).filled(batch.payloads)
    let newKeys = givesKeys ? count : newKeys
    // Fields may have come and gone since the batch was looked at.
    try PointValidation.checkShapes(ofFieldsIn: batch, collection)
    // Vectors of every field are looked at before the first is stored.
    let norms = try inverseNorms(of: batch.vectors, batch: batch)
    let given = try collection.fields.map { field in
      let writer = writer(of: field)
      let vectors = batch.fields[field.schema.vectorField]?.filled ?? .none(count, field.schema.dimension)
      return (
        writer, vectors, try writer.inverseNorms(of: vectors.vectors, absent: vectors.absent, batch: batch)
      )
    }
    var syncs: [Errand] = []
    // The next batch may write to the same files.
    defer { for sync in syncs { try? sync.wait() } }
    // The first field's last: whoever finds a row there finds it in the others.
    var stored: [Stored] = []
    for (writer, vectors, norms) in given {
      stored.append(
        try writer.store(
          vectors.vectors, norms: norms, absent: vectors.absent, firstRow: firstRow, syncs: &syncs))
    }
    stored.append(try store(batch.vectors, norms: norms, absent: [], firstRow: firstRow, syncs: &syncs))

    let died = try directory.write { [ids, stored, syncs, batch] db in
      let sequence = try directory.catalog.advance(
        collection: collection.id, rows: Int64(batch.count), sequences: 1, in: db)
      if newKeys > 0 {
        try directory.catalog.reserveKeys(
          below: firstKey + Int64(newKeys), collection: collection.id, in: db)
      }
      for stored in stored {
        for (placement, checksums) in zip(stored.placements, stored.checksums) {
          let segment = stored.snapshot.segments[placement.segmentIndex].id
          try directory.catalog.updateSegment(
            segment, rowCount: placement.at + placement.points.count, in: db)
          try directory.catalog.record(checksums, of: segment, in: db)
        }
      }
      let died = try collection.points.insert(
        firstRow: firstRow, ids: ids, payloads: batch.payloads, sequence: sequence,
        replaceExisting: mode == .upsert, in: db)
      // The commit must not reach the disk before the rows.
      for sync in syncs { try sync.wait() }
      return died
    }
    if newKeys > 0 { collection.reserveKeys(below: firstKey + Int64(newKeys)) }
    for index in stored.indices {
      for placement in stored[index].placements {
        let end = placement.at + placement.points.count
        stored[index].snapshot.segments[placement.segmentIndex].count = end
        stored[index].snapshot.segments[placement.segmentIndex].live =
          stored[index].snapshot.segments[placement.segmentIndex].live.changed(
            adding: placement.at..<end, removing: [])
      }
      stored[index].snapshot.kill(rows: died + stored[index].absent)
    }
    collection.publishTogether {
      for stored in stored {
        stored.writer.collection.publish(stored.snapshot, nextRow: firstRow + Int64(count))
      }
    }
    for stored in stored {
      stored.writer.prepareToSeal()
      stored.writer.sealRipeSegments()
      if !died.isEmpty || !stored.absent.isEmpty { onDied(stored.writer.collection) }
    }
    return ids
  }

  /// Writes vectors of this field to its segments.
  ///
  /// - Parameter syncs: gets what makes them durable.
  func store(
    _ vectors: [Float], norms: [Float], absent: [Int], firstRow: Int64, syncs: inout [Errand]
  ) throws -> Stored {
    var snapshot = collection.snapshot
    let placements = try place(norms.count, firstRow: firstRow, in: &snapshot)
    try vectors.withUnsafeBufferPointer { vectors in
      for placement in placements {
        let start = vectors.baseAddress! + placement.points.lowerBound * schema.dimension
        let growing = try store(start, norms: norms, placement, in: snapshot)
        syncs.append(syncing.begin { try growing.sync() })
      }
    }
    return Stored(
      writer: self, snapshot: snapshot, placements: placements,
      checksums: placements.map { vectorChecksums(of: vectors, norms: norms, $0) },
      absent: absent.map { firstRow + Int64($0) })
  }

  /// Deletes what is stored of `ids`; returns those that were.
  func delete(_ ids: [PointID]) throws -> [PointID] {
    let deleted = try directory.write { db in
      let rows = try collection.points.rows(ids: ids, in: db)
      guard !rows.isEmpty else { return rows }
      let sequence = try directory.catalog.advance(collection: collection.id, rows: 0, sequences: 1, in: db)
      _ = try collection.points.delete(ids: Array(rows.keys), sequence: sequence, in: db)
      return rows
    }
    guard !deleted.isEmpty else { return [] }
    let fields = collection.fields + [collection]
    let changed = fields.map { field in
      var snapshot = field.snapshot
      snapshot.kill(rows: Array(deleted.values))
      return snapshot
    }
    collection.publishTogether {
      for (field, snapshot) in zip(fields, changed) { field.publish(snapshot) }
    }
    for field in fields { onDied(field) }
    var seen = Set<PointID>()
    return ids.filter { deleted[$0] != nil && seen.insert($0).inserted }
  }

  // MARK: Segments

  /// Decides which rows go where, making segments as needed. New ones are empty in the catalog and in the
  /// published snapshot until the batch is committed.
  private func place(_ count: Int, firstRow: Int64, in snapshot: inout CollectionSnapshot) throws
    -> [Placement]
  {
    var placements: [Placement] = []
    var placed = 0
    while placed < count {
      let row = firstRow + Int64(placed)
      // A failed batch can leave several empty segments; each row belongs to the one that begins where the
      // rows before it end.
      let index = snapshot.segments.lastIndex { segment in
        !segment.isSealed && segment.firstRow <= row && row < segment.firstRow + Int64(segment.capacity)
      }
      guard let index else {
        try addSegment(firstRow: row, to: &snapshot)
        continue
      }
      let at = Int(row - snapshot.segments[index].firstRow)
      let points = placed..<min(count, placed + snapshot.segments[index].capacity - at)
      placements.append(Placement(segmentIndex: index, at: at, points: points))
      placed = points.upperBound
    }
    return placements
  }

  private func addSegment(firstRow: Int64, to snapshot: inout CollectionSnapshot) throws {
    // A segment that a failed batch left may begin behind a place where this one would reach.
    let next = snapshot.segments.lazy.map(\.firstRow).filter { $0 > firstRow }.min()
    let capacity = next.map { min(segmentCapacity, Int($0 - firstRow)) } ?? segmentCapacity
    // The file is made inside the transaction: without it there is no row, and a file whose transaction did
    // not commit is swept when the data directory is opened.
    let (id, growing) = try directory.write { db in
      let record = try directory.catalog.insertSegment(
        collection: collection.id, firstRow: firstRow, rowCapacity: capacity, in: db)
      let growing = try GrowingSegment(
        creating: directory.absolutePath(record.file), identity: record.identity, rowCapacity: capacity,
        rowStride: collection.identityEncoder.rowBytes, sideStride: collection.identityEncoder.sideBytes,
        fileSystem: directory.fileSystem)
      return (record.id, growing)
    }
    snapshot.add(
      SegmentView(
        id: id, rows: SegmentRows(from: firstRow), count: 0, capacity: capacity,
        live: LiveBitmap(capacity: capacity, live: 0, except: []), storage: .growing(growing)))
    // Published at once (it is empty), so that a batch that fails leaves a segment that the next one finds.
    collection.publish(snapshot)
  }

  /// Writes the full-precision rows of a placement to the segment's file and their codes to every open
  /// generation's buffer.
  ///
  /// - Returns: the segment, which is still to be synced.
  private func store(
    _ vectors: UnsafePointer<Float>, norms: [Float], _ placement: Placement, in snapshot: CollectionSnapshot
  ) throws -> GrowingSegment {
    let segment = snapshot.segments[placement.segmentIndex]
    guard case .growing(let growing) = segment.storage else {
      preconditionFailure("rows go to growing segments")
    }
    let count = placement.points.count
    for generation in snapshot.openGenerations {
      guard case .buffer(let buffer) = generation.codes[segment.id] else { continue }
      EncodeLoop.encode(
        vectors, count: count, with: generation.encoder, into: buffer, at: placement.at, parallel: parallel)
    }
    try norms.withUnsafeBufferPointer { norms in
      try growing.append(
        rows: UnsafeRawPointer(vectors),
        side: UnsafeRawPointer(norms.baseAddress! + placement.points.lowerBound),
        count: count, at: placement.at)
    }
    return growing
  }

  /// Of the bytes as they came, not as the file gives them back.
  private func vectorChecksums(of vectors: [Float], norms: [Float], _ placement: Placement)
    -> [VectorChecksum]
  {
    let first = placement.points.lowerBound
    return vectors.withUnsafeBufferPointer { vectors in
      norms.withUnsafeBufferPointer { norms in
        VectorChecksum.of(
          rows: UnsafeRawPointer(vectors.baseAddress! + first * schema.dimension),
          rowStride: schema.dimension * MemoryLayout<Float>.stride,
          side: UnsafeRawPointer(norms.baseAddress! + first), sideStride: MemoryLayout<Float>.stride,
          count: placement.points.count, at: placement.at)
      }
    }
  }

  /// - Throws: `invalidVector` for a vector whose length the metric has no use for.
  func inverseNorms(of vectors: [Float], absent: [Int] = [], batch: PointBatch) throws -> [Float] {
    let encoder = collection.identityEncoder
    let count = vectors.count / schema.dimension
    // The rows that come with the norms are thrown away: a few at a time stay in the cache.
    var rows = [UInt8](repeating: 0, count: min(count, Self.normRows) * encoder.rowBytes)
    var norms = [Float](repeating: 0, count: count)
    vectors.withUnsafeBufferPointer { vectors in
      rows.withUnsafeMutableBytes { rows in
        norms.withUnsafeMutableBytes { norms in
          for first in stride(from: 0, to: count, by: Self.normRows) {
            encoder.encode(
              vectors.baseAddress! + first * schema.dimension, count: min(Self.normRows, count - first),
              rows: rows.baseAddress!, side: norms.baseAddress! + first * encoder.sideBytes)
          }
        }
      }
    }
    for place in absent { norms[place] = Self.absentNorm }
    for (index, norm) in norms.enumerated() where norm != Self.absentNorm {
      let squared = norm == 0 ? 0 : 1 / (Double(norm) * Double(norm))
      try PointValidation.checkLength(
        squared: squared, metric: schema.metric,
        what: batch.ids.isEmpty ? "point number \(index)" : "point '\(batch.ids[index])'")
    }
    return norms
  }

  /// Bit by bit what would keep writers waiting when a large segment is sealed at once.
  func prepareToSeal() {
    for segment in collection.snapshot.segments {
      if case .growing(let growing) = segment.storage { growing.prepareToSeal(count: segment.count) }
    }
  }

  /// Turns segments that are full, or worth an index, into sealed files, with their codes. The rows are durable
  /// already, so a failure (a full disk) is only put off: the next write tries again.
  func sealRipeSegments() {
    let live = collection.snapshot.live
    let ripe = collection.snapshot.segments.filter { segment in
      !segment.isSealed && (segment.count == segment.capacity || isWorthAnIndex(segment, live))
    }
    guard !ripe.isEmpty else { return }
    do {
      for segment in ripe { try seal(segment) }
      try onSealed(collection)
    } catch {
      logger.warning("a full segment of '\(collection.name)' could not be sealed yet: \(error)")
    }
  }

  /// Every search scans what grows: from some size on that costs more than a smaller segment does, which is merged
  /// with its neighbours later.
  private func isWorthAnIndex(_ segment: SegmentView, _ live: GenerationView) -> Bool {
    live.specification.index != .flat && segment.count >= IndexSpecification.automaticGraphRows
      && segment.count * live.encoder.bytesPerVector >= Self.scannedBytesMax
  }

  /// Seals the newest rows ahead of time when there are at least `rows`, so that an index can cover them.
  ///
  /// - Returns: whether there were.
  func sealGrowing(atLeast rows: Int) throws -> Bool {
    let ripe = collection.snapshot.segments.filter { !$0.isSealed && $0.count >= rows }
    for segment in ripe { try seal(segment) }
    return !ripe.isEmpty
  }

  private func seal(_ segment: SegmentView) throws {
    guard case .growing(let growing) = segment.storage else { return }
    var snapshot = collection.snapshot
    let file = try growing.seal(count: segment.count)
    snapshot.replaceStorage(of: segment.id, with: .sealed(file))
    let sealed = snapshot.segments.first { $0.id == segment.id }!
    var codeFiles: [Int64: SegmentFile] = [:]
    var paths: [Int64: String] = [:]
    for generation in snapshot.openGenerations {
      guard case .buffer(let buffer) = generation.codes[segment.id] else { continue }
      let files = GenerationFiles(
        directory: directory, collectionID: collection.id, generationID: generation.id)
      codeFiles[generation.id] = try files.writeCodes(
        buffer.view(count: sealed.count), of: sealed, encoder: generation.encoder
      ) { paths[generation.id] = $0 }
    }
    try directory.write { [paths] db in
      try directory.catalog.sealSegment(sealed.id, rowCount: sealed.count, in: db)
      for (generation, path) in paths {
        try directory.catalog.recordCodes(
          generation: generation, segment: sealed.id, codesFile: path, graphFile: nil, in: db)
      }
    }
    for (generation, codes) in codeFiles {
      snapshot.updateGeneration(generation) { $0.codes[sealed.id] = .file(CodeFile(codes)) }
    }
    collection.publish(snapshot)
  }
}

extension CollectionSnapshot {
  /// Marks rows dead, wherever they are.
  mutating func kill(rows: [Int64]) {
    var bySegment: [Int: [Int]] = [:]
    for row in rows {
      guard let (segment, place) = place(ofRow: row) else { continue }
      bySegment[segment, default: []].append(place)
    }
    for (index, dead) in bySegment { segments[index].live = segments[index].live.changed(removing: dead) }
  }

  /// Adds an empty segment at its place in the order of rows, with a code buffer in every generation that needs one.
  mutating func add(_ segment: SegmentView) {
    let place = segments.firstIndex { $0.firstRow > segment.firstRow } ?? segments.count
    segments.insert(segment, at: place)
    for generation in openGenerations {
      updateGeneration(generation.id) { view in
        view.codes[segment.id] =
          view.specification.isIdentity
          ? .vectors : .buffer(CodeBuffer(encoder: view.encoder, capacity: segment.capacity))
      }
    }
  }

  mutating func replaceStorage(of segmentID: Int64, with storage: VectorSegment) {
    guard let index = segments.firstIndex(where: { $0.id == segmentID }) else { return }
    segments[index].storage = storage
  }

  mutating func updateGeneration(_ id: Int64, _ change: (inout GenerationView) -> Void) {
    if live.id == id { change(&live) }
    if previous?.id == id { change(&previous!) }
    if building?.id == id { change(&building!) }
  }
}
