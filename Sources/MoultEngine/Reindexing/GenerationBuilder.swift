import GRDB
import MoultCompute
import MoultJobs
import MoultModel
import MoultStorage

/// Builds a generation beside the live one and attaches it, so that from then on the writer keeps it up to date.
///
/// Every sealed segment that is finished is recorded in the catalog, so an attempt that is cut off anywhere
/// loses at most one segment's work. All methods block; they run on the background pool.
struct GenerationBuilder: Sendable {
  /// Rows from which an index that was asked for is built.
  static let indexRowsMin = 256
  /// Rounds in which segments that were sealed meanwhile are given indexes before the generation is attached.
  static let indexRoundsMax = 4
  /// Rows that are encoded between two writes.
  static let blockRows = 8_192

  struct Costs: Sendable {
    var trainSeconds = 0.0
    var encodeSeconds = 0.0
    var indexSeconds = 0.0
    /// Time for which writers were kept out.
    var writersPausedSeconds = 0.0
    /// What happened to the indexes; `nil` without any.
    var index: GraphWork.Kind?
    /// Kinds of index that the generation has.
    var indexName: String?
    var trainingRows = 0
    var notes: [String] = []
  }

  let resources: EngineResources
  let collection: Collection
  let generationID: Int64
  let specification: EncodingSpecification
  let context: JobContext
  let pace: Pace

  var directory: DataDirectory { resources.directory }
  var files: GenerationFiles {
    GenerationFiles(directory: directory, collectionID: collection.id, generationID: generationID)
  }
  var parallel: ParallelFor { pace.paced(resources.background.parallelFor) }

  /// Everything up to the moment at which the generation is attached as the snapshot's `building`.
  func build() async throws -> Costs {
    var costs = Costs()
    // What is learned from damaged vectors, or encoded, would be damage without a trace.
    try await resources.background.run { [collection, parallel] in
      let snapshot = collection.snapshot
      try snapshot.requireSound(snapshot.live, parallel: parallel)
    }
    let encoder = try await timed(&costs.trainSeconds) { try train() }
    costs.trainingRows = encoder.report.sampleCount
    if let shrinkage = encoder.report.shrinkage, shrinkage > 0 {
      costs.notes.append(
        "only \(encoder.report.sampleCount) vectors to learn \(collection.schema.dimension) dimensions from; the "
          + "covariance was shrunk. Switch again when there are more")
    }
    if let gain = encoder.report.gainSummary { costs.notes.append(gain) }
    if collection.snapshot.building?.id == generationID { return costs }

    if specification.index != .flat {
      // Indexes are built over sealed segments; without this a small collection would get none.
      let rowsMin =
        specification.index == .automatic ? IndexSpecification.automaticGraphRows : Self.indexRowsMin
      // Before the gate is held: rows from before the start have no part of their segment's checksum yet.
      try await resources.background.run { resources.writer(of: collection).prepareToSeal() }
      costs.writersPausedSeconds += try await collection.writers.run {
        let blocked = ContinuousClock.now
        try await resources.writing.run {
          _ = try resources.writer(of: collection).sealGrowing(atLeast: rowsMin)
        }
        return blocked.secondsToNow
      }
    }
    var built = try await resources.background.run { try loadFinished(encoder: encoder) }
    let origins = IndexOrigins()
    for round in 1... {
      built = try await timed(&costs.encodeSeconds) { [built] in try encodeSealed(built) }
      // A source that fills segments faster than their indexes are built would keep this going for ever; the
      // index job makes up for what is left.
      let buildsIndexes = round <= Self.indexRoundsMax
      if buildsIndexes, specification.index != .flat {
        built = try await timed(&costs.indexSeconds) { [built] in try indexSealed(built, origins: origins) }
        costs.index = origins.kind
        costs.indexName = Set(built.indexes.values.map(\.name)).sorted().joined(separator: ", ")
      }
      // Most of the growing rows are encoded while writers still run; the rest below, while they wait.
      built = try await timed(&costs.encodeSeconds) { [built] in try encodeGrowing(built) }
      let (isAttached, blockedSeconds) = try await collection.writers.run { [built] in
        let blocked = ContinuousClock.now
        // Writers wait: not on threads that give way to all others.
        let isAttached = try await resources.writing.run {
          try attach(built, requiringIndexes: buildsIndexes)
        }
        return (isAttached, blocked.secondsToNow)
      }
      costs.writersPausedSeconds += blockedSeconds
      if isAttached { break }
    }
    return costs
  }

  // MARK: Train

  private func train() throws -> VectorEncoder {
    let record = try directory.read { db in try directory.catalog.generation(generationID, in: db) }
    if let path = record.encoderFile {
      return try files.readEncoder(path)
    }
    try context.reportProgress(phase: "train", rowsDone: 0, rowsTotal: 0)
    try context.checkCancellation()
    let snapshot = collection.snapshot
    let dimension = collection.schema.dimension
    let rows = try SwitchMemory(specification, schema: collection.schema, rows: snapshot.liveCount)
      .trainingRows(within: pace.memoryBytes)
    var sample =
      specification.isIdentity
      ? []
      : RowSample.vectors(
        of: snapshot, count: rows, dimension: dimension, seed: UInt64(bitPattern: generationID))
    guard specification.isIdentity || !sample.isEmpty else {
      throw MoultError(
        .invalidArgument,
        "collection '\(collection.name)' is empty; there is nothing to learn \(specification.quantization.rawValue) "
          + "from. Import points first, then switch")
    }
    let encoder = try sample.withUnsafeMutableBufferPointer { sample in
      try VectorEncoder.train(
        specification: specification, dimension: dimension, metric: collection.schema.metric,
        overwriting: sample.baseAddress ?? UnsafeMutablePointer(bitPattern: 64)!,
        sampleCount: sample.count / dimension, seed: UInt64(bitPattern: generationID))
    }
    let path = try files.write(encoder)
    try directory.write { db in
      try directory.catalog.updateGeneration(generationID, encoderFile: path, in: db)
    }
    return encoder
  }

  // MARK: Sealed segments

  /// The generation as far as earlier attempts (or the writer) have finished it.
  private func loadFinished(encoder: VectorEncoder) throws -> GenerationView {
    let record = try directory.read { db in try directory.catalog.generation(generationID, in: db) }
    return try GenerationLoader.load(
      record, encoder: encoder, schema: collection.schema, segments: collection.snapshot.segments,
      guides: collection.snapshot.guides(in: GraphSpace(specification)), directory: directory)
  }

  private func encodeSealed(_ built: GenerationView) throws -> GenerationView {
    var built = built
    let snapshot = collection.snapshot
    let sealed = snapshot.segments.filter(\.isSealed)
    let total = Int64(snapshot.rowCount)
    var done = Int64(0)
    for segment in sealed {
      if built.codes[segment.id]?.isDurable != true {
        if specification.isIdentity {
          built.codes[segment.id] = .vectors
        } else {
          built.codes[segment.id] = .file(
            CodeFile(try encode(segment, with: built.encoder, done: done, total: total)))
        }
      }
      done += Int64(segment.count)
    }
    return built
  }

  private func encode(
    _ segment: SegmentView, with encoder: VectorEncoder, done: Int64, total: Int64
  ) throws -> SegmentFile {
    let block = CodeBuffer(encoder: encoder, capacity: Self.blockRows)
    let writer = try files.codesWriter(segment, encoder: encoder)
    let vectors = segment.vectors
    for first in stride(from: 0, to: segment.count, by: Self.blockRows) {
      try context.checkCancellation()
      let count = min(Self.blockRows, segment.count - first)
      pace.begin(rows: count)
      let start = (vectors.rows + first * vectors.rowStride).assumingMemoryBound(to: Float.self)
      EncodeLoop.encode(start, count: count, with: encoder, into: block, at: 0, parallel: parallel)
      try writer.append(
        rows: UnsafeRawPointer(block.rows), side: block.side.map { UnsafeRawPointer($0) }, count: count)
      try context.reportProgress(phase: "encode", rowsDone: done + Int64(first + count), rowsTotal: total)
    }
    _ = try writer.finish()
    let path = files.codesPath(segment)
    let file = try files.openCodes(path, segment: segment, encoder: encoder)
    file.trust()
    try directory.write { db in
      try directory.catalog.recordCodes(
        generation: generationID, segment: segment.id, codesFile: path, graphFile: nil, in: db)
    }
    return file
  }

  // MARK: Growing segments

  /// Codes of growing segments, up to where the present snapshot reaches.
  private func encodeGrowing(_ built: GenerationView) throws -> GenerationView {
    var built = built
    for segment in collection.snapshot.segments where !segment.isSealed {
      try context.checkCancellation()
      encodeRest(of: segment, in: &built, parallel: parallel)
    }
    return built
  }

  private func encodeRest(
    of segment: SegmentView, in built: inout GenerationView, parallel: ParallelFor
  ) {
    if specification.isIdentity {
      built.codes[segment.id] = .vectors
      return
    }
    let buffer: CodeBuffer
    if case .buffer(let present) = built.codes[segment.id] {
      buffer = present
    } else {
      buffer = CodeBuffer(encoder: built.encoder, capacity: segment.capacity)
      built.codes[segment.id] = .buffer(buffer)
    }
    guard segment.count > buffer.encodedCount else { return }
    let vectors = segment.vectors
    let start = (vectors.rows + buffer.encodedCount * vectors.rowStride).assumingMemoryBound(to: Float.self)
    EncodeLoop.encode(
      start, count: segment.count - buffer.encodedCount, with: built.encoder, into: buffer,
      at: buffer.encodedCount, parallel: parallel)
    buffer.encodedCount = segment.count
  }

  /// Under the writers' gate: encodes what came last and publishes the generation as `building`.
  ///
  /// - Returns: `false` when a segment was sealed meanwhile that has no codes, or no index, yet; try again.
  private func attach(_ built: GenerationView, requiringIndexes: Bool) throws -> Bool {
    var built = built
    var snapshot = collection.snapshot
    for segment in snapshot.segments {
      if segment.isSealed {
        guard built.codes[segment.id]?.isDurable == true else { return false }
        if requiringIndexes, built.lacksIndex(of: segment) { return false }
      } else {
        encodeRest(of: segment, in: &built, parallel: resources.searching.parallelFor)
      }
    }
    snapshot.building = built
    collection.publish(snapshot)
    return true
  }

  func timed<Result: Sendable>(
    _ seconds: inout Double, _ body: @escaping @Sendable () throws -> Result
  ) async throws -> Result {
    let start = ContinuousClock.now
    let result = try await resources.background.run(body)
    seconds += start.secondsToNow
    return result
  }
}

extension ContinuousClock.Instant {
  var secondsToNow: Double {
    let duration = ContinuousClock.now - self
    return Double(duration.components.seconds) + Double(duration.components.attoseconds) * 1e-18
  }
}
