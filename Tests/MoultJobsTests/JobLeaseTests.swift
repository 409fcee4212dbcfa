import Foundation
import GRDB
import MoultJobs
import Testing

@Suite("Leases")
struct JobLeaseTests {
  /// A worker whose lease expired and was given to another.
  private func lateWorker(_ jobs: JobsFixture) throws -> (late: JobRecord, current: JobRecord) {
    _ = try jobs.queue.enqueue(kind: "k", subject: "s")
    let late = try jobs.claim(owner: "late")
    jobs.time.advance(by: 30_000)
    #expect(try jobs.queue.rescueExpired() == [late.id])
    jobs.time.advance(by: 1_000)
    let current = try jobs.claim(owner: "current")
    #expect(current.id == late.id && current.leaseToken > late.leaseToken)
    return (late, current)
  }

  @Test("a late worker can neither beat, report, save, complete, fail nor release")
  func fencing() throws {
    let jobs = try JobsFixture()
    let (late, current) = try lateWorker(jobs)
    let context = jobs.context(late)
    let lost = JobError.leaseLost(late.lease)

    #expect(try jobs.queue.heartbeat(late.lease) == .lost)
    #expect(throws: lost) { try context.reportProgress(phase: "p", rowsDone: 1, rowsTotal: 2) }
    #expect(throws: lost) { try context.saveCheckpoint(Data("1".utf8)) }
    #expect(throws: lost) { try jobs.queue.saveCheckpoint(Data("1".utf8), under: late.lease) }
    #expect(throws: lost) { try jobs.queue.complete(late.lease) }
    #expect(throws: lost) { try jobs.queue.fail(late.lease, error: "", code: "", retryable: true) }
    #expect(throws: lost) { try jobs.queue.release(late.lease) }
    #expect(throws: lost) { try jobs.database.write { db in try context.completeInTransaction(db) } }
    #expect(try jobs.queue.record(late.id) == current, "nothing was written")
  }

  @Test("a late worker whose job nobody has claimed again has lost it too")
  func fencingBeforeNextClaim() throws {
    let jobs = try JobsFixture()
    let late = try jobs.job(in: .running)
    jobs.time.advance(by: 30_000)
    try jobs.queue.rescueExpired()
    #expect(throws: JobError.leaseLost(late.lease)) { try jobs.queue.complete(late.lease) }
    #expect(throws: JobError.leaseLost(late.lease)) {
      try jobs.queue.saveCheckpoint(Data(), under: late.lease)
    }
    #expect(try jobs.queue.record(late.id).state == .retrying)
  }

  @Test("a late worker of a job that another completed has not completed it")
  func fencingAfterCompletion() throws {
    let jobs = try JobsFixture()
    let (late, current) = try lateWorker(jobs)
    try jobs.queue.complete(current.lease, result: Data("1".utf8))
    #expect(throws: JobError.leaseLost(late.lease)) {
      try jobs.queue.complete(late.lease, result: Data("2".utf8))
    }
    #expect(try jobs.queue.record(late.id).result == Data("1".utf8))
  }

  @Test("each heartbeat, report and checkpoint renews the lease", arguments: 0..<3)
  func renewal(sign: Int) throws {
    let jobs = try JobsFixture()
    let job = try jobs.job(in: .running)
    jobs.time.advance(by: 29_999)
    switch sign {
    case 0: #expect(try jobs.queue.heartbeat(job.lease) == .held(cancelRequested: false))
    case 1: try jobs.context(job).reportProgress(phase: "p", rowsDone: 1, rowsTotal: 2)
    default: try jobs.context(job).saveCheckpoint(Data())
    }
    jobs.time.advance(by: 29_999)
    #expect(try jobs.queue.rescueExpired().isEmpty)
    jobs.time.advance(by: 1)
    #expect(try jobs.queue.rescueExpired() == [job.id])
  }

  @Test("a lease past its time that nobody took is still good")
  func lateButUntouched() throws {
    let jobs = try JobsFixture()
    let job = try jobs.job(in: .running)
    jobs.time.advance(by: 1_000_000)
    #expect(try jobs.queue.heartbeat(job.lease) == .held(cancelRequested: false))
    try jobs.queue.complete(job.lease)
    #expect(try jobs.queue.record(job.id).state == .completed)
  }

  @Test("an expired lease costs an attempt; the last one fails the job with its checkpoint kept")
  func expiry() throws {
    let jobs = try JobsFixture()
    let id = try jobs.queue.enqueue(kind: "k", subject: "s", attemptsMax: 2)
    try jobs.queue.saveCheckpoint(Data("7".utf8), under: jobs.claim().lease)
    jobs.time.advance(by: 30_000)
    try jobs.queue.rescueExpired()
    #expect(try jobs.queue.record(id).state == .retrying)
    #expect(try jobs.queue.record(id).errorCode == JobQueue.leaseExpiredCode)

    jobs.time.advance(by: 1_000)
    #expect(try jobs.claim().checkpoint == Data("7".utf8))
    jobs.time.advance(by: 30_000)
    try jobs.queue.rescueExpired()
    let failed = try jobs.queue.record(id)
    #expect(failed.state == .failed && failed.attempt == 2 && failed.checkpoint == Data("7".utf8))
  }

  @Test("a crash costs no attempt, but a job that is there at every crash fails in the end")
  func crashes() throws {
    let jobs = try JobsFixture()  // crashesMax is 3
    let id = try jobs.queue.enqueue(kind: "k", subject: "s")
    let bystander = try jobs.queue.enqueue(kind: "k", subject: "s")
    for crash in 1...2 {
      #expect(try jobs.claim().attempt == 1)
      #expect(try jobs.queue.releaseLeasesOfDeadProcesses() == [id])
      let job = try jobs.queue.record(id)
      #expect(job.state == .available && job.attempt == 0 && job.crashes == crash)
    }
    _ = try jobs.claim()
    try jobs.queue.releaseLeasesOfDeadProcesses()
    let job = try jobs.queue.record(id)
    #expect(job.state == .failed && job.errorCode == JobQueue.crashedCode && job.crashes == 3)
    #expect(try jobs.queue.record(bystander).crashes == 0)
    #expect(try jobs.queue.retry(id).crashes == 0)
  }

  @Test("sixty crashes pass under the default limit")
  func manyCrashes() throws {
    let jobs = try JobsFixture(configuration: .init())
    let id = try jobs.queue.enqueue(kind: "k", subject: "s")
    for _ in 0..<60 {
      _ = try jobs.claim()
      try jobs.queue.releaseLeasesOfDeadProcesses()
    }
    try jobs.queue.complete(jobs.claim().lease)
    #expect(try jobs.queue.record(id).state == .completed)
  }

  @Test("checkpoint, progress and queue survive the end of the process")
  func reopen() throws {
    let directory = FileManager.default.temporaryDirectory.appending(path: "moult-jobs-\(UUID())")
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: directory) }
    let path = directory.appending(path: "jobs.sqlite").path
    let time = ManualJobClock()

    let first = try DatabasePool(path: path)
    do {
      let jobs = try JobsFixture(database: first, time: time)
      _ = try jobs.queue.enqueue(kind: "k", subject: "s", arguments: Data("{\"x\":1}".utf8))
      let context = try jobs.context(jobs.claim())
      try context.reportProgress(phase: "encode", rowsDone: 40, rowsTotal: 100)
      try context.saveCheckpoint(Data("row 40".utf8))
    }
    try first.close()

    let second = try DatabasePool(path: path)
    let jobs = try JobsFixture(database: second, time: time)
    try jobs.queue.releaseLeasesOfDeadProcesses()
    let job = try jobs.claim()
    #expect(job.checkpoint == Data("row 40".utf8) && job.arguments == Data("{\"x\":1}".utf8))
    #expect(job.progress.phase == "encode" && job.progress.counts == [40, 100] && job.attempt == 1)
    try second.close()
  }
}
