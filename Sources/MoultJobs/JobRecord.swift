package import Foundation
internal import GRDB

/// A job as the table `jobs` holds it.
package struct JobRecord: Sendable, Hashable, Identifiable {
  /// Rises with each enqueue and is never used again.
  package var id: Int64
  /// Names the work: the key into `JobRegistry`.
  package var kind: String
  /// What the job works on, for example a collection. A job that has begun keeps its subject until it has
  /// finished; others of the same subject wait.
  package var subject: String
  /// JSON, as it was enqueued.
  package var arguments: Data
  /// What was asked for, in short; see ``JobQueue/enqueue(in:kind:subject:arguments:options:)``.
  package var contentHash: String?
  /// Of what the request spoke when it was made: rises with every change of it.
  package var contentVersion: Int64?
  /// Who asked for it, in his own words.
  package var requestedBy: String?
  package var state: JobState
  /// Higher goes first; see ``JobQueue/priorityStepMilliseconds``.
  package var priority: Int
  /// Attempts begun that count: a shutdown or a crash of the process gives its attempt back.
  package var attempt: Int
  package var attemptsMax: Int
  /// How often the process died while it ran this job.
  package var crashes: Int
  /// The worker that holds the lease; `nil` unless running.
  package var leaseOwner: String?
  /// Rises with each claim; see ``JobLease``.
  package var leaseToken: Int64
  package var leaseExpiresAt: Date?
  package var createdAt: Date
  /// No worker claims the job before.
  package var runAt: Date
  /// The job must not take effect before; `JobQueue.untilReleased` waits for a person.
  package var heldUntil: Date?
  /// When its first attempt began.
  package var startedAt: Date?
  package var finishedAt: Date?
  package var progress: JobProgress
  /// What the job last saved to resume from.
  package var checkpoint: Data?
  /// JSON returned by the job, when it completed with a value.
  package var result: Data?
  /// Why the last attempt failed, for people; stays to be read while the next attempt runs.
  package var error: String?
  /// The same for programs.
  package var errorCode: String?
  package var cancelRequested: Bool
  package var pauseRequested: Bool

  /// The lease under which this record was claimed.
  package var lease: JobLease { JobLease(jobID: id, token: leaseToken) }
}

extension JobRecord {
  /// Reads one row of `SELECT * FROM jobs`.
  init(row: Row) throws {
    let stateName: String = row["state"]
    guard let state = JobState(rawValue: stateName) else {
      throw JobError.unknownState(id: row["id"], state: stateName)
    }
    self.init(
      id: row["id"],
      kind: row["kind"],
      subject: row["subject"],
      arguments: row["arguments"],
      contentHash: row["content_hash"],
      contentVersion: row["content_version"],
      requestedBy: row["requested_by"],
      state: state,
      priority: row["priority"],
      attempt: row["attempt"],
      attemptsMax: row["attempts_max"],
      crashes: row["crashes"],
      leaseOwner: row["lease_owner"],
      leaseToken: row["lease_token"],
      leaseExpiresAt: (row["lease_expires_at"] as Int64?).map(Date.init(milliseconds:)),
      createdAt: Date(milliseconds: row["created_at"]),
      runAt: Date(milliseconds: row["run_at"]),
      heldUntil: (row["held_until"] as Int64?).map(Date.init(milliseconds:)),
      startedAt: (row["started_at"] as Int64?).map(Date.init(milliseconds:)),
      finishedAt: (row["finished_at"] as Int64?).map(Date.init(milliseconds:)),
      progress: JobProgress(
        phase: row["phase"], rowsDone: row["rows_done"], rowsTotal: row["rows_total"],
        rowsPerSecond: row["rows_per_second"], etaSeconds: row["eta_seconds"]),
      checkpoint: row["checkpoint"],
      result: row["result"],
      error: row["error"],
      errorCode: row["error_code"],
      cancelRequested: row["cancel_requested"],
      pauseRequested: row["pause_requested"])
  }
}

extension Date {
  /// Milliseconds since 1970, as the table stores moments.
  init(milliseconds: Int64) { self.init(timeIntervalSince1970: Double(milliseconds) / 1_000) }

  var milliseconds: Int64 { Int64((timeIntervalSince1970 * 1_000).rounded()) }
}
