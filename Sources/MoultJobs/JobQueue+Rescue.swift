internal import Foundation
internal import GRDB

/// What happens to jobs whose worker is gone.
extension JobQueue {
  /// Code of a job whose lease expired at its last attempt.
  package static let leaseExpiredCode = "lease_expired"
  /// Code of a job that was running at too many deaths of the process.
  package static let crashedCode = "crashed_too_often"

  /// Ends the attempts whose leases have expired, as failures that may be retried.
  ///
  /// - Returns: the ids of the jobs it ended.
  @discardableResult
  package func rescueExpired() throws -> [Int64] {
    try write { db in try self.rescueExpired(in: db) }
  }

  func rescueExpired(in db: Database) throws -> [Int64] {
    let rows = try db.rows(
      """
      SELECT id, lease_token, lease_owner, attempt FROM jobs WHERE state = 'running' AND lease_expires_at <= ?
      """,
      arguments: [clock.now()])
    for row in rows {
      let owner: String = row["lease_owner"]
      let attempt: Int = row["attempt"]
      try fail(
        JobLease(jobID: row["id"], token: row["lease_token"]),
        error:
          "worker \(owner) gave no sign of life for \(configuration.leaseMilliseconds) ms in attempt \(attempt)",
        code: Self.leaseExpiredCode, retryable: true, in: db)
    }
    return rows.map { $0["id"] }
  }

  /// Makes every running job available at once, from its checkpoint, with its attempt given back.
  ///
  /// Call it after opening the database and before any worker starts, by a process that holds the exclusive
  /// lock on the data directory: then no other worker can be alive. Each call counts one crash against the jobs
  /// it finds running; one that reaches `crashesMax` fails, one that was asked to stop is cancelled or paused. Held
  /// jobs look again at once: what they kept in memory is gone.
  ///
  /// - Returns: the ids of the jobs it found running.
  @discardableResult
  package func releaseLeasesOfDeadProcesses() throws -> [Int64] {
    try write { db in try self.releaseLeasesOfDeadProcesses(in: db) }
  }

  func releaseLeasesOfDeadProcesses(in db: Database) throws -> [Int64] {
    let rows = try db.rows("SELECT id, lease_token, crashes FROM jobs WHERE state = 'running'")
    for row in rows {
      let lease = JobLease(jobID: row["id"], token: row["lease_token"])
      let crashes: Int = row["crashes"] + 1
      try db.run("UPDATE jobs SET crashes = ? WHERE id = ?", arguments: [crashes, lease.jobID])
      if crashes < configuration.crashesMax {
        try release(lease, in: db)
      } else {
        try fail(
          lease, error: "the process died \(crashes) times while it ran this job", code: Self.crashedCode,
          retryable: false, in: db)
      }
    }
    try db.run("UPDATE jobs SET run_at = ? WHERE state = 'held'", arguments: [clock.now()])
    return rows.map { $0["id"] }
  }
}
