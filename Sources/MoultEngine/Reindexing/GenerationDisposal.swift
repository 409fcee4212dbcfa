import Foundation
import Logging
import MoultJobs
import MoultModel
import MoultStorage

/// Takes away a generation that will not go live, and leaves one that another attempt will finish.
struct GenerationDisposal: Sendable {
  let resources: EngineResources
  let collection: Collection

  /// Called by a job that ends with `error`.
  ///
  /// Before a shutdown or another attempt only the attachment is undone; what is finished stays on disk.
  func afterFailure(_ error: any Error, generation: Int64, context: JobContext) async {
    let willGoOn = JobFate.willRunAgain(after: error, context: context, queue: resources.queue)
    await detach(generation, discard: !willGoOn)
  }

  /// Detaches the generation from the collection and, with `discard`, removes its record and files.
  func detach(_ generation: Int64, discard: Bool) async {
    await collection.writers.run {
      var snapshot = collection.snapshot
      if snapshot.building?.id == generation {
        snapshot.building = nil
        collection.publish(snapshot)
      }
    }
    guard discard else { return }
    do {
      try await resources.writing.run {
        let files = try resources.directory.write { db -> [String] in
          let present = try resources.directory.catalog.generations(of: collection.id, in: db)
          guard present.contains(where: { $0.id == generation && $0.state == .building }) else { return [] }
          return try resources.directory.catalog.deleteGeneration(generation, in: db)
        }
        try resources.directory.removeFiles(files)
      }
    } catch {
      // The next start finds no unfinished job that names the generation, and removes it.
      resources.logger.warning("generation \(generation) could not be removed yet: \(error)")
    }
  }
}

extension GenerationDisposal {
  /// Removes the collection itself: the unfinished target of a reindex.
  func discardCollection(names: SerialGate, aliases: AliasTable) async {
    guard !collection.isReady else { return }
    await names.run {
      aliases.publish { map in
        for part in collection.withFields where map.collections[part.name]?.id == part.id {
          map.collections[part.name] = nil
        }
      }
    }
    do {
      try await resources.writing.run {
        try resources.directory.write { db in
          let catalog = resources.directory.catalog
          // One that is live by now is nobody's leftover.
          let present = try catalog.collections(in: db).first { $0.id == collection.id }
          guard present?.state == .building else { return }
          try catalog.deleteCollection(collection.id, in: db)
        }
        let isGone = try resources.directory.read { db in
          try !resources.directory.catalog.collections(in: db).contains { $0.id == collection.id }
        }
        guard isGone else { return }
        for part in collection.withFields { try resources.directory.removeFiles(ofCollection: part.id) }
      }
    } catch {
      // The next start finds no unfinished job that names the collection, and removes it.
      resources.logger.warning(
        "the unfinished collection '\(collection.name)' could not be removed yet: \(error)")
    }
  }
}
