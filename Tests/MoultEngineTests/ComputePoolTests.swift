import Glibc
import MoultCompute
import MoultStorage
import Synchronization
import Testing

@testable import MoultEngine

/// Runs tasks where they are handed to it, and notes the scheduling policy of those threads.
private final class NotingExecutor: TaskExecutor {
  let policies = Mutex<[Int32]>([])

  func enqueue(_ job: consuming ExecutorJob) {
    policies.withLock { $0.append(sched_getscheduler(0)) }
    job.runSynchronously(on: asUnownedTaskExecutor())
  }
}

/// Of the calling thread.
private func niceness() -> Int32 { getpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0) }

@Suite("Compute pool")
struct ComputePoolTests {
  private static let priorities: [ComputePool.Priority] = [.normal, .yielding]
  // SCHED_OTHER and SCHED_IDLE of linux/sched.h.
  private static let ordinaryPolicy: Int32 = 0
  private static let idlePolicy: Int32 = 5

  @Test("rounds of jobs give way to all others, what hands them out is nice, and searches do neither")
  func priorities() async throws {
    let usual = niceness()
    for priority in Self.priorities {
      // On a machine that others saturate the leaders would take rounds too.
      let pool = ComputePool(name: "test", threadCount: 2, priority: priority, helpsStarved: false)
      let (ofRun, nicenessOfRun, ofRounds) = try await pool.run {
        let policies = Mutex<Set<Int32>>([])
        pool.parallelFor.run(50) { _ in policies.withLock { _ = $0.insert(sched_getscheduler(0)) } }
        return (sched_getscheduler(0), niceness(), policies.withLock { $0 })
      }
      #expect(ofRun == Self.ordinaryPolicy)
      #expect(nicenessOfRun == (priority == .yielding ? min(19, usual + 10) : usual))
      #expect(ofRounds == [priority == .yielding ? Self.idlePolicy : Self.ordinaryPolicy])
      pool.close()
    }
  }

  @Test(
    "who waited for a job's thread is woken by one that does not give way, so that it starts none that does")
  func woken() async throws {
    let executor = NotingExecutor()
    let pool = ComputePool(name: "test", threadCount: 2, priority: .yielding)
    await withTaskExecutorPreference(executor) {
      for _ in 0..<20 { _ = try? await pool.run { 1 } }
    }
    pool.close()
    let policies = executor.policies.withLock { $0 }
    #expect(policies.count >= 20)
    #expect(policies.allSatisfy { $0 == 0 })
  }

  @Test("what others wait for is done by a thread that does not give way, and its failure comes back")
  func unyielding() async throws {
    struct Failure: Error {}
    for priority in Self.priorities {
      let pool = ComputePool(name: "test", threadCount: 1, priority: priority)
      let policy = try await pool.run {
        var policy: Int32 = -1
        try ComputePool.unyielding { policy = sched_getscheduler(0) }
        return policy
      }
      #expect(policy == 0)
      await #expect(throws: Failure.self) {
        try await pool.run { try ComputePool.unyielding { throw Failure() } }
      }
      #expect(try await pool.run { ComputePool.isOnYieldingThread } == (priority == .yielding))
      pool.close()
    }
    #expect(!ComputePool.isOnYieldingThread)
  }

  @Test("a job's transactions are not run by its threads, which give way while all writers wait for them")
  func transactions() async throws {
    let harness = try await EngineHarness()
    let resources = harness.engine.resources
    let policy = try await resources.background.run {
      try resources.directory.write { _ in sched_getscheduler(0) }
    }
    #expect(policy == 0)
    try await harness.shutDown()
  }

  @Test("a closed pool forgets nothing that is handed to it: who hands it over does it")
  func closed() async throws {
    for priority in Self.priorities {
      let pool = ComputePool(name: "test", threadCount: 2, priority: priority)
      pool.close()
      #expect(try await pool.run { 7 } == 7)
      let errand = pool.begin {}
      try errand.wait()
      let rounds = Mutex(0)
      pool.parallelFor.run(50) { _ in rounds.withLock { $0 += 1 } }
      #expect(rounds.withLock { $0 } == 50)
    }
  }
}
