import Foundation
import GRDB
import Testing

@testable import MoultJobs

@Suite("Pausing, priorities and holding back", .timeLimit(.minutes(30)))
struct JobPauseTests {
  @Test("pause lays a waiting job aside at once and asks a running one", arguments: JobState.allCases)
  func pause(state: JobState) throws {
    let jobs = try JobsFixture()
    let before = try jobs.job(in: state)
    switch state {
    case .available, .retrying, .held, .paused:
      let after = try jobs.queue.pause(before.id)
      #expect(after.state == .paused && after.finishedAt == nil)
      jobs.time.advance(by: 10_000_000)
      #expect(try jobs.queue.claim(owner: "a") == nil, "time does not end a pause")
      try jobs.queue.releaseLeasesOfDeadProcesses()
      #expect(try jobs.queue.record(before.id).state == .paused, "nor does a restart")
      #expect(try jobs.queue.resume(before.id).state == .available)
      #expect(try jobs.claim().id == before.id)
    case .running:
      let after = try jobs.queue.pause(before.id)
      #expect(after.state == .running && after.pauseRequested)
      #expect(try jobs.queue.heartbeat(before.lease) == .held(cancelRequested: false, pauseRequested: true))
    case .completed, .failed, .cancelled:
      #expect(throws: JobError.wrongState(id: before.id, state: state, operation: "pause")) {
        try jobs.queue.pause(before.id)
      }
    }
  }

  @Test("a running job that was asked to pause is paused, however its attempt ends", arguments: 0..<4)
  func pausedByAnyEnd(ending: Int) throws {
    let jobs = try JobsFixture()
    let lease = try jobs.job(in: .running).lease
    try jobs.queue.saveCheckpoint(Data("7".utf8), under: lease)
    try jobs.queue.pause(lease.jobID)
    switch ending {
    case 0: try jobs.queue.fail(lease, error: "e", code: "c", retryable: true)
    case 1: try jobs.queue.release(lease)
    case 2: try jobs.queue.releaseLeasesOfDeadProcesses()
    default:
      jobs.time.advance(by: 30_000)
      try jobs.queue.rescueExpired()
    }
    let job = try jobs.queue.record(lease.jobID)
    #expect(job.state == .paused && !job.pauseRequested && job.checkpoint == Data("7".utf8))
  }

  @Test("a release between a job's look at its moment and its end is not lost")
  func releaseWhileEnding() throws {
    let jobs = try JobsFixture()
    let lease = try jobs.job(in: .running).lease
    try jobs.queue.hold(lease.jobID, until: JobQueue.untilReleased)
    // The job has seen that it must wait; now a person releases it.
    try jobs.queue.hold(lease.jobID, until: nil)
    _ = try jobs.queue.write { db in try jobs.queue.hold(lease, until: JobQueue.untilReleased, in: db) }
    #expect(try jobs.claim().id == lease.jobID)
  }

  @Test("a running job stops for a pause, keeps its checkpoint and attempt, and goes on from there")
  func pausesRunning() async throws {
    let jobs = try JobsFixture()
    let id = try jobs.queue.enqueue(kind: "k", subject: "s")
    let begun = Event()
    let worker = jobs.worker { record, context in
      if record.checkpoint != nil { return Data("[1]".utf8) }
      try context.saveCheckpoint(Data("1".utf8))
      begun.happen()
      await Event().wait()
      try context.checkCancellation()
      return nil
    }
    try await jobs.withWorker(worker) {
      await begun.wait()
      #expect(try jobs.queue.pause(id).pauseRequested)
      let paused = try await jobs.wait(for: id, .paused)
      #expect(paused.attempt == 0 && paused.checkpoint == Data("1".utf8) && paused.error == nil)
      try jobs.queue.resume(id)
      #expect(try await jobs.wait(for: id, .completed).result == Data("[1]".utf8))
    }
  }

  @Test("a paused job that has begun keeps its subject")
  func keepsSubject() throws {
    let jobs = try JobsFixture()
    _ = try jobs.job(in: .paused)
    _ = try jobs.queue.enqueue(kind: "k", subject: "s")
    #expect(try jobs.queue.claim(owner: "a") == nil)
    _ = try jobs.queue.enqueue(kind: "k", subject: "other")
    #expect(try jobs.queue.claim(owner: "a")?.subject == "other")
  }

  @Test("higher priority goes first; a step is worth ten minutes of waiting, so nothing waits for ever")
  func priorities() throws {
    let jobs = try JobsFixture()
    let low = try jobs.queue.enqueue(kind: "k", subject: "low", options: .init(priority: -1))
    let normal = try jobs.queue.enqueue(kind: "k", subject: "normal")
    let high = try jobs.queue.enqueue(kind: "k", subject: "high", options: .init(priority: 5))
    jobs.time.advance(by: JobQueue.priorityStepMilliseconds * 6 + 1)
    let late = try jobs.queue.enqueue(kind: "k", subject: "late", options: .init(priority: 5))
    #expect(try (0..<4).map { _ in try jobs.claim().id } == [high, normal, low, late])

    let first = try jobs.queue.enqueue(kind: "k", subject: "1")
    let second = try jobs.queue.enqueue(kind: "k", subject: "2")
    #expect(try jobs.queue.setPriority(1, of: second).priority == 1)
    #expect(try (0..<2).map { _ in try jobs.claim().id } == [second, first])
  }

  @Test("a job that is held back does not take effect before its time, whatever it tries")
  func heldBack() throws {
    let jobs = try JobsFixture()
    let until = jobs.time.now + 60_000
    let id = try jobs.queue.enqueue(
      kind: "k", subject: "s", options: .init(heldUntil: Date(milliseconds: until)))
    func complete(_ record: JobRecord) throws {
      let context = jobs.context(record)
      try jobs.database.write { db in try context.completeInTransaction(db) }
    }
    let record = try jobs.claim()
    #expect(throws: JobHeld(until: Date(milliseconds: until))) { try complete(record) }
    let context = jobs.context(record)
    let state = try jobs.database.write { db in
      try jobs.queue.end(context, .failure(JobHeld(until: Date(milliseconds: until))), in: db)
    }
    #expect(state == .held)
    #expect(try jobs.queue.claim(owner: "a") == nil)

    // Postponed by a person: it looks again at once, and finds that it has to wait longer.
    try jobs.queue.hold(id, until: JobQueue.untilReleased)
    let again = try jobs.claim()
    jobs.time.advance(by: 60_000)
    #expect(throws: JobHeld(until: JobQueue.untilReleased)) { try complete(again) }
    #expect(try jobs.queue.hold(id, until: nil).heldUntil == nil)
    try complete(again)
    #expect(try jobs.queue.record(id).state == .completed)
  }

  @Test("a table of version 1 is raised with all its rows and numbers")
  func olderVersion() throws {
    let database = try DatabaseQueue()
    var old = DatabaseMigrator()
    old.registerMigration("jobs-1") { db in try db.execute(sql: JobsMigrations.version1) }
    try old.migrate(database)
    try database.write { db in
      for (id, state) in [(3, "available"), (7, "running"), (8, "failed")] {
        try db.execute(
          sql: """
            INSERT INTO jobs (id, kind, subject, arguments, state, attempt, attempts_max, created_at, run_at, lease_owner,
              lease_expires_at, started_at, finished_at, checkpoint, error)
            VALUES (?, 'k', 's', x'7b7d', ?, 1, 5, 1, 2, ?, ?, ?, ?, x'37', 'e')
            """,
          arguments: [
            id, state, state == "running" ? "w" : nil, state == "running" ? 9 : nil,
            state == "running" ? 3 : nil, state == "failed" ? 4 : nil,
          ])
      }
      try db.execute(sql: "UPDATE sqlite_sequence SET seq = 20 WHERE name = 'jobs'")
    }
    let jobs = try JobsFixture(database: database)
    #expect(try jobs.queue.list().map(\.id) == [8, 7, 3])
    #expect(try jobs.queue.list().map(\.state) == [.failed, .running, .available])
    let running = try jobs.queue.record(7)
    #expect(running.checkpoint == Data("7".utf8) && running.leaseOwner == "w" && running.priority == 0)
    #expect(try jobs.queue.record(8).error == "e")
    #expect(try jobs.queue.enqueue(kind: "k", subject: "s") == 21, "numbers are never used again")
    try jobs.queue.releaseLeasesOfDeadProcesses()
    #expect(try jobs.claim().id == 7, "the one that had begun keeps its subject")
  }
}
