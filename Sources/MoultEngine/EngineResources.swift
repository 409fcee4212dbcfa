import Logging
import MoultJobs
import MoultStorage
import Synchronization

/// What every part of an engine works with.
struct EngineResources: Sendable {
  let configuration: EngineConfiguration
  let directory: DataDirectory
  let queue: JobQueue
  /// Searches.
  let searching: ComputePool
  /// Commits: threads that may block on the disk.
  let writing: ComputePool
  /// Jobs, at a lower priority.
  let background: ComputePool
  /// Held from a swap's commit until the swap is visible to searches.
  let publication = PublicationLock()
  let logger: Logger

  func writer(of collection: Collection) -> CollectionWriter {
    CollectionWriter(
      collection: collection, directory: directory, segmentRowsMax: configuration.segmentRowsMax,
      parallel: searching.parallelFor, logger: logger,
      onSealed: { collection in try IndexJob.enqueue(for: collection, in: self) })
  }
}

/// Joins "the job is completed" (in the database) and "searches see its generation" (in memory) into one
/// instant: whoever reads a job's state takes this lock, so nobody learns of a swap before it is in effect.
final class PublicationLock: Sendable {
  private let lock = Mutex(())

  func hold<Result>(_ body: () throws -> Result) rethrows -> Result {
    try lock.withLock { _ in try body() }
  }
}
