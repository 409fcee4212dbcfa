import Dispatch
import Foundation
import Glibc
import MoultCompute
import Synchronization

/// Threads for mathematics, apart from the event loops and Swift's own executor.
///
/// Searches and jobs have a pool each; the jobs' threads yield, so that a switch takes the time that searches
/// leave over.
final class ComputePool: Sendable {
  /// How the threads stand to others of the machine.
  enum Priority: Sendable {
    case normal
    /// Gives way at once to any thread that has something to do (`SCHED_IDLE`), and takes what is left.
    ///
    /// A niceness does not do: it divides the time over some milliseconds, and a search that wakes up waits for
    /// the rest of a turn. Nothing that others wait for may run on such threads.
    case yielding
  }

  private struct Queue {
    /// Taken tasks are nil at once: what they hold (queries, snapshots) must not outlive them.
    private var tasks: [(@Sendable () -> Void)?] = []
    /// Index of the next task.
    private var head = 0
    var isClosed = false

    mutating func append(_ task: @escaping @Sendable () -> Void) { tasks.append(task) }

    /// Amortized O(1): the front is dropped once it is more than half of the array.
    mutating func take() -> (@Sendable () -> Void)? {
      guard head < tasks.count else { return nil }
      let task = tasks[head]
      tasks[head] = nil
      head += 1
      if head * 2 > tasks.count {
        tasks.removeFirst(head)
        head = 0
      }
      return task
    }
  }

  let threadCount: Int
  /// Tasks that threads work on now.
  private let activeCount = Atomic<Int>(0)
  /// Hands results on. A thread that yields must not: whom it wakes may start a thread, which would yield as it does
  /// for ever after, and answer searches.
  private let herald: ComputePool?
  private let endedCount = Atomic<Int>(0)
  private let queue = Mutex(Queue())
  private let wakeUps = DispatchSemaphore(value: 0)

  /// - Parameters:
  ///   - threadCount: at least 1.
  init(name: String, threadCount: Int, priority: Priority = .normal) {
    precondition(threadCount >= 1)
    self.threadCount = threadCount
    herald = priority == .yielding ? ComputePool(name: "\(name)-herald", threadCount: 1) : nil
    for number in 0..<threadCount {
      let thread = Thread { [self] in
        if let herald {
          Self.yieldToOthers()
          ThreadHerald.set(herald)
        }
        work()
        // The last one: until then there may be results to hand on.
        if endedCount.add(1, ordering: .relaxed).newValue == threadCount { herald?.close() }
      }
      thread.name = "\(name)-\(number)"
      thread.stackSize = 4 << 20
      thread.start()
    }
  }

  /// `SCHED_IDLE` of linux/sched.h, which Glibc's module leaves out.
  private static let idlePolicy: Int32 = 5

  /// On Linux policy and niceness belong to the thread. A refusal only costs the priority.
  private static func yieldToOthers() {
    var parameters = sched_param()
    parameters.sched_priority = 0
    if sched_setscheduler(0, idlePolicy, &parameters) != 0 {
      _ = setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, 19)
    }
  }

  /// Whether the calling thread gives way to all others, so that nobody may wait for it.
  static var isOnYieldingThread: Bool { ThreadHerald.current != nil }

  /// Runs `body` where others may wait for it: a thread that yields hands it to one that does not, and waits.
  ///
  /// For what holds a lock that others want, above all transactions: a thread that yields may be kept from its
  /// processor for as long as there is anything else to do, and would keep them waiting.
  static func unyielding(_ body: () throws -> Void) throws {
    guard let herald = ThreadHerald.current else { return try body() }
    try withoutActuallyEscaping(body) { body in
      nonisolated(unsafe) let body = body
      let errand = Errand(body)
      herald.submit { errand.run() }
      try errand.wait()
    }
  }

  /// Lets the threads end once the queue is empty.
  func close() {
    queue.withLock { $0.isClosed = true }
    for _ in 0..<threadCount { wakeUps.signal() }
  }

  /// Whether a thread is at work.
  var isBusy: Bool { activeCount.load(ordering: .relaxed) > 0 }

  /// Runs `body` on one of the threads.
  func run<Result: Sendable>(_ body: @escaping @Sendable () throws -> Result) async throws -> Result {
    try await withCheckedThrowingContinuation { continuation in
      submit { [herald] in
        let result = Swift.Result { try body() }
        if let herald {
          herald.submit { continuation.resume(with: result) }
        } else {
          continuation.resume(with: result)
        }
      }
    }
  }

  /// As `run`, but who is cancelled stops waiting at once: what has not begun is not done then, what has begun goes on
  /// to its end unseen.
  ///
  /// - Parameter ended: called when a thread is done with it, or has passed over it.
  func runUntilCancelled<Result: Sendable>(
    ended: @escaping @Sendable () -> Void, _ body: @escaping @Sendable () throws -> Result
  ) async throws -> Result {
    let handover = Handover<Result>()
    return try await withTaskCancellationHandler {
      try await handover.wait {
        submit {
          guard !handover.isOver else { return ended() }
          let result = Swift.Result { try body() }
          ended()
          handover.give(result)
        }
      }
    } onCancel: {
      handover.giveUp()
    }
  }

  /// A loop whose rounds are spread over the caller and idle threads of the pool. It never waits for a
  /// thread that is busy elsewhere: what nobody else took, the caller does.
  var parallelFor: ParallelFor {
    ParallelFor { [self] count, body in
      guard count > 1, threadCount > 1 else {
        for index in 0..<count { body(index) }
        return
      }
      withoutActuallyEscaping(body) { body in
        let loop = SharedLoop(count: count, body: body)
        for _ in 1..<min(threadCount, count) { submit { loop.help() } }
        loop.lead()
      }
    }
  }

  private func submit(_ task: @escaping @Sendable () -> Void) {
    queue.withLock { $0.append(task) }
    wakeUps.signal()
  }

  private func work() {
    while true {
      wakeUps.wait()
      let task = queue.withLock { $0.take() }
      guard let task else {
        if queue.withLock({ $0.isClosed }) { return }
        continue
      }
      activeCount.wrappingAdd(1, ordering: .relaxed)
      task()
      activeCount.wrappingSubtract(1, ordering: .relaxed)
    }
  }
}

/// Who does for a thread that yields what others wait for; kept with the thread.
private enum ThreadHerald {
  private static let key: pthread_key_t? = {
    var key = pthread_key_t()
    return pthread_key_create(&key, nil) == 0 ? key : nil
  }()

  /// Of the calling thread; `nil` where it does not yield.
  static var current: ComputePool? {
    key.flatMap { pthread_getspecific($0) }.map {
      Unmanaged<ComputePool>.fromOpaque($0).takeUnretainedValue()
    }
  }

  /// - Parameter herald: outlives the thread: the thread's pool holds it, and is held by the thread.
  static func set(_ herald: ComputePool) {
    guard let key else { return }
    pthread_setspecific(key, Unmanaged.passUnretained(herald).toOpaque())
  }
}

/// Work that one thread does for another, which waits for it.
private final class Errand: @unchecked Sendable {  // handed over by the semaphore
  private var body: (() throws -> Void)?
  private var failure: (any Error)?
  private let isDone = DispatchSemaphore(value: 0)

  init(_ body: @escaping () throws -> Void) { self.body = body }

  func run() {
    perform()
    isDone.signal()
  }

  /// A function of its own, so that its reference to the closure is gone when it returns.
  @inline(never)
  private func perform() {
    do { try body!() } catch { failure = error }
    body = nil
  }

  func wait() throws {
    isDone.wait()
    if let failure { throw failure }
  }
}

/// One parallel loop: rounds are handed out by a counter; helpers that come too late find it closed.
private final class SharedLoop: Sendable {
  private struct State {
    /// Dropped when the loop closes: the closure must not outlive the call of `parallelFor`.
    var body: (@Sendable (Int) -> Void)?
    var activeHelpers = 0
  }

  private let count: Int
  private let next = Atomic<Int>(0)
  private let state: Mutex<State>
  private let helpersFinished = DispatchSemaphore(value: 0)

  init(count: Int, body: @escaping @Sendable (Int) -> Void) {
    self.count = count
    state = Mutex(State(body: body))
  }

  func help() {
    guard takeRounds(asHelper: true) else { return }
    let wasLast = state.withLock { state in
      state.activeHelpers -= 1
      return state.body == nil && state.activeHelpers == 0
    }
    if wasLast { helpersFinished.signal() }
  }

  func lead() {
    _ = takeRounds(asHelper: false)
    let mustWait = state.withLock { state in
      state.body = nil
      return state.activeHelpers > 0
    }
    if mustWait { helpersFinished.wait() }
  }

  /// A function of its own, so that its reference to the closure is gone when it returns.
  @inline(never)
  private func takeRounds(asHelper: Bool) -> Bool {
    let body: (@Sendable (Int) -> Void)? = state.withLock { state in
      if asHelper, state.body != nil { state.activeHelpers += 1 }
      return state.body
    }
    guard let body else { return false }
    while true {
      let index = next.wrappingAdd(1, ordering: .relaxed).oldValue
      guard index < count else { return true }
      body(index)
    }
  }
}
