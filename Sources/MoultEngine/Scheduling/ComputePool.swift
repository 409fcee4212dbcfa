import Dispatch
import Foundation
import Glibc
import MoultCompute
import Synchronization

/// Threads for mathematics, apart from the event loops and Swift's own executor.
///
/// Searches and jobs have a pool each; the jobs' pool yields, so that a switch takes the time that searches leave over,
/// and a small share where they leave none.
final class ComputePool: Sendable {
  /// How the threads stand to others of the machine.
  enum Priority: Sendable {
    case normal
    /// For jobs. What is run is led by threads of a low niceness, and rounds of loops, where the work is, are taken by
    /// threads that give way at once to any thread that has something to do (`SCHED_IDLE`), and take what is left.
    ///
    /// A niceness alone does not do: it divides the time over some milliseconds, and a search that wakes up waits for
    /// the rest of a turn. `SCHED_IDLE` alone does not either: on a machine that others saturate it gets some
    /// thousandths of a processor, and who has it cannot get rid of it. So the leaders take the rounds when the others
    /// are starved (`StarvationWatch`). Nothing that others wait for may run on either.
    case yielding
  }

  /// How a thread stands to others.
  private enum Standing {
    case normal
    case leading(ThreadRole)
    case yielding(ThreadRole, StarvationWatch)
  }

  /// What takes rounds for leaders.
  private struct Yielders {
    var pool: ComputePool
    var watch: StarvationWatch
    /// Whether leaders take rounds when they are starved.
    var areHelped: Bool
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
  /// Beside the threads, for the batch work of `parallelFor`.
  private let device: DeviceUse?
  /// Tasks that threads work on now.
  private let activeCount = Atomic<Int>(0)
  /// Hands results on where the threads yield: see `ThreadRole`.
  private let herald: ComputePool?
  private let yielders: Yielders?
  private let endedCount = Atomic<Int>(0)
  private let queue = Mutex(Queue())
  private let wakeUps = DispatchSemaphore(value: 0)

  /// - Parameters:
  ///   - threadCount: at least 1. As many yield, and as many lead.
  ///   - device: takes batch work from the threads.
  ///   - helpsStarved: `false` for the control of a test: threads that yield are left alone then.
  convenience init(
    name: String, threadCount: Int, priority: Priority = .normal, device: DeviceSelection = .cpu,
    helpsStarved: Bool = true
  ) {
    let device = device.use(threads: threadCount)
    guard priority == .yielding else {
      self.init(name: name, threadCount: threadCount, standing: .normal, device: device)
      return
    }
    let herald = ComputePool(name: "\(name)-herald", threadCount: 1)
    let watch = StarvationWatch()
    let yielding = ComputePool(
      name: name, threadCount: threadCount,
      standing: .yielding(ThreadRole(herald: herald, leads: false), watch))
    self.init(
      name: "\(name)-lead", threadCount: threadCount,
      standing: .leading(ThreadRole(herald: herald, leads: true)), device: device, herald: herald,
      yielders: Yielders(pool: yielding, watch: watch, areHelped: helpsStarved))
  }

  private init(
    name: String, threadCount: Int, standing: Standing, device: DeviceUse? = nil,
    herald: ComputePool? = nil, yielders: Yielders? = nil
  ) {
    precondition(threadCount >= 1)
    self.threadCount = threadCount
    self.device = device
    self.herald = herald
    self.yielders = yielders
    for number in 0..<threadCount {
      let thread = Thread { [self] in
        withExtendedLifetime(standing) {
          Self.assume(standing)
          work()
        }
        // The last one: until then there may be rounds to give away and results to hand on.
        if endedCount.add(1, ordering: .relaxed).newValue == threadCount {
          yielders?.pool.close()
          herald?.close()
        }
      }
      thread.name = "\(name)-\(number)"
      thread.stackSize = 4 << 20
      thread.start()
    }
  }

  /// `SCHED_IDLE` of linux/sched.h, which Glibc's module leaves out.
  private static let idlePolicy: Int32 = 5
  /// Added to the process's own. Beside one thread of the usual niceness a leader gets a tenth of a processor (weights 110
  /// and 1 024 of the kernel's `sched_prio_to_weight`).
  private static let leaderNiceness: Int32 = 10
  private static let nicenessMax: Int32 = 19

  /// On Linux policy and niceness belong to the thread. A refusal only costs the priority.
  private static func assume(_ standing: Standing) {
    let thisThread = __priority_which_t(PRIO_PROCESS.rawValue)
    switch standing {
    case .normal: break
    case .leading(let role):
      _ = setpriority(thisThread, 0, min(nicenessMax, getpriority(thisThread, 0) + leaderNiceness))
      role.assume()
    case .yielding(let role, let watch):
      var parameters = sched_param()
      parameters.sched_priority = 0
      if sched_setscheduler(0, idlePolicy, &parameters) != 0 { _ = setpriority(thisThread, 0, nicenessMax) }
      watch.addThisThread()
      role.assume()
    }
  }

  /// Whether the calling thread gives way to all others, so that nobody may wait for it.
  static var isOnYieldingThread: Bool { ThreadRole.current != nil }

  /// Runs `body` where others may wait for it: a thread that yields hands it to one that does not, and waits.
  ///
  /// For what holds a lock that others want, above all transactions: a thread that yields may be kept from its
  /// processor for as long as there is anything else to do, and would keep them waiting.
  static func unyielding(_ body: () throws -> Void) throws {
    guard let herald = ThreadRole.current?.herald else { return try body() }
    try withoutActuallyEscaping(body) { body in
      nonisolated(unsafe) let body = body
      let errand = Errand(body)
      herald.submit { errand.run() }
      try errand.wait()
    }
  }

  /// Has `body` run on one of the threads while the caller goes on. The caller must wait for it, whatever happens.
  func begin(_ body: @escaping () throws -> Void) -> Errand {
    let errand = Errand(body)
    submit { errand.run() }
    return errand
  }

  /// Lets the threads end once the queue is empty. What comes later is done by who asks for it.
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
  ///
  /// Where the pool yields and one of its leaders calls, the rounds are spread over the threads that yield.
  var parallelFor: ParallelFor {
    ParallelFor(device: device) { [self] count, body in
      guard count > 1, threadCount > 1 || yielders != nil else {
        for index in 0..<count { body(index) }
        return
      }
      withoutActuallyEscaping(body) { body in
        let loop = SharedLoop(count: count, body: body)
        let helperCount = min(threadCount, count)
        if let yielders, ThreadRole.current?.leads == true {
          lead(loop, helperCount: helperCount, yielders)
        } else {
          let helpers = yielders?.pool ?? self
          for _ in 1..<helperCount { helpers.submit { loop.help() } }
          loop.lead()
        }
      }
    }
  }

  /// Lets threads that yield take the rounds, and takes them here when those are starved.
  private func lead(_ loop: SharedLoop, helperCount: Int, _ yielders: Yielders) {
    let watch = yielders.watch
    if !watch.isStarved {
      for _ in 0..<helperCount { yielders.pool.submit { loop.help { !watch.isStarved } } }
      var judge = ShareJudge()
      while !loop.waitForHelpers(seconds: StarvationWatch.lookSeconds) {
        if yielders.areHelped, watch.look(&judge) { break }
      }
    }
    if loop.hasRoundsLeft {
      watch.tryAgainIfDue { yielders.pool.submit($0) }
      for _ in 1..<helperCount { submit { loop.help() } }
    }
    loop.lead()
  }

  private func submit(_ task: @escaping @Sendable () -> Void) {
    let isTaken = queue.withLock { queue in
      if !queue.isClosed { queue.append(task) }
      return !queue.isClosed
    }
    // Nobody is there for it any more, and somebody waits: who asks does it.
    guard isTaken else { return task() }
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
