import Foundation
import GRDB
import MoultJobs
import Testing

@Suite("JobContext")
struct JobContextTests {
  private func running() throws -> (JobsFixture, JobContext) {
    let jobs = try JobsFixture()
    return (jobs, try jobs.context(jobs.job(in: .running)))
  }

  @Test("progress is written at most every 250 ms, at once in a new phase, and when forced")
  func throttle() throws {
    let (jobs, context) = try running()
    func written() throws -> JobProgress { try jobs.queue.record(context.record.id).progress }

    try context.reportProgress(phase: "a", rowsDone: 0, rowsTotal: 100)
    #expect(try written().phase == "a")
    jobs.time.advance(by: 249)
    try context.reportProgress(phase: "a", rowsDone: 10, rowsTotal: 100)
    #expect(try written().rowsDone == 0)
    jobs.time.advance(by: 1)
    try context.reportProgress(phase: "a", rowsDone: 20, rowsTotal: 100)
    #expect(try written().rowsDone == 20)
    try context.reportProgress(phase: "a", rowsDone: 30, rowsTotal: 100, force: true)
    #expect(try written().rowsDone == 30)
    try context.reportProgress(phase: "b", rowsDone: 0, rowsTotal: 0)
    #expect(try written() == JobProgress(phase: "b"))
  }

  @Test("a thousand reports between two writes cost no write")
  func cheap() throws {
    let (jobs, context) = try running()
    try context.reportProgress(phase: "a", rowsDone: 0, rowsTotal: 1_000)
    let before = try jobs.database.read { db in db.totalChangesCount }
    for row in 1...1_000 { try context.reportProgress(phase: "a", rowsDone: Int64(row), rowsTotal: 1_000) }
    #expect(try jobs.database.read { db in db.totalChangesCount } == before)
  }

  @Test("an unwritten report is written with the checkpoint")
  func checkpointCarriesProgress() throws {
    let (jobs, context) = try running()
    try context.reportProgress(phase: "a", rowsDone: 0, rowsTotal: 100)
    try context.reportProgress(phase: "a", rowsDone: 10, rowsTotal: 100)
    try context.saveCheckpoint(Data("10".utf8))
    let job = try jobs.queue.record(context.record.id)
    #expect(job.checkpoint == Data("10".utf8) && job.progress.rowsDone == 10)
  }

  @Test("rate and remaining time are written with the progress")
  func rate() throws {
    let (jobs, context) = try running()
    try context.reportProgress(phase: "a", rowsDone: 500, rowsTotal: 2_500)
    jobs.time.advance(by: 2_000)
    try context.reportProgress(phase: "a", rowsDone: 1_500, rowsTotal: 2_500)
    let progress = try jobs.queue.record(context.record.id).progress
    #expect(progress.rowsPerSecond == 500 && progress.etaSeconds == 2)
  }

  @Test("a checkpoint in a caller's transaction rolls back with it")
  func checkpointInTransaction() throws {
    let (jobs, context) = try running()
    #expect(throws: Failure.self) {
      try jobs.database.write { db in
        try context.saveCheckpoint(Data("1".utf8), in: db)
        throw Failure(isRetryable: false)
      }
    }
    #expect(try jobs.queue.record(context.record.id).checkpoint == nil)
    try jobs.database.write { db in try context.saveCheckpoint(Data("2".utf8), in: db) }
    #expect(try jobs.queue.record(context.record.id).checkpoint == Data("2".utf8))
  }

  @Test("completion in a transaction is committed or rolled back with the caller's rows")
  func completeInTransaction() throws {
    let (jobs, context) = try running()
    try jobs.database.write { db in try db.execute(sql: "CREATE TABLE swaps (generation INTEGER)") }
    func swaps() throws -> Int? {
      try jobs.database.read { db in try Int.fetchOne(db, sql: "SELECT count(*) FROM swaps") }
    }

    #expect(throws: Failure.self) {
      try jobs.database.write { db in
        try db.execute(sql: "INSERT INTO swaps VALUES (1)")
        try context.completeInTransaction(db, result: Data("1".utf8))
        throw Failure(isRetryable: false)
      }
    }
    #expect(try swaps() == 0)
    #expect(try jobs.queue.record(context.record.id) == context.record)

    try jobs.database.write { db in
      try db.execute(sql: "INSERT INTO swaps VALUES (1)")
      try context.completeInTransaction(db, result: Data("2".utf8))
    }
    #expect(try swaps() == 1)
    let job = try jobs.queue.record(context.record.id)
    #expect(job.state == .completed && job.result == Data("2".utf8))
  }

  @Test("a job that was asked to stop cannot complete in a transaction")
  func completeAfterCancel() throws {
    let (jobs, context) = try running()
    try jobs.queue.cancel(context.record.id)
    #expect(throws: CancellationError.self) {
      try jobs.database.write { db in try context.completeInTransaction(db) }
    }
    #expect(try jobs.queue.record(context.record.id).state == .running)
  }

  @Test("the cancellation of the task is a reason to stop")
  func taskCancellation() async throws {
    let (_, context) = try running()
    try context.checkCancellation()
    #expect(!context.isCancelled)
    let task = Task {
      await Event().wait()
      try context.checkCancellation()
    }
    task.cancel()
    await #expect(throws: CancellationError.self) { try await task.value }
  }
}
