import Foundation
import GRDB
import MoultJobs
import Testing

@Suite("JobQueue")
struct JobQueueTests {
  @Test("a new job waits with nothing done")
  func enqueue() throws {
    let jobs = try JobsFixture()
    let id = try jobs.queue.enqueue(
      kind: "reindex", subject: "words", arguments: Data(#"{"a":1}"#.utf8), attemptsMax: 3)

    let job = try jobs.queue.record(id)
    #expect(job.state == .available && job.kind == "reindex" && job.subject == "words")
    #expect(job.arguments == Data(#"{"a":1}"#.utf8))
    #expect(job.attempt == 0 && job.attemptsMax == 3 && job.crashes == 0 && job.leaseToken == 0)
    #expect(job.createdAt.timeIntervalSince1970 == 1_000 && job.runAt == job.createdAt)
    #expect(job.startedAt == nil && job.finishedAt == nil && job.checkpoint == nil && !job.cancelRequested)
    #expect(job.progress == JobProgress())
  }

  @Test("a job enqueued in a transaction that rolls back was never there")
  func enqueueRollsBack() throws {
    let jobs = try JobsFixture()
    #expect(throws: Failure.self) {
      try jobs.database.write { db in
        _ = try jobs.queue.enqueue(in: db, kind: "k", subject: "s")
        throw Failure(isRetryable: false)
      }
    }
    #expect(try jobs.queue.list().isEmpty)
  }

  @Test("a claim gives a lease and begins an attempt")
  func claim() throws {
    let jobs = try JobsFixture()
    let id = try jobs.queue.enqueue(kind: "k", subject: "s")
    jobs.time.advance(by: 500)

    let job = try jobs.claim(owner: "worker 1")
    #expect(try job == jobs.queue.record(id))
    #expect(job.state == .running && job.attempt == 1 && job.leaseOwner == "worker 1" && job.leaseToken == 1)
    #expect(job.leaseExpiresAt?.timeIntervalSince1970 == 1_030.5)
    #expect(job.startedAt?.timeIntervalSince1970 == 1_000.5)
    #expect(try jobs.queue.claim(owner: "worker 2") == nil)
  }

  @Test("a job is not claimed before it is due")
  func runAt() throws {
    let jobs = try JobsFixture()
    _ = try jobs.queue.enqueue(kind: "k", subject: "s", runAt: Date(timeIntervalSince1970: 1_001))
    jobs.time.advance(by: 999)
    #expect(try jobs.queue.claim(owner: "a") == nil)
    jobs.time.advance(by: 1)
    #expect(try jobs.queue.claim(owner: "a") != nil)
  }

  @Test("jobs are claimed in the order in which they fall due")
  func order() throws {
    let jobs = try JobsFixture()
    let late = try jobs.queue.enqueue(kind: "k", subject: "1", runAt: Date(timeIntervalSince1970: 1_002))
    let early = try jobs.queue.enqueue(kind: "k", subject: "2", runAt: Date(timeIntervalSince1970: 1_001))
    let first = try jobs.queue.enqueue(kind: "k", subject: "3")
    let second = try jobs.queue.enqueue(kind: "k", subject: "4")
    jobs.time.advance(by: 5_000)
    #expect(try (0..<4).map { _ in try jobs.claim().id } == [first, second, early, late])
  }

  @Test("a job that has begun keeps its subject until it has finished")
  func subject() throws {
    let jobs = try JobsFixture()
    let first = try jobs.queue.enqueue(kind: "k", subject: "s")
    let second = try jobs.queue.enqueue(kind: "k", subject: "s")
    let elsewhere = try jobs.queue.enqueue(kind: "k", subject: "t")

    let lease = try jobs.claim().lease
    #expect(lease.jobID == first)
    #expect(try jobs.claim().id == elsewhere)
    #expect(try jobs.queue.claim(owner: "a") == nil)

    // Waiting for the next attempt, it still has the subject.
    try jobs.queue.fail(lease, error: "", code: "", retryable: true)
    #expect(try jobs.queue.claim(owner: "a") == nil)
    jobs.time.advance(by: 1_000)
    let again = try jobs.claim()
    #expect(again.id == first)

    // So it has after a shutdown.
    try jobs.queue.release(again.lease)
    let resumed = try jobs.claim()
    #expect(resumed.id == first)
    try jobs.queue.complete(resumed.lease)
    #expect(try jobs.claim().id == second)
  }

  @Test("the database itself refuses a second begun job of a subject")
  func subjectLaw() throws {
    let jobs = try JobsFixture()
    _ = try jobs.job(in: .running)
    let second = try jobs.queue.enqueue(kind: "k", subject: "s")
    #expect(throws: DatabaseError.self) {
      try jobs.database.write { db in
        try db.execute(sql: "UPDATE jobs SET started_at = 1 WHERE id = ?", arguments: [second])
      }
    }
  }

  @Test("a completed job keeps its result and frees its lease")
  func complete() throws {
    let jobs = try JobsFixture()
    let lease = try jobs.job(in: .running).lease
    jobs.time.advance(by: 500)
    try jobs.queue.complete(lease, result: Data("[1]".utf8))

    let job = try jobs.queue.record(lease.jobID)
    #expect(job.state == .completed && job.result == Data("[1]".utf8) && job.error == nil)
    #expect(job.leaseOwner == nil && job.leaseExpiresAt == nil)
    #expect(job.finishedAt?.timeIntervalSince1970 == 1_000.5)

    try jobs.queue.complete(lease, result: Data("[2]".utf8))
    #expect(try jobs.queue.record(lease.jobID) == job, "a second completion changes nothing")
  }

  @Test("a failure is retried after a growing wait until the attempts are used up")
  func retries() throws {
    let jobs = try JobsFixture()
    let id = try jobs.queue.enqueue(kind: "k", subject: "s", attemptsMax: 3)
    for (attempt, wait) in [(1, 1_000), (2, 2_000)] as [(Int, Int64)] {
      let job = try jobs.claim()
      #expect(job.attempt == attempt)
      #expect(try jobs.queue.fail(job.lease, error: "no \(attempt)", code: "c", retryable: true) == .retrying)
      let waiting = try jobs.queue.record(id)
      #expect(waiting.error == "no \(attempt)" && waiting.errorCode == "c" && waiting.finishedAt == nil)
      jobs.time.advance(by: wait - 1)
      #expect(try jobs.queue.claim(owner: "a") == nil)
      jobs.time.advance(by: 1)
    }
    let last = try jobs.claim()
    #expect(last.error == "no 2", "the last error can be read while the next attempt runs")
    #expect(try jobs.queue.fail(last.lease, error: "no 3", code: "c", retryable: true) == .failed)
    let failed = try jobs.queue.record(id)
    #expect(
      failed.state == .failed && failed.attempt == 3 && failed.error == "no 3" && failed.finishedAt != nil)
  }

  @Test("a failure that will not pass is final at once")
  func failsForGood() throws {
    let jobs = try JobsFixture()
    let lease = try jobs.job(in: .running).lease
    #expect(try jobs.queue.fail(lease, error: "no", code: "c", retryable: false) == .failed)
  }

  @Test("a released job is available with its attempt and its checkpoint")
  func release() throws {
    let jobs = try JobsFixture()
    let lease = try jobs.job(in: .running).lease
    try jobs.queue.saveCheckpoint(Data("7".utf8), under: lease)
    try jobs.queue.release(lease)

    let job = try jobs.queue.record(lease.jobID)
    #expect(job.state == .available && job.attempt == 0 && job.checkpoint == Data("7".utf8))
    #expect(job.leaseToken == lease.token && job.leaseOwner == nil)
    #expect(try jobs.claim().leaseToken == lease.token + 1)
  }

  @Test("cancel ends a waiting job at once and asks a running one", arguments: JobState.allCases)
  func cancel(state: JobState) throws {
    let jobs = try JobsFixture()
    let before = try jobs.job(in: state)
    switch state {
    case .available, .retrying, .held, .paused:
      let after = try jobs.queue.cancel(before.id)
      #expect(after.state == .cancelled && after.finishedAt != nil)
      #expect(try jobs.queue.claim(owner: "a") == nil)
    case .running:
      let after = try jobs.queue.cancel(before.id)
      #expect(after.state == .running && after.cancelRequested && after.leaseToken == before.leaseToken)
      #expect(try jobs.queue.heartbeat(before.lease) == .held(cancelRequested: true))
      #expect(try jobs.queue.cancel(before.id) == jobs.queue.record(before.id), "asking twice is once")
    case .cancelled:
      #expect(try jobs.queue.cancel(before.id) == before)
    case .completed, .failed:
      #expect(throws: JobError.wrongState(id: before.id, state: state, operation: "cancel")) {
        try jobs.queue.cancel(before.id)
      }
      #expect(try jobs.queue.record(before.id) == before)
    }
  }

  @Test("a job that was asked to stop never runs again, however its attempt ends", arguments: 0..<5)
  func cancelledForGood(ending: Int) throws {
    let jobs = try JobsFixture()
    let lease = try jobs.job(in: .running).lease
    try jobs.queue.cancel(lease.jobID)
    switch ending {
    case 0: try jobs.queue.fail(lease, error: "e", code: "c", retryable: true)
    case 1: try jobs.queue.fail(lease, error: "e", code: "c", retryable: false)
    case 2: try jobs.queue.release(lease)
    case 3: try jobs.queue.releaseLeasesOfDeadProcesses()
    default:
      jobs.time.advance(by: 30_000)
      #expect(try jobs.queue.rescueExpired() == [lease.jobID])
    }
    #expect(try jobs.queue.record(lease.jobID).state == .cancelled)
  }

  @Test("retry gives a failed or cancelled job all its attempts again", arguments: JobState.allCases)
  func retry(state: JobState) throws {
    let jobs = try JobsFixture()
    let before = try jobs.job(in: state)
    jobs.time.advance(by: 7)
    switch state {
    case .failed, .cancelled:
      let after = try jobs.queue.retry(before.id)
      #expect(after.state == .available && after.attempt == 0)
      #expect(after.error == before.error && after.errorCode == before.errorCode, "why it failed stays")
      #expect(after.finishedAt == nil && after.startedAt == nil && !after.cancelRequested)
      #expect(try jobs.claim().leaseToken == before.leaseToken + 1)
    case .retrying:
      #expect(try jobs.queue.retry(before.id).state == .retrying)
      #expect(try jobs.claim().attempt == 2, "it need not wait any longer")
    case .available, .running, .held, .paused, .completed:
      #expect(throws: JobError.wrongState(id: before.id, state: state, operation: "retry")) {
        try jobs.queue.retry(before.id)
      }
      #expect(try jobs.queue.record(before.id) == before)
    }
  }

  @Test("retry keeps the checkpoint")
  func retryKeepsCheckpoint() throws {
    let jobs = try JobsFixture()
    let lease = try jobs.job(in: .running).lease
    try jobs.queue.saveCheckpoint(Data("7".utf8), under: lease)
    try jobs.queue.fail(lease, error: "", code: "", retryable: false)
    try jobs.queue.retry(lease.jobID)
    #expect(try jobs.claim().checkpoint == Data("7".utf8))
  }

  @Test("an unknown job is an error")
  func notFound() throws {
    let jobs = try JobsFixture()
    #expect(throws: JobError.notFound(id: 9)) { try jobs.queue.record(9) }
    #expect(throws: JobError.notFound(id: 9)) { try jobs.queue.cancel(9) }
    #expect(throws: JobError.notFound(id: 9)) { try jobs.queue.retry(9) }
  }

  @Test("lists are newest first and filtered; the unfinished are oldest first")
  func lists() throws {
    let jobs = try JobsFixture()
    let done = try jobs.job(in: .completed, subject: "a").id
    let failed = try jobs.job(in: .failed, subject: "b").id
    let running = try jobs.job(in: .running, subject: "a").id
    let waiting = try jobs.queue.enqueue(kind: "k", subject: "a")

    #expect(try jobs.queue.list().map(\.id) == [waiting, running, failed, done])
    #expect(try jobs.queue.list(limit: 2).map(\.id) == [waiting, running])
    #expect(try jobs.queue.list(state: .failed).map(\.id) == [failed])
    #expect(try jobs.queue.list(subject: "a").map(\.id) == [waiting, running, done])
    #expect(try jobs.queue.list(state: .running, subject: "b").isEmpty)
    #expect(try jobs.queue.unfinished(subject: "a").map(\.id) == [running, waiting])
    #expect(try jobs.queue.unfinished().map(\.id) == [running, waiting])
  }

  @Test("ids are never used again")
  func ids() throws {
    let jobs = try JobsFixture()
    let id = try jobs.queue.enqueue(kind: "k", subject: "s")
    try jobs.database.write { db in try db.execute(sql: "DELETE FROM jobs") }
    #expect(try jobs.queue.enqueue(kind: "k", subject: "s") > id)
  }

  @Test("concurrent claims give each job once")
  func concurrentClaims() async throws {
    let directory = FileManager.default.temporaryDirectory.appending(path: "moult-jobs-\(UUID())")
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: directory) }
    let pool = try DatabasePool(path: directory.appending(path: "jobs.sqlite").path)
    let jobs = try JobsFixture(database: pool)
    let ids = try (0..<120).map { try jobs.queue.enqueue(kind: "k", subject: "s\($0)") }

    let queue = jobs.queue
    let claimed = try await withThrowingTaskGroup(of: [Int64].self) { group in
      for worker in 0..<8 {
        group.addTask {
          var mine: [Int64] = []
          while let job = try queue.claim(owner: "w\(worker)") {
            mine.append(job.id)
            await Task.yield()
            try queue.complete(job.lease)
          }
          return mine
        }
      }
      return try await group.reduce(into: []) { $0 += $1 }
    }
    #expect(claimed.sorted() == ids)
    try pool.close()
  }

  @Test("a signal comes after the commit, and none after a rollback")
  func signals() async throws {
    let jobs = try JobsFixture()
    let first = try jobs.queue.enqueue(kind: "k", subject: "s")
    let second = try jobs.queue.enqueue(kind: "k", subject: "s")
    var changes = jobs.queue.changes().makeAsyncIterator()
    #expect(throws: Failure.self) {
      try jobs.database.write { db in
        try jobs.queue.cancel(first, in: db)
        throw Failure(isRetryable: false)
      }
    }
    try jobs.queue.cancel(second)
    #expect(await changes.next() == second)
  }

  @Test("watching a job shows the present state first, the final one last, and then ends")
  func watch() async throws {
    let jobs = try JobsFixture()
    let id = try jobs.queue.enqueue(kind: "k", subject: "s")
    var states: [JobState] = []
    var lease: JobLease?
    for try await job in jobs.queue.watch(id) {
      states.append(job.state)
      if job.state == .available { lease = try jobs.claim().lease }
      if job.state == .running, let lease { try jobs.queue.complete(lease) }
    }
    #expect(states == [.available, .running, .completed])

    let watch = jobs.queue.watch(99)
    await #expect(throws: JobError.notFound(id: 99)) { for try await _ in watch {} }
  }
}
