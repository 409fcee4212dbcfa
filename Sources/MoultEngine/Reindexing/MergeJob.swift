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

  let resources: EngineResources
  let collection: Collection
  let context: JobContext
  let pace: Pace

  private static func policy(of collection: Collection, in resources: EngineResources) -> MergePolicy {
    MergePolicy(rowsMax: resources.configuration.mergedRowsMax, dimension: collection.schema.dimension)
  }

  /// Enqueues the job when there is something to merge. A failure only puts it off to the next occasion.
  static func enqueueIfNeeded(for collection: Collection, in resources: EngineResources) {
    guard collection.isReady, !collection.mergePause.isOn,
      policy(of: collection, in: resources).next(collection.snapshot.segments) != nil
    else { return }
    do {
      try Upkeep.enqueue(kind, for: collection, in: resources)
    } catch {
      resources.logger.warning("segments of '\(collection.name)' could not be merged yet: \(error)")
    }
  }

  func run() async throws -> Data? {
    let policy = Self.policy(of: collection, in: resources)
    guard let sources = policy.next(collection.snapshot.segments) else { return nil }
    do {
      try await SegmentMerge(
        resources: resources, collection: collection, context: context, sources: sources,
        pace: pace
      ).run()
    } catch {
      let error = resources.waitingForRoom(error) { roomNeeded(sources) }
      // One that waits for room is in the way of no write, and orders nothing.
      if !(error is JobLacksRoom) { collection.mergePause.begin() }
      throw error
    }
    Self.enqueueIfNeeded(for: collection, in: resources)
    return nil
  }

  /// For the rows in full precision and in every open form.
  private func roomNeeded(_ sources: [SegmentView]) -> Int {
    let rows = sources.reduce(0) { $0 + $1.live.liveCount }
    let dimension = collection.schema.dimension
    return collection.snapshot.openGenerations.reduce(DiskNeed.least + DiskNeed.vectors(rows, dimension)) {
      let form = $1.specification
      return $0 + DiskNeed.codes(form, rows: rows, dimension: dimension)
        + DiskNeed.index(form.index.kind(rowCount: rows), rows: rows, dimension: dimension)
    }
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
