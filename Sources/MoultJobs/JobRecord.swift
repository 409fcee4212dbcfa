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
  /// Bytes that must be free on the disk before it is claimed; `nil` when it does not wait for room.
  package var roomNeeded: Int64?
  /// Jobs that must complete before it is claimed, rising; those that have are left out.
  package var after: [Int64]

  /// The lease under which this record was claimed.
  package var lease: JobLease { JobLease(jobID: id, token: leaseToken) }
}

extension JobRecord {
  /// The columns in the order in which `init(row:)` reads them: that of the members. By place, because looking up
  /// thirty columns by name costs more than the statement.
  static let columns = """
    id, kind, subject, arguments, content_hash, content_version, requested_by, state,
    priority, attempt, attempts_max, crashes, lease_owner, lease_token, lease_expires_at, created_at,
    run_at, held_until, started_at, finished_at, phase, rows_done, rows_total, rows_per_second,
    eta_seconds, checkpoint, result, error, error_code, cancel_requested, pause_requested,
    room_needed, (SELECT group_concat(needed) FROM
      (SELECT needed FROM job_needs JOIN jobs AS other ON other.id = needed
       WHERE job = jobs.id AND other.state <> 'completed' ORDER BY needed))
    """

  /// Reads one row of ``columns``.
  init(row: Row) throws {
    var reader = Reader(row: row)
    let id: Int64 = reader.next()
    let (kind, subject) = (reader.next() as String, reader.next() as String)
    let arguments: Data = reader.next()
    let (contentHash, contentVersion) = (reader.optional() as String?, reader.optional() as Int64?)
    let requestedBy: String? = reader.optional()
    let stateName: String = reader.next()
    guard let state = JobState(rawValue: stateName) else {
      throw JobError.unknownState(id: id, state: stateName)
    }
    self.init(
      id: id, kind: kind, subject: subject, arguments: arguments, contentHash: contentHash,
      contentVersion: contentVersion, requestedBy: requestedBy,
      state: state,
      priority: reader.next(),
      attempt: reader.next(),
      attemptsMax: reader.next(),
      crashes: reader.next(),
      leaseOwner: reader.optional(),
      leaseToken: reader.next(),
      leaseExpiresAt: reader.optionalDate(),
      createdAt: reader.date(),
      runAt: reader.date(),
      heldUntil: reader.optionalDate(),
      startedAt: reader.optionalDate(),
      finishedAt: reader.optionalDate(),
      progress: JobProgress(
        phase: reader.next(), rowsDone: reader.next(), rowsTotal: reader.next(),
        rowsPerSecond: reader.optional(),
        etaSeconds: reader.optional()),
      checkpoint: reader.optional(),
      result: reader.optional(),
      error: reader.optional(),
      errorCode: reader.optional(),
      cancelRequested: reader.next(),
      pauseRequested: reader.next(),
      roomNeeded: reader.optional(),
      after: (reader.optional() as String?)?.split(separator: ",").compactMap { Int64($0) } ?? [])
  }

  private struct Reader {
    let row: Row
    var place = 0

    mutating func next<Value: DatabaseValueConvertible & StatementColumnConvertible>() -> Value {
      defer { place += 1 }
      return row[place]
    }

    mutating func optional<Value: DatabaseValueConvertible & StatementColumnConvertible>() -> Value? {
      defer { place += 1 }
      return row[place]
    }

    mutating func date() -> Date { Date(milliseconds: next()) }

    mutating func optionalDate() -> Date? { (optional() as Int64?).map(Date.init(milliseconds:)) }
  }
}

extension Date {
  /// Milliseconds since 1970, as the table stores moments.
  init(milliseconds: Int64) { self.init(timeIntervalSince1970: Double(milliseconds) / 1_000) }

  var milliseconds: Int64 { Int64((timeIntervalSince1970 * 1_000).rounded()) }
}
