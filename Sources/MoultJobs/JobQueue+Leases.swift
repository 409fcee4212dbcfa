package import Foundation
package import GRDB

/// What a worker says about the job it holds. Each of these renews nothing and writes nothing when the lease
/// has been taken away.
extension JobQueue {
  /// What ``claim(owner:)`` found.
  enum Claim: Sendable {
    case job(JobRecord)
    /// Nothing now; the next waiting job is due at `nextRunAt` (milliseconds), if any is.
    case none(nextRunAt: Int64?)
  }

  /// Takes, of the jobs that are due and whose subject is free, the first by priority and waiting time, and begins
  /// its next attempt.
  ///
  /// - Parameter kinds: that are taken; jobs of one subject wait for each other whatever they are.
  /// - Returns: the record with its new lease, or `nil` when nothing can run now.
  package func claim(owner: String, kinds: JobKinds = .except([])) throws -> JobRecord? {
    let claim = try write { db in try self.claim(owner: owner, kinds: kinds, in: db) }
    guard case .job(let record) = claim else { return nil }
    return record
  }

  func claim(owner: String, kinds: JobKinds = .except([]), in db: Database) throws -> Claim {
    let now = clock.now()
    let id = try db.int64(
      """
      UPDATE jobs SET state = 'running', attempt = attempt + 1, lease_owner = :owner,
        lease_token = lease_token + 1, lease_expires_at = :expires, started_at = COALESCE(started_at, :now),
        rows_per_second = NULL, eta_seconds = NULL
      WHERE id = (
        SELECT id FROM jobs AS candidate
        WHERE state IN ('available', 'retrying', 'held') AND run_at <= :now AND room_needed IS NULL
          AND (kind IN (SELECT value FROM json_each(:kinds))) = :listed
          AND NOT EXISTS (
            SELECT 1 FROM jobs AS other
            WHERE other.subject = candidate.subject AND other.id <> candidate.id
              AND other.started_at IS NOT NULL AND other.finished_at IS NULL)
          AND NOT EXISTS (
            SELECT 1 FROM job_needs JOIN jobs AS other ON other.id = needed
            WHERE job = candidate.id AND other.state <> 'completed')
        ORDER BY run_at - priority * :step, id LIMIT 1)
      RETURNING id
      """,
      arguments: [
        "owner": owner, "now": now, "expires": now + configuration.leaseMilliseconds,
        "step": Self.priorityStepMilliseconds, "kinds": kinds.list, "listed": kinds.isOnly,
      ])
    if let id {
      signals.send(changed: id, after: db)
      return .job(try record(id, in: db))
    }
    // Jobs that are due but wait for their subject are left out: the end of the job before them is signalled.
    let nextRunAt = try db.int64(
      "SELECT min(run_at) FROM jobs WHERE state IN ('available', 'retrying', 'held') AND run_at > ?",
      arguments: [now])
    return .none(nextRunAt: nextRunAt)
  }

  /// Renews a lease.
  ///
  /// A lease past its time that nobody has taken yet is renewed too: the token decides, not the clock.
  package func heartbeat(_ lease: JobLease) throws -> JobLeaseStatus {
    try write { db in try self.heartbeat(lease, in: db) }
  }

  func heartbeat(_ lease: JobLease, in db: Database) throws -> JobLeaseStatus {
    let status = try status(of: lease, in: db)
    if case .held = status {
      try db.run(
        "UPDATE jobs SET lease_expires_at = ? WHERE id = ?",
        arguments: [clock.now() + configuration.leaseMilliseconds, lease.jobID])
    }
    return status
  }

  func status(of lease: JobLease, in db: Database) throws -> JobLeaseStatus {
    let row = try db.row(
      "SELECT state, cancel_requested, pause_requested FROM jobs WHERE id = ? AND lease_token = ?",
      arguments: [lease.jobID, lease.token])
    switch (row?["state"] as String?).flatMap(JobState.init(rawValue:)) {
    case .running:
      return .held(
        cancelRequested: row?["cancel_requested"] ?? false, pauseRequested: row?["pause_requested"] ?? false)
    case .completed: return .completed
    case .available, .retrying, .held, .paused, .failed, .cancelled, nil: return .lost
    }
  }

  /// Writes progress, and a checkpoint if there is one, and renews the lease.
  ///
  /// - Throws: `JobError.leaseLost`.
  func save(progress: JobProgress?, checkpoint: Data?, under lease: JobLease, in db: Database) throws {
    guard case .held = try heartbeat(lease, in: db) else { throw JobError.leaseLost(lease) }
    if let progress {
      try db.run(
        """
        UPDATE jobs SET phase = ?, rows_done = ?, rows_total = ?, rows_per_second = ?, eta_seconds = ?
        WHERE id = ?
        """,
        arguments: [
          progress.phase, progress.rowsDone, progress.rowsTotal, progress.rowsPerSecond, progress.etaSeconds,
          lease.jobID,
        ])
    }
    if let checkpoint {
      try db.run("UPDATE jobs SET checkpoint = ? WHERE id = ?", arguments: [checkpoint, lease.jobID])
    }
    signals.send(changed: lease.jobID, after: db)
  }

  /// Stores what the job has done so far, to resume from.
  ///
  /// - Throws: `JobError.leaseLost`.
  package func saveCheckpoint(_ checkpoint: Data, under lease: JobLease) throws {
    try write { db in try self.save(progress: nil, checkpoint: checkpoint, under: lease, in: db) }
  }

  // MARK: The end of an attempt

  /// The attempt succeeded: `completed`. Once more under the same lease changes nothing.
  ///
  /// - Parameter result: JSON, if the job returns something.
  /// - Throws: `JobError.leaseLost`.
  package func complete(_ lease: JobLease, result: Data? = nil) throws {
    try write { db in try self.complete(lease, result: result, in: db) }
  }

  /// The same in the caller's transaction.
  package func complete(_ lease: JobLease, result: Data? = nil, in db: Database) throws {
    switch try status(of: lease, in: db) {
    case .completed: return
    case .lost: throw JobError.leaseLost(lease)
    case .held: break
    }
    try db.run(
      """
      UPDATE jobs SET state = 'completed', finished_at = ?, result = ?, error = NULL, error_code = NULL,
        lease_owner = NULL, lease_expires_at = NULL, eta_seconds = NULL, pause_requested = 0
      WHERE id = ?
      """,
      arguments: [clock.now(), result, lease.jobID])
    signals.send(changed: lease.jobID, claimable: true, after: db)
  }

  /// The attempt failed: `cancelled` if that was asked for, else `retrying` (or `paused`, if that was asked for)
  /// while attempts are left and another may help, else `failed`.
  ///
  /// - Returns: the state the job is in now.
  /// - Throws: `JobError.leaseLost`.
  @discardableResult
  package func fail(_ lease: JobLease, error: String, code: String, retryable: Bool) throws -> JobState {
    try write { db in try self.fail(lease, error: error, code: code, retryable: retryable, in: db) }
  }

  @discardableResult
  func fail(_ lease: JobLease, error: String, code: String, retryable: Bool, in db: Database) throws
    -> JobState
  {
    guard case .held(let cancelRequested, let pauseRequested) = try status(of: lease, in: db) else {
      throw JobError.leaseLost(lease)
    }
    let job = try record(lease.jobID, in: db)
    let now = clock.now()
    let next: JobState =
      switch (cancelRequested, retryable && job.attempt < job.attemptsMax) {
      case (true, _): .cancelled
      case (false, true): pauseRequested ? .paused : .retrying
      case (false, false): .failed
      }
    let delay = configuration.retry.delayMilliseconds(afterAttempt: job.attempt, jobID: job.id)
    try db.run(
      """
      UPDATE jobs SET state = ?, run_at = ?, finished_at = ?, error = ?, error_code = ?, lease_owner = NULL,
        lease_expires_at = NULL, eta_seconds = NULL, pause_requested = 0
      WHERE id = ?
      """,
      arguments: [
        next.rawValue, next == .retrying ? now + delay : job.runAt.milliseconds, next.isFinal ? now : nil,
        error, code, job.id,
      ])
    signals.send(changed: job.id, claimable: true, after: db)
    if next.isFinal { try failDependents(of: job.id, state: next, in: db) }
    return next
  }

  /// The job stopped because it was asked to: `cancelled`, without an error.
  ///
  /// - Throws: `JobError.leaseLost`.
  func acknowledgeCancel(_ lease: JobLease, in db: Database) throws {
    guard case .held = try status(of: lease, in: db) else { throw JobError.leaseLost(lease) }
    try db.run(
      """
      UPDATE jobs SET state = 'cancelled', finished_at = ?, lease_owner = NULL, lease_expires_at = NULL,
        eta_seconds = NULL, pause_requested = 0
      WHERE id = ?
      """,
      arguments: [clock.now(), lease.jobID])
    signals.send(changed: lease.jobID, claimable: true, after: db)
    try failDependents(of: lease.jobID, state: .cancelled, in: db)
  }

  /// The worker stops, not the job: `available` again, with its attempt given back; `cancelled` or `paused` if that
  /// was asked for.
  ///
  /// - Returns: the state the job is in now.
  /// - Throws: `JobError.leaseLost`.
  @discardableResult
  package func release(_ lease: JobLease) throws -> JobState {
    try write { db in try self.release(lease, in: db) }
  }

  @discardableResult
  func release(_ lease: JobLease, in db: Database) throws -> JobState {
    try giveBack(lease, as: .available, in: db)
  }

  /// The job waits for the moment at which it may take effect: `held`, with all its attempts again, since it has got
  /// as far as it could; `cancelled` or `paused` if that was asked for.
  ///
  /// - Returns: the state the job is in now.
  /// - Throws: `JobError.leaseLost`.
  @discardableResult
  func hold(
    _ lease: JobLease, until: Date, givesSubjectBack: Bool = false, in db: Database
  ) throws -> JobState {
    let state = try giveBack(lease, as: .held, in: db)
    // It may have been released, or its moment brought forward, since the job looked.
    try db.run(
      """
      UPDATE jobs SET attempt = 0, run_at = min(?, coalesce(held_until, ?)), error = NULL, error_code = NULL,
        started_at = CASE WHEN ? THEN NULL ELSE started_at END
      WHERE id = ? AND state = 'held'
      """,
      arguments: [until.milliseconds, clock.now(), givesSubjectBack, lease.jobID])
    return state
  }

  /// The job waits for room on the disk: `available`, with its attempt given back, but not claimed before
  /// ``admit(free:)`` lets it; `cancelled` or `paused` if that was asked for.
  ///
  /// - Returns: the state the job is in now.
  /// - Throws: `JobError.leaseLost`.
  func awaitRoom(_ lease: JobLease, _ lacking: JobLacksRoom, in db: Database) throws -> JobState {
    let state = try giveBack(lease, as: .available, in: db)
    guard !state.isFinal else { return state }
    try db.run(
      """
      UPDATE jobs SET room_needed = ?, error = ?, error_code = ?,
        started_at = CASE WHEN checkpoint IS NULL THEN NULL ELSE started_at END
      WHERE id = ?
      """,
      arguments: [lacking.bytesNeeded, lacking.message, lacking.code, lease.jobID])
    return state
  }

  private func giveBack(_ lease: JobLease, as state: JobState, in db: Database) throws -> JobState {
    guard case .held(let cancelRequested, let pauseRequested) = try status(of: lease, in: db) else {
      throw JobError.leaseLost(lease)
    }
    if cancelRequested {
      try acknowledgeCancel(lease, in: db)
      return .cancelled
    }
    let next = pauseRequested ? .paused : state
    try db.run(
      """
      UPDATE jobs SET state = ?, attempt = attempt - 1, lease_owner = NULL, lease_expires_at = NULL,
        eta_seconds = NULL, pause_requested = 0
      WHERE id = ?
      """,
      arguments: [next.rawValue, lease.jobID])
    signals.send(changed: lease.jobID, claimable: true, after: db)
    return next
  }
}
