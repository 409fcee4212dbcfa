import Foundation
import GRDB
import MoultJobs
import MoultStorage

/// Jobs that keep a collection in shape without anybody asking: graphs for new segments, merges, old generations. They keep nobody from
/// a switch or reindex.
enum Upkeep {
  struct Arguments: Codable, Sendable {
    var collection: Int64
  }

  /// Behind what a person has asked for.
  static let priority = -1

  static let kinds = [
    IndexJob.kind, MergeJob.kind, RetireJob.kind, FieldEmbeddingJob.kind, TextVectorJob.kind,
  ]

  /// Enqueues a job of a kind, unless one waits already. One that is at work may be past its last look, so it does
  /// not count.
  static func enqueue(_ kind: String, for collection: Collection, in resources: EngineResources) throws {
    // Old generations are given up all the same: they take room.
    guard kind == RetireJob.kind || !resources.bulk.holds(collection.id) else { return }
    let arguments = try JSONEncoder().encode(Arguments(collection: collection.id))
    func isWaiting(_ db: Database) throws -> Bool {
      try resources.queue.unfinished(subject: collection.name, in: db).contains {
        $0.kind == kind && $0.state != .running && $0.arguments == arguments
      }
    }
    // Asked of every write as long as there is something to do: looking first costs no write transaction.
    if try resources.directory.read(isWaiting) { return }
    try resources.directory.write { db in
      guard try !isWaiting(db) else { return }
      _ = try resources.queue.enqueue(
        in: db, kind: kind, subject: collection.name, arguments: arguments, options: .init(priority: priority)
      )
    }
  }
}
