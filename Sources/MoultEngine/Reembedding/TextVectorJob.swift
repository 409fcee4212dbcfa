import Foundation
import MoultJobs
import MoultModel
import MoultStorage

/// Gives the points that were there when a sparse vector of texts was made theirs; whatever is written later gets it with
/// the write (``TextVectorMaker``).
///
/// Payloads are changed in their places: no row moves, so no dense vector is copied and no index made anew. A page and how
/// far the job is are one transaction.
struct TextVectorJob: Sendable {
  static let kind = "bm25"
  /// Points of one transaction, for which writers wait.
  private static let batchPoints = 500
  /// Of their payloads: a transaction ends with the point that reaches it.
  private static let batchBytes = 4 << 20

  struct Arguments: Codable, Sendable {
    var collection: Int64
    /// Of payloads, that it fills from the first row on. Those that come while it runs have a job of their own.
    var members: [String]
  }

  struct Checkpoint: Codable, Sendable {
    /// Rows up to here have their vectors.
    var row: Int64
    /// Points that were looked at.
    var points: Int64
  }

  let resources: EngineResources
  /// Held while definitions change.
  let names: SerialGate
  let collection: Collection
  let arguments: Arguments
  let context: JobContext
  let pace: Pace

  func run() async throws -> Data? {
    var progress =
      try context.record.checkpoint.map { try JSONDecoder().decode(Checkpoint.self, from: $0) }
      ?? Checkpoint(row: -1, points: 0)
    // Whoever made it has told the writers.
    await names.run {}
    while true {
      try context.checkCancellation()
      try await resources.background.run { pace.begin(rows: Self.batchPoints) }
      let next = try await resources.writing.run { [progress] in try fill(after: progress) }
      guard let next else { break }
      progress = next
      try context.reportProgress(
        phase: "fill", rowsDone: progress.points,
        rowsTotal: max(progress.points, Int64(collection.snapshot.liveCount)))
    }
    try await names.run {
      try await resources.setSchema(of: collection) { schema in
        for (place, vector) in (schema.textVectors?.vectors ?? []).enumerated()
        where arguments.members.contains(vector.member) {
          schema.textVectors?.vectors[place].isFilled = true
        }
      }
    }
    return nil
  }

  /// Of a collection that came out of a backup that was made while points were given theirs.
  static func goOn(with collection: Collection, in resources: EngineResources) throws {
    let members = collection.textVectors.filter { !$0.isFilled }.map(\.member)
    guard !members.isEmpty else { return }
    try resources.directory.write { db in
      _ = try resources.queue.enqueue(
        in: db, kind: kind, subject: collection.name,
        arguments: try JSONEncoder().encode(Arguments(collection: collection.id, members: members)),
        options: .init(priority: Upkeep.priority))
    }
  }

  /// - Returns: `nil` when no rows are left.
  private func fill(after progress: Checkpoint) throws -> Checkpoint? {
    let vectors = collection.textVectors
    let maker = try TextVectorMaker(vectors)
    let store = collection.points
    let next = try resources.directory.write { db -> Checkpoint? in
      let points = try store.scanLive(afterRow: progress.row, limit: Self.batchPoints, payloads: true, in: db)
      guard var last = points.first else { return nil }
      var (done, bytes): (Int64, Int) = (0, 0)
      for point in points where bytes < Self.batchBytes {
        let payload = point.payload ?? ""
        (last, done, bytes) = (point, done + 1, bytes + payload.utf8.count)
        let filled = maker.filled(payload)
        if !filled.utf8.elementsEqual(payload.utf8) { try store.setPayload(filled, ofRow: point.row, in: db) }
      }
      let next = Checkpoint(row: last.row, points: progress.points + done)
      try context.saveCheckpoint(JSONEncoder().encode(next), in: db)
      return next
    }
    if next != nil {
      for member in arguments.members { collection.payloadIndexes.forget(field: member) }
      collection.filters.forget()
    }
    return next
  }
}
