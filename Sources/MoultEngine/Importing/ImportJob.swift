package import Foundation
import GRDB
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

/// Stores the points of files in a collection, all of them visible at one moment.
///
/// They are checked and staged first (``StagedPoints``), batch after batch; what was cut short goes on behind the last
/// batch that was noted. One transaction then stores them and completes the job. So an import that fails or is cancelled
/// before that leaves nothing, and one that was killed is either there as a whole or goes on. A job that is held waits
/// with its points staged.
///
/// Only an import of more than ``EngineConfiguration/importRowsMax`` points, or ``payloadBytesMax``, becomes visible in
/// several steps; one that is held is refused then.
struct ImportJob: Sendable {
  static let kind = "import"
  /// Bytes of keys and payloads that one transaction takes.
  static let payloadBytesMax = 1 << 30
  /// What it is called when all points are staged.
  static let stagedPhase = "staged"
  /// What the last step is called.
  static let commitPhase = "commit"

  struct Arguments: Codable, Sendable {
    var collection: Int64
    /// JSON of the protocol.
    var order: String
  }

  /// The property names are in stored data.
  struct Checkpoint: Codable {
    /// Rows of the source that are visible.
    var importedRows: Int64
    /// Rows behind these that are staged, and the bytes of the file that they are in.
    var stagedRows: Int?
    var stagedBytes: Int?
    var stagedKeyBytes: Int?
    /// Whether these are all.
    var isStaged: Bool?
  }

  let resources: EngineResources
  let collection: Collection
  let arguments: Arguments
  let context: JobContext

  func run() async throws -> Data? {
    do {
      try await stageAndCommit()
      StagedPoints.remove(of: context.record.id, in: resources.directory)
      return nil
    } catch let held as JobHeld {
      throw held
    } catch {
      if !JobFate.willRunAgain(after: error, context: context, queue: resources.queue) {
        StagedPoints.remove(of: context.record.id, in: resources.directory)
      }
      throw error
    }
  }

  private func stageAndCommit() async throws {
    let noted = try context.record.checkpoint.map { try JSONDecoder().decode(Checkpoint.self, from: $0) }
    let (id, directory) = (context.record.id, resources.directory)
    let staged = try await resources.background.run {
      try StagedPoints(
        of: id, in: directory, rowCount: noted?.stagedRows ?? 0, byteCount: noted?.stagedBytes ?? 0,
        keyBytes: noted?.stagedKeyBytes ?? 0)
    }
    var done = (noted?.importedRows ?? 0) + Int64(staged.rowCount)
    // A file that is not as it was noted begins anew.
    if noted?.isStaged != true || staged.rowCount != noted?.stagedRows {
      done = try await stage(in: staged, from: done)
    }
    if let until = try context.heldUntil() {
      try context.reportProgress(phase: Self.stagedPhase, rowsDone: done, rowsTotal: done, force: true)
      throw JobHeld(until: until, givesSubjectBack: true)
    }
    guard staged.rowCount > 0 else { return }
    try context.reportProgress(phase: Self.commitPhase, rowsDone: done, rowsTotal: done)
    try await commit(staged) { db in try context.completeInTransaction(db) }
  }

  /// - Returns: rows of the source.
  private func stage(in staged: StagedPoints, from start: Int64) async throws -> Int64 {
    guard let source = resources.importing.source else {
      throw MoultError(
        .unavailable, "nobody here reads the files of imports; start the server that takes them")
    }
    try context.reportProgress(phase: "import", rowsDone: start, rowsTotal: 0)
    let last = Mutex(start)
    try await source.read(
      Data(arguments.order.utf8), for: collection.info(aliases: []), from: start
    ) { batch, done, total in
      try context.checkCancellation()
      try PointValidation.check(batch, schema: collection.schema, collection: collection.name)
      try PointValidation.checkFields(of: batch, in: collection)
      try await makeRoom(for: batch, behind: done - Int64(batch.count), in: staged)
      try await resources.background.run { try staged.append(batch) }
      try context.saveCheckpoint(checkpoint(done, staged))
      try context.reportProgress(phase: "import", rowsDone: done, rowsTotal: total)
      last.withLock { $0 = done }
    }
    let done = last.withLock { $0 }
    try context.saveCheckpoint(checkpoint(done, staged, isStaged: true))
    return done
  }

  /// - Parameter rows: of the source that were read.
  private func checkpoint(_ rows: Int64, _ staged: StagedPoints, isStaged: Bool? = nil) throws -> Data {
    try JSONEncoder().encode(
      Checkpoint(
        importedRows: rows - Int64(staged.rowCount), stagedRows: staged.rowCount,
        stagedBytes: staged.byteCount, stagedKeyBytes: staged.keyBytes, isStaged: isStaged))
  }

  /// Makes what is staged visible where the next batch would be too much for one transaction.
  ///
  /// - Parameter rows: of the source, before the batch.
  /// - Throws: `tooLarge` for a job that is held.
  private func makeRoom(for batch: PointBatch, behind rows: Int64, in staged: StagedPoints) async throws {
    let rowsMax = resources.configuration.importRowsMax
    guard staged.rowCount > 0,
      staged.rowCount + batch.count > rowsMax || staged.keyBytes >= Self.payloadBytesMax
    else { return }
    guard try context.heldUntil() == nil else {
      throw MoultError(
        .tooLarge,
        "an import that waits for its commit takes \(rowsMax) points and \(Self.payloadBytesMax) bytes of payloads, and "
          + "this one has more; divide its files among several, or import into a new collection and move an alias"
      )
    }
    try await commit(staged) { [context] db in
      try context.saveCheckpoint(JSONEncoder().encode(Checkpoint(importedRows: rows)), in: db)
    }
    try await resources.background.run { try staged.empty() }
  }

  private func commit(
    _ staged: StagedPoints, complete: @escaping @Sendable (Database) throws -> Void
  ) async throws {
    try await collection.holdingWriters { [resources, collection, context] in
      try await resources.writing.run {
        try resources.writer(of: collection).write(
          staged, publication: resources.publication, checkCancellation: context.checkCancellation,
          complete: complete)
        resources.followTexts(of: collection)
      }
    }
  }
}
