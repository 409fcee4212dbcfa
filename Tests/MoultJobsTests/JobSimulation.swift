import Foundation
import GRDB
import Logging
import MoultTesting

@testable import MoultJobs

/// What must never be, with all that is needed to see it again.
struct SimulationViolation: Error, CustomStringConvertible {
  let seed: UInt64
  let event: Int
  let what: String

  var description: String { "seed \(seed), event \(event): \(what)" }
}

/// Workers, a rescuer, a person and a clock around a real `JobQueue`, driven event by event by one seed.
///
/// A job is a switch: some steps, each with a checkpoint, then its effect (the pointer's move) together with its
/// completion. Workers stall beyond their leases and wake again, vanish, throw, are shut down; the process dies.
/// People cancel, pause, resume, retry, put off and release. What the simulation knows of leases it keeps apart
/// from the queue, and compares at every step.
///
/// The whole run is one transaction that is rolled back in the end, and what must be atomic is a savepoint in it:
/// thousands of runs share a database.
struct JobSimulation {
  /// A queue's user that is wrong in one way; the simulation has to find each of them out.
  enum Twin: CaseIterable {
    /// Writes without looking at the fencing token.
    case unfenced
    /// Takes effect in one transaction and completes in the next.
    case effectApart
    /// Completes without asking whether it was cancelled or put off.
    case unasking
    /// Nobody looks for expired leases.
    case unrescued
    /// Begins an attempt without looking whether the job waits.
    case greedy
    /// Begins jobs without looking at those that must complete first.
    case impatient
    /// Counts an attempt that a full disk has ended.
    case wasteful
  }

  private struct Worker {
    var context: JobContext?
    var step = 0
    var asleepUntil: Int64 = 0
    var hasEffect = false
  }

  /// What the simulation knows of a job.
  private struct Ledger {
    var subject: String
    var steps: Int
    /// The token of the attempt that is under way.
    var holder: Int64?
    var hasBegun = false
    var effects: Int64 = 0
    var isFinished = false
    var isCancelled = false
    var isPaused = false
    var heldUntil: Int64 = 0
    var retries = 0
    var after: [Int64] = []
    /// Waits for room on the disk.
    var lacksRoom = false
    var hasCheckpoint = false
  }

  static let configuration = JobQueue.Configuration(
    leaseMilliseconds: 1_000, attemptsMaxDefault: 3, crashesMax: 4,
    retry: RetryPolicy(delayFirstMilliseconds: 100, delayMaxMilliseconds: 2_000, jitter: 0.5))
  private static let eventsMax = 50
  /// Far more than any job needs once people leave it alone.
  private static let drainEventsMax = 2_000
  private static let jobsMax = 4

  private let seed: UInt64
  private let twin: Twin?
  private let queue: JobQueue
  private let time: ManualJobClock
  private let db: Database
  private var random: SeededGenerator
  private var workers = [Worker](repeating: Worker(), count: 3)
  private var jobs: [Int64: Ledger] = [:]
  private var event = 0
  private var isDraining = false

  private init(seed: UInt64, twin: Twin?, queue: JobQueue, time: ManualJobClock, db: Database) {
    (self.seed, self.twin, self.queue, self.time, self.db) = (seed, twin, queue, time, db)
    random = SeededGenerator(seed: seed)
  }

  /// Runs the seeds one after the other.
  ///
  /// - Returns: the first violation.
  static func run(_ seeds: some Sequence<UInt64>, twin: Twin? = nil) throws -> SimulationViolation? {
    let time = ManualJobClock()
    let database = try DatabaseQueue()
    try JobQueue.migrate(database)
    try database.write { db in
      try db.execute(sql: "CREATE TABLE effects (job INTEGER NOT NULL, token INTEGER NOT NULL) STRICT")
    }
    let queue = JobQueue(database: database, configuration: configuration, clock: time.clock)
    for seed in seeds {
      do {
        try database.inTransaction { db in
          var simulation = JobSimulation(seed: seed, twin: twin, queue: queue, time: time, db: db)
          try simulation.run()
          return .rollback
        }
      } catch let violation as SimulationViolation {
        return violation
      }
    }
    return nil
  }

  private mutating func run() throws {
    for _ in 0..<2 { try enqueue() }
    while event < Self.eventsMax {
      event += 1
      try happen()
    }
    // People go home, and leave nothing that waits for them.
    isDraining = true
    for id in jobs.keys.sorted() where jobs[id]?.isFinished == false {
      _ = try attempt { try queue.hold(id, until: nil, in: db) }
      if try attempt({ try queue.resume(id, in: db) }) { jobs[id]?.isPaused = false }
      jobs[id]?.heldUntil = 0
    }
    // And somebody makes room.
    try makeRoom(.max)
    while try !isOver() {
      event += 1
      guard event < Self.drainEventsMax else { throw violation("a job does not come to its end by itself") }
      try happen()
    }
    for (id, job) in jobs {
      let state = try queue.record(id, in: db).state
      let count = try db.int64("SELECT count(*) FROM effects WHERE job = ?", arguments: [id]) ?? 0
      guard (count == 1) == (state == .completed), count == job.effects else {
        throw violation("job \(id) is \(state) and took effect \(count) times")
      }
    }
  }

  private func violation(_ what: String) -> SimulationViolation {
    SimulationViolation(seed: seed, event: event, what: what)
  }

  private func isOver() throws -> Bool { jobs.values.allSatisfy(\.isFinished) }

  private mutating func chance(_ percent: Int) -> Bool { random.next() % 100 < UInt64(percent) }

  private mutating func below(_ bound: Int) -> Int { Int(random.next() % UInt64(bound)) }

  /// - Returns: whether the queue allowed it.
  private func attempt(_ operation: () throws -> Void) throws -> Bool {
    do {
      try operation()
      return true
    } catch is JobError {
      return false
    }
  }

  // MARK: Events

  private mutating func happen() throws {
    switch below(isDraining ? 80 : 100) {
    case 0..<60: try act(below(workers.count))
    case 60..<72: time.advance(by: Int64(below(isDraining ? 900 : 600)))
    case 72..<76: try rescue()
    case 76: if chance(30) { try makeRoom(Int64(below(2_000))) }
    // Without a rescuer only a restart helps, and in the end there is none.
    case 77: if !isDraining || twin != .unrescued { try dieAndRestart() }
    case 78..<80: workers[below(workers.count)].context?.interrupt(.shutdown)
    case 80..<83: if jobs.count < Self.jobsMax { try enqueue() }
    default: try ask(jobs.keys.sorted()[below(jobs.count)])
    }
  }

  private mutating func enqueue() throws {
    let subject = "s\(below(2))"
    let hold = chance(20) ? time.now + Int64(below(3_000)) : 0
    let after = chance(30) ? jobs.keys.sorted().suffix(below(3)) : []
    var id: Int64 = 0
    let isTaken = try attempt {
      id = try queue.enqueue(
        in: db, kind: "switch", subject: subject,
        options: .init(
          priority: below(3) - 1, heldUntil: hold == 0 ? nil : Date(milliseconds: hold), after: Array(after)))
    }
    let isPossible = after.allSatisfy { jobs[$0]?.isFinished == false || jobs[$0]?.effects == 1 }
    guard isTaken == isPossible else {
      throw violation("a job after \(after) was \(isTaken ? "taken" : "refused")")
    }
    guard isTaken else { return }
    jobs[id] = Ledger(subject: subject, steps: below(3), heldUntil: hold, after: Array(after))
  }

  private mutating func makeRoom(_ free: Int64) throws {
    for id in try queue.admit(free: free, in: db) {
      guard jobs[id]?.lacksRoom == true else { throw violation("job \(id) was admitted and did not wait") }
      jobs[id]?.lacksRoom = false
    }
  }

  private mutating func rescue() throws {
    guard twin != .unrescued else { return }
    for id in try queue.rescueExpired(in: db) { try ended(id) }
  }

  private mutating func dieAndRestart() throws {
    for index in workers.indices { workers[index] = Worker() }
    for id in try queue.releaseLeasesOfDeadProcesses(in: db) { try ended(id) }
  }

  /// An attempt is over: whoever still believes in it must not be able to write.
  private mutating func ended(_ id: Int64) throws {
    let finishedAt = try db.int64("SELECT finished_at FROM jobs WHERE id = ?", arguments: [id])
    jobs[id]?.holder = nil
    jobs[id]?.isFinished = finishedAt != nil
    guard finishedAt != nil else { return }
    jobs[id]?.hasBegun = false
    jobs[id]?.lacksRoom = false
    guard jobs[id]?.effects == 0 else { return }
    for (other, job) in jobs where !job.isFinished && job.after.contains(id) { try ended(other) }
  }

  /// A person asks something of a job.
  private mutating func ask(_ id: Int64) throws {
    switch below(10) {
    case 0...1:
      if try attempt({ try queue.cancel(id, in: db) }) {
        jobs[id]?.isCancelled = true
        if jobs[id]?.holder == nil { try ended(id) }
      }
    case 2...3:
      if try attempt({ try queue.pause(id, in: db) }) { jobs[id]?.isPaused = true }
    case 4...5:
      if try attempt({ try queue.resume(id, in: db) }) { jobs[id]?.isPaused = false }
    case 6:
      guard let job = jobs[id], job.isFinished, job.retries < 2 else { return }
      if try attempt({ try queue.retry(id, in: db) }) {
        jobs[id]?.retries += 1
        jobs[id]?.isFinished = false
        jobs[id]?.isCancelled = false
        jobs[id]?.isPaused = false
      }
    default:
      let until: Int64 = chance(40) ? 0 : chance(50) ? time.now + Int64(below(2_000)) : .max
      let date = until == 0 ? nil : until == .max ? JobQueue.untilReleased : Date(milliseconds: until)
      if try attempt({ try queue.hold(id, until: date, in: db) }) { jobs[id]?.heldUntil = until }
    }
  }

  // MARK: Workers

  private mutating func act(_ index: Int) throws {
    guard workers[index].asleepUntil <= time.now else { return }
    guard let context = workers[index].context else { return try claim(index) }
    switch below(100) {
    case 0..<8 where !isDraining || chance(20):
      workers[index].asleepUntil = time.now + Int64(below(3_000))
    case 8..<11:
      workers[index] = Worker()
    case 11..<16:
      try end(index, .failure(Failure(isRetryable: chance(70))))
    case 16..<18 where !isDraining:
      try lackRoom(index, context)
    case 18..<35:
      try beat(lease(context), context)
    default:
      if context.isCancelled { return try end(index, .failure(CancellationError())) }
      try work(index, context)
    }
  }

  private mutating func claim(_ index: Int) throws {
    if twin == .greedy, chance(20), let stolen = jobs.first(where: { $0.value.holder != nil })?.key {
      try db.execute(
        sql: """
          UPDATE jobs SET lease_token = lease_token + 1, lease_expires_at = ? WHERE id = ? AND state = 'running'
          """, arguments: [time.now + 1_000, stolen])
      return try begin(index, queue.record(stolen, in: db))
    }
    if twin == .impatient {
      try db.run("DELETE FROM job_needs WHERE job = ?", arguments: [jobs.keys.sorted()[below(jobs.count)]])
    }
    guard case .job(let record) = try queue.claim(owner: "w\(index)", in: db) else { return }
    try begin(index, record)
  }

  private mutating func begin(_ index: Int, _ record: JobRecord) throws {
    guard let job = jobs[record.id] else { throw violation("job \(record.id) was never enqueued") }
    if job.holder != nil { throw violation("job \(record.id) is held by two") }
    if job.isPaused { throw violation("job \(record.id) was begun while it was paused") }
    if job.isFinished { throw violation("job \(record.id) was begun after its end") }
    if job.lacksRoom { throw violation("job \(record.id) was begun without room") }
    if let needed = job.after.first(where: { jobs[$0]?.effects != 1 }) {
      throw violation("job \(record.id) was begun before job \(needed) had completed")
    }
    if jobs.contains(where: { $0.key != record.id && $0.value.subject == job.subject && $0.value.hasBegun }) {
      throw violation("job \(record.id) was begun while another had its subject")
    }
    jobs[record.id]?.holder = record.leaseToken
    jobs[record.id]?.hasBegun = true
    workers[index] = Worker(
      context: JobContext(record: record, queue: queue, logger: JobsFixture.logger),
      step: record.checkpoint.map { Int($0[$0.startIndex]) } ?? 0)
  }

  /// The lease that a worker writes with.
  private func lease(_ context: JobContext) throws -> JobLease {
    guard twin == .unfenced else { return context.lease }
    let token = try db.int64(
      "SELECT lease_token FROM jobs WHERE id = ?", arguments: [context.record.id])
    return JobLease(jobID: context.record.id, token: token ?? 0)
  }

  /// A write of a worker has landed: its attempt must be the one under way.
  private func landed(_ context: JobContext, _ what: String) throws {
    guard jobs[context.record.id]?.holder == context.lease.token else {
      throw violation(
        "\(what) of lease \(context.lease.token) of job \(context.record.id) landed after its end")
    }
  }

  private func beat(_ lease: JobLease, _ context: JobContext) throws {
    switch try queue.heartbeat(lease, in: db) {
    case .held(let cancelRequested, let pauseRequested):
      try landed(context, "the heartbeat")
      if cancelRequested { context.interrupt(.cancelRequested) }
      if pauseRequested { context.interrupt(.pauseRequested) }
    case .completed, .lost: context.interrupt(.leaseLost)
    }
  }

  private mutating func work(_ index: Int, _ context: JobContext) throws {
    let id = context.record.id
    guard workers[index].step >= jobs[id]?.steps ?? 0 else {
      let step = UInt8(workers[index].step + 1)
      let lease = try lease(context)
      guard try attempt({ try queue.save(progress: nil, checkpoint: Data([step]), under: lease, in: db) })
      else { return try end(index, .failure(JobError.leaseLost(context.lease))) }
      try landed(context, "a checkpoint")
      jobs[id]?.hasCheckpoint = true
      workers[index].step += 1
      return
    }
    do {
      if twin == .effectApart, !workers[index].hasEffect {
        guard case .held = try queue.status(of: context.lease, in: db) else { throw CancellationError() }
        try takeEffect(context)
        workers[index].hasEffect = true
        return
      }
      try db.inSavepoint {
        if twin != .effectApart { try takeEffect(context) }
        switch twin {
        case .unfenced, .effectApart, .unasking: try queue.complete(lease(context), in: db)
        case .unrescued, .greedy, .impatient, .wasteful, nil: try context.completeInTransaction(db)
        }
        return .commit
      }
    } catch let error as SimulationViolation {
      throw error
    } catch {
      return try end(index, .failure(error))
    }
    guard let job = jobs[id] else { return }
    try landed(context, "the effect")
    if job.isCancelled { throw violation("job \(id) took effect after it was cancelled") }
    if job.isPaused { throw violation("job \(id) took effect after it was paused") }
    if job.heldUntil > time.now { throw violation("job \(id) took effect before its time") }
    if job.effects > 0 { throw violation("job \(id) took effect twice") }
    jobs[id]?.effects += 1
    try ended(id)
    // The worker may die before it can say so.
    if chance(80) { try end(index, .success(nil)) } else { workers[index] = Worker() }
  }

  private func takeEffect(_ context: JobContext) throws {
    try db.run(
      "INSERT INTO effects (job, token) VALUES (?, ?)",
      arguments: [context.record.id, context.lease.token])
  }

  /// The attempt ends as a worker would end it.
  private mutating func end(_ index: Int, _ outcome: Result<Data?, any Error>) throws {
    _ = try finish(index, outcome)
  }

  /// - Returns: the state that it has led to; `nil` when it did not count any more.
  private mutating func finish(_ index: Int, _ outcome: Result<Data?, any Error>) throws -> JobState? {
    guard let context = workers[index].context else { return nil }
    workers[index] = Worker()
    let id = context.record.id
    guard let state = try queue.end(context, outcome, in: db), jobs[id]?.isFinished == false else {
      return nil
    }
    try landed(context, "the end \(state)")
    try ended(id)
    return state
  }

  /// The disk is full: the job waits, at no cost.
  private mutating func lackRoom(_ index: Int, _ context: JobContext) throws {
    let id = context.record.id
    let lacking = JobLacksRoom(bytesNeeded: Int64(1 + below(2_000)), code: "full", message: "full")
    let error: any Error = twin == .wasteful ? Failure(isRetryable: true) : lacking
    guard let state = try finish(index, .failure(error)), state != .cancelled else { return }
    guard try queue.record(id, in: db).attempt == context.record.attempt - 1 else {
      throw violation("a full disk has cost job \(id) an attempt")
    }
    jobs[id]?.lacksRoom = true
    if jobs[id]?.hasCheckpoint == false { jobs[id]?.hasBegun = false }
  }
}
