package import GRDB

/// What people ask of a job.
extension JobQueue {
  /// Asks a job to stop: one that waits is cancelled at once, one that runs is told to.
  ///
  /// A running job whose cancellation was accepted never runs again, and ``JobContext/completeInTransaction(_:result:)``
  /// refuses it; only one that finishes its work without that call may still end `completed`. Asking twice
  /// changes nothing.
  ///
  /// - Returns: the job after the call.
  /// - Throws: `JobError.notFound`; `JobError.wrongState` when it has completed or failed.
  @discardableResult
  package func cancel(_ id: Int64) throws -> JobRecord {
    try write { db in try self.cancel(id, in: db) }
  }

  /// The same in the caller's transaction.
  @discardableResult
  package func cancel(_ id: Int64, in db: Database) throws -> JobRecord {
    let job = try record(id, in: db)
    switch job.state {
    case .available, .retrying:
      try db.execute(
        sql: "UPDATE jobs SET state = 'cancelled', finished_at = ?, eta_seconds = NULL WHERE id = ?",
        arguments: [clock.now(), id])
      signals.send(changed: id, claimable: true, after: db)
    case .running where !job.cancelRequested:
      try db.execute(sql: "UPDATE jobs SET cancel_requested = 1 WHERE id = ?", arguments: [id])
      signals.send(changed: id, cancelRequested: true, after: db)
    case .running, .cancelled:
      break
    case .completed, .failed:
      throw JobError.wrongState(id: id, state: job.state, operation: "cancel")
    }
    return try record(id, in: db)
  }

  /// Gives a failed or cancelled job all its attempts again, from its checkpoint; a job that waits for its
  /// next attempt gets it now.
  ///
  /// - Returns: the job after the call.
  /// - Throws: `JobError.notFound`; `JobError.wrongState` in any other state.
  @discardableResult
  package func retry(_ id: Int64) throws -> JobRecord {
    try write { db in try self.retry(id, in: db) }
  }

  /// The same in the caller's transaction.
  @discardableResult
  package func retry(_ id: Int64, in db: Database) throws -> JobRecord {
    let job = try record(id, in: db)
    switch job.state {
    case .failed, .cancelled:
      try db.execute(
        sql: """
          UPDATE jobs SET state = 'available', attempt = 0, crashes = 0, run_at = ?, started_at = NULL,
            finished_at = NULL, result = NULL, error = NULL, error_code = NULL, cancel_requested = 0
          WHERE id = ?
          """,
        arguments: [clock.now(), id])
    case .retrying:
      try db.execute(sql: "UPDATE jobs SET run_at = ? WHERE id = ?", arguments: [clock.now(), id])
    case .available, .running, .completed:
      throw JobError.wrongState(id: id, state: job.state, operation: "retry")
    }
    signals.send(changed: id, claimable: true, after: db)
    return try record(id, in: db)
  }
}
