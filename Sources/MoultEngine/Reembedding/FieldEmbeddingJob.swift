import Foundation
import MoultCompute
import MoultJobs
import MoultModel
import MoultStorage

/// Gives points that have none a vector in one field of their collection, from their stored text.
///
/// Enqueued when the field is made, and by every write that leaves a point without one: so it fills the field behind
/// what is there, and follows what comes. A point gets its vector by being written again, as any update of a vector does.
struct FieldEmbeddingJob: Sendable {
  static let kind = "embed"
  /// Points written while other writers wait.
  private static let batchPoints = 500

  struct Checkpoint: Codable, Sendable {
    var embedding: EmbeddingStage.Progress
  }

  struct Result: Codable, Sendable {
    var embedding: EmbeddingReport
  }

  let resources: EngineResources
  /// What the field is one of.
  let collection: Collection
  let field: Collection
  let order: EmbeddingText.Order
  let context: JobContext
  let pace: Pace

  func run() async throws -> Data? {
    var made = try EmbeddingStage(
      order: order, resources: resources, source: collection, context: context, pace: pace)
    made.pass.isDone = { [field] in
      let snapshot = field.snapshot
      return { row in Self.has(row, in: snapshot) }
    }
    let stage = made
    var progress =
      try context.record.checkpoint.map { try JSONDecoder().decode(Checkpoint.self, from: $0).embedding }
      ?? EmbeddingStage.Progress(embedder: order.embedder.name)
    let start = try await resources.directory.read { [resources, field] db in
      try resources.directory.catalog.fieldEmbeddings(in: db).first { $0.field == field.id }?.row
    }
    guard var row = start else { return nil }
    progress.pass.row = max(progress.pass.row, row)
    while true {
      let (writtenFrom, pass) = (row, try await embed(stage, progress))
      progress.pass = pass
      // Rows that come meanwhile are the next round's.
      while row < pass.row {
        try context.checkCancellation()
        try await resources.background.run { pace.begin(rows: Self.batchPoints) }
        let before = row
        (row, progress) = try await collection.holdingWriters { [row, progress] in
          try await resources.writing.run { try fill(after: row, through: pass.row, stage, progress) }
        }
        try context.reportProgress(
          phase: "fill", rowsDone: Int64(field.snapshot.liveCount),
          rowsTotal: Int64(collection.snapshot.liveCount))
        // A vector is gone from the cache: it is asked for again.
        if row == before { break }
      }
      progress.pass.row = row
      // What is refused is gathered in memory.
      if progress.setAside.count > EmbeddingStage.setAsideMax { try stage.requireCoverage(progress) }
      if row == writtenFrom, pass.row == row { break }
    }
    try stage.requireCoverage(progress)
    if resources.fieldEmbeddings.isBeingFilled(field.id) {
      try await resources.directory.write { [resources, field] db in
        try resources.directory.catalog.setFieldEmbeddingFilled(field.id, in: db)
        // Points without a text stay without a vector, also where nobody knows of the job any more.
        try resources.directory.catalog.setComplete(field.id, in: db)
      }
      field.markComplete()
      resources.fieldEmbeddings.setFilled(field.id)
    }
    try? await stage.pass.cache.end(
      job: context.record.id, keepingBytes: resources.embeddingBytesKept(after: context.record.id))
    return try JSONEncoder().encode(Result(embedding: progress.report))
  }

  private func embed(
    _ stage: EmbeddingStage, _ progress: EmbeddingStage.Progress
  ) async throws -> EmbeddingPass.Progress {
    @Sendable func saved(_ pass: EmbeddingPass.Progress) throws -> Data {
      var progress = progress
      progress.pass = pass
      // Where a later attempt begins is in the catalog.
      progress.pass.row = -1
      return try JSONEncoder().encode(Checkpoint(embedding: progress))
    }
    do {
      return try await stage.pass.run(
        progress.pass, phase: "embed", patienceSeconds: EmbeddingStage.patienceSeconds
      ) { pass in
        let data = try saved(pass)
        try await resources.writing.run { try context.saveCheckpoint(data) }
      }
    } catch let spent as EmbeddingPass.BudgetSpent {
      var pass = spent.progress
      pass.costBefore = pass.report.cost ?? 0
      try context.saveCheckpoint(try saved(pass))
      try await stage.pause(spent.progress)
    }
  }

  /// Writes some points again, with their vectors. Under all gates of the collection.
  ///
  /// - Parameter last: rows behind it have not been embedded.
  /// - Returns: the last row that was dealt with.
  private func fill(
    after row: Int64, through last: Int64, _ stage: EmbeddingStage, _ progress: EmbeddingStage.Progress
  ) throws -> (Int64, EmbeddingStage.Progress) {
    var progress = progress
    let store = collection.points
    let points = try resources.directory.read { db in
      // Written again as they are: without their parts they would lose them.
      try store.scanLiveWithParts(afterRow: row, limit: Self.batchPoints, in: db)
    }.filter { $0.row <= last }
    guard let end = points.last?.row else {
      try save(last)
      return (last, progress)
    }
    let (snapshot, own) = (collection.snapshot, field.snapshot)
    let others = collection.fields.filter { $0.id != field.id }.map { ($0.schema, $0.snapshot) }
    let lacking = points.filter { !Self.has($0.row, in: own) }
    for snapshot in [snapshot] + others.map(\.1) {
      try snapshot.requireSoundVectors(ofRows: lacking.map(\.row))
    }
    var batch = PointBatch(ids: [], vectors: [], dimension: collection.schema.dimension)
    var made: [[Float]?] = []
    var given = others.map { _ in [[Float]?]() }
    var done = end
    progress.forget(lacking.map(\.id))
    for (point, vector) in zip(lacking, try stage.vectors(of: lacking)) {
      switch vector {
      case .none(let reason, let isRefused): progress.leaveOut(point.id, reason, isRefused: isRefused)
      case .unknown:
        done = point.row - 1
      case .vector(let new):
        guard let first = snapshot.vector(ofRow: point.row, dimension: collection.schema.dimension) else {
          continue
        }
        batch.ids.append(point.id)
        batch.vectors += first
        batch.payloads.append(point.payload ?? "")
        made.append(new)
        for (place, (schema, snapshot)) in others.enumerated() {
          given[place].append(snapshot.vector(ofRow: point.row, dimension: schema.dimension))
        }
      }
      if done < end { break }
    }
    if !batch.ids.isEmpty {
      if batch.payloads.allSatisfy(\.isEmpty) { batch.payloads = [] }
      for ((schema, _), vectors) in zip(others, given) {
        batch.fields[schema.vectorField] = FieldVectors(vectors, dimension: schema.dimension)
      }
      batch.fields[field.schema.vectorField] = FieldVectors(made, dimension: field.schema.dimension)
      _ = try resources.writer(of: collection).write(batch, mode: .upsert)
    }
    // Written after the points: they have their vectors when they are met again.
    done = max(row, done)
    try save(done)
    return (done, progress)
  }

  private func save(_ row: Int64) throws {
    try resources.directory.write { db in
      try resources.directory.catalog.advanceFieldEmbedding(of: field.id, toRow: row, in: db)
    }
  }

  private static func has(_ row: Int64, in snapshot: CollectionSnapshot) -> Bool {
    snapshot.place(ofRow: row).map { !snapshot.segments[$0.segment].isAbsent($0.place) } ?? false
  }
}
