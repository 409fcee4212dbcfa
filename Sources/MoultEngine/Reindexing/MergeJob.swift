import Foundation
import GRDB
import Logging
import MoultJobs
import MoultModel
import MoultStorage
import Synchronization

/// Merges segments in the background: one merge a job, then the next job behind whatever else waits, until
/// `MergePolicy` is content.
struct MergeJob: Sendable {
  static let kind = "merge"

  struct Arguments: Codable, Sendable {
    var collection: Int64
  }

  let resources: EngineResources
  let collection: Collection
  let context: JobContext

  private static func policy(of collection: Collection, in resources: EngineResources) -> MergePolicy {
    MergePolicy(rowsMax: resources.configuration.mergedRowsMax, dimension: collection.schema.dimension)
  }

  /// Enqueues the job when there is something to merge, unless one waits already. A failure only puts it off to
  /// the next occasion.
  static func enqueueIfNeeded(for collection: Collection, in resources: EngineResources) {
    guard collection.isReady, !collection.mergePause.isOn,
      policy(of: collection, in: resources).next(collection.snapshot.segments) != nil
    else { return }
    do {
      let arguments = try JSONEncoder().encode(Arguments(collection: collection.id))
      try resources.directory.write { db in
        let unfinished = try resources.queue.unfinished(subject: collection.name, in: db)
        guard
          !unfinished.contains(where: { $0.kind == kind && $0.state != .running && $0.arguments == arguments }
          )
        else { return }
        _ = try resources.queue.enqueue(in: db, kind: kind, subject: collection.name, arguments: arguments)
      }
    } catch {
      resources.logger.warning("segments of '\(collection.name)' could not be merged yet: \(error)")
    }
  }

  func run() async throws -> Data? {
    let policy = Self.policy(of: collection, in: resources)
    guard let sources = policy.next(collection.snapshot.segments) else { return nil }
    do {
      try await SegmentMerge(
        resources: resources, collection: collection, context: context, sources: sources
      ).run()
    } catch {
      collection.mergePause.begin()
      throw error
    }
    Self.enqueueIfNeeded(for: collection, in: resources)
    return nil
  }
}

/// Keeps writes from ordering the same merge again and again after it has failed: on a full disk it would only fill
/// it once more.
final class MergePause: Sendable {
  private static let length = Duration.seconds(600)
  private let end = Mutex<ContinuousClock.Instant?>(nil)

  var isOn: Bool { end.withLock { $0.map { ContinuousClock.now < $0 } ?? false } }

  func begin() { end.withLock { $0 = ContinuousClock.now + Self.length } }
}
