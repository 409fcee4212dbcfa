import Foundation
import Testing

@testable import MoultJobs

@Suite("Jobs that wait for others, or for room")
struct JobWaitingTests {
  private static let lacking = JobLacksRoom(bytesNeeded: 1_000, code: "diskFull", message: "full")

  private func enqueue(_ jobs: JobsFixture, subject: String = "s", after: [Int64] = []) throws -> Int64 {
    try jobs.queue.enqueue(kind: "k", subject: subject, options: .init(after: after))
  }

  @Test("a job begins when all it waits for have completed, whatever its priority")
  func afterOthers() throws {
    let jobs = try JobsFixture()
    let first = try enqueue(jobs, subject: "a")
    let second = try enqueue(jobs, subject: "b")
    let last = try jobs.queue.enqueue(
      kind: "k", subject: "c", options: .init(priority: 100, after: [second, first, second]))
    #expect(try jobs.queue.record(last).after == [first, second])
    let (a, b) = (try jobs.claim(), try jobs.claim())
    #expect([a.id, b.id] == [first, second])
    #expect(try jobs.queue.claim(owner: "a") == nil)
    try jobs.queue.complete(a.lease)
    #expect(try jobs.queue.claim(owner: "a") == nil)
    #expect(try jobs.queue.record(last).after == [second])
    try jobs.queue.complete(b.lease)
    let claimed = try jobs.claim()
    #expect(claimed.id == last && claimed.after.isEmpty)
  }

  @Test("what waits for a job that is given up or cancelled fails with it, through a whole chain")
  func failsWithIt() throws {
    for isCancelled in [false, true] {
      let jobs = try JobsFixture()
      let first = try enqueue(jobs)
      let second = try enqueue(jobs, after: [first])
      let third = try enqueue(jobs, after: [second])
      if isCancelled {
        try jobs.queue.cancel(first)
      } else {
        try jobs.queue.fail(jobs.claim().lease, error: "e", code: "c", retryable: false)
      }
      for (id, needed) in [(second, first), (third, second)] {
        let job = try jobs.queue.record(id)
        #expect(job.state == .failed && job.errorCode == JobQueue.neededEndedCode)
        #expect(job.error?.contains("job \(needed)") == true)
      }
      // Neither can wait for what has ended; once that runs again they can.
      #expect(throws: JobError.neededEnded(id: first, state: isCancelled ? .cancelled : .failed)) {
        _ = try enqueue(jobs, after: [first])
      }
      #expect(throws: JobError.neededEnded(id: second, state: .failed)) { try jobs.queue.retry(third) }
      try jobs.queue.retry(first)
      try jobs.queue.retry(second)
      try jobs.queue.retry(third)
      for id in [first, second, third] {
        let claimed = try jobs.claim()
        #expect(claimed.id == id)
        try jobs.queue.complete(claimed.lease)
      }
    }
  }

  @Test("a job cannot wait for one that is not there, and nothing of it is left")
  func unknown() throws {
    let jobs = try JobsFixture()
    #expect(throws: JobError.notFound(id: 9)) { _ = try enqueue(jobs, after: [9]) }
    #expect(try jobs.queue.list().isEmpty)
  }

  @Test("a job without room keeps its attempts, is not claimed, and goes on once there is enough")
  func room() throws {
    let jobs = try JobsFixture()
    let id = try enqueue(jobs)
    for _ in 0..<20 {
      let record = try jobs.claim()
      #expect(record.attempt == 1)
      try jobs.queue.saveCheckpoint(Data("x".utf8), under: record.lease)
      let state = try jobs.queue.write { db in
        try jobs.queue.end(jobs.context(record), .failure(Self.lacking), in: db)
      }
      #expect(state == .available)
      let waiting = try jobs.queue.record(id)
      #expect(waiting.attempt == 0 && waiting.roomNeeded == 1_000 && waiting.errorCode == "diskFull")
      jobs.time.advance(by: 1_000_000)
      #expect(try jobs.queue.claim(owner: "a") == nil)
      #expect(try jobs.queue.admit(free: 999) == [])
      #expect(try jobs.queue.admit(free: 1_000) == [id])
    }
  }

  @Test("room is given out once: the oldest gets it, and who left no checkpoint gives up its subject")
  func shared() throws {
    let jobs = try JobsFixture()
    var ids: [Int64] = []
    // The second could only be begun because the first, which has no checkpoint, has given its subject up.
    for _ in 0..<2 {
      ids.append(try enqueue(jobs))
      let record = try jobs.claim()
      _ = try jobs.queue.write { db in
        try jobs.queue.end(jobs.context(record), .failure(Self.lacking), in: db)
      }
    }
    #expect(try jobs.queue.admit(free: 1_999) == [ids[0]])
    #expect(try jobs.queue.admit(free: 1_999) == [ids[1]])
  }

  @Test("while it waits for room a job can be paused and resumed, cancelled, or told to try at once")
  func asked() throws {
    let jobs = try JobsFixture()
    let id = try enqueue(jobs)
    func lackRoom() throws {
      let record = try jobs.claim()
      _ = try jobs.queue.write { db in
        try jobs.queue.end(jobs.context(record), .failure(Self.lacking), in: db)
      }
    }
    try lackRoom()
    try jobs.queue.pause(id)
    try jobs.queue.resume(id)
    #expect(try jobs.queue.claim(owner: "a") == nil)
    try jobs.queue.retry(id)
    try lackRoom()
    #expect(try jobs.queue.cancel(id).state == .cancelled)
    #expect(try jobs.queue.admit(free: .max) == [])
    try jobs.queue.retry(id)
    #expect(try jobs.claim().id == id)
  }

  @Test("the keeper looks every few seconds, with the clock and the free space that it is given")
  func keeper() async throws {
    let jobs = try JobsFixture()
    let free = Shared<Int64>(0)
    let id = try enqueue(jobs)
    let keeper = JobRoomKeeper(queue: jobs.queue, logger: JobsFixture.logger) { free.value }
    let task = Task { try await keeper.run() }
    let worker = jobs.worker { record, _ in
      if free.value < 1_000 { throw Self.lacking }
      return nil
    }
    try await jobs.withWorker(worker) {
      _ = try await jobs.next(of: id) { $0.roomNeeded == 1_000 }
      await jobs.time.sleeper(until: jobs.time.now + 5_000)
      free.update { $0 = 1_000 }
      jobs.time.advance(by: 5_000)
      #expect(try await jobs.wait(for: id, .completed).attempt == 1)
    }
    task.cancel()
    try await task.value
  }
}
