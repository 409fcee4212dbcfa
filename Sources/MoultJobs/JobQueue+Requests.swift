package import Foundation
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
    try answer(id, "cancel", in: db) { job in
      switch job.state {
      case .available, .retrying, .held, .paused:
        .change("state = 'cancelled', finished_at = :now, eta_seconds = NULL", ending: .cancelled)
      case .running where !job.cancelRequested: .change("cancel_requested = 1", stop: .cancelRequested)
      case .running, .cancelled: .nothing
      case .completed, .failed: .refusal
      }
    }
  }

  /// Gives a failed or cancelled job all its attempts again, from its checkpoint; a job that waits for its
  /// next attempt, or for room on the disk, gets it now. Why it failed stays to be read until it has completed.
  ///
  /// - Returns: the job after the call.
  /// - Throws: `JobError.notFound`; `JobError.neededEnded`; `JobError.wrongState` in any other state.
  @discardableResult
  package func retry(_ id: Int64) throws -> JobRecord {
    try write { db in try self.retry(id, in: db) }
  }

  /// The same in the caller's transaction.
  @discardableResult
  package func retry(_ id: Int64, in db: Database) throws -> JobRecord {
    try answer(id, "retry", in: db) { job in
      switch job.state {
      case .failed, .cancelled:
        for needed in job.after { try requireMayComplete(needed, in: db) }
        return .change(
          """
          state = 'available', attempt = 0, crashes = 0, run_at = :now, started_at = NULL,
            finished_at = NULL, result = NULL, cancel_requested = 0, room_needed = NULL
          """)
      case .retrying: return .change("run_at = :now")
      case .available where job.roomNeeded != nil: return .change("room_needed = NULL")
      case .available, .running, .held, .paused, .completed: return .refusal
      }
    }
  }

  /// Lays a job aside: one that waits at once, one that runs at its next look at ``JobContext/checkCancellation()``,
  /// with its checkpoint and its attempt given back. It survives restarts, and keeps its subject if it has begun.
  ///
  /// A running job that completes before it looks is completed. Asking twice changes nothing.
  ///
  /// - Returns: the job after the call.
  /// - Throws: `JobError.notFound`; `JobError.wrongState` in a final state, or when it was asked to stop for good.
  @discardableResult
  package func pause(_ id: Int64) throws -> JobRecord {
    try write { db in try self.pause(id, in: db) }
  }

  /// The same in the caller's transaction.
  @discardableResult
  package func pause(_ id: Int64, in db: Database) throws -> JobRecord {
    try answer(id, "pause", in: db) { job in
      switch job.state {
      case .available, .retrying, .held: .change("state = 'paused', eta_seconds = NULL")
      case .running where job.cancelRequested: .refusal
      case .running where !job.pauseRequested: .change("pause_requested = 1", stop: .pauseRequested)
      case .running, .paused: .nothing
      case .completed, .failed, .cancelled: .refusal
      }
    }
  }

  /// Lets a paused job run again, from its checkpoint; one that has not stopped yet for the pause begins anew at once.
  ///
  /// - Returns: the job after the call.
  /// - Throws: `JobError.notFound`; `JobError.wrongState` when it is not paused and was not asked to pause.
  @discardableResult
  package func resume(_ id: Int64) throws -> JobRecord {
    try write { db in try self.resume(id, in: db) }
  }

  /// The same in the caller's transaction.
  @discardableResult
  package func resume(_ id: Int64, in db: Database) throws -> JobRecord {
    try answer(id, "resume", in: db) { job in
      switch job.state {
      case .paused: .change("state = 'available', run_at = :now")
      case .running where job.pauseRequested: .change("pause_requested = 0")
      case .available, .running, .retrying, .held, .completed, .failed, .cancelled: .refusal
      }
    }
  }

  /// Moves a job before or behind others; one that runs goes on.
  ///
  /// - Parameter priority: in ``priorities``.
  /// - Returns: the job after the call.
  /// - Throws: `JobError.notFound`; `JobError.wrongState` in a final state.
  @discardableResult
  package func setPriority(_ priority: Int, of id: Int64) throws -> JobRecord {
    try write { db in try self.setPriority(priority, of: id, in: db) }
  }

  /// The same in the caller's transaction.
  @discardableResult
  package func setPriority(_ priority: Int, of id: Int64, in db: Database) throws -> JobRecord {
    try change(id, "priority = :value", ["value": priority], operation: "a change of priority", in: db)
  }

  /// Puts off the moment at which a job takes effect, brings it forward, or, with `nil`, lets it go now. What was
  /// put off in time does not take effect before: ``JobContext/completeInTransaction(_:result:)`` refuses it.
  ///
  /// - Parameter until: ``untilReleased`` for a person.
  /// - Returns: the job after the call.
  /// - Throws: `JobError.notFound`; `JobError.wrongState` in a final state.
  @discardableResult
  package func hold(_ id: Int64, until: Date?) throws -> JobRecord {
    try write { db in try self.hold(id, until: until, in: db) }
  }

  /// The same in the caller's transaction.
  @discardableResult
  package func hold(_ id: Int64, until: Date?, in db: Database) throws -> JobRecord {
    // A job that is held looks again at once and finds its new time.
    try change(
      id, "held_until = :value, run_at = CASE state WHEN 'held' THEN :now ELSE run_at END",
      ["value": until?.milliseconds],
      operation: until == nil ? "release" : "hold", in: db)
  }

  /// Replaces what the job is told to do; whoever runs it has to be told besides.
  ///
  /// - Parameter arguments: JSON.
  /// - Returns: the job after the call.
  /// - Throws: `JobError.notFound`; `JobError.wrongState` in a final state.
  @discardableResult
  package func setArguments(_ arguments: Data, of id: Int64, in db: Database) throws -> JobRecord {
    try change(id, "arguments = :value", ["value": arguments], operation: "a change of limits", in: db)
  }

  private func change(
    _ id: Int64, _ assignments: String, _ arguments: StatementArguments, operation: String, in db: Database
  ) throws -> JobRecord {
    try answer(id, operation, in: db) { job in
      job.state.isFinal ? .refusal : .change(assignments, arguments)
    }
  }

  /// What becomes of a request, by the state that the job is in.
  private enum Answer {
    /// - Parameters:
    ///   - assignments: SQL, in which `:now` is the time.
    ///   - arguments: further ones of it.
    ///   - stop: what whoever runs the job is told.
    ///   - ending: the final state that the job gets, in which those that wait for it fail.
    case change(
      _ assignments: String, _ arguments: StatementArguments = [:],
      stop: JobContext.InterruptionReason? = nil,
      ending: JobState? = nil)
    /// It is so already.
    case nothing
    /// The state does not allow it.
    case refusal
  }

  /// - Returns: the job after the request.
  private func answer(
    _ id: Int64, _ operation: String, in db: Database, _ decide: (JobRecord) throws -> Answer
  ) throws -> JobRecord {
    let job = try record(id, in: db)
    switch try decide(job) {
    case .nothing: return job
    case .refusal: throw JobError.wrongState(id: id, state: job.state, operation: operation)
    case .change(let assignments, let arguments, let stop, let ending):
      try db.run(
        "UPDATE jobs SET \(assignments) WHERE id = :id",
        arguments: arguments + ["id": id, "now": clock.now()])
      signals.send(changed: id, claimable: stop == nil, stop: stop, after: db)
      if let ending { try failDependents(of: id, state: ending, in: db) }
      return try record(id, in: db)
    }
  }
}
