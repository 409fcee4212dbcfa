package import Foundation
import MoultJobs
package import MoultModel
import MoultStorage
import Synchronization

/// Finds points for a job that imports them: a protocol knows what its files mean.
package protocol ImportSource: Sendable {
  /// Where a batch ends.
  typealias Sink = @Sendable (_ batch: PointBatch, _ rowsDone: Int64, _ rowsTotal: Int64) async throws -> Void

  /// Reads batches from row `start` on, always the same rows in the same order.
  ///
  /// - Parameters:
  ///   - order: what the job was made with.
  ///   - sink: gets a batch, the rows up to its end, and how many there are; 0 where that is not known.
  /// - Throws: a `MoultError` naming file and row.
  func read(
    _ order: Data, for collection: CollectionInfo, from start: Int64, _ sink: Sink
  ) async throws
}

/// The source of imports, once a protocol has named it.
final class ImportSlot: Sendable {
  private let slot = Mutex<(any ImportSource)?>(nil)
  var source: (any ImportSource)? { slot.withLock { $0 } }
  func set(_ source: any ImportSource) { slot.withLock { $0 = source } }
}

/// Writes the points of files into a collection, batch after batch. Each batch is durable and visible before the next
/// is read; what was cut short goes on behind the last batch that was noted, and a batch that was written but not noted
/// is written again, with the same keys. Where the collection gives out the keys, those of a batch are set aside and noted
/// before it is written.
struct ImportJob: Sendable {
  static let kind = "import"

  struct Arguments: Codable, Sendable {
    var collection: Int64
    /// JSON of the protocol.
    var order: String
  }

  struct Checkpoint: Codable {
    var importedRows: Int64
    /// Set aside for the batch behind these rows, where the collection gives out keys.
    var firstKey: Int64?
    var keyCount: Int?
  }

  let resources: EngineResources
  let collection: Collection
  let arguments: Arguments
  let context: JobContext

  func run() async throws -> Data? {
    guard let source = resources.importing.source else {
      throw MoultError(
        .unavailable, "nobody here reads the files of imports; start the server that takes them")
    }
    let noted = try context.record.checkpoint.map { try JSONDecoder().decode(Checkpoint.self, from: $0) }
    try await source.read(
      Data(arguments.order.utf8), for: collection.info(aliases: []), from: noted?.importedRows ?? 0
    ) { batch, done, total in
      try context.checkCancellation()
      try PointValidation.check(batch, schema: collection.schema, collection: collection.name)
      try PointValidation.checkFields(of: batch, in: collection)
      var batch = batch
      if collection.schema.automaticKeys {
        batch.ids = try await keys(count: batch.count, behind: done - Int64(batch.count), noted)
      }
      try await write(batch)
      try context.saveCheckpoint(JSONEncoder().encode(Checkpoint(importedRows: done)))
      try context.reportProgress(phase: "import", rowsDone: done, rowsTotal: total)
    }
    return nil
  }

  /// The keys of a batch: in every attempt the same.
  ///
  /// - Parameters:
  ///   - rows: before the batch.
  ///   - noted: by the attempt before.
  private func keys(count: Int, behind rows: Int64, _ noted: Checkpoint?) async throws -> [PointID] {
    if let noted, noted.importedRows == rows, noted.keyCount == count, let first = noted.firstKey {
      return collection.keys(first: first, count: count)
    }
    let first = try await collection.holdingWriters { [resources, collection, context] in
      let first = collection.nextKey
      let checkpoint = try JSONEncoder().encode(
        Checkpoint(importedRows: rows, firstKey: first, keyCount: count))
      try await resources.directory.write { db in
        try resources.directory.catalog.reserveKeys(
          below: first + Int64(count), collection: collection.id, in: db)
        try context.saveCheckpoint(checkpoint, in: db)
      }
      collection.reserveKeys(below: first + Int64(count))
      return first
    }
    return collection.keys(first: first, count: count)
  }

  private func write(_ batch: PointBatch) async throws {
    _ = try await collection.holdingWriters {
      try await resources.writing.run {
        let ids = try resources.writer(of: collection).write(batch, mode: .upsert)
        resources.followTexts(of: collection)
        return ids
      }
    }
  }
}
