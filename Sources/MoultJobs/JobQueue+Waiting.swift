internal import Foundation
internal import GRDB

/// What keeps a job from being claimed though it is due: other jobs, and a full disk.
extension JobQueue {
  /// Code of a job that waited for one that did not complete.
  package static let neededEndedCode = "needed_job_ended"

  // MARK: Other jobs

  /// - Throws: `JobError.notFound`, `JobError.neededEnded`.
  func requireMayComplete(_ id: Int64, in db: Database) throws {
    let state = try record(id, in: db).state
    if state == .failed || state == .cancelled { throw JobError.neededEnded(id: id, state: state) }
  }

  /// Fails what waits for a job that has ended without completing, and what waits for that.
  ///
  /// - Parameter state: how it has ended.
  func failDependents(of id: Int64, state: JobState, in db: Database) throws {
    let rows = try db.rows(
      """
      UPDATE jobs SET state = 'failed', finished_at = ?, error = ?, error_code = ?, eta_seconds = NULL
      WHERE finished_at IS NULL AND id IN (SELECT job FROM job_needs WHERE needed = ?)
      RETURNING id
      """,
      arguments: [
        clock.now(),
        "job \(id), which had to complete first, was \(state == .failed ? "given up" : "cancelled")",
        Self.neededEndedCode, id,
      ])
    for row in rows {
      signals.send(changed: row["id"], claimable: true, after: db)
      try failDependents(of: row["id"], state: .failed, in: db)
    }
  }

  // MARK: Room

  /// Lets jobs that wait for room run again, the oldest first, as long as there is enough for all that were let.
  /// Without one it writes nothing.
  ///
  /// - Parameter free: bytes.
  /// - Returns: their ids.
  @discardableResult
  package func admit(free: Int64) throws -> [Int64] {
    // A full disk is looked at often, and takes no writes.
    guard try !read({ db in try self.fitting(free, in: db) }).isEmpty else { return [] }
    return try write { db in try self.admit(free: free, in: db) }
  }

  func admit(free: Int64, in db: Database) throws -> [Int64] {
    let ids = try fitting(free, in: db)
    for id in ids {
      try db.run("UPDATE jobs SET room_needed = NULL WHERE id = ?", arguments: [id])
      signals.send(changed: id, claimable: true, after: db)
    }
    return ids
  }

  private func fitting(_ free: Int64, in db: Database) throws -> [Int64] {
    var left = free
    let waiting = try db.rows(
      "SELECT id, room_needed FROM jobs WHERE room_needed IS NOT NULL AND finished_at IS NULL ORDER BY id")
    return waiting.compactMap { row in
      let needed: Int64 = row["room_needed"]
      guard needed <= left else { return nil }
      left -= needed
      return row["id"]
    }
  }
}
