import Foundation
import GRDB
import Logging
import MoultJobs
import MoultModel
import MoultStorage
import ServiceLifecycle

/// Gives up the generation before the live one when it has been kept for long enough.
///
/// A job, and not a thing done on the side: so it never meets a switch, reindex or merge of its collection, and a
/// rollback, which goes through the writers' gate as well, comes before or after it. Searches that still read the
/// generation keep their mappings; only the names of its files go.
struct RetireJob: Sendable {
  static let kind = "retire"

  let resources: EngineResources
  let aliases: AliasTable
  let collection: Collection
  let context: JobContext

  func run() async throws -> Data? {
    let files = try await collection.writers.run {
      try await resources.writing.run { try retire() }
    }
    // What is left of them is swept at the next start.
    try? resources.directory.removeFiles(files)
    return nil
  }

  private func retire() throws -> [String] {
    let now = Int64(context.now.timeIntervalSince1970 * 1_000)
    // A rollback or switch may have come since the job was ordered.
    let expired = try ExpiredGenerations(resources: resources, aliases: aliases).find(at: now)
    guard let own = expired.first(where: { $0.collection === collection }) else { return [] }
    let directory = resources.directory
    return try resources.publication.commit(directory) { db in
      let label = try directory.catalog.generation(own.generation, in: db).label
      let files = try directory.catalog.deleteGeneration(own.generation, in: db)
      try directory.catalog.record(
        HistoryEntry(
          action: .generationRetired, name: collection.name, before: label, job: context.record.id,
          requestedBy: own.reason), in: db)
      try context.completeInTransaction(db)
      return files
    } publish: { _ in
      var snapshot = collection.snapshot
      snapshot.previous = nil
      collection.publish(snapshot)
    }
  }
}

/// Looks every minute which generations are kept no longer, and orders their end.
struct GenerationKeeper: Service {
  private static let pollMilliseconds: Int64 = 60_000

  let resources: EngineResources
  let aliases: AliasTable
  let clock: JobClock

  func run() async throws {
    guard resources.configuration.retention != GenerationRetention() else {
      return try await gracefulShutdown()
    }
    await cancelWhenGracefulShutdown {
      while !Task.isCancelled {
        do { try look() } catch {
          resources.logger.warning("earlier generations could not be looked at: \(error)")
        }
        try? await clock.sleep(clock.now() + Self.pollMilliseconds)
      }
    }
  }

  func look() throws {
    for expired in try ExpiredGenerations(resources: resources, aliases: aliases).find(at: clock.now()) {
      try Upkeep.enqueue(RetireJob.kind, for: expired.collection, in: resources)
    }
  }
}
