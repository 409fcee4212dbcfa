package import Foundation
package import GRDB
package import Logging
internal import Synchronization

/// What a running job may say to the queue. Safe to use from any thread, also from ones that run no task.
///
/// Every write names the lease: once it was taken away, the write throws `JobError.leaseLost` and leaves
/// nothing. The methods without a `Database` block until the writer is free, and must not be called inside
/// `database.write`; the ones with it belong there.
package final class JobContext: Sendable {
  /// Progress is written at most this often, except when the phase changes or the caller insists.
  package static let progressMilliseconds: Int64 = 250

  /// The job as it was claimed; `record.checkpoint` is where to resume.
  package let record: JobRecord
  /// Carries the job's id, kind and subject.
  package let logger: Logger
  private let queue: JobQueue
  private let reports = Mutex(Reports())
  private let interruption = Mutex(Interruption())

  package var lease: JobLease { record.lease }

  package init(record: JobRecord, queue: JobQueue, logger: Logger) {
    self.record = record
    self.queue = queue
    var logger = logger
    logger[metadataKey: "job"] = "\(record.id)"
    logger[metadataKey: "kind"] = "\(record.kind)"
    logger[metadataKey: "subject"] = "\(record.subject)"
    self.logger = logger
  }

  // MARK: Progress

  /// What was reported last, and how much of it the database has.
  private struct Reports {
    var meter = ProgressMeter()
    var latest: (phase: String, rowsDone: Int64, rowsTotal: Int64)?
    var isWritten = true
    var writtenPhase: String?
    var writtenAt: Int64 = 0

    /// The latest report, measured, if the database does not have it yet.
    mutating func take(now: Int64) -> JobProgress? {
      guard let latest, !isWritten else { return nil }
      isWritten = true
      writtenPhase = latest.phase
      writtenAt = now
      return meter.measure(
        phase: latest.phase, rowsDone: latest.rowsDone, rowsTotal: latest.rowsTotal, now: now)
    }
  }

  /// Reports how far the job is; cheap enough for every tile of work.
  ///
  /// A report that is not written at once is written with the next one, with the next checkpoint, or at the end
  /// of the attempt.
  ///
  /// - Parameters:
  ///   - rowsTotal: 0 while unknown.
  ///   - force: write it now.
  /// - Throws: `JobError.leaseLost`.
  package func reportProgress(phase: String, rowsDone: Int64, rowsTotal: Int64, force: Bool = false) throws {
    let now = queue.clock.now()
    let due = reports.withLock { reports -> JobProgress? in
      reports.latest = (phase, rowsDone, rowsTotal)
      reports.isWritten = false
      let sinceWritten = now - reports.writtenAt
      guard
        force || phase != reports.writtenPhase || sinceWritten >= Self.progressMilliseconds
          || sinceWritten < 0
      else { return nil }
      return reports.take(now: now)
    }
    guard let due else { return }
    try queue.write { db in try self.queue.save(progress: due, checkpoint: nil, under: self.lease, in: db) }
  }

  /// The last report, if it is not written yet; for whoever ends the attempt.
  func takeUnwrittenProgress() -> JobProgress? {
    let now = queue.clock.now()
    return reports.withLock { $0.take(now: now) }
  }

  // MARK: Checkpoint

  /// Stores what the job has done so far; a later attempt finds it in `record.checkpoint`.
  ///
  /// - Throws: `JobError.leaseLost`.
  package func saveCheckpoint(_ checkpoint: Data) throws {
    try queue.write { db in try self.saveCheckpoint(checkpoint, in: db) }
  }

  /// The same in the caller's transaction, together with the rows it speaks of.
  package func saveCheckpoint(_ checkpoint: Data, in db: Database) throws {
    try queue.save(progress: takeUnwrittenProgress(), checkpoint: checkpoint, under: lease, in: db)
  }

  // MARK: Completion

  /// Completes the job in the caller's transaction: either both the caller's rows and the completion are
  /// committed, or neither. The worker sees it and does not complete the job again; what the job still does
  /// after the commit is no longer part of it, and another job of its subject may begin.
  ///
  /// - Parameter result: JSON, if the job returns something; what the closure returns later is ignored.
  /// - Throws: `JobError.leaseLost`; `CancellationError` when the job has been asked to stop; `JobHeld` when it may
  ///   not take effect yet. The caller must let its transaction roll back on any of them, so that what was taken
  ///   away, cancelled or put off takes no effect.
  package func completeInTransaction(_ db: Database, result: Data? = nil) throws {
    guard case .held(let cancelRequested, let pauseRequested) = try queue.status(of: lease, in: db) else {
      throw JobError.leaseLost(lease)
    }
    if cancelRequested || pauseRequested { throw CancellationError() }
    if let until = try heldUntil(in: db) { throw JobHeld(until: until) }
    if let progress = takeUnwrittenProgress() {
      try queue.save(progress: progress, checkpoint: nil, under: lease, in: db)
    }
    try queue.complete(lease, result: result, in: db)
  }

  // MARK: Holding back

  /// The moment before which the job must not take effect; `nil` once it may. Asked before the last step, which is
  /// put off by throwing `JobHeld`; ``completeInTransaction(_:result:)`` asks again.
  package func heldUntil() throws -> Date? {
    try queue.read { db in try self.heldUntil(in: db) }
  }

  private func heldUntil(in db: Database) throws -> Date? {
    let until = try db.int64("SELECT held_until FROM jobs WHERE id = ?", arguments: [record.id])
    return until.flatMap { $0 > queue.clock.now() ? Date(milliseconds: $0) : nil }
  }

  /// The queue's time, which tests hold.
  package var now: Date { Date(milliseconds: queue.clock.now()) }

  // MARK: Interruption

  /// Why a job is asked to stop.
  enum InterruptionReason: Sendable {
    case cancelRequested
    case pauseRequested
    case shutdown
    case leaseLost

    /// Whether the attempt was cut short by no fault of the job.
    var givesAttemptBack: Bool { self == .pauseRequested || self == .shutdown }
  }

  private struct Interruption {
    var reason: InterruptionReason?
    var cancelTask: (@Sendable () -> Void)?
  }

  /// - Throws: `CancellationError` when the job should stop because of a request (to cancel or to pause), a shutdown or the
  ///   cancellation of the current task; `JobError.leaseLost` when another worker may run it.
  package func checkCancellation() throws {
    switch interruptionReason {
    case .leaseLost: throw JobError.leaseLost(lease)
    case .cancelRequested, .pauseRequested, .shutdown: throw CancellationError()
    case nil: try Task.checkCancellation()
    }
  }

  /// Whether `checkCancellation` would throw.
  package var isCancelled: Bool { interruptionReason != nil || Task.isCancelled }

  var interruptionReason: InterruptionReason? { interruption.withLock { $0.reason } }

  /// Asks the job to stop. The first reason stays, except that a lost lease overrides: nothing may be said then.
  func interrupt(_ reason: InterruptionReason) {
    let cancelTask = interruption.withLock { interruption in
      if interruption.reason == nil || reason == .leaseLost { interruption.reason = reason }
      return interruption.cancelTask
    }
    cancelTask?()
  }

  /// Says how to cancel the task that runs the job; called at once if it is to stop already.
  func onInterruption(_ cancelTask: @escaping @Sendable () -> Void) {
    let isInterrupted = interruption.withLock { interruption in
      interruption.cancelTask = cancelTask
      return interruption.reason != nil
    }
    if isInterrupted { cancelTask() }
  }
}
