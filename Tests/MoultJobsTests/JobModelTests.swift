import Foundation
import GRDB
import MoultTesting
import Testing

@testable import MoultJobs

/// The state machine of JobLifecycle.md once more, in plain Swift over an array: the oracle.
private struct ModelQueue {
  struct Job: Equatable {
    var id: Int64
    var subject: String
    var state = JobState.available
    var attempt = 0
    var attemptsMax: Int
    var crashes = 0
    var token: Int64 = 0
    var expiresAt: Int64?
    var runAt: Int64
    var startedAt: Int64?
    var finishedAt: Int64?
    var checkpoint: Data?
    var errorCode: String?
    var cancelRequested = false
    var pauseRequested = false
    var priority = 0
    var heldUntil: Int64?

    var isBegun: Bool { startedAt != nil && finishedAt == nil }

    mutating func leave(to state: JobState, now: Int64) {
      self.state = state
      expiresAt = nil
      pauseRequested = false
      finishedAt = state.isFinal ? now : nil
    }
  }

  let configuration: JobQueue.Configuration
  var now: Int64
  var jobs: [Job] = []

  /// The job that the lease still holds.
  func held(_ lease: JobLease) -> Int? {
    jobs.firstIndex { $0.id == lease.jobID && $0.token == lease.token && $0.state == .running }
  }

  mutating func claim() -> JobLease? {
    let claimable = jobs.indices.filter { index in
      let job = jobs[index]
      return [.available, .retrying, .held].contains(job.state) && job.runAt <= now
        && !jobs.contains { $0.id != job.id && $0.subject == job.subject && $0.isBegun }
    }
    func order(_ index: Int) -> (Int64, Int64) {
      let job = jobs[index]
      return (job.runAt - Int64(job.priority) * JobQueue.priorityStepMilliseconds, job.id)
    }
    guard let index = claimable.min(by: { order($0) < order($1) }) else { return nil }
    jobs[index].state = .running
    jobs[index].attempt += 1
    jobs[index].token += 1
    jobs[index].expiresAt = now + configuration.leaseMilliseconds
    jobs[index].startedAt = jobs[index].startedAt ?? now
    return JobLease(jobID: jobs[index].id, token: jobs[index].token)
  }

  mutating func renew(_ lease: JobLease, checkpoint: Data? = nil) -> Bool {
    guard let index = held(lease) else { return false }
    jobs[index].expiresAt = now + configuration.leaseMilliseconds
    jobs[index].checkpoint = checkpoint ?? jobs[index].checkpoint
    return true
  }

  mutating func complete(_ lease: JobLease) -> Bool {
    if jobs.contains(where: { $0.id == lease.jobID && $0.token == lease.token && $0.state == .completed }) {
      return true
    }
    guard let index = held(lease) else { return false }
    jobs[index].leave(to: .completed, now: now)
    jobs[index].errorCode = nil
    return true
  }

  mutating func fail(_ lease: JobLease, code: String, retryable: Bool) -> Bool {
    guard let index = held(lease) else { return false }
    let job = jobs[index]
    jobs[index].errorCode = code
    if job.cancelRequested {
      jobs[index].leave(to: .cancelled, now: now)
    } else if retryable && job.attempt < job.attemptsMax && job.pauseRequested {
      jobs[index].leave(to: .paused, now: now)
    } else if retryable && job.attempt < job.attemptsMax {
      jobs[index].leave(to: .retrying, now: now)
      jobs[index].runAt =
        now + configuration.retry.delayMilliseconds(afterAttempt: job.attempt, jobID: job.id)
    } else {
      jobs[index].leave(to: .failed, now: now)
    }
    return true
  }

  mutating func release(_ lease: JobLease) -> Bool {
    guard let index = held(lease) else { return false }
    leave(index, to: .available)
    return true
  }

  private mutating func leave(_ index: Int, to state: JobState) {
    if jobs[index].cancelRequested {
      jobs[index].leave(to: .cancelled, now: now)
    } else {
      jobs[index].leave(to: jobs[index].pauseRequested ? .paused : state, now: now)
      jobs[index].attempt -= 1
    }
  }

  mutating func hold(_ lease: JobLease, until: Int64) -> Bool {
    guard let index = held(lease) else { return false }
    leave(index, to: .held)
    if jobs[index].state == .held {
      jobs[index].attempt = 0
      jobs[index].runAt = min(until, jobs[index].heldUntil ?? now)
      jobs[index].errorCode = nil
    }
    return true
  }

  mutating func pause(_ index: Int) -> Bool {
    switch jobs[index].state {
    case .available, .retrying, .held: jobs[index].state = .paused
    case .running where !jobs[index].cancelRequested: jobs[index].pauseRequested = true
    case .paused: break
    case .running, .completed, .failed, .cancelled: return false
    }
    return true
  }

  mutating func resume(_ index: Int) -> Bool {
    switch jobs[index].state {
    case .paused:
      jobs[index].state = .available
      jobs[index].runAt = now
    case .running where jobs[index].pauseRequested: jobs[index].pauseRequested = false
    default: return false
    }
    return true
  }

  mutating func hold(_ index: Int, until: Int64?) -> Bool {
    if jobs[index].state.isFinal { return false }
    jobs[index].heldUntil = until
    if jobs[index].state == .held { jobs[index].runAt = now }
    return true
  }

  mutating func setPriority(_ priority: Int, _ index: Int) -> Bool {
    if jobs[index].state.isFinal { return false }
    jobs[index].priority = priority
    return true
  }

  mutating func cancel(_ index: Int) -> Bool {
    switch jobs[index].state {
    case .available, .retrying, .held, .paused: jobs[index].leave(to: .cancelled, now: now)
    case .running: jobs[index].cancelRequested = true
    case .cancelled: break
    case .completed, .failed: return false
    }
    return true
  }

  mutating func retry(_ index: Int) -> Bool {
    switch jobs[index].state {
    case .failed, .cancelled:
      jobs[index].state = .available
      jobs[index].attempt = 0
      jobs[index].crashes = 0
      jobs[index].startedAt = nil
      jobs[index].finishedAt = nil
      jobs[index].cancelRequested = false
    case .retrying: break
    case .available, .running, .held, .paused, .completed: return false
    }
    jobs[index].runAt = now
    return true
  }

  mutating func rescue() {
    for job in jobs where job.state == .running && (job.expiresAt ?? 0) <= now {
      _ = fail(
        JobLease(jobID: job.id, token: job.token), code: JobQueue.leaseExpiredCode, retryable: true)
    }
  }

  mutating func crash() {
    for index in jobs.indices where jobs[index].state == .running {
      jobs[index].crashes += 1
      let lease = JobLease(jobID: jobs[index].id, token: jobs[index].token)
      if jobs[index].crashes < configuration.crashesMax {
        _ = release(lease)
      } else {
        _ = fail(lease, code: JobQueue.crashedCode, retryable: false)
      }
    }
    for index in jobs.indices where jobs[index].state == .held { jobs[index].runAt = now }
  }
}

extension ModelQueue.Job {
  fileprivate init(_ record: JobRecord) {
    func milliseconds(_ date: Date) -> Int64 { Int64((date.timeIntervalSince1970 * 1_000).rounded()) }
    self.init(
      id: record.id, subject: record.subject, state: record.state, attempt: record.attempt,
      attemptsMax: record.attemptsMax, crashes: record.crashes, token: record.leaseToken,
      expiresAt: record.leaseExpiresAt.map(milliseconds), runAt: milliseconds(record.runAt),
      startedAt: record.startedAt.map(milliseconds), finishedAt: record.finishedAt.map(milliseconds),
      checkpoint: record.checkpoint, errorCode: record.errorCode, cancelRequested: record.cancelRequested,
      pauseRequested: record.pauseRequested, priority: record.priority,
      heldUntil: record.heldUntil.map(milliseconds))
  }
}

@Suite("JobQueue against its model")
struct JobModelTests {
  static let configuration = JobQueue.Configuration(
    leaseMilliseconds: 1_000, crashesMax: 3,
    retry: RetryPolicy(delayFirstMilliseconds: 500, delayMaxMilliseconds: 4_000, jitter: 0.5, seed: 9))

  /// Does an operation, and says whether it was allowed.
  private func allowed(_ operation: () throws -> Void) throws -> Bool {
    do {
      try operation()
      return true
    } catch is JobError {
      return false
    }
  }

  /// 150 random operations; late, wrong and repeated ones among them. After each, table and model agree.
  private func walk(_ jobs: JobsFixture, random: inout SeededGenerator, seed: UInt64) throws -> ModelQueue {
    let queue = jobs.queue
    var model = ModelQueue(configuration: Self.configuration, now: jobs.time.now)
    var leases: [JobLease] = []
    for step in 0..<150 {
      let operation = Int.random(in: 0..<19, using: &random)
      // Mostly a lease of late, at times one long gone.
      let lease = leases.suffix(Bool.random(using: &random) ? 3 : leases.count).randomElement(using: &random)
      let index = model.jobs.indices.randomElement(using: &random)
      switch (operation, lease, index) {
      case (0...1, _, _):
        let subject = "s\(Int.random(in: 0..<3, using: &random))"
        let attemptsMax = Int.random(in: 1...3, using: &random)
        let runAt = model.now + Int64.random(in: 0...500, using: &random)
        let id = try queue.enqueue(
          kind: "k", subject: subject, attemptsMax: attemptsMax,
          runAt: Date(timeIntervalSince1970: Double(runAt) / 1_000))
        model.jobs.append(.init(id: id, subject: subject, attemptsMax: attemptsMax, runAt: runAt))
      case (2...4, _, _):
        let claimed = try queue.claim(owner: "a")?.lease
        #expect(claimed == model.claim(), "seed \(seed), step \(step)")
        if let claimed { leases.append(claimed) }
      case (5, let lease?, _):
        let status = try queue.heartbeat(lease)
        let isHeld = if case .held = status { true } else { false }
        #expect(isHeld == model.renew(lease), "seed \(seed), step \(step)")
      case (6, let lease?, _):
        let checkpoint = Data("\(step)".utf8)
        let done = try allowed { try queue.saveCheckpoint(checkpoint, under: lease) }
        #expect(done == model.renew(lease, checkpoint: checkpoint), "seed \(seed), step \(step)")
      case (7, let lease?, _):
        let done = try allowed { try queue.complete(lease) }
        #expect(done == model.complete(lease), "seed \(seed), step \(step)")
      case (8...9, let lease?, _):
        let done = try allowed {
          try queue.fail(lease, error: "e", code: "\(step)", retryable: operation == 8)
        }
        #expect(
          done == model.fail(lease, code: "\(step)", retryable: operation == 8), "seed \(seed), step \(step)")
      case (10, let lease?, _):
        let done = try allowed { try queue.release(lease) }
        #expect(done == model.release(lease), "seed \(seed), step \(step)")
      case (11, _, let index?):
        let done = try allowed { try queue.cancel(model.jobs[index].id) }
        #expect(done == model.cancel(index), "seed \(seed), step \(step)")
      case (12, _, let index?):
        let done = try allowed { try queue.retry(model.jobs[index].id) }
        #expect(done == model.retry(index), "seed \(seed), step \(step)")
      case (13, _, _):
        if Int.random(in: 0..<4, using: &random) == 0 {
          try queue.releaseLeasesOfDeadProcesses()
          model.crash()
        } else {
          try queue.rescueExpired()
          model.rescue()
        }
      case (14, _, let index?):
        let done = try allowed { try queue.pause(model.jobs[index].id) }
        #expect(done == model.pause(index), "seed \(seed), step \(step)")
      case (15, _, let index?):
        let done = try allowed { try queue.resume(model.jobs[index].id) }
        #expect(done == model.resume(index), "seed \(seed), step \(step)")
      case (16, let lease?, _):
        let until = model.now + Int64.random(in: 0...900, using: &random)
        let done = try allowed {
          _ = try queue.write { db in try queue.hold(lease, until: Date(milliseconds: until), in: db) }
        }
        #expect(done == model.hold(lease, until: until), "seed \(seed), step \(step)")
      case (17, _, let index?):
        let until = Bool.random(using: &random) ? model.now + 700 : nil
        let id = model.jobs[index].id
        let done = try allowed { try queue.hold(id, until: until.map(Date.init(milliseconds:))) }
        #expect(done == model.hold(index, until: until), "seed \(seed), step \(step)")
        let priority = Int.random(in: -2...2, using: &random)
        let changed = try allowed { try queue.setPriority(priority, of: id) }
        #expect(changed == model.setPriority(priority, index), "seed \(seed), step \(step)")
      default:
        let passed = Int64.random(in: 0...800, using: &random)
        jobs.time.advance(by: passed)
        model.now += passed
      }
      let table = try queue.list(limit: 1_000).reversed().map(ModelQueue.Job.init)
      try #require(table == model.jobs, "seed \(seed), step \(step), operation \(operation)")
      for subject in Set(model.jobs.map(\.subject)) {
        let begun = model.jobs.filter { $0.subject == subject && $0.isBegun }
        #expect(begun.count <= 1, "seed \(seed), step \(step)")
      }
    }
    return model
  }

  @Test("agrees after every one of 150 random operations", arguments: UInt64(0)..<24)
  func randomWalk(seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    _ = try walk(JobsFixture(configuration: Self.configuration), random: &random, seed: seed)
  }

  @Test(
    "wherever a walk ends, every job reaches a final state without a person", arguments: UInt64(100)..<106)
  func terminates(seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    let jobs = try JobsFixture(configuration: Self.configuration)
    let model = try walk(jobs, random: &random, seed: seed)

    for job in model.jobs where job.state == .paused || job.pauseRequested { try jobs.queue.resume(job.id) }
    // Workers only claim; they fail, go silent or die with the process. No job may outlive its attempts.
    for _ in 0..<(model.jobs.count * (3 + 3) * 4) {
      if let job = try jobs.queue.claim(owner: "a") {
        switch Int.random(in: 0..<3, using: &random) {
        case 0: try jobs.queue.fail(job.lease, error: "e", code: "c", retryable: true)
        case 1: try jobs.queue.releaseLeasesOfDeadProcesses()
        default: break
        }
      } else {
        jobs.time.advance(by: 1_000)
        try jobs.queue.rescueExpired()
      }
    }
    #expect(try jobs.queue.unfinished().isEmpty, "seed \(seed)")
  }
}
