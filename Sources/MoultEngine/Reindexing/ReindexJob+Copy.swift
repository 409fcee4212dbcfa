import Foundation
import MoultJobs
import MoultModel
import MoultStorage

/// The copy, a batch a round.
extension ReindexJob {
  /// What one look at the source found to be done.
  private struct Round: Sendable {
    var points: [StoredPoint] = []
    var deleted: [PointID] = []
    /// Tombstones up to here are in `deleted` or void.
    var sequence: Int64
    /// Whether the points are fewer than a batch for their size alone, and more are there.
    var isCut = false

    /// More than the last round may have where more are known to be there.
    var operations: Int {
      let known = points.count + deleted.count
      return isCut ? max(known, ReindexJob.cutOverOperations + 1) : known
    }
  }

  func copyUntilClose(_ checkpoint: Checkpoint, to target: Collection, phase: String) async throws
    -> Checkpoint
  {
    var checkpoint = checkpoint
    var roundsBehind = 0.0
    var isBehind = phase != "copy"
    while true {
      try context.checkCancellation()
      if isBehind { checkpoint = try await embed(checkpoint, phase: phase) }
      let (row, copied) = (checkpoint.row, checkpoint.copied)
      // Outside of the gate: only rows that were there before the last look are slowed, never the cut-over.
      if phase == "copy" { try await resources.background.run { pace.begin(rows: Self.batchPoints) } }
      let operations: Int
      let isCut: Bool
      (checkpoint, operations, isCut) = try await target.holdingWriters { [checkpoint] in
        try await resources.writing.run { try copyRound(checkpoint, to: target) }
      }
      try context.reportProgress(
        phase: phase, rowsDone: checkpoint.copied,
        rowsTotal: max(checkpoint.copied, Int64(source.snapshot.liveCount)))
      // Rows whose texts came after the last look end a round.
      isBehind = phase != "copy" || checkpoint.row == row
      if operations <= Self.cutOverOperations { return checkpoint }
      if phase == "catch-up" {
        // One that was cut for the size of its points counts for as many as it brought over.
        let share = Double(checkpoint.copied - copied) / Double(Self.batchPoints)
        roundsBehind += isCut && checkpoint.row > row ? share : 1
        if roundsBehind > Double(Self.catchUpRoundsMax) { return checkpoint }
      }
    }
  }

  /// Copies at most a batch. Under the gate of the target; under that of the source too for the last rounds.
  func copyRound(_ checkpoint: Checkpoint, to target: Collection) throws -> (
    Checkpoint, operations: Int, isCut: Bool
  ) {
    let round = try look(checkpoint)
    // Taken after the look, so it holds every row that the transaction saw, but for those whose commit has
    // not been published yet: the batch ends before them.
    let nextRow = source.nextRow
    let snapshot = source.snapshot
    let fields = source.fields.map { ($0.schema, $0.snapshot) }
    let dimension = target.schema.dimension
    let embedded = try embedding?.vectors(of: round.points)
    var progress = checkpoint.embedding
    progress?.forget(round.deleted)
    var deleted = round.deleted
    var others = fields.map { _ in [[Float]?]() }
    var batch = PointBatch(ids: [], vectors: [], dimension: dimension)
    var lastRow = checkpoint.row
    for snapshot in (embedded == nil ? [snapshot] : []) + fields.map(\.1) {
      try snapshot.requireSoundVectors(ofRows: round.points.map(\.row))
    }
    for (place, point) in round.points.enumerated() {
      let own: [Float]?
      if let embedded {
        guard point.row < nextRow else { break }
        progress?.forget([point.id])
        switch embedded[place] {
        case .vector(let vector): own = vector
        case .unknown:
          own = nil
          // One that was there is gone from the cache: the next pass begins before it.
          if let row = progress?.pass.row, point.row <= row { progress?.pass.row = point.row - 1 }
        case .none(let reason, let isRefused):
          progress?.leaveOut(point.id, reason, isRefused: isRefused)
          deleted.append(point.id)
          lastRow = point.row
          continue
        }
      } else {
        own = snapshot.vector(ofRow: point.row, dimension: dimension)
      }
      guard let vector = own else {
        guard source.parentID != nil, point.row < nextRow else { break }
        // A point without a vector in this field, though it may have had one before.
        deleted.append(point.id)
        lastRow = point.row
        continue
      }
      for (index, (schema, snapshot)) in fields.enumerated() {
        others[index].append(snapshot.vector(ofRow: point.row, dimension: schema.dimension))
      }
      batch.ids.append(point.id)
      batch.vectors.append(contentsOf: vector)
      // Of one vector field alone the copy has no vectors of texts.
      batch.payloads.append(
        target.textVectors.isEmpty ? TextVector.plain(point.payload ?? "") : point.payload ?? "")
      lastRow = point.row
    }
    if batch.payloads.allSatisfy(\.isEmpty) { batch.payloads = [] }
    for ((schema, _), vectors) in zip(fields, others) {
      batch.fields[schema.vectorField] = FieldVectors(vectors, dimension: schema.dimension)
    }
    let writer = resources.writer(of: target)
    if !deleted.isEmpty { _ = try writer.delete(deleted) }
    if !batch.ids.isEmpty { _ = try writer.write(batch, mode: .upsert) }
    var next = checkpoint
    next.row = lastRow
    next.sequence = round.sequence
    next.copied += Int64(batch.ids.count)
    next.embedding = progress
    if let progress, progress.setAside.count > EmbeddingStage.setAsideMax {
      try embedding?.requireCoverage(progress)
    }
    // Written after the copy: repeating a round that was copied already changes nothing.
    if round.operations > 0 { try context.saveCheckpoint(JSONEncoder().encode(next)) }
    return (next, round.operations, round.isCut)
  }

  private func look(_ checkpoint: Checkpoint) throws -> Round {
    try directory.read { db in
      let newest = try directory.catalog.collection(source.id, in: db).nextSequence - 1
      let tombstones = try source.points.died(
        afterSequence: checkpoint.sequence, throughSequence: newest, in: db)
      let keys = Set(tombstones.map(\.id))
      let liveAgain = try source.points.rows(ids: Array(keys), in: db)
      let points = try source.points.scanLiveWithParts(
        afterRow: checkpoint.row, limit: Self.batchPoints, in: db)
      var round = Round(
        points: points, deleted: keys.filter { liveAgain[$0] == nil }, sequence: newest)
      if points.count < Self.batchPoints, let last = points.last {
        round.isCut = try !source.points.scanLive(
          afterRow: last.row, limit: 1, payloads: false, in: db
        ).isEmpty
      }
      return round
    }
  }
}
