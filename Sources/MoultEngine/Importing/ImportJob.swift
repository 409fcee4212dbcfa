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
/// is written again, with the same keys.
struct ImportJob: Sendable {
  static let kind = "import"

  struct Arguments: Codable, Sendable {
    var collection: Int64
    /// JSON of the protocol.
    var order: String
  }

  struct Checkpoint: Codable {
    var importedRows: Int64
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
    let start = try context.record.checkpoint.map {
      try JSONDecoder().decode(Checkpoint.self, from: $0).importedRows
    }
    try await source.read(
      Data(arguments.order.utf8), for: collection.info(aliases: []), from: start ?? 0
    ) { batch, done, total in
      try context.checkCancellation()
      try await write(batch)
      try context.saveCheckpoint(JSONEncoder().encode(Checkpoint(importedRows: done)))
      try context.reportProgress(phase: "import", rowsDone: done, rowsTotal: total)
    }
    return nil
  }

  private func write(_ batch: PointBatch) async throws {
    guard !batch.ids.isEmpty else {
      // Without keys of their own rows that are written again would be new ones.
      throw MoultError(
        .unsupported,
        "collection '\(collection.name)' gives out keys itself; an import needs keys in its files")
    }
    try PointValidation.check(batch, schema: collection.schema, collection: collection.name)
    try PointValidation.checkFields(of: batch, in: collection)
    _ = try await collection.holdingWriters {
      try await resources.writing.run { try resources.writer(of: collection).write(batch, mode: .upsert) }
    }
  }
}
