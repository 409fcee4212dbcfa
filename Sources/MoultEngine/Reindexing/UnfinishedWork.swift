import Foundation
import GRDB
import Logging
import MoultJobs
import MoultStorage

/// What a crash, a cancelled or a failed job left in the catalog.
enum UnfinishedWork {
  /// Removes generations and collections that are being built, and points that are staged, by no unfinished job.
  static func remove(from directory: DataDirectory, queue: JobQueue, logger: Logger) throws {
    let jobs = try queue.unfinished()
    try directory.removeStagedPoints(but: Set(jobs.filter { $0.kind == ImportJob.kind }.map(\.id)))
    let unfinished = jobs.compactMap(\.checkpoint)
    let decoder = JSONDecoder()
    let switches = unfinished.compactMap { try? decoder.decode(SwitchJob.Checkpoint.self, from: $0) }
    let reindexes = unfinished.compactMap { try? decoder.decode(ReindexJob.Checkpoint.self, from: $0) }
    let generations = Set(switches.map(\.generation)).union(reindexes.compactMap(\.generation))
    let targets = Set(reindexes.map(\.target))
    try directory.write { db in
      for collection in try directory.catalog.collections(in: db) {
        if collection.state == .building {
          // Fields go with their collection.
          guard !targets.contains(collection.id), collection.parentID == nil else { continue }
          logger.notice("removing the unfinished collection '\(collection.name)'")
          try directory.catalog.deleteCollection(collection.id, in: db)
          continue
        }
        for generation in try directory.catalog.generations(of: collection.id, in: db)
        where generation.state == .building && !generations.contains(generation.id) {
          logger.notice("removing the unfinished generation \(generation.id) of '\(collection.name)'")
          _ = try directory.catalog.deleteGeneration(generation.id, in: db)
        }
      }
    }
  }
}
