import Foundation
import GRDB
import Logging
import Synchronization

@testable import MoultJobs

/// A clock that moves only when a test moves it.
final class ManualJobClock: Sendable {
  private struct Sleeper {
    var until: Int64
    var continuation: CheckedContinuation<Void, any Error>
  }

  private struct State {
    var now: Int64
    var nextKey = 0
    var sleepers: [Int: Sleeper] = [:]
    var watchers: [(until: Int64, continuation: CheckedContinuation<Void, Never>)] = []
  }

  private let state: Mutex<State>

  init(now: Int64 = 1_000_000) {
    state = Mutex(State(now: now))
  }

  var now: Int64 { state.withLock { $0.now } }

  var clock: JobClock {
    JobClock(now: { self.now }, sleep: { until in try await self.sleep(until: until) })
  }

  func advance(by milliseconds: Int64) {
    let due = state.withLock { state in
      state.now += milliseconds
      let now = state.now
      let due = state.sleepers.filter { $0.value.until <= now }
      for key in due.keys { state.sleepers[key] = nil }
      return due.values.map(\.continuation)
    }
    for continuation in due { continuation.resume() }
  }

  /// Waits until something sleeps to exactly this moment.
  func sleeper(until: Int64) async {
    await withCheckedContinuation { continuation in
      let isThere = state.withLock { state in
        if state.sleepers.values.contains(where: { $0.until == until }) { return true }
        state.watchers.append((until, continuation))
        return false
      }
      if isThere { continuation.resume() }
    }
  }

  private func sleep(until: Int64) async throws {
    let key = state.withLock { state in
      state.nextKey += 1
      return state.nextKey
    }
    try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { continuation in
        let (isOver, watchers) = state.withLock { state -> (Bool, [CheckedContinuation<Void, Never>]) in
          guard until > state.now, !Task.isCancelled else { return (true, []) }
          state.sleepers[key] = Sleeper(until: until, continuation: continuation)
          let watchers = state.watchers.filter { $0.until == until }.map(\.continuation)
          state.watchers.removeAll { $0.until == until }
          return (false, watchers)
        }
        if isOver { continuation.resume() }
        for watcher in watchers { watcher.resume() }
      }
    } onCancel: {
      state.withLock { $0.sleepers.removeValue(forKey: key) }?.continuation.resume(
        throwing: CancellationError())
    }
  }
}

/// Something that happens once and that a test waits for.
final class Event: Sendable {
  private let stream: AsyncStream<Void>
  private let continuation: AsyncStream<Void>.Continuation

  init() { (stream, continuation) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1)) }

  func happen() { continuation.yield() }

  /// Returns when it has happened, or when the waiting task is cancelled; each happening ends one wait.
  func wait() async {
    for await _ in stream { return }
  }
}

/// A value that several tasks write.
final class Shared<Value: Sendable>: Sendable {
  private let mutex: Mutex<Value>
  init(_ value: Value) { mutex = Mutex(value) }
  var value: Value { mutex.withLock { $0 } }
  func update<T: Sendable>(_ body: @Sendable (inout Value) -> T) -> T {
    mutex.withLock { value in
      var copy = value
      let result = body(&copy)
      value = copy
      return result
    }
  }
}

struct Failure: JobFailure, CustomStringConvertible {
  var isRetryable: Bool
  var code = "broken"
  var message = "it broke"
  var description: String { message }
}

/// A fresh queue over a database in memory, or in a file, with a clock the test holds.
struct JobsFixture {
  let time: ManualJobClock
  let database: any DatabaseWriter
  let queue: JobQueue

  static let logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })

  /// Waits are exactly 1, 2, 4 … seconds: no jitter unless a test asks for it.
  static let configuration = JobQueue.Configuration(
    leaseMilliseconds: 30_000, crashesMax: 3,
    retry: RetryPolicy(delayFirstMilliseconds: 1_000, delayMaxMilliseconds: 60_000, jitter: 0))

  init(
    configuration: JobQueue.Configuration = Self.configuration, database: (any DatabaseWriter)? = nil,
    time: ManualJobClock = ManualJobClock()
  ) throws {
    self.time = time
    self.database = try database ?? DatabaseQueue()
    try JobQueue.migrate(self.database)
    queue = JobQueue(database: self.database, configuration: configuration, clock: time.clock)
  }

  func claim(owner: String = "a") throws -> JobRecord {
    guard let record = try queue.claim(owner: owner) else {
      throw Failure(isRetryable: false, message: "no job")
    }
    return record
  }

  /// Enqueues a job and brings it into a state by the shortest way.
  func job(in state: JobState, subject: String = "s") throws -> JobRecord {
    let id = try queue.enqueue(kind: "k", subject: subject)
    if state != .available, state != .cancelled {
      let lease = try claim().lease
      switch state {
      case .running, .available, .cancelled: break
      case .held:
        try queue.hold(id, until: Date(timeIntervalSince1970: 2_000))
        _ = try queue.write { db in
          try queue.hold(lease, until: Date(timeIntervalSince1970: 2_000), in: db)
        }
      case .paused: try queue.pause(id)
      case .retrying: try queue.fail(lease, error: "it broke", code: "broken", retryable: true)
      case .completed: try queue.complete(lease, result: Data("{}".utf8))
      case .failed: try queue.fail(lease, error: "it broke", code: "broken", retryable: false)
      }
    }
    if state == .paused { try queue.release(queue.record(id).lease) }
    if state == .cancelled { try queue.cancel(id) }
    return try queue.record(id)
  }

  func context(_ record: JobRecord) -> JobContext {
    JobContext(record: record, queue: queue, logger: Self.logger)
  }

  func worker(
    concurrencyMax: Int = 1, pollMilliseconds: Int64 = 5_000, _ run: @escaping JobRegistry.Run
  ) -> JobWorker {
    var registry = JobRegistry()
    registry.register("k", run)
    return JobWorker(
      queue: queue, registry: registry,
      configuration: .init(concurrencyMax: concurrencyMax, pollMilliseconds: pollMilliseconds),
      logger: Self.logger)
  }

  /// Runs a worker while `body` runs, then stops it and waits for its end.
  func withWorker(_ worker: JobWorker, _ body: () async throws -> Void) async throws {
    let task = Task { try await worker.run() }
    do {
      try await body()
    } catch {
      task.cancel()
      _ = await task.result
      throw error
    }
    task.cancel()
    try await task.value
  }

  /// Waits until a job is in a state.
  func wait(for id: Int64, _ state: JobState) async throws -> JobRecord {
    try await next(of: id) { $0.state == state }
  }

  /// Waits until a job's record is as wanted.
  func next(of id: Int64, where isWanted: (JobRecord) -> Bool) async throws -> JobRecord {
    for try await record in queue.watch(id) where isWanted(record) { return record }
    throw Failure(isRetryable: false, message: "job \(id) ended otherwise: \(try queue.record(id))")
  }
}

extension JobProgress {
  /// Only the counts, for tests that are not about rates.
  var counts: [Int64] { [rowsDone, rowsTotal] }
}
