internal import Foundation
internal import GRDB
package import Logging
internal import ServiceLifecycle
internal import Synchronization

/// Claims jobs and runs them.
///
/// It wakes when a job is enqueued in this process, when the next retry is due, and every `pollMilliseconds` as
/// a fallback. While a job runs, its lease is renewed at a third of its length; when the lease is lost the job's
/// task is cancelled. On shutdown running jobs are cancelled and go back to `available` with their attempt and
/// their checkpoint; `run()` returns when the last of them has stopped.
///
/// The end of an attempt that cannot be written (a full disk) is written as soon as it can; at a shutdown before that,
/// the next process takes the job up.
package struct JobWorker: Service {
  package struct Configuration: Sendable, Hashable {
    /// Names the worker in `leaseOwner`.
    package var owner: String
    /// Jobs that run at the same time.
    package var concurrencyMax: Int
    package var pollMilliseconds: Int64
    /// What it takes on. Workers that share no kind are lanes beside each other; jobs of one subject wait for each other
    /// all the same.
    package var kinds: JobKinds

    package init(
      owner: String = "worker", concurrencyMax: Int = 1, pollMilliseconds: Int64 = 5_000,
      kinds: JobKinds = .except([])
    ) {
      precondition(concurrencyMax >= 1 && pollMilliseconds >= 1)
      self.kinds = kinds
      self.owner = owner
      self.concurrencyMax = concurrencyMax
      self.pollMilliseconds = pollMilliseconds
    }
  }

  private static let endRetryMilliseconds: Int64 = 1_000

  private let queue: JobQueue
  private let registry: JobRegistry
  private let configuration: Configuration
  private let logger: Logger
  private let running = RunningJobs()

  package init(
    queue: JobQueue, registry: JobRegistry, configuration: Configuration = Configuration(), logger: Logger
  ) {
    self.queue = queue
    self.registry = registry
    self.configuration = configuration
    self.logger = logger
  }

  /// Runs until graceful shutdown or cancellation. An error of the database is logged and tried again.
  package func run() async throws {
    await withTaskCancellationOrGracefulShutdownHandler {
      let requests = queue.signals.stopRequested.subscribe(newest: 1_024)
      let listener = Task { for await (id, reason) in requests { running.interrupt(id, reason) } }
      await withDiscardingTaskGroup { group in
        for _ in 0..<configuration.concurrencyMax {
          group.addTask { await runJobs() }
        }
      }
      listener.cancel()
    } onCancelOrGracefulShutdown: {
      running.shutDown()
      queue.signals.claimable.send(())
    }
  }

  /// One slot: claims, runs, waits, until shutdown.
  private func runJobs() async {
    while true {
      // Subscribed before looking, so that what comes in between ends the wait at once.
      let wakes = queue.signals.claimable.subscribe(newest: 1)
      if running.isShuttingDown { return }
      var wakeAt = queue.clock.now() + configuration.pollMilliseconds
      do {
        let (owner, kinds) = (configuration.owner, configuration.kinds)
        let claim = try await queue.writeUncancelled { [queue] db in
          try queue.claim(owner: owner, kinds: kinds, in: db)
        }
        switch claim {
        case .job(let record):
          await run(record)
          continue
        case .none(let nextRunAt):
          wakeAt = min(wakeAt, nextRunAt ?? wakeAt)
        }
      } catch {
        logger.error("no job could be claimed", metadata: ["error": "\(error)"])
      }
      await wait(for: wakes, until: wakeAt)
    }
  }

  /// Returns at the first wake, at `wakeAt`, or when the task is cancelled.
  private func wait(for wakes: AsyncStream<Void>, until wakeAt: Int64) async {
    await withTaskGroup(of: Void.self) { group in
      group.addTask { for await _ in wakes { return } }
      group.addTask { [clock = queue.clock] in try? await clock.sleep(wakeAt) }
      await group.next()
      group.cancelAll()
    }
  }

  // MARK: One job

  private func run(_ record: JobRecord) async {
    let context = JobContext(record: record, queue: queue, logger: logger)
    let begunAt = queue.clock.now()
    running.add(context)
    defer { running.remove(context) }

    let job = Task<Data?, any Error> {
      guard let run = registry.run(of: record.kind) else { throw UnknownJobKind(kind: record.kind) }
      context.logger.debug("job begins", metadata: ["attempt": "\(record.attempt)"])
      return try await run(record, context)
    }
    context.onInterruption { job.cancel() }
    let heart = Task { await beat(for: context) }
    let outcome = await job.result
    heart.cancel()
    await heart.value

    let ended = await end(context, outcome)
    JobMetrics.attemptEnded(
      kind: record.kind, outcome: ended, milliseconds: queue.clock.now() - begunAt)
  }

  /// Keeps the lease alive until cancelled, and passes on what the queue says about it.
  private func beat(for context: JobContext) async {
    let lease = context.lease
    while !Task.isCancelled {
      // The first beat comes at once: a request to stop may have come between the claim and our listening.
      do {
        switch try await queue.writeUncancelled({ [queue] db in try queue.heartbeat(lease, in: db) }) {
        case .held(cancelRequested: true, _): context.interrupt(.cancelRequested)
        case .held(_, pauseRequested: true): context.interrupt(.pauseRequested)
        case .held: break
        case .completed: return
        case .lost: return context.interrupt(.leaseLost)
        }
      } catch {
        context.logger.warning("heartbeat failed", metadata: ["error": "\(error)"])
      }
      try? await queue.clock.sleep(queue.clock.now() + queue.configuration.leaseMilliseconds / 3)
    }
  }

  /// Writes how the attempt ended.
  ///
  /// What a full disk does not take is tried again every second, until someone else has ended the attempt.
  ///
  /// - Returns: the state the job was left in, or `lease_lost`, or `unwritten`; for the metrics.
  private func end(_ context: JobContext, _ outcome: Result<Data?, any Error>) async -> String {
    while true {
      if let ended = await tryToEnd(context, outcome) { return ended }
      if running.isShuttingDown { return "unwritten" }
      try? await queue.clock.sleep(queue.clock.now() + Self.endRetryMilliseconds)
    }
  }

  /// - Returns: `nil` when it could not be written.
  private func tryToEnd(_ context: JobContext, _ outcome: Result<Data?, any Error>) async -> String? {
    do {
      let state = try await queue.writeUncancelled { [queue] db -> JobState? in
        try queue.end(context, outcome, in: db)
      }
      guard let state else {
        context.logger.warning("job lost its lease; its outcome is dropped")
        return "lease_lost"
      }
      switch (state, outcome) {
      case (.failed, .failure(let error)):
        context.logger.error("job failed", metadata: ["error": "\(error)"])
      case (.available, .failure(let lacking as JobLacksRoom)):
        context.logger.warning("job waits for room on the disk", metadata: ["error": "\(lacking.message)"])
      case (.retrying, .failure(let error)):
        context.logger.warning("job will be tried again", metadata: ["error": "\(error)"])
      case (.completed, .failure(let error)):
        context.logger.warning("job threw after it had completed", metadata: ["error": "\(error)"])
      default:
        context.logger.info("job ended", metadata: ["state": "\(state.rawValue)"])
      }
      return state.rawValue
    } catch {
      context.logger.error("the end of a job could not be written", metadata: ["error": "\(error)"])
      return nil
    }
  }
}

/// A job names a kind that nobody registered: it was enqueued by another version.
struct UnknownJobKind: JobFailure {
  let kind: String
  var isRetryable: Bool { false }
  var code: String { "unknown_kind" }
  var message: String { "this version knows no job of kind '\(kind)'" }
}

extension JobQueue {
  /// Moves a job to the state that the outcome of its attempt calls for.
  ///
  /// - Returns: that state; `nil` when the lease is lost and nothing was written.
  func end(_ context: JobContext, _ outcome: Result<Data?, any Error>, in db: Database) throws -> JobState? {
    let lease = context.lease
    let cancelRequested: Bool
    switch try status(of: lease, in: db) {
    case .lost: return nil
    case .completed: return .completed
    case .held(let requested, _): cancelRequested = requested
    }
    if let progress = context.takeUnwrittenProgress() {
      try save(progress: progress, checkpoint: nil, under: lease, in: db)
    }
    switch outcome {
    case .success(let result):
      try complete(lease, result: result, in: db)
      return .completed
    case .failure(is CancellationError) where cancelRequested:
      try acknowledgeCancel(lease, in: db)
      return .cancelled
    case .failure(let held as JobHeld):
      return try hold(lease, until: held.until, givesSubjectBack: held.givesSubjectBack, in: db)
    case .failure(let lacking as JobLacksRoom):
      return try awaitRoom(lease, lacking, in: db)
    case .failure(let failure as any JobFailure) where !failure.isRetryable:
      return try fail(lease, error: failure.message, code: failure.code, retryable: false, in: db)
    case .failure where context.interruptionReason?.givesAttemptBack == true && !cancelRequested:
      return try release(lease, in: db)
    case .failure(let failure as any JobFailure):
      return try fail(lease, error: failure.message, code: failure.code, retryable: true, in: db)
    case .failure(let error):
      return try fail(
        lease, error: "\(error)", code: String(describing: type(of: error)), retryable: true, in: db)
    }
  }
}

/// The jobs that a worker runs at the moment.
private final class RunningJobs: Sendable {
  private struct State {
    var isShuttingDown = false
    var contexts: [Int64: JobContext] = [:]
  }

  private let state = Mutex(State())

  var isShuttingDown: Bool { state.withLock { $0.isShuttingDown } }

  func add(_ context: JobContext) {
    let isShuttingDown = state.withLock { state in
      state.contexts[context.record.id] = context
      return state.isShuttingDown
    }
    if isShuttingDown { context.interrupt(.shutdown) }
  }

  func remove(_ context: JobContext) {
    state.withLock { state in
      // Another slot may have claimed the same job meanwhile, if this one had lost its lease.
      if state.contexts[context.record.id] === context { state.contexts[context.record.id] = nil }
    }
  }

  func interrupt(_ id: Int64, _ reason: JobContext.InterruptionReason) {
    state.withLock { $0.contexts[id] }?.interrupt(reason)
  }

  func shutDown() {
    let contexts = state.withLock { state in
      state.isShuttingDown = true
      return Array(state.contexts.values)
    }
    for context in contexts { context.interrupt(.shutdown) }
  }
}
