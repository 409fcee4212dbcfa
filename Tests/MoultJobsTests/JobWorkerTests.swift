import Foundation
import GRDB
import Logging
import MoultJobs
import ServiceLifecycle
import Testing

@Suite("JobWorker", .timeLimit(.minutes(30)))
struct JobWorkerTests {
  @Test("a job enqueued while the worker waits runs at once, with no time passing")
  func wakes() async throws {
    let jobs = try JobsFixture()
    let worker = jobs.worker { record, context in
      try context.reportProgress(phase: "p", rowsDone: 1, rowsTotal: 2)
      try context.reportProgress(phase: "p", rowsDone: 2, rowsTotal: 2)
      return Data("[\(record.attempt)]".utf8)
    }
    try await jobs.withWorker(worker) {
      await jobs.time.sleeper(until: jobs.time.now + 5_000)
      let id = try jobs.queue.enqueue(kind: "k", subject: "s")
      let job = try await jobs.wait(for: id, .completed)
      #expect(job.result == Data("[1]".utf8))
      #expect(job.progress.counts == [2, 2], "the last report is written at the end")
    }
  }

  @Test("a job that another process enqueued is found by polling")
  func polls() async throws {
    let jobs = try JobsFixture()
    let elsewhere = try JobsFixture(database: jobs.database, time: jobs.time).queue
    try await jobs.withWorker(jobs.worker { _, _ in nil }) {
      await jobs.time.sleeper(until: jobs.time.now + 5_000)
      let id = try elsewhere.enqueue(kind: "k", subject: "s")
      jobs.time.advance(by: 5_000)
      _ = try await jobs.wait(for: id, .completed)
    }
  }

  @Test("an error is tried again when its wait is over, up to the last attempt")
  func retries() async throws {
    let jobs = try JobsFixture()
    let id = try jobs.queue.enqueue(kind: "k", subject: "s", attemptsMax: 3)
    struct Trouble: Error {}
    try await jobs.withWorker(jobs.worker { _, _ in throw Trouble() }) {
      for (attempt, wait) in [(1, 1_000), (2, 2_000)] as [(Int, Int64)] {
        let job = try await jobs.wait(for: id, .retrying)
        #expect(job.attempt == attempt && job.errorCode == "Trouble")
        await jobs.time.sleeper(until: jobs.time.now + wait)
        jobs.time.advance(by: wait)
        _ = try await jobs.next(of: id) { $0.attempt > attempt }
      }
      let failed = try await jobs.wait(for: id, .failed)
      #expect(failed.attempt == 3 && failed.error == "Trouble()")
    }
  }

  @Test("a failure says itself whether it may be tried again")
  func failures() async throws {
    let jobs = try JobsFixture()
    let forGood = try jobs.queue.enqueue(kind: "k", subject: "1", arguments: Data("n".utf8))
    let forNow = try jobs.queue.enqueue(kind: "k", subject: "2", arguments: Data("y".utf8))
    let worker = jobs.worker { record, _ in throw Failure(isRetryable: record.arguments == Data("y".utf8)) }
    try await jobs.withWorker(worker) {
      let failed = try await jobs.wait(for: forGood, .failed)
      #expect(failed.error == "it broke" && failed.errorCode == "broken" && failed.attempt == 1)
      let waiting = try await jobs.wait(for: forNow, .retrying)
      #expect(waiting.errorCode == "broken")
    }
  }

  @Test("a kind that nobody knows fails for good")
  func unknownKind() async throws {
    let jobs = try JobsFixture()
    let id = try jobs.queue.enqueue(kind: "?", subject: "s")
    try await jobs.withWorker(jobs.worker { _, _ in nil }) {
      let failed = try await jobs.wait(for: id, .failed)
      #expect(failed.errorCode == "unknown_kind")
    }
  }

  @Test("a job hears at once that it shall stop, and is cancelled")
  func cancel() async throws {
    let jobs = try JobsFixture()
    let id = try jobs.queue.enqueue(kind: "k", subject: "s")
    let begun = Event()
    let worker = jobs.worker { _, context in
      try context.saveCheckpoint(Data("1".utf8))
      begun.happen()
      await Event().wait()
      try context.checkCancellation()
      return nil
    }
    try await jobs.withWorker(worker) {
      await begun.wait()
      #expect(try jobs.queue.cancel(id).state == .running)
      let job = try await jobs.wait(for: id, .cancelled)
      #expect(job.error == nil && job.checkpoint == Data("1".utf8) && job.finishedAt != nil)
    }
  }

  @Test("a job that blocks a thread without a task sees the request too")
  func cancelBlocking() async throws {
    let jobs = try JobsFixture()
    let id = try jobs.queue.enqueue(kind: "k", subject: "s")
    let begun = Event()
    let worker = jobs.worker { _, context in
      try await withCheckedThrowingContinuation { continuation in
        Thread.detachNewThread {
          begun.happen()
          while !context.isCancelled { Thread.sleep(forTimeInterval: 0.001) }
          continuation.resume(with: Result { try context.checkCancellation() })
        }
      }
      return nil
    }
    try await jobs.withWorker(worker) {
      await begun.wait()
      try jobs.queue.cancel(id)
      _ = try await jobs.wait(for: id, .cancelled)
    }
  }

  @Test("a job that finishes although it was asked to stop is completed")
  func cancelTooLate() async throws {
    let jobs = try JobsFixture()
    let id = try jobs.queue.enqueue(kind: "k", subject: "s")
    let begun = Event()
    let worker = jobs.worker { _, _ in
      begun.happen()
      await Event().wait()
      return nil
    }
    try await jobs.withWorker(worker) {
      await begun.wait()
      try jobs.queue.cancel(id)
      _ = try await jobs.wait(for: id, .completed)
    }
  }

  @Test("a shutdown puts running jobs back with attempt and checkpoint, and others wait for no one")
  func shutdown() async throws {
    let jobs = try JobsFixture()
    let ids = try ["1", "2", "3"].map { try jobs.queue.enqueue(kind: "k", subject: $0) }
    let begun = [Event(), Event()]
    let worker = jobs.worker(concurrencyMax: 2) { record, context in
      try context.saveCheckpoint(Data("\(record.id)".utf8))
      begun[Int(record.id) - 1].happen()
      await Event().wait()
      try context.checkCancellation()
      return nil
    }
    let group = ServiceGroup(
      services: [worker, JobRescuer(queue: jobs.queue, logger: JobsFixture.logger)],
      logger: JobsFixture.logger)
    let running = Task { try await group.run() }
    for event in begun { await event.wait() }
    await group.triggerGracefulShutdown()
    try await running.value

    for id in ids.prefix(2) {
      let job = try jobs.queue.record(id)
      #expect(job.state == .available && job.attempt == 0 && job.checkpoint == Data("\(id)".utf8))
    }
    #expect(try jobs.queue.record(ids[2]).startedAt == nil)
  }

  @Test("at a shutdown a failure for good stays one, any other error counts for nothing")
  func failuresAtShutdown() async throws {
    let jobs = try JobsFixture()
    let ids = try ["1", "2"].map { try jobs.queue.enqueue(kind: "k", subject: $0) }
    let begun = [Event(), Event()]
    let worker = jobs.worker(concurrencyMax: 2) { record, context in
      begun[Int(record.id) - 1].happen()
      await Event().wait()
      throw Failure(isRetryable: record.id == 2)
    }
    try await jobs.withWorker(worker) { for event in begun { await event.wait() } }
    #expect(try jobs.queue.record(ids[0]).state == .failed)
    #expect(try jobs.queue.record(ids[1]).state == .available)
    #expect(try jobs.queue.record(ids[1]).attempt == 0)
  }

  @Test("the lease is renewed at each third, so a long job is not rescued")
  func heartbeat() async throws {
    let jobs = try JobsFixture()
    let id = try jobs.queue.enqueue(kind: "k", subject: "s")
    let release = Event()
    let worker = jobs.worker { _, _ in
      await release.wait()
      return nil
    }
    try await jobs.withWorker(worker) {
      for _ in 0..<10 {
        // The beat at this moment is written before its successor is slept for.
        await jobs.time.sleeper(until: jobs.time.now + 10_000)
        #expect(
          try jobs.queue.record(id).leaseExpiresAt?.timeIntervalSince1970 == Double(jobs.time.now) / 1_000
            + 30)
        #expect(try jobs.queue.rescueExpired().isEmpty)
        jobs.time.advance(by: 10_000)
      }
      release.happen()
      _ = try await jobs.wait(for: id, .completed)
    }
  }

  @Test("a lost lease cancels the job's task, and what it then says is dropped")
  func lostLease() async throws {
    let jobs = try JobsFixture()
    let id = try jobs.queue.enqueue(kind: "k", subject: "s")
    let begun = Event()
    let stopped = Shared<(any Error)?>(nil)
    let worker = jobs.worker { record, context in
      guard record.leaseToken == 1 else { return Data("2".utf8) }
      begun.happen()
      await Event().wait()
      do { try context.checkCancellation() } catch { stopped.update { $0 = error } }
      return Data("1".utf8)
    }
    try await jobs.withWorker(worker) {
      await begun.wait()
      await jobs.time.sleeper(until: jobs.time.now + 10_000)
      let lease = try jobs.queue.record(id).lease
      try jobs.queue.fail(lease, error: "taken away", code: "test", retryable: true)
      jobs.time.advance(by: 10_000)  // the next beat finds out; the retry is due as well
      let job = try await jobs.wait(for: id, .completed)
      #expect(job.result == Data("2".utf8) && job.attempt == 2)
      #expect(stopped.value as? JobError == .leaseLost(lease))
    }
  }

  @Test(
    "a job that completed in a transaction is not completed again, whatever it does next",
    arguments: [true, false])
  func completedInTransaction(throwsAfterwards: Bool) async throws {
    let jobs = try JobsFixture()
    let id = try jobs.queue.enqueue(kind: "k", subject: "s")
    let database = jobs.database
    let ended = Event()
    let worker = jobs.worker { record, context in
      guard record.id == id else {
        ended.happen()
        return nil
      }
      try await database.write { db in try context.completeInTransaction(db, result: Data("1".utf8)) }
      if throwsAfterwards { throw Failure(isRetryable: true) }
      return Data("2".utf8)
    }
    let second = try jobs.queue.enqueue(kind: "k", subject: "s")
    try await jobs.withWorker(worker) {
      await ended.wait()
      _ = try await jobs.wait(for: second, .completed)
    }
    let job = try jobs.queue.record(id)
    #expect(job.state == .completed && job.result == Data("1".utf8) && job.error == nil)
  }

  @Test("a completion whose transaction rolled back leaves the job to its attempt")
  func completionRolledBack() async throws {
    let jobs = try JobsFixture()
    let id = try jobs.queue.enqueue(kind: "k", subject: "s")
    let database = jobs.database
    let worker = jobs.worker { record, context in
      try? await database.write { db in
        try context.completeInTransaction(db, result: Data("1".utf8))
        throw Failure(isRetryable: true)
      }
      return Data("2".utf8)
    }
    try await jobs.withWorker(worker) {
      let job = try await jobs.wait(for: id, .completed)
      #expect(job.result == Data("2".utf8))
    }
  }

  @Test("jobs of one subject run one after another, in order; those of others side by side")
  func subjects() async throws {
    let jobs = try JobsFixture()
    let active = Shared<[String: Int]>([:])
    let order = Shared<[String: [Int64]]>([:])
    let worker = jobs.worker(concurrencyMax: 4) { record, context in
      let together = active.update { active in
        active[record.subject, default: 0] += 1
        return active[record.subject]
      }
      #expect(together == 1)
      order.update { $0[record.subject, default: []].append(record.id) }
      for _ in 0..<5 { await Task.yield() }
      active.update { $0[record.subject]? -= 1 }
      return nil
    }
    try await jobs.withWorker(worker) {
      let ids = try (0..<60).map { try jobs.queue.enqueue(kind: "k", subject: "s\($0 % 5)") }
      for id in ids { _ = try await jobs.wait(for: id, .completed) }
    }
    for (_, ids) in order.value { #expect(ids == ids.sorted() && ids.count == 12) }
  }
}

@Suite("JobRescuer", .timeLimit(.minutes(30)))
struct JobRescuerTests {
  @Test("looks at start, and then every half lease")
  func rescues() async throws {
    let jobs = try JobsFixture()
    let first = try jobs.job(in: .running, subject: "1")
    jobs.time.advance(by: 30_000)
    let rescuer = Task { try await JobRescuer(queue: jobs.queue, logger: JobsFixture.logger).run() }
    _ = try await jobs.wait(for: first.id, .retrying)

    let second = try jobs.job(in: .running, subject: "2")
    for _ in 0..<2 {
      await jobs.time.sleeper(until: jobs.time.now + 15_000)
      #expect(try jobs.queue.record(second.id).state == .running)
      jobs.time.advance(by: 15_000)
    }
    _ = try await jobs.wait(for: second.id, .retrying)
    rescuer.cancel()
    try await rescuer.value
  }
}
