import Dispatch
import Foundation
import GRDB
import Logging
import MoultJobs
import MoultModel
import MoultStorage

/// What every part of an engine works with.
struct EngineResources: Sendable {
  let configuration: EngineConfiguration
  let directory: DataDirectory
  let queue: JobQueue
  /// Searches.
  let searching: ComputePool
  /// How many searches may wait.
  let admission: SearchAdmission
  /// Commits: threads that may block on the disk.
  let writing: ComputePool
  /// Waits for the disk beside `writing`.
  let syncing: ComputePool
  /// Jobs. Its threads give way to all others, so nobody may wait for them.
  let background: ComputePool
  /// Held from a swap's commit until the swap is visible to searches.
  let publication = PublicationLock()
  /// Of searches, for jobs that must not slow them.
  let searchLatencies = SearchLatencies()
  let work = RunningWork()
  let bulk = BulkSessions()
  let backupSlots = BackupSlots()
  let importing = ImportSlot()
  let embedderSource = EmbedderSlot()
  let embedders = EmbedderTable()
  let embeddings: EmbeddingCacheSlot
  let queryVectors = QueryVectors()
  let bridges = BridgeTable()
  let fieldEmbeddings = FieldEmbeddingTable()
  let protocolVectorNames = ProtocolVectorNames()
  let partialSearches = PartialSearches()
  let logger: Logger

  /// The pace of a job that begins: its own limits, and where it has none the engine's, as they are changed.
  func pace(of context: JobContext, on collection: Collection) throws -> Pace {
    let pace = Pace(JobLimits(), latencies: searchLatencies) { context.isCancelled }
    // Known before the limits are read: a change of them is either read here, or tells the pace.
    work.begin(context.record.id, pace: pace, nextRow: collection.nextRow)
    pace.set(try limits(of: queue.record(context.record.id)))
    return pace
  }

  /// Those in force.
  func limits(of job: JobRecord) throws -> JobLimits {
    struct Limited: Decodable { var limits: JobLimits? }
    let own = try JSONDecoder().decode(Limited.self, from: job.arguments).limits
    return (own ?? JobLimits()).or(configuration.jobLimits)
  }

  /// What a full disk means for a job: that it waits until there is as much room as it needs. Where so much is free
  /// already the reason was another one, and the attempt has failed.
  ///
  /// - Parameter needed: bytes of the files that it still has to write.
  func waitingForRoom(_ error: any Error, needed: () throws -> Int) -> any Error {
    guard let full = error as? MoultError, full.code == .diskFull, let needed = try? needed(), needed > 0,
      let free = try? directory.fileSystem.freeBytes(at: directory.path), free < needed
    else { return error }
    return JobLacksRoom(bytesNeeded: Int64(needed), code: full.code.rawValue, message: full.message)
  }

  /// Gets ready what a collection that was just opened can be searched without: orders indexes and merges that are
  /// missing, compares checksums, makes guides. Nobody waits for it.
  func prepare(_ collection: Collection) {
    orderUpkeep(of: collection)
    let (background, logger) = (background, logger)
    Task {
      let parallel = background.parallelFor
      do {
        try await background.run {
          let snapshot = collection.snapshot
          for generation in snapshot.openGenerations {
            try snapshot.requireSound(generation, parallel: parallel)
          }
        }
      } catch {
        logger.error("'\(collection.name)' is damaged; what needs the file is refused: \(error)")
        return
      }
      try? await background.run {
        let snapshot = collection.snapshot
        for generation in snapshot.openGenerations {
          snapshot.makeGuides(of: generation, identity: collection.identityEncoder, parallel: parallel)
        }
      }
    }
  }

  /// Orders the indexes and merges that are missing.
  func orderUpkeep(of collection: Collection) {
    IndexJob.enqueueIfNeeded(for: collection, in: self)
    MergeJob.enqueueIfNeeded(for: collection, in: self)
  }

  func writer(of collection: Collection) -> CollectionWriter {
    CollectionWriter(
      collection: collection, directory: directory, segmentRowsMax: configuration.segmentRowsMax,
      parallel: searching.parallelFor, syncing: syncing, logger: logger,
      onSealed: { collection in
        try IndexJob.enqueue(for: collection, in: self)
        MergeJob.enqueueIfNeeded(for: collection, in: self)
      }, onDied: { collection in MergeJob.enqueueIfNeeded(for: collection, in: self) })
  }
}

/// Joins "the job is completed" (in the database) and "searches see its generation" (in memory) into one
/// instant: whoever reads a job's state takes this lock, so nobody learns of a swap before it is in effect.
///
/// A swap takes it as the last act before its commit, so it is held for a commit and a pointer's move and not
/// while the transaction waits for its turn.
final class PublicationLock: Sendable {
  private let semaphore = DispatchSemaphore(value: 1)

  /// Waits until no swap is between its commit and its effect.
  func pass() {
    semaphore.wait()
    semaphore.signal()
  }

  func hold<Result>(_ body: () throws -> Result) rethrows -> Result {
    semaphore.wait()
    defer { semaphore.signal() }
    return try body()
  }

  /// Runs a write transaction and then `publish`, as one instant to readers.
  func commit<Value>(
    _ directory: DataDirectory, _ transaction: (Database) throws -> Value, publish: (Value) -> Void
  ) throws -> Value {
    var isHeld = false
    defer { if isHeld { semaphore.signal() } }
    let value = try directory.write { db in
      let value = try transaction(db)
      semaphore.wait()
      isHeld = true
      return value
    }
    publish(value)
    return value
  }
}
